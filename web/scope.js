// What is looked at: the service, the period and the version. Part of the address, so each is a link.

import { go, here, variant } from "./address.js";
import { fill, make } from "./dom.js";
import { moment } from "./figures.js";
import { saved } from "./saved.js";

const PERIODS = /** @type {[string, string][]} */ ([
  ["", "Whole history"],
  ["-15m", "Last 15 minutes"],
  ["-1h", "Last hour"],
  ["-6h", "Last 6 hours"],
  ["-24h", "Last day"],
  ["-7d", "Last week"],
]);

/**
 * @param {string} label
 * @param {[string, string][]} options value and text
 * @param {string} chosen
 * @param {(value: string) => void} choose
 */
function choice(label, options, chosen, choose) {
  const select = make("select", { change: () => choose(select.value) });
  for (const [value, text] of options) {
    select.append(make("option", { value, selected: value === chosen }, text));
  }
  return make("label", {}, make("span", { class: "unseen" }, label), select);
}

/** Whether the period of the address is none of the usual ones. */
function isOwnPeriod() {
  const since = here().get("since") ?? "";
  return here().get("until") !== null || !PERIODS.some(([value]) => value === since);
}

/** A period of one's own: two moments, as the API takes them. */
function ownPeriod() {
  const moment = (/** @type {"since" | "until"} */ name, /** @type {string} */ label) =>
    make("input", {
      type: "text",
      value: here().get(name) ?? "",
      placeholder: label,
      "aria-label": label,
      title: "-2h (s, m, h, d, w), 2026-11-21T10:00, iteration:120 or version:1.4.2",
      spellcheck: "false",
      change: () => go(variant({ since: since.value.trim(), until: until.value.trim() })),
    });
  const since = moment("since", "From");
  const until = moment("until", "To");
  return make("span", { class: "period", hidden: !isOwnPeriod() }, since, until);
}

/**
 * @param {HTMLElement} root
 * @param {import("./main.js").Context} context
 */
export function showScope(root, { service, services, versions, selection }) {
  const own = ownPeriod();
  const periods = /** @type {[string, string][]} */ ([...PERIODS, ["own", "Other period"]]);
  const named = versions.filter(({ version }) => version !== "");
  const parts = [
    choice(
      "Service",
      services.map(({ name }) => [name, name]),
      service.name,
      (name) => go(`/?${new URLSearchParams({ service: name })}`),
    ),
    choice("Period", periods, isOwnPeriod() ? "own" : (selection.since ?? ""), (since) => {
      own.hidden = since !== "own";
      if (since !== "own") {
        go(variant({ since, until: null }));
      }
    }),
    own,
  ];
  if (named.length > 0) {
    const options = /** @type {[string, string][]} */ ([
      ["", "All versions"],
      ...named.map(({ version }) => [version, `Version ${version}`]),
    ]);
    parts.push(choice("Version", options, selection.version ?? "", (version) => go(variant({ version }))));
  }
  fill(root, ...parts);
}

/** What a page that is a file was written about, and when. @param {HTMLElement} root */
export function showSaved(root) {
  if (!saved) {
    return;
  }
  const { selection, written_unix_ns: written, function_count: all, function_page_count: pages } = saved;
  const { since, until, version, run } = selection;
  const parts = [
    run && `run ${run.slice(0, 8)}`,
    version && `version ${version}`,
    since && `from ${since}`,
    until && `to ${until}`,
    `written ${moment(written)}`,
    pages < all && `pages of ${pages} of ${all} functions`,
  ];
  fill(root, make("p", { class: "note" }, parts.filter(Boolean).join(", ")));
}
