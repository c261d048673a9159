// The overview: how the service is, what needs attention first, who runs now, and all functions.

import { ask } from "./api.js";
import { showAttention } from "./attention.js";
import { fill, make } from "./dom.js";
import { ago, counted, duration, size } from "./figures.js";
import { FunctionsTable } from "./functions_table.js";
import { every } from "./live.js";
import { showLive } from "./live_processes.js";
import { Panel } from "./panel.js";
import { isSaved } from "./saved.js";

const LIVE_SECONDS = 2;
const HISTORY_SECONDS = 15;

/**
 * A fact in the line below the title: a word and its figure.
 * @param {string} word
 * @param {string} text
 */
function fact(word, text) {
  return make("div", {}, make("dt", {}, word), make("dd", {}, text));
}

/**
 * @param {HTMLElement} root
 * @param {import("./main.js").Context} context
 * @param {any} store
 */
function showFacts(root, { service, versions }, store) {
  const of = store.services.find((/** @type {any} */ one) => one.name === service.name) ?? service;
  const named = versions.filter(({ version }) => version);
  fill(
    root,
    fact("Last stored", ago(of.last_ended_unix_ns)),
    fact(
      "Iterations",
      `${counted(of.last_iteration - (of.first_iteration ?? 0) + 1, "iteration")} of ${duration(of.interval_ns)}`,
    ),
    named.length
      ? fact("Newest version", named[named.length - 1].version)
      : fact("Processes", counted(of.process_count, "run")),
    fact("History", [store.engine, store.size_bytes ? size(store.size_bytes) : ""].filter(Boolean).join(", ")),
  );
}

/** @type {import("./main.js").View} */
export function overviewView(root, context) {
  const { selection, signal } = context;
  const facts = make("dl", { class: "facts" });
  const attention = new Panel("Needs attention");
  const live = new Panel("Running now");
  const functions = new FunctionsTable(context);
  root.append(
    make("div", { class: "heading" }, make("h1", {}, context.service.name), facts),
    attention.element,
    ...(isSaved ? [] : [live.element]),
    functions.panel.element,
  );

  async function loadHistory() {
    await Promise.all([
      ask("store", {}, signal).then(
        (store) => showFacts(facts, context, store),
        () => {},
      ),
      attention.load(
        async () => {
          const [trends, failing, quality] = await Promise.all([
            ask("trends", { ...selection, limit: 50 }, signal),
            ask("functions", { ...selection, sort: "errors", limit: 100 }, signal),
            ask("quality", selection, signal),
          ]);
          return { trends, failing, quality };
        },
        showAttention,
        signal,
      ),
    ]);
  }

  const loadLive = () =>
    live.load(
      () => ask("processes", { by: "process", limit: 20 }, signal),
      (body, answer) => showLive(body, answer, (text) => live.annotate(text)),
      signal,
    );

  void loadHistory();
  if (!isSaved) {
    void loadLive();
  }
  every(LIVE_SECONDS, signal, loadLive);
  every(HISTORY_SECONDS, signal, async () => {
    await loadHistory();
    await functions.load();
  });
}
