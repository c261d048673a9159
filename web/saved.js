// A page that was written to a file, with its answers (`tachograph report --html`): it asks nobody. What the served page
// leaves to the server (order, filter, minimum, pages of a table) is done here, over the answers that there are.

const element = document.getElementById("saved");

/** Whether this page is one. */
export const isSaved = element !== null;

/**
 * @type {{service: string, written_unix_ns: number, selection: Record<string, string | null>, function_count: number,
 *         function_page_count: number, answers: Record<string, any>} | null}
 */
export const saved = element ? JSON.parse(element.textContent ?? "") : null;

/** What the file is about says as much for all questions. */
const ABOUT = ["service", "since", "until", "run"];

/** Figures that functions are sorted by. @type {Record<string, string>} */
const SORTS = {
  average: "average_ns",
  total: "total_ns",
  self: "self_ns",
  calls: "call_count",
  p99: "p99_ns",
  errors: "error_count",
  slope: "slope_ns",
};

/** @param {string} route @param {Record<string, string>} parameters */
function find(route, parameters) {
  const words = Object.keys(parameters).sort();
  return saved?.answers[[route, ...words.map((name) => `${name}=${parameters[name]}`)].join("\n")] ?? null;
}

/** @param {Record<string, string>} question */
function functionsOf({ sort = "average", order, filter = "", offset = "0", limit = "100", version }) {
  const answer = find("functions", { limit: "1000", percentiles: "yes", sort: "self", ...(version && { version }) });
  if (!answer) {
    return null;
  }
  const wanted = filter.toLowerCase();
  const rows = answer.functions.filter((/** @type {any} */ row) => row.name.toLowerCase().includes(wanted));
  const byName = (/** @type {any} */ a, /** @type {any} */ b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  const figure = SORTS[sort];
  rows.sort((/** @type {any} */ a, /** @type {any} */ b) => (figure ? b[figure] - a[figure] : 0) || byName(a, b));
  if ((order ?? (figure ? "descending" : "ascending")) !== (figure ? "descending" : "ascending")) {
    rows.reverse();
  }
  const first = Number(offset);
  const count = filter ? rows.length : answer.function_count;
  return { ...answer, function_count: count, functions: rows.slice(first, first + Number(limit)) };
}

/** @param {Record<string, string>} question */
function seriesOf({ column = "average", minimum, function: name, limit = "50" }) {
  const answer = find("series", { column, last: "5000", limit: column === "average" ? "100" : "50" });
  if (!answer) {
    return null;
  }
  const least = minimum === undefined ? -1 : Number(minimum);
  const lines = answer.functions.filter(
    (/** @type {any} */ line) =>
      (name === undefined || line.name === name) && line.values.some((/** @type {number} */ one) => one > least),
  );
  // Where all that are here are above it, there may be more of them.
  const count = lines.length === answer.functions.length ? answer.function_count : lines.length;
  return { ...answer, minimum: least, function_count: count, functions: lines.slice(0, Number(limit)) };
}

/** @param {Record<string, string>} question */
function exceptionsOf({ function: name, filter = "", sort = "count", offset = "0", limit = "50", version }) {
  const answer = find("exceptions", { limit: "200", ...(version && { version }) });
  if (!answer) {
    return null;
  }
  const wanted = filter.toLowerCase();
  const kinds = answer.exceptions.filter(
    (/** @type {any} */ kind) =>
      (name === undefined || kind.function === name) &&
      (kind.function.toLowerCase().includes(wanted) || kind.type.toLowerCase().includes(wanted)),
  );
  if (sort === "last") {
    kinds.sort((/** @type {any} */ a, /** @type {any} */ b) => b.last_unix_ns - a.last_unix_ns);
  }
  const first = Number(offset);
  const count = filter || name !== undefined ? kinds.length : answer.exception_count;
  return { ...answer, exception_count: count, exceptions: kinds.slice(first, first + Number(limit)) };
}

/** @param {Record<string, string>} question */
function exceptionOf({ id, offset = "0", limit = "10", version }) {
  const answer = find("exception", { id, limit: "20", ...(version && { version }) });
  if (!answer) {
    return null;
  }
  const { exception, samples } = answer;
  const first = Number(offset);
  return {
    ...answer,
    exception: { ...exception, sample_count: samples.length }, // that are here
    samples: samples.slice(first, first + Number(limit)),
  };
}

/**
 * The answer to a question, null where the file has none.
 * @param {string} route
 * @param {Record<string, string | number | null | undefined>} parameters
 */
export function answerOf(route, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  /** @type {Record<string, string>} */
  const own = Object.fromEntries(
    given.filter(([name]) => !ABOUT.includes(name)).map(([name, value]) => [name, String(value)]),
  );
  switch (route) {
    case "functions":
      return functionsOf(own);
    case "series":
      return seriesOf(own);
    case "exceptions":
      return exceptionsOf(own);
    case "exception":
      return exceptionOf(own);
    default:
      return find(route, own);
  }
}
