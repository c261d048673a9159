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

/** The period of the address, when it is none of the usual ones: "since … until …". */
function ownPeriod() {
  const since = here().get("since") ?? "";
  const until = here().get("until");
  if (!until && PERIODS.some(([value]) => value === since)) {
    return null;
  }
  return [since ? `from ${since}` : "", until ? `to ${until}` : ""].filter(Boolean).join(" ");
}

/**
 * @param {HTMLElement} root
 * @param {import("./main.js").Context} context
 */
export function showScope(root, { service, services, versions, selection }) {
  const own = ownPeriod();
  const periods = own ? /** @type {[string, string][]} */ ([...PERIODS, ["own", own]]) : PERIODS;
  const named = versions.filter(({ version }) => version !== "");
  const parts = [
    choice(
      "Service",
      services.map(({ name }) => [name, name]),
      service.name,
      (name) => go(`/?${new URLSearchParams({ service: name })}`),
    ),
    choice("Period", periods, own ? "own" : (selection.since ?? ""), (since) =>
      go(variant(since === "own" ? {} : { since, until: null })),
    ),
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
