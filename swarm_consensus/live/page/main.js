// Shows the pictures that come over the WebSocket, and sends what people ask for.
// Everything in a picture was said by somebody else: it only ever becomes text, never markup.

import { draw } from './graph.js';
import { options } from './lists.js';
import * as plots from './plots.js';

const RETRY_MS = 1000;
const $ = (id) => document.getElementById(id);

function make(name, text = '', kind = '') {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function rows(body, lines) {
  body.replaceChildren(
    ...lines.map(({ cells, kind = '', data = {} }) => {
      const row = make('tr', '', kind);
      Object.assign(row.dataset, data);
      for (const cell of cells) {
        const [text, look] = Array.isArray(cell) ? cell : [cell, ''];
        const made = make('td', text, look);
        made.title = text;
        row.append(made);
      }
      return row;
    }),
  );
}

const percent = (share) => (share === null ? '' : `${(100 * share).toFixed(0)} %`);
const rate = (value) =>
  value >= 1e6 ? `${(value / 1e6).toFixed(1)} MB/s`
    : value >= 1e3 ? `${(value / 1e3).toFixed(1)} kB/s` : `${value.toFixed(0)} B/s`;

function headline(picture) {
  if (!picture.swarm) return 'no robot is heard yet';
  const heard = picture.robots.filter((row) => row.heard).length;
  return [
    `swarm ${picture.swarm}`,
    `term ${picture.term}`,
    picture.leader ? `${picture.leader} leads` : 'nobody leads',
    picture.has_quorum ? `quorum of ${picture.quorum_size}` : 'NO QUORUM',
    `${heard} of ${picture.robots.length} robots heard`,
  ].join(', ');
}

function network(picture) {
  const words = [];
  if (picture.parts.length > 1) {
    const groups = picture.parts.map((part) => part.join(' ')).join(' | ');
    words.push(`${picture.parts.length} parts: ${groups}`);
  }
  if (picture.out_of_reach.length) words.push(`out of reach: ${picture.out_of_reach.join(' ')}`);
  return words.join('; ');
}

function meter(name, share, number, kind = '') {
  const row = make('div', '', `bar ${kind}`);
  const label = make('span', name);
  label.title = name;
  const made = make('meter');
  made.max = 1;
  made.value = share;
  row.append(label, made, make('span', number, 'number'));
  return row;
}

function showRobots(picture) {
  rows($('robots'), picture.robots.map((row) => {
    const known = row.age_s >= 0;
    const age = row.heard || !known ? '' : `, ${row.age_s.toFixed(0)} s ago`;
    return {
      kind: row.heard ? '' : 'unheard',
      data: { robot: row.robot, state: row.heard ? row.state : 'unheard' },
      cells: [
        row.robot,
        [`${row.state}${age}${row.health ? ', slow' : ''}`, row.state],
        row.part,
        row.role.replace('_', '-'),
        ...[row.term, row.commit_index, row.applied_index].map((n) => (known ? `${n}` : '')),
        known ? (row.has_quorum ? 'yes' : ['NO', 'no']) : '',
        known ? `${row.refused_frames}` : '',
      ],
    };
  }));
}

function showBudgets(picture) {
  const shown = [];
  for (const row of picture.robots) {
    const known = row.classes.filter((use) => use.bytes_per_second >= 0);
    if (!row.heard || !known.length) continue;
    const total = known.reduce((sum, use) => sum + use.bytes_per_second, 0);
    const budget = row.bytes_per_second;
    const of = budget ? ` of ${rate(budget)}` : '';
    shown.push(make('h3', `${row.robot}: ${rate(total)}${of}`));
    for (const use of known) {
      if (use.bytes_per_second < 0.5 && !use.pressure) continue;
      const share = use.bytes_per_second / (budget || total || 1);
      const waiting = use.pressure ? ', waits' : '';
      shown.push(meter(use.name, share, rate(use.bytes_per_second) + waiting,
        use.pressure ? 'pressed' : ''));
    }
  }
  $('budgets').replaceChildren(...shown);
}

function showSubjects(picture) {
  $('subjects').replaceChildren(...picture.subjects.map((each) => {
    const block = make('div', '', 'subject');
    block.dataset.subject = each.subject;
    const title = make('h3', `${each.subject}: `);
    const answer = each.answer;
    title.append(make('b', answer ? answer.choice : 'no answer'));
    if (answer) title.append(` (${answer.status}, ${answer.level}, revision ${answer.revision})`);
    if (!each.at_one) title.append(' ', make('b', 'NOT ALL THE SAME', 'apart'));
    block.append(title);
    if (answer) block.append(meter('the swarm', answer.confidence ?? 0, percent(answer.confidence)));
    if (each.together.length) {
      const best = each.together.indexOf(Math.max(...each.together));
      block.append(meter('beliefs together', each.together[best],
        `${each.labels[best]} ${percent(each.together[best])}`));
    }
    for (const belief of each.beliefs) {
      block.append(meter(belief.robot, belief.confidence,
        `${belief.choice} ${percent(belief.confidence)}`, belief.fresh ? '' : 'stale'));
    }
    if (!each.at_one) {
      for (const one of each.answers) {
        block.append(meter(one.robot, one.confidence ?? 0, `answers ${one.choice}`));
      }
    }
    return block;
  }));
}

function showDecisions(picture) {
  rows($('decisions'), picture.decisions.slice(-100).reverse().map((line) => ({
    data: { subject: line.subject, choice: line.choice, index: line.index },
    cells: [
      new Date(line.time_ns / 1e6).toLocaleTimeString(),
      line.subject,
      line.choice,
      percent(line.confidence),
      line.level,
      line.index ? `${line.index}` : '',
      [line.status === 'DECIDED' || !line.reason ? line.status : `${line.status}: ${line.reason}`,
        line.status],
      line.voters.join(', ') || line.proposer,
      line.known_by.join(', '),
    ],
  })));
}

function showWork({ work }) {
  rows($('tasks'), work.tasks.map((task) => ({
    data: { task: task.task }, cells: [task.task, task.status, task.robots.join(', '), task.reason],
  })));
  rows($('missions'), work.missions.map((mission) => ({
    data: { mission: mission.mission },
    cells: [mission.mission, mission.name, mission.status, mission.worker,
      mission.under_way.join('; ')],
  })));
  $('work').textContent = work.problem
    ? `${work.robot} tells nothing new: ${work.problem}` : work.robot ? `as ${work.robot} has it` : '';
}

function show(picture) {
  $('headline').textContent = headline(picture);
  $('headline').className = picture.has_quorum && !picture.alarms.length ? 'good' : 'bad';
  document.title = headline(picture);
  $('alarms').replaceChildren(...picture.alarms.map((text) => make('li', text)));
  $('network').textContent = network(picture) || 'all robots are together';
  $('network').className = network(picture) ? 'bad' : '';
  draw($('graph'), picture);
  showRobots(picture);
  showBudgets(picture);
  showSubjects(picture);
  showDecisions(picture);
  showWork(picture);
  const heard = picture.robots.filter((row) => row.heard);
  options($('robot'), [['', 'the leader'], ...heard.map((row) => [row.robot, row.robot])]);
  const voters = heard.filter((row) => row.part === 'voter');
  options($('target'), [['', 'the most fit'], ...voters.map((row) => [row.robot, row.robot])]);
  options($('subjects_known'), picture.subjects.map((each) => [each.subject, '']));
}

function connect() {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  const socket = new WebSocket(`${scheme}://${location.host}/api/live`);
  socket.onopen = () => {
    $('connection').textContent = 'live';
    $('connection').className = '';
  };
  socket.onmessage = (message) => {
    const picture = JSON.parse(message.data);
    show(picture);
    if (plotted) plots.add(picture);
  };
  socket.onclose = () => {
    $('connection').textContent = 'not connected: what is shown is old';
    $('connection').className = 'lost';
    setTimeout(connect, RETRY_MS);
  };
}

async function ask(path, fields, words) {
  const output = $('answer');
  output.className = '';
  output.textContent = 'asking ...';
  let answer;
  try {
    const response = await fetch(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${$('token').value}` },
      body: JSON.stringify(fields),
    });
    answer = await response.json();
  } catch (error) {
    answer = { error: `no answer: ${error.message}` };
  }
  const good = answer.status === 'DECIDED';
  output.className = good ? 'good' : 'bad';
  output.textContent = answer.error ?? (good ? words(answer) : `${answer.status}: ${answer.reason}`);
}

$('propose').addEventListener('submit', (event) => {
  event.preventDefault();
  const fields = { subject: $('subject').value, choice: $('choice').value, robot: $('robot').value };
  ask('/api/propose', fields, (answer) => `DECIDED: ${answer.subject} = ${answer.choice}, `
    + `revision ${answer.revision}, ${answer.level}${answer.index ? ` at ${answer.index}` : ''}`);
});

$('transfer').addEventListener('submit', (event) => {
  event.preventDefault();
  ask('/api/transfer', { target: $('target').value }, (answer) => `${answer.leader} leads`);
});

let plotted = false;
const access = await (await fetch('/api/access')).json();
$('access').textContent = access.read_only ? 'read only: it was started without a token' : '';
for (const id of ['token', 'subject', 'choice', 'robot', 'send', 'target', 'hand_over']) {
  $(id).disabled = access.read_only;
}
connect();
plotted = access.plots && await plots.load();
if (!plotted) {
  $('plots').className = 'missing';
  $('plots_missing').textContent = 'needs plotly where the dashboard runs: pip install plotly';
}
