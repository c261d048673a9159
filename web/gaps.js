// Where a line has to break: at time of which there are no figures, as between two runs of a program.

const PERIODS = 3;
const LONE_SIZE = 6; // pixels of a point that no line leads to

/** @typedef {[number, number]} Run the first place, and the one after the last */

/**
 * Points that follow each other. A gap is longer than three times the usual distance of these points, so that what is
 * called in every tenth iteration has a line, too.
 * @param {number[]} iterations ascending
 * @returns {Run[]}
 */
export function runsOf(iterations) {
  if (iterations.length === 0) {
    return [];
  }
  const distances = iterations.slice(1).map((at, i) => at - iterations[i]);
  const usual = [...distances].sort((a, b) => a - b)[Math.floor((distances.length - 1) / 2)];
  const starts = [0, ...distances.flatMap((distance, i) => (distance > PERIODS * usual ? [i + 1] : []))];
  return starts.map((start, i) => [start, starts[i + 1] ?? iterations.length]);
}

/**
 * Values of points, with nothing at the gaps.
 * @template Value
 * @param {Run[]} runs
 * @param {Value[]} values
 * @returns {(Value | null)[]}
 */
export function broken(runs, values) {
  return runs.flatMap(([from, to], i) => [...(i > 0 ? [null] : []), ...values.slice(from, to)]);
}

/**
 * How a line of Plotly's is drawn that may have gaps: a point that stands alone is a dot.
 * @param {Run[]} runs
 */
export function modeOf(runs) {
  if (runs.every(([from, to]) => to - from > 1)) {
    return { mode: "lines" };
  }
  const sizes = runs.flatMap(([from, to], i) => [
    ...(i > 0 ? [0] : []),
    ...Array(to - from).fill(to - from === 1 ? LONE_SIZE : 0),
  ]);
  return { mode: "lines+markers", marker: { size: sizes, line: { width: 0 } } };
}
