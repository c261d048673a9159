// What each version made of a function.

import { variant } from "./address.js";
import { fill, make } from "./dom.js";
import { count, duration, relative } from "./figures.js";
import { Nothing } from "./panel.js";

const TITLES = ["Version", "Iterations", "Calls", "Average", "Against the one before", "p50", "p99", "Self", "Errors"];

/**
 * How the average differs from that of the version before in which the function was called.
 * @param {any} row
 * @param {any} before
 */
function difference(row, before) {
  if (!row || !before) {
    return "–";
  }
  const part = row.average_of_calls_ns / before.average_of_calls_ns - 1;
  return make("span", { class: part > 0.05 ? "bad" : part < -0.05 ? "good" : "" }, relative(part));
}

/**
 * @param {HTMLElement} body
 * @param {any[]} versions
 */
export function showVersions(body, versions) {
  if (versions.length === 0) {
    throw new Nothing(
      "No version has a name: “tachograph run --version 1.4.2 app.py” gives it one, and compares it from then on.",
    );
  }
  /** @type {any} */
  let before = null;
  const rows = versions.map(({ version, first_iteration: first, last_iteration: last, row }) => {
    const cells = [
      make("a", { href: variant({ version }) }, version),
      first === last ? count(first) : `${count(first)} to ${count(last)}`,
      count(row?.call_count ?? 0),
      duration(row?.average_of_calls_ns),
      difference(row, before),
      duration(row?.p50_ns),
      duration(row?.p99_ns),
      duration(row?.self_ns),
      count(row?.error_count ?? 0),
    ];
    before = row ?? before;
    return make("tr", {}, ...cells.map((cell) => make("td", {}, cell)));
  });
  const head = make("tr", {}, ...TITLES.map((title) => make("th", { scope: "col" }, title)));
  fill(
    body,
    make(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "Versions" },
      make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows.reverse())),
    ),
  );
}
