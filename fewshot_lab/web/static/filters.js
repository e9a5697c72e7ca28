// @ts-check
// Filters: the images with one of some values, or within a range. A filter per column, and an image matches
// all of them.

/** @import { Column, Filter, RangeColumn } from "./types.d.ts" */

/** The place in a list of names where an image has no value. */
export const NO_VALUE = 0xffffffff;
/** Among a filter's values: the images that have none. */
export const NONE = "";
const DAY = 86_400_000;
const BINS = 32;

/** @param {Filter} filter */
export const isRange = ({ from, to }) => from !== "" || to !== "";
/** @param {Filter} filter */
export const isEmpty = (filter) => !filter.values.length && !isRange(filter);

/**
 * Which images a filter takes.
 * @param {Filter} filter
 * @param {Column} column
 * @returns {(row: number) => boolean}
 */
export function accepting({ values: wanted, from, to }, column) {
  const none = wanted.includes(NONE);
  const { kind, values } = column;
  if (kind === "sets") {
    const bits = wanted.reduce(
      (sum, name) => sum | (column.names.includes(name) ? 1 << column.names.indexOf(name) : 0),
      0,
    );
    return (row) => (values[row] & bits) !== 0 || (none && values[row] === 0);
  }
  if (kind === "names") {
    const chosen = new Set(wanted);
    const takes = Uint8Array.from(column.names, (name) => Number(chosen.has(name)));
    return (row) => (values[row] === NO_VALUE ? none : takes[values[row]] === 1);
  }
  const [low, high] = bounds(from, to, kind);
  const ranged = from !== "" || to !== "";
  return (row) => (Number.isNaN(values[row]) ? none : ranged && values[row] >= low && values[row] <= high);
}

/**
 * The numbers that a range's ends stand for; a day lasts until its end.
 * @param {string} from
 * @param {string} to
 * @param {RangeColumn["kind"]} kind
 */
export function bounds(from, to, kind) {
  const low = from === "" ? -Infinity : numberOf(from, kind);
  const high = to === "" ? Infinity : numberOf(to, kind) + (kind === "date" ? 1 - 1 / 86_400 : 0);
  return [Math.fround(low), Math.fround(high)];
}

/**
 * @param {string} text
 * @param {RangeColumn["kind"]} kind
 * @returns {number} NaN where it says none
 */
export function numberOf(text, kind) {
  if (kind === "number") return text.trim() === "" ? NaN : Number(text);
  return /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) / DAY : NaN;
}

/**
 * @param {number} value
 * @param {RangeColumn["kind"]} kind
 */
export function textOf(value, kind) {
  if (kind === "date") return new Date(Math.floor(value) * DAY).toISOString().slice(0, 10);
  return String(Number(value.toPrecision(6)));
}

/**
 * 1 for each image that matches all filters; `but` leaves one of them out.
 * @param {number} n
 * @param {Filter[]} filters
 * @param {(name: string) => Column | null} columnOf null: the filter waits, and leaves nobody out
 * @param {string} [but] name of a column
 */
export function maskOf(n, filters, columnOf, but) {
  const mask = new Uint8Array(n).fill(1);
  for (const filter of filters) {
    const column = filter.column === but || isEmpty(filter) ? null : columnOf(filter.column);
    if (!column) continue;
    const accepts = accepting(filter, column);
    for (let row = 0; row < n; row++) if (mask[row] && !accepts(row)) mask[row] = 0;
  }
  return mask;
}

/**
 * How many images have each value, and how many none.
 * @param {Column} column of names or sets
 * @param {Uint8Array} [mask]
 */
export function valueCounts(column, mask) {
  if (column.kind !== "names" && column.kind !== "sets") throw new TypeError("A column of numbers has bins.");
  const { names, kind, values } = column;
  const counts = new Uint32Array(names.length);
  let none = 0;
  for (let row = 0; row < values.length; row++) {
    if (mask && !mask[row]) continue;
    const value = values[row];
    if (kind === "sets") {
      if (value === 0) none++;
      else for (let at = 0; at < names.length; at++) if (value & (1 << at)) counts[at]++;
    } else if (value === NO_VALUE) none++;
    else counts[value]++;
  }
  return { counts, none };
}

/** The smallest and the largest value. @param {RangeColumn} column */
export function extent({ values }) {
  let low = Infinity,
    high = -Infinity,
    whole = true;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
    if (whole && value === value && !Number.isInteger(value)) whole = false;
  }
  return { low, high, whole };
}

/**
 * A column in bins of equal width: whole ones for whole numbers and days, else with round edges.
 * @param {RangeColumn} column
 */
export function binsOf(column) {
  const { low, high, whole } = extent(column);
  if (low > high) return { start: 0, step: 1, n: 0, whole };
  const days = column.kind === "date" || whole;
  const start0 = Math.floor(low);
  if (days) {
    const step = Math.max(1, Math.ceil((Math.floor(high) - start0 + 1) / BINS));
    return { start: start0, step, n: Math.ceil((Math.floor(high) - start0 + 1) / step), whole: true };
  }
  const rough = (high - low) / BINS || Math.abs(low) / BINS || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((nice) => nice * power >= rough) ?? 10);
  const start = Math.floor(low / step) * step;
  return { start, step, n: Math.floor((high - start) / step) + 1, whole: false };
}

/**
 * @param {RangeColumn} column
 * @param {ReturnType<typeof binsOf>} bins
 * @param {Uint8Array} [mask]
 */
export function binCounts({ values }, { start, step, n }, mask) {
  const counts = new Uint32Array(n);
  let none = 0;
  for (let row = 0; row < values.length; row++) {
    if (mask && !mask[row]) continue;
    if (Number.isNaN(values[row])) none++;
    else counts[Math.max(0, Math.min(n - 1, Math.floor((values[row] - start) / step)))]++;
  }
  return { counts, none };
}

/**
 * The ends of a range that covers some bins, as texts.
 * @param {ReturnType<typeof binsOf>} bins
 * @param {number} first
 * @param {number} last
 * @param {RangeColumn["kind"]} kind
 * @returns {[from: string, to: string]}
 */
export function rangeOfBins({ start, step, whole }, first, last, kind) {
  const to = start + (last + 1) * step - (whole ? 1 : 0);
  return [textOf(start + first * step, kind), textOf(to, kind)];
}
