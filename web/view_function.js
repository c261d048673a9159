// One function: how long its calls take, how that changes, how often it is called, and what each version made of it.

import { link, value } from "./address.js";
import { ask, Failure } from "./api.js";
import { askCalls, showCallers } from "./calls_panel.js";
import { fill, make } from "./dom.js";
import { exceptionsTable } from "./exceptions_table.js";
import { change, count, duration, relative, share, slopeOver, stepBegin } from "./figures.js";
import { cut } from "./function_name.js";
import { askHeat, showHeat } from "./heat_map.js";
import { showCalls, showHistory } from "./history_chart.js";
import { every } from "./live.js";
import { Nothing, Panel } from "./panel.js";
import { setting, X_AXIS, Y_AXIS } from "./setting.js";
import { lost, nobodyRecords } from "./view_exceptions.js";
import { showVersions } from "./versions_table.js";

const SECONDS = 15;
const POINTS = 5000;
const VERSIONS = 12; // the last ones
const KINDS = 20; // of exceptions

/**
 * @param {string} word
 * @param {string} text
 * @param {string} [says]
 */
function tile(word, text, says = "") {
  return make("div", { title: says || null }, make("dt", {}, word), make("dd", {}, text));
}

/** @param {any} row of functions */
function tilesOf(row) {
  const errors = row.error_count ? `${count(row.error_count)} (${share(row.error_count / row.call_count)})` : "0";
  return [
    tile("Calls", count(row.call_count)),
    tile("Average", duration(row.average_ns), "mean of the iterations' averages"),
    tile("p50", duration(row.p50_ns), "half of the calls took no longer"),
    tile("p99", duration(row.p99_ns), "99 % of the calls took no longer"),
    tile("Longest", duration(row.maximum_ns)),
    tile("Total", duration(row.total_ns), "all calls together"),
    tile("Self", duration(row.self_ns), "without the timed functions called from there"),
    tile("Errors", errors, "calls that ended with an exception"),
  ];
}

/** What the trend comes to, in a sentence. @param {any} trend */
function verdict({ direction, step, measured }) {
  if (step) {
    const words = `${duration(step.before_ns)} → ${duration(step.after_ns)} a call ${stepBegin(step)}`;
    return [words, relative(step.relative_change), step.after_ns > step.before_ns];
  }
  if (direction === "none") {
    return ["No change that stands out from noise", "", null];
  }
  const words =
    `${duration(measured.before_ns)} → ${duration(measured.after_ns)} a call, ` +
    "from the first to the last quarter of its iterations";
  return [words, relative(measured.relative_change), direction === "slower"];
}

/** @param {any} trend */
function showVerdict(trend) {
  const [words, badge, isBad] = verdict(trend);
  return make(
    "p",
    { class: "verdict" },
    String(words),
    " ",
    badge && make("strong", { class: isBad ? "bad" : "better" }, String(badge)),
  );
}

/** The line of least squares in words. @param {any} trend @param {number} intervalNs of an iteration */
function regression(trend, intervalNs) {
  const { iteration_count: points, slope_ns, slope_per_hour_ns, intercept_ns, r_squared } = trend;
  if (points < 2) {
    return "";
  }
  const seenNs = (trend.last_iteration - trend.first_iteration) * intervalNs;
  return (
    `slope ${change(slope_ns)} an iteration (${slopeOver(slope_per_hour_ns, seenNs)}), ` +
    `intercept ${duration(intercept_ns)}, r² ${r_squared.toFixed(2)}`
  );
}

/**
 * The figures of the function in the last versions.
 * @param {import("./main.js").Context} context
 * @param {string} name
 */
async function askVersions({ versions, selection, signal }, name) {
  const last = versions.filter(({ version }) => version).slice(-VERSIONS);
  const answers = await Promise.all(
    last.map(({ version }) =>
      ask("functions", { ...selection, version, filter: name, percentiles: "yes", limit: 1000 }, signal),
    ),
  );
  return last.map((version, i) => ({
    ...version,
    row: answers[i].functions.find((/** @type {any} */ row) => row.name === name) ?? null,
  }));
}

/**
 * @param {HTMLElement} body
 * @param {{answer: any, errors: number}} answers of exceptions, and how many calls failed
 */
function showExceptions(body, { answer, errors }) {
  const { exceptions, exception_count: all } = answer;
  if (all === 0) {
    throw new Nothing(nobodyRecords(errors, true));
  }
  const more = [all > exceptions.length ? `the most frequent of ${count(all)} kinds` : "", lost(answer)].filter(
    Boolean,
  );
  fill(
    body,
    exceptionsTable(answer, { withFunction: false }),
    more.length > 0 && make("p", { class: "more" }, more.join("; ")),
  );
}

/** @type {import("./main.js").View} */
export function functionView(root, context) {
  const { selection, signal } = context;
  const name = value("function");
  const heading = make("div", { class: "heading function-heading" });
  const summary = new Panel("Summary");
  const history = new Panel("How long a call takes", { tools: [setting(Y_AXIS, () => void load())] });
  const heat = new Panel("How the calls are spread");
  const calls = new Panel("How often it is called");
  const callers = new Panel("Callers and callees", { note: "as samplers saw it" });
  const exceptions = new Panel("Exceptions", { note: "that left it first" });
  const versions = new Panel("Versions");
  const title = make("div", {});
  const showName = (/** @type {string} */ whole) => {
    const [module, own] = cut(whole);
    fill(title, make("p", { class: "note" }, module), make("h1", {}, own));
  };
  showName(name);
  fill(
    heading,
    title,
    make(
      "div",
      { class: "tools" },
      setting(X_AXIS, () => void load()),
      make("a", { class: "button", href: link("charts", { only: name }) }, "In the charts"),
    ),
  );
  const charts = [history, heat, calls].map((panel) => {
    const element = make("div", {});
    fill(panel.body, element);
    return element;
  });
  root.append(heading, ...[summary, history, heat, calls, callers, exceptions, versions].map(({ element }) => element));
  if (!name) {
    fill(root, make("p", {}, "This address names no function."));
    return;
  }

  async function load() {
    const askTrend = () => ask("trend", { ...selection, function: name, last: POINTS }, signal);
    const trend = askTrend();
    const trendOr = (/** @type {boolean} */ isAgain) => (isAgain ? askTrend() : trend);
    const events = ask("events", { ...selection, limit: 1000 }, signal).then(
      (answer) => answer.events,
      () => [],
    );
    // What only samplers have seen has no figures of its own.
    const refusal = await trend.then(
      () => null,
      (failure) => (failure instanceof Failure && failure.kind === "refused" ? failure : null),
    );
    for (const panel of [history, heat, calls, exceptions, versions]) {
      panel.element.hidden = refusal !== null;
    }
    if (refusal) {
      await Promise.all([
        summary.load(
          () => Promise.reject(new Nothing(`${refusal.message} What samplers saw of it is below.`)),
          () => {},
          signal,
        ),
        callers.load(() => askCalls(context, name), showCallers, signal),
      ]);
      return;
    }
    const filtered = { ...selection, filter: name, percentiles: "yes", limit: 1000 };
    await Promise.all([
      summary.load(
        async (isAgain) => {
          const [{ functions }, answer] = await Promise.all([ask("functions", filtered, signal), trendOr(isAgain)]);
          return { row: functions.find((/** @type {any} */ row) => row.name === answer.function), answer };
        },
        (body, { row, answer }) => {
          if (!row) {
            throw new Nothing("It was not called in this period: choose a longer one above.");
          }
          showName(answer.function);
          summary.annotate(answer.file ? `${answer.file}:${answer.line ?? ""}` : "");
          fill(body, showVerdict(answer.trend), make("dl", { class: "tiles" }, ...tilesOf(row)));
        },
        signal,
      ),
      history.load(
        trendOr,
        async (_, answer) => {
          need(answer);
          history.annotate(regression(answer.trend, answer.service.interval_ns));
          history.ready();
          await showHistory(charts[0], answer, await events, context.service);
        },
        signal,
      ),
      heat.load(
        () => askHeat(context, name),
        async (_, answer) => {
          heat.ready();
          heat.annotate(await showHeat(charts[1], answer, await events, context.service));
        },
        signal,
      ),
      calls.load(
        trendOr,
        async (_, answer) => {
          need(answer);
          calls.ready();
          await showCalls(charts[2], answer, await events, context.service);
        },
        signal,
      ),
      callers.load(() => askCalls(context, name), showCallers, signal),
      exceptions.load(
        async (isAgain) => {
          const { function: whole, points } = await trendOr(isAgain);
          const answer = await ask("exceptions", { ...selection, function: whole, limit: KINDS }, signal);
          const errors = points.reduce(
            (/** @type {number} */ sum, /** @type {any} */ point) => sum + point.error_count,
            0,
          );
          return { answer, errors };
        },
        showExceptions,
        signal,
      ),
      versions.load(async (isAgain) => askVersions(context, (await trendOr(isAgain)).function), showVersions, signal),
    ]);
  }

  void load();
  every(SECONDS, signal, load);
}

/** @param {any} answer of trend */
function need({ points }) {
  if (points.length === 0) {
    throw new Nothing("It was not called in this period: choose a longer one above.");
  }
}
