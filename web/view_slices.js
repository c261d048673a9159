// Where the time went, slice by slice: stacked bars of the functions with most of it, and of all others together.

import { go, value } from "./address.js";
import { ask } from "./api.js";
import { colourOf, OTHERS } from "./colours.js";
import { fill, make } from "./dom.js";
import { counted, duration } from "./figures.js";
import { functionLink } from "./function_name.js";
import { every } from "./live.js";
import { Nothing, Panel } from "./panel.js";
import { barWidth, escape, eventLines, pageOf, plot, timeOf, unitOf } from "./plot.js";
import { setting } from "./setting.js";

const SECONDS = 15;
const FUNCTIONS = 13; // one colour is left for the others
const NS = 1e9;
const NS_PER_MS = 1e6;

const COLUMNS = /** @type {[string, string][]} */ ([
  ["", "Cumulative time"],
  ["self", "Self time"],
]);

/** What is shown, in a sentence. */
const SAYS = {
  cumulative: "A function's time contains that of what it called, so that bars add up to more than the clock.",
  self: "Each moment is counted once, in the function that ran itself.",
};

/** How far the axis goes, where a few slices tower above all others. */
const HEIGHTS = /** @type {[string, string][]} */ ([
  ["", "Height that fits"],
  ["whole", "Whole height"],
]);
const TOWERING = 4; // times as high as the next lower slice
const HEADROOM = 1.25;
const MARKS = 8; // with their sums; more would hide each other

/**
 * Where the axis ends so that most slices can be told apart; none: all fit. Only slices with more time than there was
 * for two threads are cut off: calls count where they end, so that a long one brings the time of earlier slices.
 * @param {number[]} sums of the slices, in nanoseconds
 * @param {number} width of one
 */
export function heightOf(sums, width) {
  const sorted = [...sums].sort((a, b) => a - b);
  const least = Math.ceil(sorted.length / 2);
  const cut = sorted.findIndex(
    (sum, i) => i >= least && sum > 2 * width && sum > TOWERING * sorted[i - 1] && sorted[i - 1] > 0,
  );
  return cut < 0 ? null : sorted[cut - 1] * HEADROOM;
}

/**
 * Marks at the slices that the axis is too short for.
 * @param {Map<number, number>} sums
 * @param {number} height
 * @param {(iteration: number) => Date} place
 */
function marksOf(sums, height, place) {
  const cut = [...sums].filter(([, sum]) => sum > height);
  return cut.map(([at, sum]) => ({
    x: place(at),
    yref: "paper",
    y: 1,
    yanchor: "top",
    showarrow: false,
    text: cut.length > MARKS ? "▲" : `▲ ${duration(sum)}`,
    font: { size: 11, color: "#1b1f24" },
    bgcolor: "#ffffff",
    borderpad: 2,
  }));
}

/**
 * @param {string} says
 * @param {number} cut slices that are cut off
 */
function sentence(says, cut) {
  const ends = "A call counts in the slice where it ends, with all of its time";
  return cut > 0
    ? `${says} ${ends}: ${counted(cut, "slice")} (▲) ${cut === 1 ? "goes" : "go"} beyond the axis.`
    : `${says} ${ends}.`;
}

/** Widths of a slice, in seconds. */
const WIDTHS = [1, 10, 60, 600, 3600, 86400];

/**
 * @param {any} service
 * @param {string} chosen
 * @returns {[string, string][]}
 */
function widthOptions(service, chosen) {
  const seconds = service.interval_ns / NS;
  const offered = WIDTHS.filter((width) => width >= seconds && width % seconds === 0);
  const all =
    chosen && !offered.includes(Number(chosen)) ? [...offered, Number(chosen)].sort((a, b) => a - b) : offered;
  return [
    ["", "Width that fits"],
    .../** @type {[string, string][]} */ (all.map((width) => [String(width), wide(width)])),
  ];
}

/** @param {number} seconds */
function wide(seconds) {
  const [unit, size] = /** @type {[string, number][]} */ ([
    ["day", 86400],
    ["hour", 3600],
    ["minute", 60],
    ["second", 1],
  ]).find(([, least]) => seconds >= least) ?? ["second", 1];
  return `Slices of ${counted(seconds / size, unit)}`;
}

/** @type {import("./main.js").View} */
export function slicesView(root, context) {
  const { service, selection, signal } = context;
  const panel = new Panel("Application profile");
  const chart = make("div", {});
  const legend = make("ul", { class: "legend" });
  fill(panel.body, chart, legend);

  async function load() {
    const column = value("column") === "self" ? "self" : "cumulative";
    const seconds = Number(value("width"));
    const width = seconds > 0 ? Math.max(1, Math.round((seconds * NS) / service.interval_ns)) : null;
    const events = ask("events", { ...selection, limit: 1000 }, signal).then(
      (answer) => answer.events,
      () => [],
    );
    await panel.load(
      () => ask("slices", { ...selection, column, width, limit: FUNCTIONS }, signal),
      async (_, answer) => show(answer, column, await events),
      signal,
    );
  }

  /**
   * @param {any} answer
   * @param {"cumulative" | "self"} column
   * @param {any[]} events
   */
  async function show(answer, column, events) {
    const { functions, others, step } = answer;
    if (functions.length === 0) {
      throw new Nothing("No function was called in this period: choose a longer one above.");
    }
    panel.ready();
    const named = [...functions].sort((a, b) => (a.name < b.name ? -1 : 1));
    named.forEach(({ name }) => colourOf(service.name, name));
    const stacked = others ? [...functions, { ...others, name: null }] : functions;
    const width = (step * service.interval_ns) / NS;
    const sums = new Map();
    for (const { iterations, values } of stacked) {
      iterations.forEach((/** @type {number} */ at, /** @type {number} */ i) =>
        sums.set(at, (sums.get(at) ?? 0) + values[i]),
      );
    }
    const place = (/** @type {number} */ iteration) => timeOf(service, iteration + step / 2);
    const lines = eventLines(events, (iteration) => timeOf(service, iteration));
    const fitting = value("height") === "whole" ? null : heightOf([...sums.values()], step * service.interval_ns);
    const marks = fitting === null ? [] : marksOf(sums, fitting, place);
    const unit = unitOf(fitting ?? Math.max(...sums.values()));
    const drawn = await plot(
      chart,
      stacked.map((/** @type {any} */ one) =>
        bars(one, unit, place, barWidth((step * service.interval_ns) / NS_PER_MS)),
      ),
      {
        title: {
          text: `Application profile at ${width.toLocaleString("en")}s time slices`,
          font: { size: 15 },
          x: 0.02,
          xanchor: "left",
        },
        barmode: "stack",
        showlegend: false,
        xaxis: { title: { text: "Time" }, type: "date" },
        yaxis: {
          title: { text: `${column === "self" ? "Self" : "Cumulative"} time (${unit.unit})` },
          ...(fitting !== null && { range: [0, fitting / unit.size] }),
        },
        shapes: lines.shapes,
        annotations: [...lines.annotations, ...marks],
      },
    );
    panel.annotate(sentence(SAYS[column], marks.length));
    fill(legend, ...stacked.map((/** @type {any} */ one) => entry(one)));
    drawn.removeAllListeners?.("plotly_click");
    drawn.on("plotly_click", (/** @type {any} */ { points }) => {
      const { name } = stacked[points[0].curveNumber];
      if (name) {
        go(pageOf(name));
      }
    });
  }

  /** @param {string | null} name */
  const colour = (name) => (name === null ? OTHERS : colourOf(service.name, name));

  /**
   * @param {any} one
   * @param {{unit: string, size: number}} unit
   * @param {(iteration: number) => Date} place
   * @param {number} width milliseconds
   */
  function bars({ name, iterations, values }, { size }, place, width) {
    return {
      type: "bar",
      x: iterations.map(place),
      y: values.map((/** @type {number} */ amount) => amount / size),
      text: values.map(duration),
      textposition: "none",
      name: name === null ? "all others" : escape(name),
      marker: { color: colour(name), line: { color: "#fff", width: 0.5 } },
      width,
      hovertemplate: `<b>%{fullData.name}</b><br>%{text}<extra></extra>`,
    };
  }

  /** @param {any} one */
  function entry({ name, values }) {
    const sum = values.reduce((/** @type {number} */ a, /** @type {number} */ b) => a + b, 0);
    // A colour of a table, set through the CSSOM: the policy refuses style attributes.
    const swatch = make("span", { class: "swatch" });
    swatch.style.background = colour(name);
    return make(
      "li",
      {},
      swatch,
      name === null ? "all others" : functionLink(name),
      make("span", { class: "what" }, duration(sum)),
    );
  }

  root.append(
    make(
      "div",
      { class: "heading" },
      make("h1", {}, "Time slices"),
      make(
        "div",
        { class: "tools" },
        setting({ name: "column", label: "Which time", options: COLUMNS }, () => void load()),
        setting(
          { name: "width", label: "Width of a slice", options: widthOptions(service, value("width")) },
          () => void load(),
        ),
        setting({ name: "height", label: "Height of the axis", options: HEIGHTS }, () => void load()),
      ),
    ),
    panel.element,
  );
  void load();
  every(SECONDS, signal, load);
}
