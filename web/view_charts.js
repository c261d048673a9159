// The three charts of the article that tachograph began with: functions of which a point was once above a minimum,
// with all their last points.

import { amend, note, value } from "./address.js";
import { ask, Failure } from "./api.js";
import { colourOf } from "./colours.js";
import { fill, make } from "./dom.js";
import { count, counted, decimals, duration, roundBelow } from "./figures.js";
import { functionLink } from "./function_name.js";
import { broken, modeOf, runsOf } from "./gaps.js";
import { every } from "./live.js";
import { Nothing, Panel } from "./panel.js";
import { setting, X_AXIS, Y_AXIS } from "./setting.js";
import { escape, eventLines, isNarrow, plot, restrict, timeOf, unitOf } from "./plot.js";

const POINTS = 5000;
const FUNCTIONS = 50;
const SECONDS = 15;
const NS = 1e9;

/**
 * @typedef {{column: string, name: string, title: string, minimum: string, isTime: boolean}} Kind
 * @type {Kind[]}
 */
const KINDS = [
  { column: "average", name: "average_time", title: "Average time", minimum: "1.0", isTime: true },
  { column: "total", name: "total_time", title: "Total time", minimum: "5.0", isTime: true },
  { column: "calls", name: "call_count", title: "Call count", minimum: "100", isTime: false },
];

/**
 * @param {any} line
 * @param {string} colour
 * @param {Kind} kind
 * @param {number} size
 * @param {(iteration: number) => number | Date} place
 */
function trace(line, colour, kind, size, place) {
  const name = escape(line.name);
  const runs = runsOf(line.iterations);
  const values = line.values.map((/** @type {number} */ one) => one / size);
  const { mode, marker } = modeOf(runs);
  return {
    x: broken(runs, line.iterations.map(place)),
    y: broken(runs, values),
    text: broken(runs, values.map(decimals)),
    customdata: broken(runs, line.iterations),
    mode,
    name,
    line: { color: colour, width: 1.8 },
    marker: { ...marker, color: colour },
    hovertemplate:
      `<span style="font-weight:bold;color:${colour}">%{fullData.name}</span><br>` +
      `Iteration: %{customdata}    ${kind.name}: %{text}<extra></extra>`,
  };
}

class Chart {
  /**
   * @param {ChartsView} view
   * @param {Kind} kind
   */
  constructor(view, kind) {
    this.view = view;
    this.kind = kind;
    /** @type {string[]} names of the functions that are drawn */
    this.names = [];
    /** @type {[any, any[]] | null} the answer that is drawn, and the events */
    this.shown = null;
    /** Whether somebody has chosen the minimum, which is then left alone. */
    this.isChosen = false;
    this.minimum = make("input", {
      type: "number",
      min: "0",
      step: "any",
      value: this.minimumText(),
      "aria-label": `Minimum of ${kind.name}`,
      change: () => this.setMinimum(this.minimum.value),
    });
    const unit = kind.isTime ? "s" : "calls";
    this.panel = new Panel(kind.name, {
      tools: [make("label", { class: "minimum" }, "once above ", this.minimum, ` ${unit}`)],
    });
    this.element = make("div", { class: "chart", id: `functionPerformanceChart-${kind.name}` });
    this.legend = make("details", { class: "names" });
    fill(this.panel.body, this.element, this.legend);
  }

  minimumText() {
    return value(`minimum_${this.kind.column}`, this.kind.minimum);
  }

  /** @param {string} text */
  setMinimum(text) {
    const given = Number(text);
    const isGiven = text !== "" && Number.isFinite(given) && given >= 0;
    this.minimum.value = isGiven ? text : this.kind.minimum;
    this.isChosen = true;
    note({ [`minimum_${this.kind.column}`]: isGiven && given !== Number(this.kind.minimum) ? text : null });
    void this.view.load();
  }

  /** @param {{minimum?: number, limit?: number, function?: string}} question @returns {Promise<any>} */
  askSeries(question) {
    const { selection, signal } = this.view.context;
    return ask("series", { ...selection, column: this.kind.column, last: POINTS, ...question }, signal);
  }

  /** The functions above the minimum. Of one that a link isolates the minimum is lowered until it is among them. */
  async ask() {
    const above = () =>
      this.askSeries({ minimum: Number(this.minimumText()) * (this.kind.isTime ? NS : 1), limit: FUNCTIONS });
    const { only } = this.view;
    const isIn = (/** @type {any} */ { functions }) => functions.some((/** @type {any} */ one) => one.name === only);
    const answer = await above();
    if (only === null || isIn(answer)) {
      return answer;
    }
    const line = await this.lineOf(only);
    if (!line) {
      return answer;
    }
    const least = this.roundBelow(Math.max(...line.values));
    if (!this.isChosen && least < Number(this.minimumText())) {
      this.minimum.value = String(least);
      amend({ [`minimum_${this.kind.column}`]: least });
    }
    const lowered = await above();
    // Others with larger points may be as many as are shown.
    const isAbove = line.values.some((/** @type {number} */ one) => one > lowered.minimum);
    return isAbove && !isIn(lowered) ? { ...lowered, functions: [...lowered.functions, line] } : lowered;
  }

  /** A function's own points; none where it was not called. @param {string} name */
  async lineOf(name) {
    try {
      const { functions } = await this.askSeries({ function: name });
      return functions.find((/** @type {any} */ line) => line.name === name && line.values.length > 0);
    } catch (failure) {
      if (failure instanceof Failure && failure.kind === "refused") {
        return undefined;
      }
      throw failure;
    }
  }

  /** A minimum that a point is above. @param {number} point */
  roundBelow(point) {
    return this.kind.isTime ? roundBelow(point / NS) : Math.floor(roundBelow(point));
  }

  /**
   * @param {any} answer
   * @param {any[]} events
   */
  async show(answer, events) {
    const { service } = this.view.context;
    const { functions, function_count: all } = answer;
    this.shown = [answer, events];
    this.panel.annotate(this.sentence(functions.length, all));
    if (functions.length === 0) {
      throw this.nothing(answer.largest);
    }
    // By name, as the article's query orders them: that is the order in which colours are given.
    const lines = [...functions].sort((a, b) => (a.name < b.name ? -1 : 1));
    const seen = lines.filter(({ name }) => name === this.view.only);
    const largest = Math.max(...(seen.length ? seen : lines).map(({ values }) => Math.max(...values)));
    const { unit, size } = this.kind.isTime ? unitOf(largest) : { unit: "calls", size: 1 };
    const place = this.view.place();
    this.names = lines.map(({ name }) => name);
    // The panel has no width while it is hidden.
    this.panel.ready();
    const first = !this.element.classList.contains("plot");
    const chart = await plot(
      this.element,
      lines.map((line) => trace(line, colourOf(service.name, line.name), this.kind, size, place)),
      {
        title: { text: "Function Performance Over Iterations", font: { size: 15 }, x: 0.02, xanchor: "left" },
        xaxis: { title: { text: this.view.isTime() ? "Time" : "Iteration" } },
        yaxis: { title: { text: `${this.kind.title} (${unit})` }, type: value("y") === "log" ? "log" : "linear" },
        showlegend: !isNarrow(),
        ...eventLines(events, place),
      },
    );
    if (first) {
      chart.on("plotly_click", (/** @type {any} */ { points }) => this.view.isolate(this.names[points[0].curveNumber]));
      chart.on("plotly_legendclick", (/** @type {any} */ { curveNumber }) => {
        this.view.isolate(this.names[curveNumber]);
        return false;
      });
      chart.on("plotly_legenddoubleclick", () => false);
    }
    this.showNames(service.name);
    await this.restrict();
  }

  /** The legend of small screens. @param {string} service */
  showNames(service) {
    const entries = this.names.map((name) => {
      const swatch = make("span", { class: "swatch" });
      swatch.style.background = colourOf(service, name);
      return make("li", {}, make("button", { type: "button", click: () => this.view.isolate(name) }, swatch, name));
    });
    fill(this.legend, make("summary", {}, counted(entries.length, "function")), make("ul", {}, ...entries));
  }

  /** @param {number} shown @param {number} all */
  sentence(shown, all) {
    if (all === 0) {
      return "";
    }
    return shown < all
      ? `the ${shown} of ${counted(all, "function")} with the largest points: raise the minimum to see others`
      : `${counted(all, "function")}, ${all === 1 ? "" : "each "}with its last ${count(POINTS)} points`;
  }

  /** @param {number} largest */
  nothing(largest) {
    if (!(largest > 0)) {
      return new Nothing("No function was called in this period: choose a longer one above.");
    }
    const { isTime } = this.kind;
    const useful = this.roundBelow(largest);
    const words = isTime ? duration(useful * NS) : counted(useful, "call");
    return new Nothing(
      `No function ever had a point above ${this.minimumText()} ${isTime ? "s" : "calls"}: the largest is ` +
        `${isTime ? duration(largest) : count(largest)}.`,
      make(
        "button",
        { type: "button", class: "primary", click: () => this.setMinimum(String(useful)) },
        `Show those above ${words}`,
      ),
      make("button", { type: "button", click: () => this.setMinimum("0") }, "Show all"),
    );
  }

  /** Once more, for what is seen has another size. */
  async again() {
    if (this.shown && this.panel.isReady) {
      await this.show(...this.shown);
    }
  }

  async restrict() {
    const { only } = this.view;
    if (this.names.length > 0 && this.panel.isReady) {
      const isHere = only !== null && this.names.includes(only);
      await restrict(
        this.element,
        this.names.map((name) => !isHere || name === only || "legendonly"),
      );
    }
  }
}

class ChartsView {
  /**
   * @param {HTMLElement} root
   * @param {import("./main.js").Context} context
   */
  constructor(root, context) {
    this.context = context;
    /** @type {string | null} the one function that is shown */
    this.only = value("only") || null;
    this.isolated = make("p", { class: "isolated", role: "status" });
    const again = () => void this.load();
    this.charts = KINDS.map((kind) => new Chart(this, kind));
    root.append(
      make(
        "div",
        { class: "heading" },
        make("h1", {}, "Charts"),
        make("div", { class: "tools" }, this.isolated, setting(X_AXIS, again), setting(Y_AXIS, again)),
      ),
      ...this.charts.map(({ panel }) => panel.element),
    );
    this.showIsolated();
  }

  isTime() {
    return value("x") === "time";
  }

  place() {
    const { service } = this.context;
    return this.isTime()
      ? (/** @type {number} */ iteration) => timeOf(service, iteration)
      : (/** @type {number} */ iteration) => iteration;
  }

  /** @param {string} name shown alone; once more: all are shown again */
  isolate(name) {
    this.only = this.only === name ? null : name;
    note({ only: this.only });
    this.showIsolated();
    for (const chart of this.charts) {
      void chart.again();
    }
  }

  showIsolated() {
    if (this.only === null) {
      fill(this.isolated, make("span", { class: "hint" }, "Click a line to see it alone"));
      return;
    }
    const only = this.only;
    const all = make("button", { type: "button", click: () => this.isolate(only) }, "Show all");
    fill(this.isolated, "Only ", functionLink(only), all);
  }

  async load() {
    const { selection, signal } = this.context;
    const events = ask("events", { ...selection, limit: 1000 }, signal).then(
      (answer) => answer.events,
      () => [],
    );
    const answers = this.charts.map((chart) => chart.ask());
    // Their failures are told where they are awaited.
    answers.forEach((answer) => answer.catch(() => {}));
    // Colours are given in the order of the charts, whichever answer comes first.
    for (const [i, chart] of this.charts.entries()) {
      await chart.panel.load(
        (isAgain) => (isAgain ? chart.ask() : answers[i]),
        async (_, answer) => chart.show(answer, await events),
        signal,
      );
    }
  }
}

/** @type {import("./main.js").View} */
export function chartsView(root, context) {
  const view = new ChartsView(root, context);
  void view.load();
  every(SECONDS, context.signal, () => view.load());
}
