// @ts-check
// What colour every point of the map has, for each way of colouring it.

import { rgb, scale } from "./colours.js";
import { FIRST_CLASS, REJECT, UNSURE } from "./labelcodes.js";

/** @import { Model } from "./model.js" */
/** @import { Column, LegendKey } from "./types.d.ts" */
/** @typedef {{ css: string, bytes: Uint8Array }} Shade */
/** @typedef {{ color: string, strength: number }} Look */
/** `key(row)` is what the legend hides by, `look(row)` what is drawn. @typedef {{ key: (row: number) => LegendKey, look: (row: number) => Look }} Colouring */
/** @typedef {{ cloud: Shade[], rows: number[], colors: Shade[], dimmed: boolean[] }} PointColours */

/** The place in a list of names where an image has no value. */
export const NO_VALUE = 0xffff;
const LEVELS = 10;
const DIM = 0.3;

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
 * @param {string} muted
 * @returns {Colouring}
 */
export function colouring(mode, model, column, muted) {
  const quiet = { color: muted, strength: 0.35 };
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
        model.predictedId(row) === null ? quiet : { color: scaled(model.probability(row)), strength: 0.85 },
    };
  }
  if (mode === "column" && column?.kind === "number") {
    const { values, low, high } = column;
    return {
      key: (row) => (Number.isNaN(values[row]) ? null : "value"),
      look: (row) =>
        Number.isNaN(values[row]) ? quiet : { color: scaled((values[row] - low) / (high - low || 1)), strength: 0.85 },
    };
  }
  if (mode === "column" && column?.kind === "names") {
    const { values, colors } = column;
    return {
      key: (row) => (values[row] === NO_VALUE ? null : `v${values[row]}`),
      look: (row) => (values[row] === NO_VALUE ? quiet : { color: colors[values[row]], strength: 0.75 }),
    };
  }
  return {
    key: shownKey,
    look: (row) => {
      const own = model.classId(row);
      if (own !== null) return { color: model.color(own), strength: 1 };
      const id = model.shownId(row);
      // As faint as the classifier is unsure.
      return id === null ? quiet : { color: model.color(id), strength: 0.2 + 0.7 * model.probability(row) };
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

const steps = Array.from({ length: 33 }, (_, i) => scale(i / 32));
/** @param {number} share */
const scaled = (share) => steps[Math.round(Math.min(1, Math.max(0, share)) * 32)];

/**
 * One shade for every row (`cloud`), and the labelled rows with theirs, drawn larger above it.
 * @param {Model} model
 * @param {Colouring} way
 * @param {(row: number) => boolean} visible
 * @returns {PointColours}
 */
export function pointColours(model, way, visible) {
  const chosen = model.selection?.rows.length ? model.selection.set : null;
  const cloud = new Array(model.n);
  const rows = [],
    colors = [],
    dimmed = [];
  for (let row = 0; row < model.n; row++) {
    cloud[row] = CLEAR;
    if (!visible(row)) continue;
    const { color, strength } = way.look(row);
    const faint = chosen !== null && !chosen.has(row);
    if (model.kind(row) >= FIRST_CLASS) {
      rows.push(row);
      colors.push(shadeOf(color, faint ? 0.2 : 1));
      dimmed.push(faint);
    } else cloud[row] = shadeOf(color, Math.max(0.1, faint ? Math.min(strength, DIM) * 0.6 : strength));
  }
  return { cloud, rows, colors, dimmed };
}
