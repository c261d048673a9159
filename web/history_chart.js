// How one function went: the band of its percentiles with the line through its averages, and its calls.

import { value } from "./address.js";
import { colourOf } from "./colours.js";
import { count, duration } from "./figures.js";
import { broken, modeOf, runsOf } from "./gaps.js";
import { barWidth, eventLines, plot, timeOf, unitOf } from "./plot.js";

const NS_PER_MS = 1e6;

/**
 * @param {{unit: string, size: number}} unit
 * @param {any[]} points
 * @param {(iteration: number) => number | Date} place
 */
function line({ size }, points, place) {
  const runs = runsOf(points.map(({ iteration }) => iteration));
  const x = broken(
    runs,
    points.map(({ iteration }) => place(iteration)),
  );
  const { mode, marker } = modeOf(runs);
  return (/** @type {string} */ member, /** @type {string} */ name, /** @type {any} */ own) => ({
    x,
    // A call whose distribution was not kept has no percentiles: no point is better than one at 0.
    y: broken(
      runs,
      points.map((point) => (point[member] ? point[member] / size : null)),
    ),
    text: broken(
      runs,
      points.map((point) => `iteration ${count(point.iteration)}, ${name} ${duration(point[member])}`),
    ),
    hovertemplate: "%{text}<extra></extra>",
    mode,
    name,
    marker: { ...marker, color: own.line.color },
    ...own,
  });
}

/**
 * The area between two percentiles, which has gaps where the lines have.
 * @param {{unit: string, size: number}} unit
 * @param {any[]} points
 * @param {(iteration: number) => number | Date} place
 * @param {[string, string]} members the lower and the upper one
 * @param {string} colour
 */
function band({ size }, points, place, [low, high], colour) {
  const known = points.filter((point) => point[low] && point[high]);
  const runs = runsOf(known.map(({ iteration }) => iteration)).map(([from, to]) => known.slice(from, to));
  const around = runs.map((run) => [
    ...run.map((point) => ({ at: place(point.iteration), ns: point[high] })),
    ...run.toReversed().map((point) => ({ at: place(point.iteration), ns: point[low] })),
  ]);
  const corners = around.flatMap((polygon, i) => [...(i > 0 ? [null] : []), ...polygon]);
  return {
    x: corners.map((corner) => corner && corner.at),
    y: corners.map((corner) => corner && corner.ns / size),
    fill: "toself",
    fillcolor: colour,
    mode: "none",
    hoverinfo: "skip",
    showlegend: false,
    name: `${low} ${high}`,
  };
}

/** @param {any} service */
function placeOf(service) {
  return value("x") === "time"
    ? (/** @type {number} */ iteration) => timeOf(service, iteration)
    : (/** @type {number} */ iteration) => iteration;
}

/**
 * The line of least squares, from the first point to the last. A logarithmic axis has no place for what is below 0.
 * @param {any[]} points
 * @param {any} trend
 * @param {{unit: string, size: number}} unit
 * @param {(iteration: number) => number | Date} place
 */
function regressionLine(points, { intercept_ns: intercept, slope_ns: slope }, { size }, place) {
  const at = points.map(({ iteration }) => (intercept + slope * iteration) / size);
  return {
    x: points.map(({ iteration }) => place(iteration)),
    y: value("y") === "log" ? at.map((y) => (y > 0 ? y : null)) : at,
    mode: "lines",
    name: "regression",
    line: { color: "#1b1f24", width: 1.5, dash: "dash" },
    hoverinfo: "skip",
  };
}

/**
 * @param {HTMLElement} element
 * @param {any} answer of trend
 * @param {any[]} events
 * @param {any} service
 */
export async function showHistory(element, { function: name, points, trend }, events, service) {
  const colour = colourOf(service.name, name);
  const place = placeOf(service);
  const unit = unitOf(Math.max(...points.map((/** @type {any} */ point) => Math.max(point.p99_ns, point.average_ns))));
  const draw = line(unit, points, place);
  const thin = { color: colour, width: 1 };
  const traces = [
    band(unit, points, place, ["p50_ns", "p90_ns"], `${colour}30`),
    band(unit, points, place, ["p90_ns", "p99_ns"], `${colour}18`),
    draw("p50_ns", "p50", { line: thin }),
    draw("p90_ns", "p90", { line: { ...thin, dash: "dot" } }),
    draw("p99_ns", "p99", { line: thin }),
    draw("average_ns", "average", { line: { color: colour, width: 2.4 } }),
  ];
  if (trend.iteration_count > 1) {
    traces.push(regressionLine(points, trend, unit, place));
  }
  await plot(element, traces, {
    xaxis: { title: { text: value("x") === "time" ? "Time" : "Iteration" } },
    yaxis: { title: { text: `Time of a call (${unit.unit})` }, type: value("y") === "log" ? "log" : "linear" },
    ...eventLines(events, place),
  });
}

/**
 * @param {HTMLElement} element
 * @param {any} answer of trend
 * @param {any[]} events
 * @param {any} service
 */
export async function showCalls(element, { function: name, points }, events, service) {
  const place = placeOf(service);
  const isTime = value("x") === "time";
  const bars = (/** @type {string} */ member, /** @type {string} */ title, /** @type {string} */ colour) => ({
    type: "bar",
    x: points.map((/** @type {any} */ { iteration }) => place(iteration)),
    y: points.map((/** @type {any} */ point) => point[member]),
    text: points.map(
      (/** @type {any} */ point) => `iteration ${count(point.iteration)}: ${count(point[member])} ${title}`,
    ),
    textposition: "none",
    hovertemplate: "%{text}<extra></extra>",
    name: title,
    marker: { color: colour, line: { width: 0 } },
    width: barWidth(isTime ? service.interval_ns / NS_PER_MS : 1),
  });
  const hasErrors = points.some((/** @type {any} */ { error_count: errors }) => errors > 0);
  await plot(
    element,
    [
      bars("call_count", "calls", `${colourOf(service.name, name)}90`),
      ...(hasErrors ? [bars("error_count", "errors", "#b3261e")] : []),
    ],
    {
      height: 260,
      barmode: "overlay",
      showlegend: hasErrors,
      xaxis: { title: { text: value("x") === "time" ? "Time" : "Iteration" } },
      yaxis: { title: { text: "Calls" } },
      ...eventLines(events, place),
    },
  );
}
