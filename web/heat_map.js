// How the durations of a function's calls were spread, over time: the darker, the more of a column's calls.

import { value } from "./address.js";
import { ask } from "./api.js";
import { duration, share } from "./figures.js";
import { Nothing } from "./panel.js";
import { eventLines, plot, timeOf } from "./plot.js";

const COLUMNS = 120;
const ROWS = 64; // at most: finer ones are put together
const SCALE = /** @type {[number, string][]} */ ([
  [0, "#ffffff"],
  [0.08, "#d6e6f5"],
  [0.35, "#6aaed6"],
  [0.7, "#2171b5"],
  [1, "#08306b"],
]);

/**
 * Neighbouring rows put together, so that there are at most `most`.
 * @param {any} answer of latency
 * @param {number} most
 */
function coarser({ bounds_ns: bounds, counts }, most) {
  const rows = bounds.length - 1;
  const size = Math.max(1, Math.ceil(rows / most));
  const starts = Array.from({ length: Math.ceil(rows / size) }, (_, i) => i * size);
  return {
    bounds: [...starts.map((start) => bounds[start]), bounds[rows]],
    counts: counts.map((/** @type {number[]} */ column) =>
      starts.map((start) => column.slice(start, start + size).reduce((a, b) => a + b, 0)),
    ),
  };
}

/**
 * Labels of a logarithmic axis of durations: each power of ten in sight, or its neighbours' fractions.
 * @param {number} low
 * @param {number} high
 */
function ticks(low, high) {
  const powers = [];
  for (let power = Math.floor(Math.log10(Math.max(1, low))); power <= Math.ceil(Math.log10(high)); power++) {
    powers.push(...(high / low < 200 ? [1, 2, 5] : [1]).map((times) => times * 10 ** power));
  }
  const shown = powers.filter((tick) => tick >= low && tick <= high);
  return { tickvals: shown, ticktext: shown.map(duration) };
}

/**
 * @param {import("./main.js").Context} context
 * @param {string} name
 */
export function askHeat({ selection, signal }, name) {
  return ask("latency", { ...selection, function: name, points: COLUMNS }, signal);
}

/**
 * @param {HTMLElement} element
 * @param {any} answer of latency
 * @param {any[]} events
 * @param {any} service
 * @returns {Promise<string>} what the colours mean
 */
export async function showHeat(element, answer, events, service) {
  if (answer.iterations.length === 0) {
    throw new Nothing("It was not called in this period: choose a longer one above.");
  }
  const { step, iterations } = answer;
  const { bounds, counts } = coarser(answer, ROWS);
  const isTime = value("x") === "time";
  const place = (/** @type {number} */ iteration) => (isTime ? timeOf(service, iteration) : iteration);
  // Steps without calls are columns, too: white ones.
  const first = iterations[0];
  const last = iterations[iterations.length - 1];
  const columns = Array.from({ length: (last - first) / step + 1 }, (_, i) => first + i * step);
  const known = new Map(iterations.map((/** @type {number} */ at, /** @type {number} */ i) => [at, counts[i]]));
  const sums = new Map(
    columns.map((at) => [
      at,
      (known.get(at) ?? []).reduce((/** @type {number} */ a, /** @type {number} */ b) => a + b, 0),
    ]),
  );
  const part = (/** @type {number} */ at, /** @type {number} */ row) =>
    (known.get(at)?.[row] ?? 0) / (sums.get(at) || 1);
  const most = Math.max(...columns.flatMap((at) => bounds.slice(0, -1).map((_, row) => part(at, row))));
  const rows = bounds.slice(0, -1).map((_, row) => row);
  await plot(
    element,
    [
      {
        type: "heatmap",
        x: [...columns, last + step].map(place),
        y: bounds.map((bound) => Math.max(1, bound)),
        z: rows.map((row) => columns.map((at) => part(at, row))),
        text: rows.map((row) =>
          columns.map(
            (at) =>
              `${step === 1 ? `iteration ${at}` : `iterations ${at} to ${at + step - 1}`}<br>` +
              `${share(part(at, row))} of ${sums.get(at)} calls took<br>${duration(bounds[row])} to ${duration(bounds[row + 1])}`,
          ),
        ),
        hovertemplate: "%{text}<extra></extra>",
        colorscale: SCALE,
        zmin: 0,
        // The scale that Plotly draws has style attributes, which the policy refuses: the note says what dark is.
        showscale: false,
      },
    ],
    {
      height: 320,
      xaxis: { title: { text: isTime ? "Time" : "Iteration" }, showgrid: false },
      yaxis: {
        title: { text: "Time of a call" },
        type: "log",
        showgrid: false,
        ...ticks(Math.max(1, bounds[0]), bounds[bounds.length - 1]),
      },
      ...eventLines(events, place),
    },
  );
  return `darker is more of the calls of its ${step === 1 ? "iteration" : `${step} iterations`}, up to ${share(most)}`;
}
