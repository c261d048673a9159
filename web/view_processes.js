// The processes of this machine that are timed now, with their threads; their samplers can be held and set.

import { note, value } from "./address.js";
import { ask, change } from "./api.js";
import { fill, make } from "./dom.js";
import { ago, count, rate } from "./figures.js";
import { every } from "./live.js";
import { Nothing, Panel } from "./panel.js";

const SECONDS = 2;
const ROWS = 200;
const THREADS = 500;

const TITLES = ["", "Process", "Service", "Version", "Began", "Calls", "Busy", "Errors", "Running", "Sampler"];
const THREAD_TITLES = ["Thread", "", "Calls", "Busy", "Errors", "Running"];

/**
 * @param {any} row
 * @param {number | null} ns
 */
function figuresOf(row, ns) {
  const busy = ns ? `${((100 * row.interval.self_ns) / ns).toFixed(0)} %` : "–";
  const errors = rate(row.interval.error_count, ns);
  return [
    make("td", {}, rate(row.interval.call_count, ns)),
    make("td", { title: "of the time, in timed functions" }, busy),
    make("td", {}, row.interval.error_count ? make("span", { class: "bad" }, errors) : errors),
    make("td", {}, count(Math.max(0, row.running_count))),
  ];
}

/** A command line without the directory of its program. @param {string | null | undefined} text */
function programOf(text) {
  const [first, ...rest] = (text ?? "").split(" ");
  return [first.slice(first.lastIndexOf("/") + 1), ...rest].join(" ");
}

class ProcessesView {
  /** @param {import("./main.js").Context} context */
  constructor(context) {
    this.context = context;
    this.panel = new Panel("Timed now");
    /** What was said about the last order, by process. @type {Map<string, string>} */
    this.said = new Map();
    /** Orders that are on their way. @type {Set<string>} */
    this.waiting = new Set();
    this.opened = new Set(value("threads").split(",").filter(Boolean));
  }

  /** @returns {Promise<{processes: any, threads: any}>} */
  async ask() {
    const { signal } = this.context;
    const [processes, threads] = await Promise.all([
      ask("processes", { by: "process", sort: "name", limit: ROWS }, signal),
      this.opened.size ? ask("processes", { by: "thread", limit: THREADS }, signal) : null,
    ]);
    return { processes, threads };
  }

  load() {
    return this.panel.load(
      () => this.ask(),
      (body, answers) => this.show(body, answers),
      this.context.signal,
    );
  }

  /**
   * @param {HTMLElement} body
   * @param {{processes: any, threads: any}} answers
   */
  show(body, { processes, threads }) {
    const rows = processes.rows.filter((/** @type {any} */ row) => row.alive);
    if (rows.length === 0) {
      throw new Nothing(
        "No process of this machine is timed now. “tachograph run app.py” starts one, with “--sample-hz 100” also its " +
          "sampler; it appears here at once.",
      );
    }
    if (body.contains(document.activeElement) && document.activeElement instanceof HTMLInputElement) {
      return; // somebody types a rate
    }
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.key : undefined;
    const known = new Map(processes.processes.map((/** @type {any} */ one) => [one.uuid, one]));
    const lines = rows.flatMap((/** @type {any} */ row) => [
      this.line(row, known.get(row.uuid) ?? {}, processes.interval_ns),
      ...(this.opened.has(row.uuid) && threads ? [this.threads(row, threads)] : []),
    ]);
    const head = make("tr", {}, ...TITLES.map((title) => make("th", { scope: "col" }, title)));
    const table = make("table", { class: "plain processes" }, make("thead", {}, head), make("tbody", {}, ...lines));
    fill(body, make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Processes" }, table));
    const again = focused && body.querySelector(`[data-key="${CSS.escape(focused)}"]`);
    if (again instanceof HTMLElement) {
      again.focus();
    }
  }

  /**
   * @param {any} row
   * @param {any} process
   * @param {number | null} ns
   */
  line(row, process, ns) {
    const isOpen = this.opened.has(row.uuid);
    const open = make(
      "button",
      {
        type: "button",
        class: "opener",
        "aria-expanded": String(isOpen),
        "aria-label": `Threads of process ${row.pid}`,
        "data-key": `open-${row.uuid}`,
        click: () => this.toggle(row.uuid),
      },
      isOpen ? "▾" : "▸",
    );
    return make(
      "tr",
      { "data-pid": row.pid },
      make("td", {}, open),
      make(
        "td",
        {},
        make("span", { class: "lamp on" }),
        String(row.pid),
        make("span", { class: "program note", title: process.program }, programOf(process.program)),
      ),
      make("td", {}, process.service ?? "–"),
      make("td", {}, process.service_version || "–"),
      make("td", {}, ago(process.started_unix_ns)),
      ...figuresOf(row, ns),
      make("td", {}, this.sampler(row.uuid, process.sampler)),
    );
  }

  /**
   * @param {string} uuid
   * @param {any} sampler
   */
  sampler(uuid, sampler) {
    if (!sampler) {
      return make("span", { class: "note", title: "tachograph run --sample-hz 100 starts one" }, "none");
    }
    const isPaused = sampler.state === "paused";
    const disabled = this.waiting.has(uuid);
    const order = isPaused ? "unpause" : "pause";
    const hz = make("input", {
      type: "number",
      min: "1",
      max: "10000",
      value: sampler.rate_hz,
      "aria-label": "Samples a second",
      "data-key": `rate-${uuid}`,
      change: () => this.order("rate", uuid, { rate_hz: Number(hz.value) }),
    });
    return make(
      "span",
      { class: "sampler" },
      make("span", { class: isPaused ? "warn" : "good" }, isPaused ? "paused" : "running"),
      make("span", { class: "note", title: "looks so far" }, count(sampler.tick_count)),
      make(
        "button",
        { type: "button", disabled, "data-key": `order-${uuid}`, click: () => this.order(order, uuid, {}) },
        isPaused ? "Unpause" : "Pause",
      ),
      make("label", {}, hz, " Hz"),
      this.said.has(uuid) && make("span", { class: "bad", role: "alert" }, this.said.get(uuid)),
    );
  }

  /**
   * The threads of a process, a row below it.
   * @param {any} row
   * @param {any} answer
   */
  threads(row, answer) {
    const own = answer.rows.filter((/** @type {any} */ one) => one.uuid === row.uuid);
    const lines = own.map((/** @type {any} */ one) =>
      make(
        "tr",
        {},
        make("td", {}, one.native_id === null ? "threads that have ended" : (one.thread_name ?? "–")),
        make("td", { class: "note" }, one.native_id === null ? "" : String(one.native_id)),
        ...figuresOf(one, answer.interval_ns),
      ),
    );
    const head = make("tr", {}, ...THREAD_TITLES.map((title) => make("th", { scope: "col" }, title)));
    const table = make("table", { class: "plain" }, make("thead", {}, head), make("tbody", {}, ...lines));
    const inside = lines.length ? table : make("p", { class: "note" }, "No thread of it has called a timed function.");
    return make("tr", { class: "threads" }, make("td", {}), make("td", { colspan: TITLES.length - 1 }, inside));
  }

  /** @param {string} uuid */
  toggle(uuid) {
    if (!this.opened.delete(uuid)) {
      this.opened.add(uuid);
    }
    note({ threads: [...this.opened].join(",") });
    void this.load();
  }

  /**
   * @param {"pause" | "unpause" | "rate"} order
   * @param {string} uuid
   * @param {Record<string, number>} parameters
   */
  async order(order, uuid, parameters) {
    this.waiting.add(uuid);
    this.said.delete(uuid);
    if (document.activeElement instanceof HTMLInputElement) {
      document.activeElement.blur();
    }
    try {
      await change(order, { process: uuid, ...parameters });
    } catch (failure) {
      this.said.set(uuid, failure instanceof Error ? failure.message : String(failure));
    }
    this.waiting.delete(uuid);
    await this.load();
  }
}

/** @type {import("./main.js").View} */
export function processesView(root, context) {
  const view = new ProcessesView(context);
  root.append(make("div", { class: "heading" }, make("h1", {}, "Processes")), view.panel.element);
  view.panel.annotate("all of this machine, whatever their service");
  void view.load();
  every(SECONDS, context.signal, () => view.load());
}
