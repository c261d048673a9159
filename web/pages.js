// Turning pages of what is longer than one.

import { make } from "./dom.js";
import { count, counted } from "./figures.js";

/**
 * The page of the address, counted from 1.
 * @param {string} text
 */
export function pageOf(text) {
  return Math.max(1, Math.floor(Number(text)) || 1);
}

/**
 * "26–50 of 70 functions", or "3 functions" where all are shown.
 * @param {{shown: number, all: number, page: number, size: number}} part
 * @param {string} thing
 */
export function rangeOf({ shown, all, page, size }, thing) {
  const first = (page - 1) * size + 1;
  return shown < all ? `${count(first)}–${count(first + shown - 1)} of ${counted(all, thing)}` : counted(all, thing);
}

/**
 * Buttons to the page before and after; none where one page is enough.
 * @param {{all: number, page: number, size: number}} part
 * @param {(page: number | null) => void} turn null: the first
 */
export function pageLinks({ all, page, size }, turn) {
  const last = Math.ceil(all / size);
  if (last <= 1) {
    return [];
  }
  const button = (/** @type {number} */ to, /** @type {string} */ text) =>
    make(
      "button",
      {
        type: "button",
        "data-key": text,
        disabled: to < 1 || to > last,
        click: () => turn(to === 1 ? null : to),
      },
      text,
    );
  return [
    button(page - 1, "Previous"),
    make("span", {}, `Page ${count(page)} of ${count(last)}`),
    button(page + 1, "Next"),
  ];
}
