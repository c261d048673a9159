// A small line without axes: how a figure went, for the rows of a table.

import { draw } from "./dom.js";
import { runsOf } from "./gaps.js";

const WIDTH = 96;
const HEIGHT = 22;
const EDGE = 2;

/**
 * @param {number[]} iterations ascending
 * @param {number[]} values
 * @param {{first: number, last: number, label: string}} frame iterations at the ends, and what it is
 */
export function sparkline(iterations, values, { first, last, label }) {
  const most = Math.max(...values, 0) || 1;
  const across = Math.max(1, last - first);
  const x = (/** @type {number} */ iteration) => EDGE + ((iteration - first) / across) * (WIDTH - 2 * EDGE);
  const y = (/** @type {number} */ value) => HEIGHT - EDGE - (value / most) * (HEIGHT - 2 * EDGE);
  const points = iterations.map((iteration, i) => `${x(iteration).toFixed(1)},${y(values[i]).toFixed(1)}`);
  const end = iterations.length - 1;
  const runs = runsOf(iterations);
  const isLone = (/** @type {import("./gaps.js").Run} */ [from, to]) => to - from === 1 && from < end;
  return draw(
    "svg",
    { class: "sparkline", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label },
    ...runs.map(([from, to]) => {
      const [left, right] = [x(iterations[from]), x(iterations[to - 1])];
      const line = points.slice(from, to);
      return draw("polygon", { points: [`${left},${HEIGHT - EDGE}`, ...line, `${right},${HEIGHT - EDGE}`].join(" ") });
    }),
    ...runs.map(([from, to]) => draw("polyline", { points: points.slice(from, to).join(" ") })),
    ...runs.filter(isLone).map(([from]) => draw("circle", { cx: x(iterations[from]), cy: y(values[from]), r: 1 })),
    draw("circle", { cx: x(iterations[end]), cy: y(values[end]), r: 1.8 }),
  );
}
