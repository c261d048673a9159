// A choice whose value is in the address.

import { note, value } from "./address.js";
import { make } from "./dom.js";

/** @typedef {{name: string, label: string, options: [string, string][]}} Setting values and texts; "" is the usual one */

/** @type {Setting} */
export const X_AXIS = {
  name: "x",
  label: "What the x axis shows",
  options: [
    ["", "By iteration"],
    ["time", "By time"],
  ],
};

/** @type {Setting} */
export const Y_AXIS = {
  name: "y",
  label: "How the y axis goes",
  options: [
    ["", "Linear"],
    ["log", "Logarithmic"],
  ],
};

/**
 * @param {Setting} setting
 * @param {() => void} changed
 */
export function setting({ name, label, options }, changed) {
  const select = make(
    "select",
    {
      "aria-label": label,
      change: () => {
        note({ [name]: select.value });
        changed();
      },
    },
    ...options.map(([option, text]) => make("option", { value: option, selected: option === value(name) }, text)),
  );
  return select;
}
