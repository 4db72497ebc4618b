// What robots send and believe over time, drawn by plotly.js, which comes with the Python package of
// plotly and is loaded only where it is there. What is drawn is what this page has seen since it was opened.

import { options } from './lists.js';

const SAMPLES_MAX = 600;
const DRAW_MS = 1000;
// What people can tell apart; the busiest robots are drawn.
const ROBOTS_DRAWN_MAX = 24;
const HEIGHT = 260;
const $ = (id) => document.getElementById(id);

const samples = [];
let drawn = 0;
for (const id of ['plot_subject', 'plot_label']) {
  // The next picture is drawn at once, as it is chosen.
  $(id).addEventListener('change', () => { drawn = 0; });
}

export function load() {
  return new Promise((resolve) => {
    const script = document.createElement('script');
    script.src = '/plotly.js';
    script.onload = () => resolve(true);
    script.onerror = () => resolve(false);
    document.head.append(script);
  });
}

// Plotly shows times as they are in UTC; people want those of their clocks.
function local(ms) {
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60000).toISOString().slice(0, 23);
}

// What of a picture is drawn later; the rest of it may go.
function sample(picture) {
  const bytes = new Map();
  for (const row of picture.robots) {
    const known = row.classes.filter((use) => use.bytes_per_second >= 0);
    if (!row.heard || !known.length) continue;
    const total = known.reduce((sum, use) => sum + use.bytes_per_second, 0);
    bytes.set(row.robot, { total, budget: row.bytes_per_second || null });
  }
  const subjects = new Map(picture.subjects.map((each) => [each.subject, {
    labels: each.labels,
    together: each.together,
    answer: each.answer,
    beliefs: new Map(each.beliefs.filter((belief) => belief.fresh)
      .map((belief) => [belief.robot, belief.probabilities])),
  }]));
  return { time: local(Date.now()), bytes, subjects };
}

// Lets choose one of these; `first` is what nobody has chosen another one than yet.
function offer(select, wanted, first = '') {
  const chosen = select.value;
  options(select, wanted.map((each) => [each, each]));
  if (!wanted.includes(chosen) && wanted.includes(first)) select.value = first;
  return select.value;
}

const COLORS = ['#2a78d6', '#e69f00', '#009e73', '#cc79a7', '#d55e00', '#56b4e9', '#8a6fdf', '#b8a800'];
const known = [];
function color(robot) {
  if (!known.includes(robot)) known.push(robot);
  return COLORS[known.indexOf(robot) % COLORS.length];
}

// Names are those that others chose; plotly takes some markup in texts for what it looks like.
const plain = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function layout(title, more) {
  const ink = getComputedStyle(document.body).color;
  const line = getComputedStyle($('plots')).borderTopColor;
  const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, automargin: true };
  return {
    height: HEIGHT,
    margin: { t: 8, r: 8, b: 30, l: 50 },
    paper_bgcolor: 'rgba(0,0,0,0)',
    plot_bgcolor: 'rgba(0,0,0,0)',
    font: { color: ink, size: 12 },
    showlegend: true,
    legend: { orientation: 'v' },
    hovermode: 'closest',
    // What people have zoomed to stays while data come.
    uirevision: title,
    xaxis: { ...axis, type: 'date', nticks: 6, tickangle: 0 },
    yaxis: { ...axis, rangemode: 'tozero', title: { text: title }, ...more },
  };
}

function line(name, values, more = {}) {
  return {
    type: 'scatter',
    mode: 'lines',
    name: plain(name),
    x: samples.map((each) => each.time),
    y: values,
    connectgaps: false,
    ...more,
  };
}

const react = (place, lines, title, more) =>
  window.Plotly.react(place, lines, layout(title, more), { displayModeBar: false, responsive: true });

function drawBytes(robots) {
  const lines = [];
  for (const robot of robots) {
    const of = samples.map((each) => each.bytes.get(robot));
    const look = { color: color(robot) };
    lines.push(line(robot, of.map((each) => each?.total ?? null), { line: look }));
    const budgets = of.map((each) => each?.budget ?? null);
    if (budgets.some((each) => each !== null)) {
      lines.push(line(`${robot}: budget`, budgets, { line: { ...look, dash: 'dash' } }));
    }
  }
  return react($('plot_bytes'), lines, 'bytes a second', {});
}

function drawBeliefs(robots) {
  const now = samples[samples.length - 1].subjects;
  const subject = offer($('plot_subject'), [...now.keys()]);
  const labels = now.get(subject)?.labels ?? [];
  const label = offer($('plot_label'), labels, now.get(subject)?.answer?.choice);
  // Where the labels of a subject change, what was said of others is not drawn as if it were of these.
  const of = samples.map((each) => {
    const found = each.subjects.get(subject);
    return found && found.labels.join('\n') === labels.join('\n') ? found : null;
  });
  const number = labels.indexOf(label);
  const lines = robots.map((robot) =>
    line(robot, of.map((each) => each?.beliefs.get(robot)?.[number] ?? null),
      { line: { color: color(robot) } }));
  lines.push(line('beliefs together', of.map((each) => each?.together[number] ?? null),
    { line: { color: 'gray', width: 4 } }));
  const decided = of.map((each) => (each?.answer?.choice === label ? each.answer.confidence : null));
  lines.push(line('the swarm', decided, { mode: 'lines+markers', marker: { size: 4 },
    line: { color: 'gray', dash: 'dot' } }));
  return react($('plot_beliefs'), lines.filter(({ y }) => y.some((each) => each !== null)),
    'probability', { range: [0, 1.02] });
}

export function add(picture) {
  samples.push(sample(picture));
  if (samples.length > SAMPLES_MAX) samples.shift();
  // A page that nobody sees draws nothing; what it has seen meanwhile is there afterwards.
  if (document.hidden || performance.now() - drawn < DRAW_MS) return;
  drawn = performance.now();
  const sends = samples[samples.length - 1].bytes;
  const all = picture.robots.map((row) => row.robot);
  const robots = all.sort((a, b) => (sends.get(b)?.total ?? 0) - (sends.get(a)?.total ?? 0))
    .slice(0, ROBOTS_DRAWN_MAX).sort();
  drawBytes(robots);
  drawBeliefs(robots);
}
