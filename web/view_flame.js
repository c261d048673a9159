// What samplers saw: the flame graph of a part of the history, or of how one version differs from another.

import { note, value } from "./address.js";
import { ask } from "./api.js";
import { fill, make } from "./dom.js";
import { counted, duration } from "./figures.js";
import { Flame } from "./flame.js";
import { every } from "./live.js";
import { Nothing, Panel } from "./panel.js";
import { isSaved } from "./saved.js";
import { setting } from "./setting.js";

const SECONDS = 30;

const MEASURES = /** @type {[string, string][]} */ ([
  ["", "Time that passed"],
  ["cpu", "Time on a processor"],
  ["gil", "Time with Python's lock"],
]);

/** What to do where nothing was sampled. */
const HOW =
  "Nothing was sampled in this period. “tachograph run --sample-hz 100 app.py”, or tachograph.start(sample_hz=100) in " +
  "a service, keeps call trees beside the timings.";

/**
 * A version and the one before it, as choices of what to compare.
 * @param {{version: string}[]} versions
 * @returns {[string, string][]}
 */
function pairs(versions) {
  const names = versions.map(({ version }) => version).filter(Boolean);
  const later = names
    .slice(1)
    .map(
      (name, i) => /** @type {[string, string]} */ ([`${names[i]}\n${name}`, `Version ${name} against ${names[i]}`]),
    );
  return [["", "One profile"], ...later.reverse()];
}

/**
 * What is drawn, of either answer.
 * @param {any} answer
 * @returns {import("./flame.js").Tree}
 */
function treeOf({ frames, nodes, schema }) {
  const isDifference = schema === "tachograph-call-tree-diff";
  const totals = isDifference ? nodes.b_totals : nodes.totals;
  // Both sides as shares of their own time: how long each was watched does not matter.
  const scale = isDifference && nodes.a_totals[0] > 0 ? totals[0] / nodes.a_totals[0] : 0;
  return {
    names: frames.map((/** @type {any} */ { name }) => name),
    places: frames.map((/** @type {any} */ { file, line }) => (file ? `${file}${line ? `:${line}` : ""}` : "")),
    parents: nodes.parents,
    frames: nodes.frames,
    totals,
    selves: isDifference ? nodes.b_selves : nodes.selves,
    before: isDifference ? nodes.a_totals.map((/** @type {number} */ total) => total * scale) : null,
  };
}

/** @param {any} answer */
function summary(answer) {
  const sides = answer.a ? [answer.a, answer.b] : [answer];
  const samples = sides.map(({ sample_count: samples }) => counted(samples, "sample")).join(" against ");
  const sum = (/** @type {string} */ member) => sides.reduce((all, side) => all + side[member], 0);
  const [missed, torn] = [sum("missed_count"), sum("torn_count")];
  return [samples, missed && `${counted(missed, "look")} missed`, torn && `${counted(torn, "stack")} torn`]
    .filter(Boolean)
    .join("; ");
}

/** @type {import("./main.js").View} */
export function flameView(root, context) {
  const { selection, signal, versions } = context;
  const flame = new Flame();
  const load = () => panel.load(question, show, signal);
  const matched = make("span", { class: "note", role: "status" });
  const find = make("input", {
    type: "search",
    placeholder: "Find",
    "aria-label": "Find functions in the graph",
    value: value("find"),
    spellcheck: "false",
    input: () => {
      note({ find: find.value });
      matched.textContent = flame.search(find.value);
    },
  });
  const flip = make(
    "button",
    { type: "button", "aria-pressed": "false", click: () => flip.setAttribute("aria-pressed", String(flame.flip())) },
    "Callers below",
  );
  const whole = make("button", { type: "button", click: () => flame.zoom(0) }, "Whole profile");
  const threads = make("select", { "aria-label": "Thread", change: () => choose({ thread: threads.value }) });
  const compared = make("select", { "aria-label": "What is drawn", change: () => compare(compared.value) });
  const panel = new Panel("Where threads were", { tools: [find, matched, whole, flip] });
  panel.body.append(flame.element);

  /** @param {Record<string, string | null>} changes */
  function choose(changes) {
    note(changes);
    void load();
  }

  /** @param {string} pair */
  function compare(pair) {
    const [a, b] = pair.split("\n").map((name) => `version:${name}`);
    choose(pair ? { a, b } : { a: null, b: null });
  }

  function question() {
    const shared = { thread: value("thread"), measure: value("measure") };
    const [a, b] = [value("a"), value("b")];
    const { service, since, until } = selection;
    return a && b
      ? ask("call-tree-diff", { service, since, until, a, b, ...shared }, signal)
      : ask("call-tree", { ...selection, ...shared }, signal);
  }

  /**
   * @param {HTMLElement} _
   * @param {any} answer
   */
  function show(_, answer) {
    showChoices(answer);
    const tree = treeOf(answer);
    if (!(tree.totals[0] > 0)) {
      throw new Nothing(answer.a ? "One of the two has no samples: nothing can be compared." : HOW);
    }
    panel.annotate(`${summary(answer)}${tree.before ? "; red grew, blue shrank, as shares of all" : ""}`);
    panel.ready();
    flame.set(tree);
    matched.textContent = flame.search(find.value);
  }

  /** @param {any} answer */
  function showChoices({ threads: known }) {
    const chosen = value("thread");
    const total = (/** @type {any} */ one) => one.total ?? one.b_total;
    const options = known.map((/** @type {any} */ one) =>
      make("option", { value: one.name, selected: one.name === chosen }, `${one.name}: ${duration(total(one))}`),
    );
    fill(threads, make("option", { value: "" }, "All threads"), ...options);
  }

  const pair = [value("a"), value("b")].map((side) => side.replace(/^version:/, "")).join("\n");
  fill(
    compared,
    ...pairs(versions).map(([option, text]) => make("option", { value: option, selected: option === pair }, text)),
  );
  root.append(
    make(
      "div",
      { class: "heading" },
      make("h1", {}, "Flame graph"),
      make(
        "div",
        { class: "tools" },
        // A file has one profile, of all threads.
        versions.length > 1 && !isSaved && compared,
        !isSaved && threads,
        setting({ name: "measure", label: "Which time", options: MEASURES }, () => void load()),
      ),
    ),
    panel.element,
  );
  void load();
  every(SECONDS, signal, load);
}
