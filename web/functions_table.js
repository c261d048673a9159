// The functions of a service: sorted and filtered by the server, page by page.

import { note, value } from "./address.js";
import { ask } from "./api.js";
import { fill, make } from "./dom.js";
import { change, count, duration } from "./figures.js";
import { functionLink } from "./function_name.js";
import { pageLinks, pageOf, rangeOf } from "./pages.js";
import { Nothing, Panel } from "./panel.js";
import { untilReleased } from "./pointer.js";
import { sparkline } from "./sparkline.js";

const ROWS = 25;
const SPARKS = 48; // points of a sparkline

/** @typedef {{title: string, sort: string | null, says: string, cell: (row: any) => Node | string}} Column */

/** @type {Column[]} */
const COLUMNS = [
  { title: "Function", sort: "name", says: "name and module", cell: (row) => functionLink(row.name) },
  { title: "Over time", sort: null, says: "the average call, over time", cell: () => "" },
  { title: "Calls", sort: "calls", says: "calls that have ended", cell: (row) => count(row.call_count) },
  {
    title: "Average",
    sort: "average",
    says: "mean of the iterations' averages",
    cell: (row) => duration(row.average_ns),
  },
  { title: "p50", sort: null, says: "half of the calls took no longer", cell: (row) => duration(row.p50_ns) },
  { title: "p99", sort: "p99", says: "99 % of the calls took no longer", cell: (row) => duration(row.p99_ns) },
  { title: "Total", sort: "total", says: "all calls together", cell: (row) => duration(row.total_ns) },
  {
    title: "Self",
    sort: "self",
    says: "without the timed functions called from there",
    cell: (row) => duration(row.self_ns),
  },
  {
    title: "Errors",
    sort: "errors",
    says: "calls that ended with an exception",
    cell: (row) => (row.error_count ? make("span", { class: "bad" }, count(row.error_count)) : "0"),
  },
  {
    title: "Slope / iteration",
    sort: "slope",
    says: "how much the average grows with each iteration, by the straight line through all of them",
    cell: slope,
  },
];

/** @param {any} row */
function slope(row) {
  if (row.iteration_count < 2 || row.slope_ns === 0) {
    return "–";
  }
  return make("span", { title: "by the straight line through all iterations" }, change(row.slope_ns));
}

export class FunctionsTable {
  /** @param {import("./main.js").Context} context */
  constructor(context) {
    this.context = context;
    this.filter = make("input", {
      type: "search",
      placeholder: "Filter functions",
      "aria-label": "Filter functions by name",
      value: value("filter"),
      spellcheck: "false",
      input: () => this.set({ filter: this.filter.value, page: null }),
    });
    this.panel = new Panel("Functions", { tools: [this.filter] });
    this.head = make("tr");
    this.rows = make("tbody");
    this.pages = make("nav", { class: "pages", "aria-label": "Pages of the table" });
    /** @type {Map<string, any>} series that have been asked for, by function */
    this.series = new Map();
    const table = make("table", { class: "functions" }, make("thead", {}, this.head), this.rows);
    fill(
      this.panel.body,
      make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Functions" }, table),
      this.pages,
    );
    void this.load();
  }

  /** @param {Record<string, string | number | null>} changes */
  set(changes) {
    note(changes);
    void this.load();
  }

  /** What the address says of the order. */
  order() {
    const sort = value("sort", "self");
    const usual = sort === "name" ? "ascending" : "descending";
    return { sort, order: value("order", usual), usual };
  }

  async load() {
    const { sort, order } = this.order();
    const { selection, signal } = this.context;
    const page = pageOf(value("page"));
    const question = { ...selection, sort, order, filter: value("filter"), offset: (page - 1) * ROWS, limit: ROWS };
    this.asked = question;
    // Percentiles are read from every row's distribution: the table does not wait for them.
    await this.panel.load(
      () => ask("functions", question, signal),
      (_, answer) => this.show(answer, page, question),
      signal,
    );
    try {
      const answer = await ask("functions", { ...question, percentiles: "yes" }, signal);
      await untilReleased();
      if (this.asked === question && this.panel.isReady) {
        this.show(answer, page, question);
      }
    } catch {
      // The panel has said why, or the figures stay dashes until the next time.
    }
  }

  /**
   * @param {any} answer
   * @param {number} page
   * @param {any} question
   */
  show(answer, page, question) {
    if (this.asked !== question) {
      return;
    }
    const { functions, function_count: all } = answer;
    const part = { shown: functions.length, all, page, size: ROWS };
    this.panel.annotate(rangeOf(part, "function"));
    if (all === 0) {
      const filter = value("filter");
      throw filter
        ? new Nothing(`No function has “${filter}” in its name.`, this.clearing())
        : new Nothing("No function was called in this period: choose a longer one above.");
    }
    const had = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.key : undefined;
    this.showHead();
    fill(this.rows, ...functions.map((/** @type {any} */ row) => this.row(row, answer)));
    fill(this.pages, ...pageLinks(part, (to) => this.set({ page: to })));
    const again = had && this.panel.body.querySelector(`[data-key="${CSS.escape(had)}"]`);
    if (again instanceof HTMLElement) {
      again.focus();
    }
  }

  clearing() {
    const clear = () => {
      this.filter.value = "";
      this.set({ filter: null });
    };
    return make("button", { type: "button", click: clear }, "Show all");
  }

  showHead() {
    const { sort: sorted, order } = this.order();
    fill(
      this.head,
      ...COLUMNS.map(({ title, sort, says }) => {
        const isSorted = sort !== null && sort === sorted;
        const content = sort
          ? make(
              "button",
              { type: "button", title: says, "data-key": `sort-${sort}`, click: () => this.sortBy(sort) },
              title,
            )
          : make("span", { title: says }, title);
        return make("th", { scope: "col", "aria-sort": isSorted ? order : null }, content);
      }),
    );
  }

  /** @param {string} sort */
  sortBy(sort) {
    const now = this.order();
    const other = now.order === "descending" ? "ascending" : "descending";
    this.set({ sort, order: now.sort === sort && now.order === now.usual ? other : null, page: null });
  }

  /** @param {any} row @param {any} answer */
  row(row, answer) {
    const cells = COLUMNS.map(({ cell }) => make("td", {}, cell(row)));
    void this.drawSpark(cells[1], row, answer);
    return make("tr", { "data-function": row.name }, ...cells);
  }

  /**
   * @param {HTMLElement} cell
   * @param {any} row
   * @param {any} answer
   */
  async drawSpark(cell, row, { first_iteration: first, last_iteration: last }) {
    const { selection, signal } = this.context;
    const question = { ...selection, function: row.name, column: "average", points: SPARKS };
    const key = `${row.name} ${last}`;
    if (!this.series.has(key)) {
      this.series.set(
        key,
        ask("series", question, signal).catch(() => null),
      );
    }
    const line = (await this.series.get(key))?.functions[0];
    if (line && line.iterations.length > 1) {
      const label = `average from ${duration(line.values[0])} to ${duration(line.values[line.values.length - 1])}`;
      fill(cell, sparkline(line.iterations, line.values, { first, last, label }));
    }
  }
}
