// Draws a profile that stands in the page. All names are data: they reach the page as text, never as markup.

/**
 * @typedef {object} Profile what format_flamegraph.c writes
 * @property {string} title
 * @property {string} program
 * @property {'wall' | 'cpu' | 'gil'} measure
 * @property {number} duration_ns
 * @property {number} period_ns
 * @property {number} taken
 * @property {number} missed
 * @property {number} torn
 * @property {[string, string, number, number][]} frames name, file, line, first line of the function
 * @property {[number, number][]} nodes parent, frame; parents first
 * @property {[number, number, number, number, number][]} weights node, samples, wall, processor, lock in ns
 */

/** @type {Record<string, {index: number, label: string}>} */
const MEASURES = {
  wall: { index: 2, label: 'Wall time' },
  cpu: { index: 3, label: 'Processor time' },
  gil: { index: 4, label: 'Time with the interpreter’s lock' },
};
const ROW = 20;
const GAP = 1;
const LEAST_WIDTH = 0.7;
const TABLE_ROWS = 50;

const profile = /** @type {Profile} */ (JSON.parse(element('profile').textContent ?? ''));
const count = profile.nodes.length;
const parents = Int32Array.from(profile.nodes, (node) => node[0]);
const frames = Int32Array.from(profile.nodes, (node) => node[1]);
const depths = new Int32Array(count);
const self = new Float64Array(count);
const total = new Float64Array(count);
/** Where a node begins, counted from the left of the whole. */
const start = new Float64Array(count);
/** @type {number[][]} */
const children = Array.from({ length: count }, () => []);
for (let node = 1; node < count; node++) {
  children[parents[node]].push(node);
  depths[node] = depths[parents[node]] + 1;
}

const canvas = /** @type {HTMLCanvasElement} */ (element('graph'));
const paper = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
const find = /** @type {HTMLInputElement} */ (element('find'));
const choice = /** @type {HTMLSelectElement} */ (element('measure'));
const dark = matchMedia('(prefers-color-scheme: dark)');
let measure = profile.measure;
let zoomed = 0;
let focused = 0;
let flipped = false;
let sortKey = 'self';
/** @type {Uint8Array} frames that the person looks for */
let isFound = new Uint8Array(profile.frames.length);
/** @type {{node: number, x: number, y: number, width: number}[]} what is drawn */
let boxes = [];

/** @param {string} id */
function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** Sums and places for the measure that is chosen. */
function measureNodes() {
  self.fill(0);
  for (const weight of profile.weights) {
    self[weight[0]] = weight[MEASURES[measure].index];
  }
  total.set(self);
  for (let node = count - 1; node > 0; node--) {
    total[parents[node]] += total[node];
  }
  for (const list of children) {
    list.sort((a, b) => compareNames(frames[a], frames[b]));
  }
  for (let node = 0; node < count; node++) {
    let at = start[node];
    for (const child of children[node]) {
      start[child] = at;
      at += total[child];
    }
  }
}

/**
 * @param {number} a
 * @param {number} b
 */
function compareNames(a, b) {
  const [one, other] = [profile.frames[a], profile.frames[b]];
  return one[0] < other[0] ? -1 : one[0] > other[0] ? 1 : a - b;
}

/** @param {number} ns */
function duration(ns) {
  for (const [unit, size] of /** @type {[string, number][]} */ ([['s', 1e9], ['ms', 1e6], ['µs', 1e3]])) {
    if (ns >= size) {
      const value = ns / size;
      return `${value >= 100 ? value.toFixed(0) : value.toPrecision(3)} ${unit}`;
    }
  }
  return `${ns} ns`;
}

/**
 * @param {number} part
 * @param {number} whole
 */
function share(part, whole) {
  return whole > 0 ? `${((100 * part) / whole).toFixed(1)} %` : '0 %';
}

/** @param {number} frame */
function place(frame) {
  const [, file, line] = profile.frames[frame];
  return file === '' ? '' : `${shortFile(file)}${line ? `:${line}` : ''}`;
}

/** Without where the environment or the interpreter lies. @param {string} file */
function shortFile(file) {
  return file.replace(/^.*\/(?:site|dist)-packages\//, '').replace(/^.*\/lib\/python3\.\d+t?\//, '');
}

/** One colour for each file; what is no function is grey. @param {number} frame */
function colour(frame) {
  const [, file] = profile.frames[frame];
  const [lightness, ink] = dark.matches ? [34, '#f0f3f6'] : [78, '#1b1f24'];
  if (file === '') {
    return { fill: `hsl(0 0% ${lightness}%)`, ink };
  }
  let hash = 2166136261;
  for (let i = 0; i < file.length; i++) {
    hash = Math.imul(hash ^ file.charCodeAt(i), 16777619);
  }
  const hue = [14, 28, 42, 56, 90, 145, 175, 200, 340, 355][(hash >>> 8) % 10];
  return { fill: `hsl(${hue} ${dark.matches ? 45 : 70}% ${lightness + ((hash >>> 4) % 7) - 3}%)`, ink };
}

/** What can be seen at this zoom: the way to the zoomed node, and all below it that is wide enough. */
function layOut() {
  const width = canvas.clientWidth;
  const scale = total[zoomed] > 0 ? width / total[zoomed] : 0;
  boxes = [];
  for (let node = zoomed; ; node = parents[node]) {
    boxes.push({ node, x: 0, y: depths[node], width });
    if (node === 0) {
      break;
    }
  }
  const pending = [zoomed];
  while (pending.length > 0) {
    for (const child of children[/** @type {number} */ (pending.pop())]) {
      if (total[child] * scale >= LEAST_WIDTH) {
        const x = (start[child] - start[zoomed]) * scale;
        boxes.push({ node: child, x, y: depths[child], width: total[child] * scale });
        pending.push(child);
      }
    }
  }
  const rows = 1 + boxes.reduce((most, box) => Math.max(most, box.y), 0);
  for (const box of boxes) {
    box.y = (flipped ? rows - 1 - box.y : box.y) * ROW;
  }
  return rows * ROW;
}

function draw() {
  const height = layOut();
  const ratio = devicePixelRatio || 1;
  canvas.style.height = `${height}px`;
  canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
  canvas.height = Math.round(height * ratio);
  paper.setTransform(ratio, 0, 0, ratio, 0, 0);
  paper.clearRect(0, 0, canvas.clientWidth, height);
  paper.font = '12px system-ui, sans-serif';
  paper.textBaseline = 'middle';
  const style = getComputedStyle(document.documentElement);
  const searching = find.value.trim() !== '';
  for (const box of boxes) {
    drawBox(box, searching, style);
  }
  element('where').textContent = way(zoomed);
  /** @type {HTMLButtonElement} */ (element('reset')).disabled = zoomed === 0;
}

/**
 * @param {{node: number, x: number, y: number, width: number}} box
 * @param {boolean} searching
 * @param {CSSStyleDeclaration} style
 */
function drawBox(box, searching, style) {
  const frame = frames[box.node];
  const { fill, ink } = colour(frame);
  const isAbove = depths[box.node] < depths[zoomed];
  paper.globalAlpha = isAbove || (searching && !isFound[frame]) ? 0.45 : 1;
  paper.fillStyle = searching && isFound[frame] ? style.getPropertyValue('--mark') : fill;
  paper.fillRect(box.x, box.y, Math.max(box.width - GAP, LEAST_WIDTH), ROW - GAP);
  if (box.width > 24) {
    paper.fillStyle = searching && isFound[frame] ? style.getPropertyValue('--paper') : ink;
    paper.fillText(fit(profile.frames[frame][0], box.width - 8), box.x + 4, box.y + ROW / 2);
  }
  paper.globalAlpha = 1;
  if (box.node === focused && document.activeElement === canvas) {
    paper.strokeStyle = style.getPropertyValue('--focus');
    paper.lineWidth = 2;
    paper.strokeRect(box.x + 1, box.y + 1, Math.max(box.width - GAP - 2, 1), ROW - GAP - 2);
  }
}

/**
 * The text, or as much of it as there is room for.
 * @param {string} text
 * @param {number} width
 */
function fit(text, width) {
  if (paper.measureText(text).width <= width) {
    return text;
  }
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (paper.measureText(`${text.slice(0, middle)}…`).width <= width) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low > 0 ? `${text.slice(0, low)}…` : '';
}

/** The names from the outermost frame to this one. @param {number} node */
function way(node) {
  const names = [];
  for (let at = node; at !== 0; at = parents[at]) {
    names.unshift(profile.frames[frames[at]][0]);
  }
  return names.join(' › ');
}

/** @param {number} node */
function describe(node) {
  const [name, file, line] = profile.frames[frames[node]];
  const where = file === '' ? [] : [`${file}${line ? `:${line}` : ''}`];
  return [
    name,
    ...where,
    `${duration(total[node])}, ${share(total[node], total[0])} of all` +
      (zoomed === 0 ? '' : `, ${share(total[node], total[zoomed])} of what is shown`),
    `itself ${duration(self[node])}`,
  ].join('\n');
}

/** @param {number} node */
function focusOn(node) {
  focused = node;
  element('said').textContent = describe(node).replaceAll('\n', ', ');
  draw();
}

/** @param {number} node */
function zoomTo(node) {
  zoomed = node;
  element('tip').hidden = true;
  focusOn(node);
}

/** @param {MouseEvent} event */
function boxAt(event) {
  const { left, top } = canvas.getBoundingClientRect();
  const [x, y] = [event.clientX - left, event.clientY - top];
  return boxes.find((box) => x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + ROW);
}

/** @param {MouseEvent} event */
function showTip(event) {
  const tip = element('tip');
  const box = boxAt(event);
  tip.hidden = !box;
  canvas.style.cursor = box ? 'pointer' : 'default';
  if (box) {
    tip.textContent = describe(box.node);
    const { left, top, width } = canvas.getBoundingClientRect();
    const x = Math.min(event.clientX - left + 12, width - tip.offsetWidth);
    tip.style.left = `${Math.max(0, x)}px`;
    tip.style.top = `${event.clientY - top + 18}px`;
  }
}

/** The wide siblings of the focused node, in the order they are drawn. */
function siblings() {
  const drawn = new Set(boxes.map((box) => box.node));
  return children[parents[focused]].filter((node) => node !== 0 && drawn.has(node));
}

/** @param {string} key @returns {number | undefined} where an arrow leads */
function neighbour(key) {
  const inward = flipped ? 'ArrowUp' : 'ArrowDown';
  const outward = flipped ? 'ArrowDown' : 'ArrowUp';
  if (key === inward) {
    const widest = [...children[focused]].sort((a, b) => total[b] - total[a])[0];
    return widest !== undefined && boxes.some((box) => box.node === widest) ? widest : undefined;
  }
  if (key === outward) {
    return focused === 0 ? undefined : parents[focused];
  }
  const step = key === 'ArrowRight' ? 1 : key === 'ArrowLeft' ? -1 : 0;
  const list = siblings();
  return step ? list[list.indexOf(focused) + step] : undefined;
}

/** @param {KeyboardEvent} event */
function press(event) {
  const next = neighbour(event.key);
  if (event.key === 'Enter' || event.key === ' ') {
    zoomTo(focused);
  } else if (next !== undefined) {
    focusOn(next);
  } else if (!event.key.startsWith('Arrow')) {
    return;
  }
  event.preventDefault();
}

/** @param {KeyboardEvent} event */
function pressAnywhere(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) {
    return;
  }
  if (event.key === 'Escape') {
    if (find.value !== '') {
      find.value = '';
      search();
    } else {
      zoomTo(zoomed === 0 ? 0 : parents[zoomed]);
    }
    canvas.focus();
  } else if (document.activeElement === find) {
    return;
  } else if (event.key === '/') {
    find.focus();
    event.preventDefault();
  } else if (event.key === 'f') {
    flip();
  }
}

function search() {
  const wanted = find.value.trim().toLowerCase();
  isFound = Uint8Array.from(profile.frames, (frame) =>
    Number(wanted !== '' && `${frame[0]} ${frame[1]}`.toLowerCase().includes(wanted)),
  );
  let found = 0;
  /** Whether a node or one above it is found: what recurs counts once. */
  const isBelow = new Uint8Array(count);
  for (let node = 0; node < count; node++) {
    isBelow[node] = isBelow[parents[node]] | isFound[frames[node]];
    if (isBelow[node] && !(node > 0 && isBelow[parents[node]])) {
      found += total[node];
    }
  }
  element('matched').textContent = wanted === '' ? '' : `${share(found, total[0])} in what is found`;
  draw();
}

function flip() {
  flipped = !flipped;
  element('flip').setAttribute('aria-pressed', String(flipped));
  draw();
}

/** Self and total of each function; a sample counts once for a function, however often it is in the stack. */
function functions() {
  /** @type {Map<string, {frame: number, self: number, total: number}>} */
  const rows = new Map();
  /** @type {Map<string, number>} how often each is above the node that is looked at */
  const above = new Map();
  const keys = profile.frames.map(([name, file, , first]) => `${name}\0${file}\0${first}`);
  const pending = [0];
  while (pending.length > 0) {
    const node = /** @type {number} */ (pending.pop());
    if (node < 0) {
      const key = keys[frames[~node]];
      above.set(key, (above.get(key) ?? 1) - 1);
      continue;
    }
    const key = keys[frames[node]];
    const row = rows.get(key) ?? { frame: frames[node], self: 0, total: 0 };
    rows.set(key, row);
    row.self += self[node];
    row.total += above.get(key) ? 0 : total[node];
    above.set(key, (above.get(key) ?? 0) + 1);
    pending.push(~node, ...children[node]);
  }
  return [...rows.values()].filter((row) => profile.frames[row.frame][1] !== '' && row.total > 0);
}

function listFunctions() {
  const rows = functions().sort((a, b) =>
    sortKey === 'self' ? b.self - a.self || b.total - a.total : b.total - a.total || b.self - a.self,
  );
  const body = /** @type {HTMLTableSectionElement} */ (document.querySelector('#functions tbody'));
  body.replaceChildren(...rows.slice(0, TABLE_ROWS).map(functionRow));
  for (const header of document.querySelectorAll('#functions th')) {
    const button = header.querySelector('button');
    header.toggleAttribute('aria-sort', false);
    if (button?.dataset.key === sortKey) {
      header.setAttribute('aria-sort', 'descending');
    }
  }
}

/** @param {{frame: number, self: number, total: number}} row */
function functionRow(row) {
  const line = document.createElement('tr');
  for (const value of [row.self, row.total]) {
    const cell = document.createElement('td');
    cell.textContent = `${duration(value)}  ${share(value, total[0])}`;
    line.append(cell);
  }
  const cell = document.createElement('td');
  const button = document.createElement('button');
  const file = document.createElement('span');
  button.type = 'button';
  button.textContent = profile.frames[row.frame][0];
  button.title = 'find in the graph';
  button.addEventListener('click', () => {
    find.value = profile.frames[row.frame][0];
    search();
    canvas.scrollIntoView({ block: 'nearest' });
  });
  file.className = 'file';
  file.textContent = ` ${place(row.frame)}`;
  cell.append(button, file);
  line.append(cell);
  return line;
}

/** "3,000 samples in 30 s every 10 ms; 2 left out, unproven; 5 looks fell out" */
function summary() {
  const parts = [`${profile.taken.toLocaleString('en')} samples`];
  if (profile.duration_ns) {
    parts.push(`in ${duration(profile.duration_ns)}`);
  }
  if (profile.period_ns) {
    parts.push(`every ${duration(profile.period_ns)}`);
  }
  const torn = profile.torn ? `; ${profile.torn.toLocaleString('en')} left out, unproven` : '';
  const looks = profile.missed === 1 ? 'look' : 'looks';
  const missed = profile.missed ? `; ${profile.missed.toLocaleString('en')} ${looks} fell out` : '';
  return parts.join(' ') + torn + missed;
}

function refresh() {
  measureNodes();
  search();
  listFunctions();
}

for (const [name, { index, label }] of Object.entries(MEASURES)) {
  const whole = profile.weights.reduce((sum, weight) => sum + weight[index], 0);
  const option = new Option(`${label}: ${duration(whole)}`, name, false, name === measure);
  option.disabled = whole === 0 && name !== measure;
  choice.append(option);
}
document.title = `${profile.title} – tachograph`;
element('title').textContent = profile.title;
element('summary').textContent = summary();
element('program').textContent = `Written by ${profile.program}.`;

choice.addEventListener('change', () => {
  measure = /** @type {Profile['measure']} */ (choice.value);
  refresh();
});
find.addEventListener('input', search);
element('reset').addEventListener('click', () => zoomTo(0));
element('flip').addEventListener('click', flip);
for (const button of document.querySelectorAll('#functions thead button')) {
  button.addEventListener('click', () => {
    sortKey = /** @type {HTMLElement} */ (button).dataset.key ?? sortKey;
    listFunctions();
  });
}
canvas.addEventListener('click', (event) => {
  const box = boxAt(event);
  if (box) {
    zoomTo(box.node);
  }
});
canvas.addEventListener('mousemove', showTip);
canvas.addEventListener('mouseleave', () => {
  element('tip').hidden = true;
});
canvas.addEventListener('keydown', press);
canvas.addEventListener('focus', draw);
canvas.addEventListener('blur', draw);
document.addEventListener('keydown', pressAnywhere);
dark.addEventListener('change', draw);
new ResizeObserver(draw).observe(element('main'));
refresh();
