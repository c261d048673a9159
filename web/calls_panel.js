// Who calls a function, and whom it calls, where samplers have seen it.

import { link } from "./address.js";
import { ask, Failure } from "./api.js";
import { fill, make } from "./dom.js";
import { duration, share } from "./figures.js";
import { Nothing } from "./panel.js";

const MOST = 12;

/**
 * @param {import("./main.js").Context} context
 * @param {string} name
 */
export async function askCalls({ selection, signal }, name) {
  try {
    return await ask("calls", { ...selection, function: name, limit: MOST }, signal);
  } catch (failure) {
    if (failure instanceof Failure && failure.kind === "refused") {
      throw new Nothing(
        "No sampler has seen it in this period. “tachograph run --sample-hz 100 app.py” keeps who calls whom, beside the timings.",
      );
    }
    throw failure;
  }
}

/**
 * @param {string} title
 * @param {any[]} neighbours
 * @param {number} whole
 * @param {string} nobody
 */
function list(title, neighbours, whole, nobody) {
  const rows = neighbours.map(({ name, file, line, total }) => {
    const meter = make("span", { class: "meter" });
    meter.style.width = `${(100 * total) / (whole || 1)}%`;
    const who = name
      ? make(
          "a",
          {
            class: "function",
            href: link("function", { function: name }),
            title: file ? `${file}:${line ?? ""}` : null,
          },
          name,
        )
      : make("span", { class: "note" }, nobody);
    return make(
      "li",
      {},
      meter,
      who,
      make("span", { class: "what" }, `${duration(total)}  ${share(total / (whole || 1))}`),
    );
  });
  const inside = rows.length ? make("ul", { class: "neighbours" }, ...rows) : make("p", { class: "note" }, "none");
  return make("section", {}, make("h3", {}, title), inside);
}

/**
 * @param {HTMLElement} body
 * @param {any} answer of calls
 */
export function showCallers(body, { function: own, callers, callees }) {
  const itself = { name: null, total: own.self };
  const below = [...callees, itself].sort((a, b) => b.total - a.total);
  fill(
    body,
    make(
      "div",
      { class: "beside" },
      list("Called by", callers, own.total, "nobody: first on its stack"),
      list("Its time went to", below, own.total, "itself"),
    ),
  );
}
