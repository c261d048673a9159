// How functions are named: the module pale, the function's own name plain, both as text.

import { link } from "./address.js";
import { make } from "./dom.js";

/**
 * "shop.orders::Orders.search" as its module and the rest.
 * @param {string} name
 * @returns {[string, string]}
 */
export function cut(name) {
  const at = name.indexOf("::");
  return at < 0 ? ["", name] : [name.slice(0, at), name.slice(at + 2)];
}

/**
 * The name, which leads to the function's page.
 * @param {string} name
 * @param {Record<string, string | null>} [changes] of the link
 */
export function functionLink(name, changes = {}) {
  const [module, own] = cut(name);
  return make(
    "a",
    { class: "function", href: link("function", { function: name, ...changes }), title: name },
    make("span", { class: "own" }, own),
    module && make("span", { class: "module" }, module),
  );
}
