// What failed: the kinds of exceptions, and one of them with its samples.

import { go, link, note, value, variant } from "./address.js";
import { ask, askText } from "./api.js";
import { fill, make } from "./dom.js";
import { ago, count, counted, moment } from "./figures.js";
import { readExactly, showSample } from "./exception_samples.js";
import { exceptionsTable, overTime } from "./exceptions_table.js";
import { functionLink } from "./function_name.js";
import { every } from "./live.js";
import { pageLinks, pageOf, rangeOf } from "./pages.js";
import { Nothing, Panel } from "./panel.js";

const SECONDS = 15;
const KINDS = 25;
const SAMPLES = 5;

const HOW =
  "“tachograph run --exceptions 'shop.*' app.py” records those of a package, @tachograph.exception_logger those of a " +
  "function.";

/**
 * Why there is none: nothing failed, or nobody recorded what did; of one function also, that it came from another.
 * @param {number} errors calls that failed in this period
 * @param {boolean} [isOfOne] of one function
 */
export function nobodyRecords(errors, isOfOne = false) {
  if (errors === 0) {
    return `No call failed in this period, and no exception was recorded. ${HOW}`;
  }
  const said = `${counted(errors, "call")} ended with an exception in this period, and none was recorded`;
  return isOfOne
    ? `${said} as leaving this function first: one that came out of a function called here is recorded there. ${HOW}`
    : `${said}. ${HOW}`;
}

/**
 * The calls that failed, of all functions: one that went through several of them is counted in each.
 * @param {Record<string, any>} selection
 * @param {AbortSignal} signal
 */
async function errorCount(selection, signal) {
  const { functions } = await ask("functions", { ...selection, sort: "errors", limit: 1000 }, signal);
  return functions.reduce((/** @type {number} */ sum, /** @type {any} */ row) => sum + row.error_count, 0);
}

const SORTS = /** @type {[string, string][]} */ ([
  ["count", "Most frequent first"],
  ["last", "Last first"],
]);

/** @param {any} answer */
export function lost({ lost_sample_count: samples }) {
  return samples ? `${counted(samples, "sample")} found no space: counted, not kept` : "";
}

/**
 * All kinds.
 * @param {HTMLElement} root
 * @param {import("./main.js").Context} context
 */
function kindsView(root, { selection, signal }) {
  const filter = make("input", {
    type: "search",
    placeholder: "Filter exceptions",
    "aria-label": "Filter exceptions by type and function",
    value: value("filter"),
    spellcheck: "false",
    input: () => set({ filter: filter.value, page: null }),
  });
  const sort = make("select", { "aria-label": "Order", change: () => set({ sort: sort.value, page: null }) });
  for (const [key, text] of SORTS) {
    sort.append(make("option", { value: key, selected: key === value("sort", "count") }, text));
  }
  const panel = new Panel("Exceptions", { tools: [sort, filter] });
  const list = make("div", {});
  const pages = make("nav", { class: "pages", "aria-label": "Pages of the table" });
  fill(panel.body, list, pages);
  root.append(make("div", { class: "heading" }, make("h1", {}, "What failed")), panel.element);
  /** @type {any} */
  let asked = null;

  /** @param {Record<string, string | number | null>} changes */
  function set(changes) {
    note(changes);
    void load();
  }

  function clearing() {
    const clear = () => {
      filter.value = "";
      set({ filter: null });
    };
    return make("button", { type: "button", click: clear }, "Show all");
  }

  async function load() {
    const page = pageOf(value("page"));
    const question = {
      ...selection,
      sort: value("sort", "count"),
      filter: value("filter"),
      offset: (page - 1) * KINDS,
      limit: KINDS,
    };
    asked = question;
    await panel.load(
      async () => {
        const answer = await ask("exceptions", question, signal);
        const isNone = answer.exception_count === 0 && !question.filter;
        return { answer, errors: isNone ? await errorCount(selection, signal) : 0 };
      },
      (_, { answer, errors }) => {
        if (asked !== question) {
          return;
        }
        const { exceptions, exception_count: all } = answer;
        const part = { shown: exceptions.length, all, page, size: KINDS };
        panel.annotate([rangeOf(part, "kind"), lost(answer)].filter(Boolean).join("; "));
        if (all === 0) {
          panel.annotate("");
          throw question.filter
            ? new Nothing(`No exception has “${question.filter}” in its type or function.`, clearing())
            : new Nothing(nobodyRecords(errors));
        }
        fill(list, exceptionsTable(answer, { withFunction: true }));
        fill(pages, ...pageLinks(part, (to) => set({ page: to })));
      },
      signal,
    );
  }

  void load();
  every(SECONDS, signal, load);
}

/**
 * @param {string} word
 * @param {string | Node} shown
 * @param {string} [says]
 */
function tile(word, shown, says = "") {
  return make("div", { title: says || null }, make("dt", {}, word), make("dd", {}, shown));
}

/** @param {HTMLElement} body @param {any} answer */
function showSummary(body, answer) {
  const { exception } = answer;
  fill(
    body,
    make(
      "dl",
      { class: "tiles" },
      tile("Count", count(exception.count), "in this period"),
      tile("Last ever", ago(exception.last_unix_ns), moment(exception.last_unix_ns)),
      tile("First ever", ago(exception.first_unix_ns), moment(exception.first_unix_ns)),
      tile("Samples", count(exception.sample_count), "kept in this period: up to 10 of an hour"),
      tile("Over time", overTime(exception, answer)),
    ),
  );
}

/**
 * One kind.
 * @param {HTMLElement} root
 * @param {import("./main.js").Context} context
 * @param {string} id
 */
function kindView(root, { selection, signal }, id) {
  const title = make("div", {});
  const all = make("a", { class: "button", href: link("exceptions") }, "All exceptions");
  const summary = new Panel("Summary");
  const samples = new Panel("Samples", { note: "the newest first" });
  const list = make("div", {});
  const pages = make("nav", { class: "pages", "aria-label": "Pages of samples" });
  fill(samples.body, list, pages);
  fill(title, make("h1", {}, `Exception ${id}`));
  root.append(
    make("div", { class: "heading function-heading" }, title, make("div", { class: "tools" }, all)),
    summary.element,
    samples.element,
  );

  async function load() {
    const page = pageOf(value("page"));
    const question = { ...selection, id, offset: (page - 1) * SAMPLES, limit: SAMPLES };
    const answered = askText("exception", question, signal).then(readExactly);
    answered.catch(() => {});
    const again = (/** @type {boolean} */ isAgain) =>
      isAgain ? askText("exception", question, signal).then(readExactly) : answered;
    await Promise.all([
      summary.load(
        again,
        (body, answer) => {
          const { type, function: name } = answer.exception;
          fill(title, make("h1", {}, type), make("p", {}, functionLink(name)));
          document.title = `${type} – tachograph`;
          showSummary(body, answer);
        },
        signal,
      ),
      samples.load(
        again,
        (_, answer) => {
          const { sample_count: kept } = answer.exception;
          if (kept === 0) {
            throw new Nothing("No sample of it was kept in this period.");
          }
          const part = { shown: answer.samples.length, all: kept, page, size: SAMPLES };
          samples.annotate(`${rangeOf(part, "sample")}, the newest first`);
          fill(list, ...answer.samples.map(showSample));
          fill(pages, ...pageLinks(part, (to) => go(variant({ page: to }))));
        },
        signal,
      ),
    ]);
  }

  void load();
}

/** @type {import("./main.js").View} */
export function exceptionsView(root, context) {
  const id = value("exception");
  if (id) {
    kindView(root, context, id);
  } else {
    kindsView(root, context);
  }
}
