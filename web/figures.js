// Figures for people: one way to write a duration, a count, a share and a moment.

const UNITS = /** @type {[string, number][]} */ ([
  ["s", 1e9],
  ["ms", 1e6],
  ["µs", 1e3],
  ["ns", 1],
]);

/**
 * Three figures of a duration: "2.34 ms".
 * @param {number | null | undefined} ns
 */
export function duration(ns) {
  if (ns === null || ns === undefined) {
    return "–";
  }
  if (ns === 0) {
    return "0";
  }
  const [unit, size] = UNITS.find(([, least]) => Math.abs(ns) >= least * 0.9995) ?? UNITS[UNITS.length - 1];
  return `${figures(ns / size)} ${unit}`;
}

/**
 * Three figures, and no exponent.
 * @param {number} value
 */
export function figures(value) {
  const size = Math.abs(value);
  const digits = size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/**
 * Two decimals, or two figures where they would all be zeros.
 * @param {number} value
 */
export function decimals(value) {
  const size = Math.abs(value);
  return size >= 0.005 || size === 0 ? value.toFixed(2) : Number(value.toPrecision(2)).toString();
}

/**
 * A duration with its sign: "+2.34 ms".
 * @param {number} ns
 */
export function change(ns) {
  return ns > 0 ? `+${duration(ns)}` : duration(ns).replace("-", "−");
}

/**
 * A slope for the largest unit of time that was seen: "+2.34 ms a minute". For each hour of what lasted for seconds would
 * be a guess.
 * @param {number} perHourNs
 * @param {number} seenNs
 */
export function slopeOver(perHourNs, seenNs) {
  const [unit, seconds] = /** @type {[string, number][]} */ ([
    ["an hour", 3600],
    ["a minute", 60],
  ]).find(([, least]) => seenNs >= least * 1e9) ?? ["a second", 1];
  return `${change((perHourNs * seconds) / 3600)} ${unit}`;
}

/** @param {number | null | undefined} value */
export function count(value) {
  return value === null || value === undefined ? "–" : value.toLocaleString("en");
}

/**
 * A count of things: "1 call", "2,000 calls".
 * @param {number} value
 * @param {string} thing
 */
export function counted(value, thing) {
  return `${count(value)} ${thing}${value === 1 ? "" : "s"}`;
}

/**
 * "12 %", below a tenth of a percent "< 0.1 %".
 * @param {number} part 0 to 1
 */
export function share(part) {
  const percent = part * 100;
  if (percent > 0 && percent < 0.1) {
    return "< 0.1 %";
  }
  return `${percent.toLocaleString("en", { maximumFractionDigits: percent < 9.95 ? 1 : 0 })} %`;
}

/**
 * How a figure changed: "+440 %", from a factor of 11 on "×12".
 * @param {number} part 0.2 for 20 % more
 */
export function relative(part) {
  if (part >= 10) {
    return `×${count(Math.round(part + 1))}`;
  }
  const percent = Math.round(part * 100);
  return `${percent > 0 ? "+" : percent < 0 ? "−" : ""}${count(Math.abs(percent))} %`;
}

/**
 * A rate: "12.3/s".
 * @param {number} amount
 * @param {number | null} ns in which it came together
 */
export function rate(amount, ns) {
  if (!ns) {
    return "–";
  }
  const value = (amount * 1e9) / ns;
  return `${value === 0 ? "0" : value >= 100 ? count(Math.round(value)) : figures(value)}/s`;
}

/** @param {number} bytes */
export function size(bytes) {
  const [unit, least] = bytes >= 1e9 ? ["GB", 1e9] : bytes >= 1e6 ? ["MB", 1e6] : ["kB", 1e3];
  return `${figures(bytes / Number(least))} ${unit}`;
}

/**
 * How long ago: "3 minutes ago".
 * @param {number} unixNs
 */
export function ago(unixNs) {
  const seconds = Math.max(0, Math.round(Date.now() / 1000 - unixNs / 1e9));
  const [unit, length] = /** @type {[string, number][]} */ ([
    ["day", 86400],
    ["hour", 3600],
    ["minute", 60],
    ["second", 1],
  ]).find(([, least]) => seconds >= least) ?? ["second", 1];
  return seconds < 5 ? "just now" : `${counted(Math.floor(seconds / length), unit)} ago`;
}

/**
 * A moment, in the zone of whoever looks: "22 Nov 10:57:03".
 * @param {number} unixNs
 */
export function moment(unixNs) {
  return new Date(unixNs / 1e6).toLocaleString("en-GB", {
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
}

/**
 * Since when a function is slower or faster at once, and with what.
 * @param {{kind: string, version: string | null, iteration: number, started_unix_ns: number}} step
 */
export function stepBegin({ kind, version, iteration, started_unix_ns: began }) {
  const cause = kind === "code" ? "new code" : version ? `version ${version}` : "a version without a name";
  return `since iteration ${iteration} (${moment(began)}), ${cause}`;
}

/**
 * The largest of 1, 2 and 5 times a power of ten that is below a value.
 * @param {number} value above 0
 */
export function roundBelow(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  for (const times of [5, 2, 1]) {
    const round = Number((times * power).toPrecision(1)); // 5 * 10 ** -6 is a little less than 0.000005
    if (round < value) {
      return round;
    }
  }
  return Number((power / 2).toPrecision(1));
}
