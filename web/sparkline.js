// A small line without axes: how a figure went, for the rows of a table.

import { draw } from "./dom.js";

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
  return draw(
    "svg",
    { class: "sparkline", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label },
    draw("polygon", {
      points: [`${x(iterations[0])},${HEIGHT - EDGE}`, ...points, `${x(iterations[end])},${HEIGHT - EDGE}`].join(" "),
    }),
    draw("polyline", { points: points.join(" ") }),
    draw("circle", { cx: x(iterations[end]), cy: y(values[end]), r: 1.8 }),
  );
}
