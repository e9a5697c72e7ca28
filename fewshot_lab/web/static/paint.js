// What colour every point of the map has, for each way of colouring it.

import { FIRST_CLASS, KIND, UNSURE, REJECT, AUDIT } from "./model.js";
import { rgb, scale } from "./colours.js";

export const NO_VALUE = 0xffff;
const LEVELS = 10;

// One shared object per colour and opacity: 100,000 points name a few hundred of them.
class Shades {
  constructor() {
    this.known = new Map();
  }

  get(color, alpha) {
    const level = Math.round(alpha * LEVELS);
    const key = `${color}${level}`;
    let shade = this.known.get(key);
    if (!shade) {
      const [r, g, b] = rgb(color);
      shade = {
        css: `rgba(${r},${g},${b},${level / LEVELS})`,
        bytes: new Uint8Array([r, g, b, Math.round((255 * level) / LEVELS)]),
      };
      this.known.set(key, shade);
    }
    return shade;
  }
}

export const shades = new Shades();
export const CLEAR = shades.get("#000000", 0);

// A way of colouring: `key(row)` is what the legend hides by, `color(row)` and `strength(row)` what is drawn.
export function colouring(mode, model, column, muted) {
  const quiet = { color: muted, strength: 0.35 };
  if (mode === "label") {
    return {
      key: (row) => model.classId(row) ?? special(model.codes[row]),
      look: (row) => {
        const id = model.classId(row);
        return id === null ? { color: muted, strength: 0.3 } : { color: model.color(id), strength: 1 };
      },
    };
  }
  if (mode === "confidence") {
    return {
      key: (row) => model.shownId(row) ?? special(model.codes[row]),
      look: (row) => {
        if (model.predictedId(row) === null) return quiet;
        return { color: shadeOf(model.probability(row)), strength: 0.85 };
      },
    };
  }
  if (mode === "column" && column) {
    if (column.kind === "number") {
      const span = column.high - column.low || 1;
      return {
        key: (row) => (Number.isNaN(column.values[row]) ? null : "value"),
        look: (row) => {
          const v = column.values[row];
          return Number.isNaN(v) ? quiet : { color: shadeOf((v - column.low) / span), strength: 0.85 };
        },
      };
    }
    const { colors } = column;
    return {
      key: (row) => (column.values[row] === NO_VALUE ? null : `v${column.values[row]}`),
      look: (row) => {
        const v = column.values[row];
        return v === NO_VALUE ? quiet : { color: colors[v], strength: 0.75 };
      },
    };
  }
  return {
    key: (row) => model.shownId(row) ?? special(model.codes[row]),
    look: (row) => {
      const own = model.classId(row);
      if (own !== null) return { color: model.color(own), strength: 1 };
      const id = model.kind(row) ? null : model.predictedId(row);
      if (id === null) return quiet;
      // As faint as the classifier is unsure.
      const p = model.probability(row);
      return { color: model.color(id), strength: 0.2 + 0.7 * p };
    },
  };
}

function special(code) {
  const kind = code & KIND;
  if (kind === UNSURE) return "unsure";
  if (kind === REJECT) return "reject";
  return code & AUDIT ? "audit" : null;
}

const steps = Array.from({ length: 33 }, (_, i) => scale(i / 32));
const shadeOf = (share) => steps[Math.round(Math.min(1, Math.max(0, share)) * 32)];

// Fills `cloud` (one shade per row) and lists the labelled rows with theirs, drawn larger above it.
export function paintAll({ model, way, visible, chosen, dim }) {
  const cloud = new Array(model.n);
  const rows = [],
    colors = [],
    dimmed = [];
  for (let row = 0; row < model.n; row++) {
    if (!visible(row)) {
      cloud[row] = CLEAR;
      continue;
    }
    const { color, strength } = way.look(row);
    const alpha = chosen && !chosen[row] ? Math.min(strength, dim) * 0.6 : strength;
    const shade = shades.get(color, Math.max(0.1, alpha));
    const kind = model.codes[row] & KIND;
    if (kind >= FIRST_CLASS) {
      cloud[row] = CLEAR;
      rows.push(row);
      const faint = Boolean(chosen && !chosen[row]);
      colors.push(shades.get(color, faint ? 0.2 : 1));
      dimmed.push(faint);
    } else cloud[row] = shade;
  }
  return { cloud, rows, colors, dimmed };
}
