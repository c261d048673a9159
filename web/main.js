// The page: which service and period is looked at, which view of it, and whether the server is there.

import { here, link, onChange, value } from "./address.js";
import { ask, server } from "./api.js";
import { fill, find, make } from "./dom.js";
import { every } from "./live.js";
import { Nothing } from "./panel.js";
import { isSaved } from "./saved.js";
import { showSaved, showScope } from "./scope.js";
import { signIn, takeToken } from "./token.js";
import { chartsView } from "./view_charts.js";
import { exceptionsView } from "./view_exceptions.js";
import { flameView } from "./view_flame.js";
import { functionView } from "./view_function.js";
import { overviewView } from "./view_overview.js";
import { processesView } from "./view_processes.js";
import { slicesView } from "./view_slices.js";

/**
 * @typedef {{name: string, interval_ns: number, started_unix_ns: number, last_iteration: number,
 *            last_ended_unix_ns: number, process_count: number}} Service
 * @typedef {{version: string, first_iteration: number, last_iteration: number, process_count: number}} Version
 * @typedef {{service: Service, services: Service[], versions: Version[], store: string,
 *            selection: Record<string, string>, signal: AbortSignal}} Context what is looked at
 * @typedef {(root: HTMLElement, context: Context) => void} View
 */

/** @type {{name: string, title: string, view: View, isListed: boolean, isLive?: boolean}[]} live: needs no history */
const VIEWS = [
  { name: "overview", title: "Overview", view: overviewView, isListed: true },
  { name: "charts", title: "Charts", view: chartsView, isListed: true },
  { name: "slices", title: "Time slices", view: slicesView, isListed: true },
  { name: "flame", title: "Flame graph", view: flameView, isListed: true },
  { name: "exceptions", title: "Exceptions", view: exceptionsView, isListed: true },
  { name: "processes", title: "Processes", view: processesView, isListed: true, isLive: true },
  { name: "function", title: "Function", view: functionView, isListed: false },
];

/** What is looked at where there is no history. @type {Service} */
const NO_SERVICE = {
  name: "",
  interval_ns: 0,
  started_unix_ns: 0,
  last_iteration: 0,
  last_ended_unix_ns: 0,
  process_count: 0,
};
const NOTHING = "Nothing has been stored yet. “tachograph run app.py” times a program and begins its history.";

const SELECTION = ["service", "since", "until", "version", "run"];

const RETRY_SECONDS = 2;

let current = new AbortController();

/** The part of the address that selects what is asked about, as parameters of questions. */
function selectionOf() {
  return Object.fromEntries([...here()].filter(([name]) => SELECTION.includes(name)));
}

function showNavigation() {
  const chosen = value("view", "overview");
  const listed = VIEWS.filter(({ isListed, isLive }) => isListed && !(isSaved && isLive));
  const links = listed.map(({ name, title }) =>
    make("a", { href: link(name), "aria-current": name === chosen ? "page" : null }, title),
  );
  fill(find("views"), ...links);
}

/**
 * What the view needs to know of the service that is looked at.
 * @param {AbortSignal} signal
 * @returns {Promise<Context>}
 */
async function contextOf(signal) {
  const selection = selectionOf();
  // Both at once: of an empty history the second has nothing to say.
  const versionsOf = ask("versions", { service: selection.service }, signal);
  versionsOf.catch(() => {});
  const { services, store } = await ask("services", {}, signal);
  if (services.length === 0) {
    throw new Nothing(NOTHING);
  }
  const { service, versions } = await versionsOf;
  return { service, services, versions, store, selection: { ...selection, service: service.name }, signal };
}

/** @param {string} text */
function sayInstead(text) {
  const again = make("button", { type: "button", click: () => void show() }, "Try again");
  const elsewhere = make("a", { href: link("overview"), class: "button" }, "To the overview");
  const said = make(
    "div",
    { class: "state", role: "status", "data-kind": "nothing" },
    make("p", {}, text),
    ...(text === NOTHING ? [] : [again, elsewhere]),
  );
  fill(find("scope"));
  fill(find("view"), make("section", { class: "panel" }, said));
}

/**
 * Shows a view, or says why there is nothing to show; then true, once it has.
 * @param {(typeof VIEWS)[number]} item
 * @param {AbortSignal} signal
 * @param {{said: string}} last what was said when it was tried before
 */
async function begin({ name, view, isLive }, signal, last) {
  /** @type {Context} */
  let context = { service: NO_SERVICE, services: [], versions: [], store: "", selection: {}, signal };
  try {
    context = await contextOf(signal);
  } catch (failure) {
    const text = failure instanceof Error ? failure.message : String(failure);
    if (signal.aborted || !isLive) {
      if (!signal.aborted && text !== last.said) {
        sayInstead(text);
        last.said = text;
      }
      return false;
    }
  }
  if (signal.aborted) {
    return false;
  }
  fill(find("scope"));
  if (isSaved) {
    showSaved(find("scope"));
  } else if (context.services.length > 0) {
    showScope(find("scope"), context);
  }
  const root = make("div", { class: `view of-${name}` });
  fill(find("view"), root);
  view(root, context);
  return true;
}

async function show() {
  current.abort();
  current = new AbortController();
  const { signal } = current;
  const item = VIEWS.find(({ name }) => name === value("view", "overview")) ?? VIEWS[0];
  const last = { said: "" };
  showNavigation();
  document.title = `${value("function") || item.title} – tachograph`;
  if (!(await begin(item, signal, last))) {
    // The history may come to be there, as that of a program that was started a moment ago.
    const waiting = new AbortController();
    signal.addEventListener("abort", () => waiting.abort());
    every(RETRY_SECONDS, waiting.signal, async () => (await begin(item, signal, last)) && waiting.abort());
  }
}

function showServer() {
  const said = find("server");
  said.hidden = server.state === "up";
  said.textContent =
    server.state === "locked"
      ? "The server was started anew: open the address that it printed."
      : "The server does not answer. What you see is what it said last; the page goes on when it is back.";
}

/** A link with a token: of a server that was started anew while this page was open, or of one that knows us. */
async function takeLink() {
  const token = takeToken();
  if (token && server.state === "locked") {
    await signIn(token).catch(() => {});
    await show();
  }
}

if (!isSaved) {
  takeToken();
  addEventListener("hashchange", () => void takeLink());
}
onChange(() => {
  void show();
  window.scrollTo(0, 0);
});
server.addEventListener("change", showServer);
// Views ask for themselves while the server is there; when it is not, somebody has to see it come back.
setInterval(
  () => server.state === "away" && !document.hidden && void ask("session").catch(() => {}),
  RETRY_SECONDS * 1000,
);
await show();
