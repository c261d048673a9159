// Charts by Plotly, which is loaded when the first one is drawn. The surface stays light where the page is dark: the
// palette has black.

import { link } from "./address.js";
import { Nothing } from "./panel.js";
import { isSaved } from "./saved.js";

const SCRIPT = "/plotly.js";
const INK = "#1b1f24";
const GRID = "#e6e9ed";
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
const NARROW = 640; // pixels, as in style.css: the legend goes below

/** @type {Promise<any> | undefined} */
let loading;

/** @returns {Promise<any>} */
function library() {
  const own = /** @type {any} */ (globalThis).Plotly;
  if (isSaved && own) {
    return Promise.resolve(own); // a part of the file
  }
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = SCRIPT;
    script.addEventListener("load", () => resolve(/** @type {any} */ (globalThis).Plotly));
    script.addEventListener("error", () => {
      loading = undefined;
      script.remove();
      reject(
        new Nothing(
          "This tachograph was built without the library that draws charts. Install npm (apt-get install npm) and build " +
            "it again with “make build”; the tables and the JSON under /api/v1 have the same figures.",
        ),
      );
    });
    document.head.append(script);
  });
  return loading;
}

/** Whether there is no room for a legend beside the chart; what draws it then shows one of its own. */
export function isNarrow() {
  return innerWidth < NARROW;
}

/**
 * What all charts have in common.
 * @param {number} width
 * @param {any} own
 */
function layoutOf(width, own) {
  const isSmall = width < NARROW;
  const axis = {
    gridcolor: GRID,
    zerolinecolor: GRID,
    linecolor: "#c3c9d0",
    automargin: true,
    title: { standoff: 10 },
  };
  const { xaxis, yaxis, legend, ...rest } = own;
  return {
    font: { family: FONT, size: isSmall ? 11 : 12, color: INK },
    paper_bgcolor: "#fff",
    plot_bgcolor: "#fff",
    height: 400,
    margin: { l: isSmall ? 46 : 64, r: isSmall ? 12 : 24, t: rest.title ? 56 : 24, b: 48 },
    hovermode: "closest",
    hoverlabel: { bgcolor: "#FFF", bordercolor: "#000", font: { size: 12, color: "#000" }, align: "left" },
    xaxis: { ...axis, ...xaxis, title: { ...axis.title, ...xaxis?.title } },
    yaxis: {
      ...axis,
      rangemode: yaxis?.type === "log" ? "normal" : "tozero",
      ...yaxis,
      title: { ...axis.title, ...yaxis?.title },
    },
    legend: isSmall
      ? { orientation: "h", y: -0.22, x: 0, font: { size: 10 }, ...legend }
      : { font: { size: 11 }, ...legend },
    ...rest,
  };
}

/** Units of an axis of time: the first whose size the largest value reaches. */
const UNITS = /** @type {[string, number][]} */ ([
  ["seconds", 1e9],
  ["milliseconds", 1e6],
  ["microseconds", 1e3],
]);

/** @param {number} largest nanoseconds */
export function unitOf(largest) {
  const [unit, size] = UNITS.find(([, least]) => largest >= least) ?? UNITS[UNITS.length - 1];
  return { unit, size };
}

const CONFIG = {
  responsive: true,
  displaylogo: false,
  modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"],
  showSendToCloud: false,
};

/**
 * Draws a chart, or draws it anew with other data.
 * @param {HTMLElement} element
 * @param {any[]} traces
 * @param {any} layout
 * @returns {Promise<any>} the element, which tells of clicks by `on`
 */
export async function plot(element, traces, layout) {
  const Plotly = await library();
  element.classList.add("plot");
  await Plotly.react(element, traces, layoutOf(element.clientWidth || innerWidth, layout), CONFIG);
  return element;
}

/**
 * Shows some traces and keeps the others' names in the legend.
 * @param {HTMLElement} element
 * @param {(true | "legendonly")[]} visible
 */
export async function restrict(element, visible) {
  const Plotly = await library();
  await Plotly.restyle(element, { visible });
}

/**
 * Where an iteration lies on an axis of time.
 * @param {{started_unix_ns: number, interval_ns: number}} service
 * @param {number} iteration
 */
export function timeOf(service, iteration) {
  return new Date((service.started_unix_ns + iteration * service.interval_ns) / 1e6);
}

/**
 * How wide a bar is. Plotly's own width is the distance to the next one, however far that is.
 * @param {number} room of an iteration or a slice, in units of the axis: of one of time, milliseconds
 */
export function barWidth(room) {
  return room * 0.88;
}

/**
 * What a line of the charts says; the rest is told where the pointer is.
 * @param {any} event
 */
function eventLabel({ kind, version, detail }) {
  if (kind === "version") {
    return `version ${version ?? ""}`;
  }
  const isReload = kind === "reload" || kind === "refused reload";
  return isReload ? `${kind} ${(detail ?? "").split(":")[0]}` : (detail ?? kind);
}

/**
 * Lines for new versions and other events that concern all functions.
 * @param {any[]} events of the API
 * @param {(iteration: number) => number | Date} place
 */
export function eventLines(events, place) {
  const lines = events.filter(({ kind }) => !["start", "end", "found"].includes(kind));
  return {
    shapes: lines.map(({ iteration }) => ({
      type: "line",
      x0: place(iteration),
      x1: place(iteration),
      yref: "paper",
      y0: 0,
      y1: 1,
      line: { color: "#6b7280", width: 1, dash: "dot" },
    })),
    annotations: lines.map((event) => ({
      x: place(event.iteration),
      yref: "paper",
      y: 1,
      yanchor: "bottom",
      showarrow: false,
      text: escape(eventLabel(event)),
      hovertext: escape(event.detail ?? ""),
      font: { size: 10, color: "#4b5563" },
    })),
  };
}

/**
 * Plotly reads tags and entities in its texts, and `%{...}` in templates; names are none of these.
 * @param {string} text
 */
export function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/**
 * The address of a function's page, for whoever clicks on it in a chart.
 * @param {string} name
 */
export function pageOf(name) {
  return link("function", { function: name });
}
