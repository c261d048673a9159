// Kinds of exceptions as rows: what it is, how often over time, when last, and where.

import { link } from "./address.js";
import { make } from "./dom.js";
import { ago, count, counted, moment } from "./figures.js";
import { functionLink } from "./function_name.js";
import { sparkline } from "./sparkline.js";

/**
 * How often it happened, over the whole period: where it did not, 0.
 * @param {any} kind
 * @param {{first_iteration: number, last_iteration: number, step: number}} frame of the answer
 */
export function overTime({ points, count: all }, { first_iteration: first, last_iteration: last, step }) {
  const counts = new Map(points.map((/** @type {any} */ point) => [point.iteration, point.count]));
  const iterations = [];
  for (let iteration = Math.floor(first / step) * step; iteration <= last; iteration += step) {
    iterations.push(iteration);
  }
  if (iterations.length < 2) {
    return "";
  }
  return sparkline(
    iterations,
    iterations.map((iteration) => counts.get(iteration) ?? 0),
    {
      first: iterations[0],
      last,
      label: `${counted(all, "time")}, in ${counted(points.length, "step")} of the period`,
    },
  );
}

/** @param {any} kind */
function name({ id, type, sample }) {
  return make(
    "div",
    { class: "exception" },
    make("a", { href: link("exceptions", { exception: id }) }, type),
    sample?.message && make("span", { class: "message", title: sample.message }, sample.message),
  );
}

/** @param {any} kind */
function last({ last_unix_ns: unixNs }) {
  return make("span", { title: moment(unixNs) }, ago(unixNs));
}

/** @typedef {{title: string, says: string, cell: (kind: any, answer: any) => Node | string}} Column */

/** @type {Column[]} */
const COLUMNS = [
  { title: "Exception", says: "its type, and the newest message", cell: name },
  { title: "Count", says: "how often in this period", cell: (kind) => count(kind.count) },
  { title: "Over time", says: "how often, over time", cell: overTime },
  { title: "Last ever", says: "when it happened last, in this period or after it", cell: last },
  { title: "Function", says: "that it left first", cell: (kind) => functionLink(kind.function) },
];

/**
 * @param {any} answer of exceptions
 * @param {{withFunction: boolean}} options
 */
export function exceptionsTable(answer, { withFunction }) {
  const columns = COLUMNS.filter(({ title }) => withFunction || title !== "Function");
  const head = make("tr", {}, ...columns.map(({ title, says }) => make("th", { scope: "col", title: says }, title)));
  const rows = answer.exceptions.map((/** @type {any} */ kind) =>
    make("tr", { "data-exception": kind.id }, ...columns.map(({ cell }) => make("td", {}, cell(kind, answer)))),
  );
  return make(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Exceptions" },
    make(
      "table",
      { class: withFunction ? "exceptions of-functions" : "exceptions" },
      make("thead", {}, head),
      make("tbody", {}, ...rows),
    ),
  );
}
