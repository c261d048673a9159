// The processes of this machine that are timed now, a line each.

import { link } from "./address.js";
import { fill, make } from "./dom.js";
import { ago, count, counted, rate } from "./figures.js";
import { Nothing } from "./panel.js";

/** @param {any} row @param {any} process @param {number | null} ns */
function line(row, process, ns) {
  return make(
    "tr",
    {},
    make("td", {}, make("span", { class: row.alive ? "lamp on" : "lamp" }), process.service || process.program || "–"),
    make("td", {}, process.service_version || "–"),
    make("td", {}, String(row.pid)),
    make("td", {}, ago(process.started_unix_ns)),
    make("td", {}, rate(row.interval.call_count, ns)),
    make("td", {}, rate(row.interval.error_count, ns)),
    make("td", {}, count(row.running_count)),
  );
}

const TITLES = ["Service", "Version", "Process", "Began", "Calls", "Errors", "Running"];

/**
 * @param {HTMLElement} body
 * @param {any} answer of processes
 * @param {(text: string) => void} annotate
 */
export function showLive(body, answer, annotate) {
  const known = new Map(answer.processes.map((/** @type {any} */ process) => [process.uuid, process]));
  const rows = answer.rows.filter((/** @type {any} */ row) => row.alive);
  annotate(rows.length ? `${counted(rows.length, "process").replace("processs", "processes")} of this machine` : "");
  if (rows.length === 0) {
    throw new Nothing(
      "No process of this machine is timed now. “tachograph run app.py” starts one; it appears here at once.",
    );
  }
  const lines = rows.map((/** @type {any} */ row) => line(row, known.get(row.uuid) ?? {}, answer.interval_ns));
  fill(
    body,
    make(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "Processes" },
      make(
        "table",
        { class: "plain" },
        make("thead", {}, make("tr", {}, ...TITLES.map((title) => make("th", { scope: "col" }, title)))),
        make("tbody", {}, ...lines),
      ),
    ),
    make("p", { class: "more" }, make("a", { href: link("processes") }, "Processes and their threads")),
  );
}
