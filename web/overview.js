// The services of the history, and the functions of one of them that its time went into.

const LIMIT = 100;
const UNITS = /** @type {const} */ ([
  ["s", 1e9],
  ["ms", 1e6],
  ["us", 1e3],
]);

/** @typedef {{name: string, call_count: number, error_count: number, average_ns: number, total_ns: number,
 *             self_ns: number}} Row */

/** @type {[string, (row: Row) => string][]} */
const COLUMNS = [
  ["self", (row) => duration(row.self_ns)],
  ["total", (row) => duration(row.total_ns)],
  ["average", (row) => duration(row.average_ns)],
  ["calls", (row) => row.call_count.toLocaleString("en")],
  ["errors", (row) => row.error_count.toLocaleString("en")],
  ["function", (row) => row.name],
];

/** @param {number} ns */
function duration(ns) {
  const [unit, size] = UNITS.find(([, least]) => ns >= least) ?? ["ns", 1];
  return `${Number((ns / size).toPrecision(3)).toLocaleString("en")} ${unit}`;
}

/** @param {string} selector */
function find(selector) {
  const element = document.querySelector(selector);
  if (!(element instanceof HTMLElement)) {
    throw new Error(`the page has no ${selector}`);
  }
  return element;
}

/** @param {string} text */
function say(text) {
  find("#message").textContent = text;
  find("#message").hidden = text === "";
}

/** @param {string} path */
async function ask(path) {
  const answer = await fetch(path);
  const body = await answer.json();
  if (!answer.ok) {
    throw new Error(body.error.message);
  }
  return body;
}

/**
 * @param {string} tag
 * @param {string[]} texts
 */
function line(tag, texts) {
  const row = document.createElement("tr");
  for (const text of texts) {
    row.appendChild(document.createElement(tag)).textContent = text;
  }
  return row;
}

/**
 * @param {{name: string}[]} services
 * @param {string} shown
 */
function showServices(services, shown) {
  for (const { name } of services) {
    const link = document.createElement("a");
    link.textContent = name;
    link.href = `?${new URLSearchParams({ service: name })}`;
    if (name === shown) {
      link.setAttribute("aria-current", "page");
    }
    find("#services").append(link, " ");
  }
}

async function show() {
  const { services } = await ask("/api/v1/services");
  if (services.length === 0) {
    say("Nothing has been stored yet: tachograph run app.py begins a history.");
    return;
  }
  const service = new URLSearchParams(location.search).get("service") ?? services[0].name;
  showServices(services, service);
  const query = new URLSearchParams({ service, sort: "self", limit: String(LIMIT) });
  const { functions, function_count: count } = await ask(`/api/v1/functions?${query}`);
  find("#functions caption").textContent = `${service}: ${functions.length} of ${count} functions, by the time of their own`;
  find("#functions thead").append(line("th", COLUMNS.map(([title]) => title)));
  for (const row of functions) {
    find("#functions tbody").append(line("td", COLUMNS.map(([, text]) => text(row))));
  }
  find("#functions").hidden = false;
  say("");
}

try {
  await show();
} catch (failure) {
  say(failure instanceof Error ? failure.message : String(failure));
}
