// What needs attention first: functions that got slower, functions that fail, figures that are not complete.

import { fill, make } from "./dom.js";
import { count, counted, duration, relative, share, slopeOver, stepBegin } from "./figures.js";
import { functionLink } from "./function_name.js";
import { Nothing } from "./panel.js";

const MOST = 5; // of a kind
const FAILING_LEAST = 0.01; // of the calls, from where on failures need attention

/** What of the figures' quality is worth a word, and the word. */
const LOSSES = /** @type {[string, string, string][]} */ ([
  ["unrecorded_call_count", "call", "found no space in the recording: give its directory more"],
  ["overflow_call_count", "call", "are counted together, of functions beyond the largest number there are rows for"],
  ["refused_function_count", "function", "could not be timed"],
  ["torn_count", "figure", "could not be read whole, for a call ended just then"],
  ["damaged_count", "figure", "were damaged in the recording"],
]);

/** @typedef {{kind: "slower" | "failing" | "lost", parts: Node[]}} Item */

/**
 * @param {any} row of trends
 * @param {number} intervalNs of an iteration
 */
function slower({ name, trend }, intervalNs) {
  const { step } = trend;
  const seenNs = (trend.last_iteration - trend.first_iteration) * intervalNs;
  const { before_ns: from, after_ns: to, relative_change: part } = step ?? trend.measured;
  const since = step
    ? stepBegin(step)
    : `from the first to the last quarter of its iterations, ${slopeOver(trend.slope_per_hour_ns, seenNs)}`;
  return make(
    "span",
    {},
    functionLink(name),
    make("span", { class: "what" }, `${duration(from)} → ${duration(to)} a call `),
    make("strong", { class: "bad" }, relative(part)),
    make("span", { class: "what" }, since),
  );
}

/** @param {any} row of functions */
function failing({ name, error_count: errors, call_count: calls }) {
  return make(
    "span",
    {},
    functionLink(name),
    make("span", { class: "what" }, `${count(errors)} of ${counted(calls, "call")} ended with an exception `),
    make("strong", { class: "bad" }, share(errors / calls)),
  );
}

/**
 * Functions of which a share worth a word fails: first where that share of the calls, and as many calls, are largest. A
 * function that is called a hundred times and always fails comes before one that failed twice in three calls, and before
 * one that failed a hundred times in a million.
 * @param {any[]} rows of functions, those with most errors
 */
function failures(rows) {
  const weight = (/** @type {any} */ row) => (row.error_count / row.call_count) * Math.log2(1 + row.error_count);
  return rows
    .filter(({ error_count: errors, call_count: calls }) => errors > 0 && errors / calls >= FAILING_LEAST)
    .sort((a, b) => weight(b) - weight(a) || (a.name < b.name ? -1 : 1));
}

/** @param {any} quality */
function losses(quality) {
  return LOSSES.filter(([member]) => quality[member] > 0).map(([member, thing, what]) =>
    make("span", {}, make("strong", {}, counted(quality[member], thing)), make("span", { class: "what" }, ` ${what}`)),
  );
}

/**
 * @param {string} title
 * @param {string} kind
 * @param {Node[]} items
 */
function list(title, kind, items) {
  if (items.length === 0) {
    return null;
  }
  const rows = items.map((item) => make("li", {}, item));
  return make("section", { class: `kind ${kind}` }, make("h3", {}, title), make("ul", {}, ...rows));
}

/**
 * @param {HTMLElement} body
 * @param {{trends: any, failing: any, quality: any}} answers
 */
export function showAttention(body, { trends, failing: answer, quality }) {
  const slow = trends.functions.filter((/** @type {any} */ row) => row.trend.direction === "slower").slice(0, MOST);
  const failed = failures(answer.functions).slice(0, MOST);
  const lists = [
    list(
      "Slower",
      "slower",
      slow.map((/** @type {any} */ row) => slower(row, trends.service.interval_ns)),
    ),
    list("Failing", "failing", failed.map(failing)),
    list("Not counted", "lost", losses(quality)),
  ].filter((part) => part !== null);
  if (lists.length === 0) {
    const functions = counted(trends.function_count, "function");
    const seldom = answer.functions.some((/** @type {any} */ row) => row.error_count > 0);
    const fails = seldom ? `none fails in ${share(FAILING_LEAST)} of its calls` : "none fails";
    throw new Nothing(`Nothing stands out: of ${functions} none got slower, ${fails}, and no figure is missing.`);
  }
  fill(body, ...lists);
}
