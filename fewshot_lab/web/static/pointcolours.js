// @ts-check
// What colour every point of the map has, for each way of colouring it.

import { rgb, scale } from "./colours.js";
import { NO_VALUE, extent } from "./filters.js";
import { FIRST_CLASS, REJECT, UNSURE } from "./labelcodes.js";

/** @import { Model } from "./model.js" */
/** @import { Column, LegendKey } from "./types.d.ts" */
/** @typedef {{ css: string, bytes: Uint8Array }} Shade */
/** @typedef {{ color: string, strength: number }} Look */
/** `key(row)` is what the legend hides by, `look(row)` what is drawn. @typedef {{ key: (row: number) => LegendKey, look: (row: number) => Look }} Colouring */
/** @typedef {{ cloud: Shade[], rows: number[], colors: Shade[], dimmed: boolean[] }} PointColours */

const LEVELS = 10;
const DIM = 0.3;
// What the filters leave out is seen as where it is, no more.
const LEFT_OUT = 0.15;

/** One shared object per colour and opacity: 100,000 points name a few hundred of them. */
const shades = /** @type {Map<string, Shade>} */ (new Map());

/**
 * @param {string} color
 * @param {number} alpha
 */
export function shadeOf(color, alpha) {
  const level = Math.round(alpha * LEVELS);
  const key = `${color}${level}`;
  let shade = shades.get(key);
  if (!shade) {
    const [r, g, b] = rgb(color);
    const bytes = new Uint8Array([r, g, b, Math.round((255 * level) / LEVELS)]);
    shade = { css: `rgba(${r},${g},${b},${level / LEVELS})`, bytes };
    shades.set(key, shade);
  }
  return shade;
}

export const CLEAR = shadeOf("#000000", 0);

/**
 * @param {string} mode
 * @param {Model} model
 * @param {Column | null} column
 * @param {{ muted: string, unlike: string, dark: boolean }} theme colours of points without a class, and the ground
 * @returns {Colouring}
 */
export function colouring(mode, model, column, { muted, unlike, dark }) {
  const steps = STEPS[dark ? "dark" : "light"];
  /** @param {number} share */
  const scaled = (share) => steps[Math.round(Math.min(1, Math.max(0, share)) * 32)];
  const quiet = { color: muted, strength: 0.35 };
  /** @param {number} row without a class @returns {Look} */
  const unnamed = (row) => (model.isUnlike(row) ? { color: unlike, strength: 0.75 } : quiet);
  /** @param {number} row */
  const shownKey = (row) => model.shownId(row) ?? specialKey(model, row);
  if (mode === "label") {
    return {
      key: (row) => model.classId(row) ?? specialKey(model, row),
      look: (row) => {
        const id = model.classId(row);
        return id === null ? { color: muted, strength: 0.3 } : { color: model.color(id), strength: 1 };
      },
    };
  }
  if (mode === "confidence") {
    return {
      key: shownKey,
      look: (row) =>
        model.predictedId(row) === null ? unnamed(row) : { color: scaled(model.probability(row)), strength: 0.85 },
    };
  }
  if (mode === "column" && (column?.kind === "number" || column?.kind === "date")) {
    const { values } = column;
    const { low, high } = rampOf(column);
    return {
      key: shownKey,
      look: (row) =>
        Number.isNaN(values[row]) ? quiet : { color: scaled((values[row] - low) / (high - low || 1)), strength: 0.85 },
    };
  }
  if (mode === "column" && column?.kind === "names") {
    const { colors, values } = column;
    return {
      key: shownKey,
      look: (row) => {
        const color = values[row] === NO_VALUE ? null : colors?.[values[row]];
        return color ? { color, strength: 0.75 } : quiet;
      },
    };
  }
  return {
    key: shownKey,
    look: (row) => {
      const own = model.classId(row);
      if (own !== null) return { color: model.color(own), strength: 1 };
      const id = model.shownId(row);
      // As faint as the classifier is unsure.
      return id === null ? unnamed(row) : { color: model.color(id), strength: 0.2 + 0.7 * model.probability(row) };
    },
  };
}

/**
 * @param {Model} model
 * @param {number} row
 */
function specialKey(model, row) {
  const kind = model.kind(row);
  if (kind === UNSURE) return "unsure";
  if (kind === REJECT) return "reject";
  return model.isAudit(row) ? "audit" : null;
}

const STEPS = {
  light: Array.from({ length: 33 }, (_, i) => scale(i / 32, false)),
  dark: Array.from({ length: 33 }, (_, i) => scale(i / 32, true)),
};

const ramps = /** @type {WeakMap<object, { low: number, high: number }>} */ (new WeakMap());

/**
 * The values between which the colours run: all but the outermost hundredths, where those lie far out.
 * @param {import("./types.d.ts").RangeColumn} column
 */
export function rampOf(column) {
  const kept = ramps.get(column);
  if (kept) return kept;
  const whole = extent(column);
  const sorted = column.values.filter((value) => !Number.isNaN(value)).sort();
  /** @param {number} share */
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  const [low, high] = [at(0.01), at(0.99)];
  const ramp = high > low && high - low < (whole.high - whole.low) / 2 ? { low, high } : whole;
  ramps.set(column, ramp);
  return ramp;
}

/**
 * One shade for every row (`cloud`), and the labelled rows with theirs, drawn larger above it.
 * @param {Model} model
 * @param {Colouring} way
 * @param {(row: number) => boolean} visible
 * @param {string} muted
 * @returns {PointColours}
 */
export function pointColours(model, way, visible, muted) {
  const chosen = model.selection?.rows.length ? model.selection.set : undefined;
  const left = shadeOf(muted, LEFT_OUT);
  const cloud = new Array(model.n);
  const rows = [],
    colors = [],
    dimmed = [];
  for (let row = 0; row < model.n; row++) {
    cloud[row] = CLEAR;
    if (!visible(row)) continue;
    if (!model.matches(row)) {
      cloud[row] = left;
      continue;
    }
    const { color, strength } = way.look(row);
    const faint = chosen?.has(row) === false;
    if (model.kind(row) >= FIRST_CLASS) {
      rows.push(row);
      colors.push(shadeOf(color, faint ? 0.2 : 1));
      dimmed.push(faint);
    } else cloud[row] = shadeOf(color, Math.max(0.1, faint ? Math.min(strength, DIM) * 0.6 : strength));
  }
  return { cloud, rows, colors, dimmed };
}
