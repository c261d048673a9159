// Samples of an exception: when and where each happened, with which arguments, and by which way. All of it is text that
// others wrote.

import { make } from "./dom.js";
import { ago, count, moment } from "./figures.js";

/** A number of more digits than a browser's have. */
export class Exact {
  /**
   * @param {number} value
   * @param {string} source
   */
  constructor(value, source) {
    this.value = value;
    this.source = source;
  }

  valueOf() {
    return this.value;
  }
}

/**
 * Reads JSON; integers that a number would round keep their digits, where the browser can tell them.
 * @param {string} text
 */
export function readExactly(text) {
  const revive = (/** @type {string} */ _, /** @type {any} */ value, /** @type {any} */ context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
      ? new Exact(value, context.source)
      : value;
  return JSON.parse(text, /** @type {any} */ (revive));
}

/**
 * A captured value on one line.
 * @param {any} value
 * @returns {string}
 */
export function textOf(value) {
  if (value instanceof Exact) {
    return value.source;
  }
  if (Array.isArray(value)) {
    return `[${value.map(textOf).join(", ")}]`;
  }
  if (value !== null && typeof value === "object") {
    const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}: ${textOf(member)}`);
    return `{${members.join(", ")}}`;
  }
  return JSON.stringify(value);
}

/**
 * @param {string} title
 * @param {any} captured an array, an object, null: nothing was captured, or a text that is no JSON
 */
function captured(title, captured) {
  if (captured === null) {
    return [];
  }
  const inside =
    typeof captured === "object"
      ? Object.entries(captured).map(([name, value]) => [make("dt", {}, name), make("dd", {}, textOf(value))])
      : [make("dd", {}, String(captured))];
  const parts = inside.length
    ? make("dl", { class: "captured" }, ...inside.flat())
    : make("p", { class: "note" }, "none");
  return [make("h3", {}, title), parts];
}

/** @param {any} sample */
function place({ host, pid, thread, thread_id: threadId, iteration, version }) {
  return [
    version && `version ${version}`,
    `process ${pid} on ${host}`,
    `thread ${thread || threadId}`,
    `iteration ${count(iteration)}`,
  ]
    .filter(Boolean)
    .join(", ");
}

/** @param {any} sample */
export function showSample(sample) {
  const { unix_ns: unixNs, message, args, kwargs, rebound, traceback } = sample;
  return make(
    "article",
    { class: "sample", "data-sample": sample.id },
    make(
      "header",
      {},
      make("time", { title: ago(Number(unixNs)) }, moment(Number(unixNs))),
      make("span", { class: "note" }, place(sample)),
    ),
    message && make("p", { class: "message" }, message),
    args === null && make("p", { class: "note" }, "Its arguments were not captured."),
    ...captured("Arguments", args),
    ...captured("Keyword arguments", kwargs),
    rebound &&
      make("p", { class: "note" }, `Bound anew by the function, so it may not be what the call was given: ${rebound}`),
    make("h3", {}, "Traceback"),
    make("pre", { tabindex: "0", role: "region", "aria-label": "Traceback" }, traceback),
  );
}
