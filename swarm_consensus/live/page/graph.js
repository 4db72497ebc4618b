// The robots as a graph: each part a circle of its own, whoever is out of reach in a dashed one.

const SVG = 'http://www.w3.org/2000/svg';
const GAP = 60;
// Of more robots only what is wrong is drawn between them.
const LINKS_DRAWN_ROBOTS_MAX = 40;

function element(name, attributes, parent) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
}

// Returns where each robot stands, the circles of the parts, and the size of all.
export function layout(parts, outOfReach) {
  const groups = parts.map((robots) => ({ robots, heard: true }));
  if (outOfReach.length) groups.push({ robots: outOfReach, heard: false });
  const places = new Map();
  const circles = [];
  let x = 0;
  let height = 0;
  for (const { robots, heard } of groups) {
    const radius = robots.length === 1 ? 0 : Math.max(70, (robots.length * 62) / (2 * Math.PI));
    const outer = radius + 50;
    x += outer;
    robots.forEach((robot, number) => {
      const angle = (2 * Math.PI * number) / robots.length - Math.PI / 2;
      places.set(robot, { x: x + radius * Math.cos(angle), y: radius * Math.sin(angle) });
    });
    circles.push({ x, radius: outer, heard });
    x += outer + GAP;
    height = Math.max(height, 2 * outer);
  }
  return { places, circles, width: Math.max(1, x - GAP), height: Math.max(1, height) };
}

export function draw(svg, picture) {
  const { places, circles, width, height } = layout(picture.parts, picture.out_of_reach);
  svg.setAttribute('viewBox', `-5 ${-height / 2 - 5} ${width + 10} ${height + 10}`);
  svg.dataset.parts = picture.parts.length;
  svg.dataset.outOfReach = picture.out_of_reach.length;
  let below = svg.querySelector('g.below');
  if (!below) below = element('g', { class: 'below' }, svg);
  below.replaceChildren();
  for (const { x, radius, heard } of circles) {
    element('circle', { cx: x, cy: 0, r: radius, class: heard ? 'part' : 'part unheard' }, below);
  }
  const few = places.size <= LINKS_DRAWN_ROBOTS_MAX;
  for (const { first, second, hearing } of picture.links) {
    const [a, b] = [places.get(first), places.get(second)];
    if (!a || !b || hearing === 'none' || (hearing === 'both' && !few)) continue;
    element('line', { x1: a.x, y1: a.y, x2: b.x, y2: b.y, class: hearing }, below);
  }
  const drawn = new Map([...svg.querySelectorAll('g.robot')].map((g) => [g.dataset.robot, g]));
  for (const row of picture.robots) {
    const place = places.get(row.robot);
    if (!place) continue;
    let group = drawn.get(row.robot);
    drawn.delete(row.robot);
    if (!group) {
      group = element('g', {}, svg);
      group.dataset.robot = row.robot;
      element('circle', { r: 15 }, group);
      element('text', { y: 32 }, group).textContent = row.robot;
      element('title', {}, group);
    }
    const leads = row.heard && row.role === 'leader';
    group.setAttribute(
      'class',
      `robot ${row.heard ? row.state : 'unheard'}${leads ? ' leader' : ''}`,
    );
    group.style.transform = `translate(${place.x}px, ${place.y}px)`;
    group.querySelector('title').textContent = `${row.robot}: ${row.state}, term ${row.term}`;
  }
  for (const gone of drawn.values()) gone.remove();
}
