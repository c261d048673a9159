// The address line is the page's only state: every view, with its service, period and settings, can be linked to,
// and back and forward go through them. In a page that is a file its fragment is: browsers let no file have another path.

import { isSaved } from "./saved.js";

/** What stays when a link leads to another view. */
const KEPT = ["service", "since", "until", "version", "run"];

const changed = new EventTarget();

const ROOT = isSaved ? "#/" : "/";

/** The address, from its root. */
function current() {
  return isSaved ? location.hash || ROOT : location.pathname + location.search;
}

/** The parameters of the address. */
export function here() {
  return new URLSearchParams(isSaved ? location.hash.replace(/^#[^?]*/, "") : location.search);
}

/**
 * The value of a parameter, or what stands for it.
 * @param {string} name
 * @param {string} [otherwise]
 */
export function value(name, otherwise = "") {
  return here().get(name) ?? otherwise;
}

/** @typedef {Record<string, string | number | null | undefined>} Changes null takes a parameter away */

/**
 * @param {URLSearchParams} parameters
 * @param {Changes} changes
 */
function href(parameters, changes) {
  for (const [name, text] of Object.entries(changes)) {
    if (text === null || text === undefined || text === "") {
      parameters.delete(name);
    } else {
      parameters.set(name, String(text));
    }
  }
  const query = parameters.toString();
  return query ? `${ROOT}?${query}` : ROOT;
}

/**
 * The address of a view of the same service and period.
 * @param {string} view
 * @param {Changes} [changes]
 */
export function link(view, changes = {}) {
  const parameters = new URLSearchParams([...here()].filter(([name]) => KEPT.includes(name)));
  return href(parameters, { view: view === "overview" ? null : view, ...changes });
}

/**
 * The address of this view with other settings.
 * @param {Changes} changes
 */
export function variant(changes) {
  return href(here(), changes);
}

/**
 * Notes settings that the view has already taken, so that they are in links and in the history.
 * @param {Changes} changes
 */
export function note(changes) {
  const target = variant(changes);
  if (target !== current()) {
    history.pushState(null, "", target);
  }
}

/**
 * Notes settings that the view has found by itself: going back does not lead to before they were.
 * @param {Changes} changes
 */
export function amend(changes) {
  history.replaceState(null, "", variant(changes));
}

/**
 * Goes to an address of this page.
 * @param {string} target
 */
export function go(target) {
  if (target !== current()) {
    history.pushState(null, "", target);
  }
  changed.dispatchEvent(new Event("change"));
}

/**
 * Calls when another view or other settings are wanted. Links within the page come here, too.
 * @param {() => void} follow
 */
export function onChange(follow) {
  changed.addEventListener("change", follow);
  // What leads to a place within the page is no address of a view.
  addEventListener("popstate", () => (!isSaved || current().startsWith(ROOT)) && follow());
  document.addEventListener("click", (event) => {
    const anchor = event.target instanceof Element ? event.target.closest("a") : null;
    const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!anchor || !isPlain || anchor.target) {
      return;
    }
    const target = anchor.getAttribute("href") ?? "";
    if (isSaved ? target.startsWith(ROOT) : anchor.origin === location.origin && anchor.pathname === ROOT) {
      event.preventDefault();
      go(isSaved ? target : anchor.pathname + anchor.search);
    }
  });
}
