// One colour for each function, the same on all charts: of a fixed palette, in the order in which functions are seen
// first. The order is kept for as long as the tab is open, so that a reload and the next view have the same colours.

/** The palette of the article that tachograph began with. */
export const PALETTE = [
  "#FF5733",
  "#3357FF",
  "#A133FF",
  "#FF00FF",
  "#FF0000",
  "#0000FF",
  "#3366FF",
  "#000000",
  "#800000",
  "#008000",
  "#000080",
  "#808000",
  "#800080",
  "#008080",
];

/** All functions that are not told apart. */
export const OTHERS = "#9AA0A6";

const KEY = "tachograph-colours:";

/** @type {Map<string, Map<string, number>>} */
const seen = new Map();

/** @param {string} service */
function seenOf(service) {
  let order = seen.get(service);
  if (!order) {
    const names = /** @type {string[]} */ (JSON.parse(sessionStorage.getItem(KEY + service) ?? "[]"));
    order = new Map(names.map((name, index) => [name, index]));
    seen.set(service, order);
  }
  return order;
}

/**
 * The colour of a function of a service.
 * @param {string} service
 * @param {string} name
 */
export function colourOf(service, name) {
  const order = seenOf(service);
  let index = order.get(name);
  if (index === undefined) {
    index = order.size;
    order.set(name, index);
    sessionStorage.setItem(KEY + service, JSON.stringify([...order.keys()]));
  }
  return PALETTE[index % PALETTE.length];
}
