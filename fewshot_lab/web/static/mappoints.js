// @ts-check
// The points of the map as Plotly takes them: a cloud of all images, and the labelled ones larger above it.

import { CLEAR, shadeOf } from "./pointcolours.js";

/** @import { PointColours } from "./pointcolours.js" */
/** @import { Trace } from "./types.d.ts" */
/** @typedef {ReturnType<typeof frontPoints>} FrontPoints */

const TRACE = { type: "scattergl", mode: "markers", hoverinfo: "skip", showlegend: false };

/** @param {number} n how many points lie on the map */
function pointSize(n) {
  if (n <= 1500) return 6.5;
  if (n <= 8000) return 4.5;
  return n <= 40_000 ? 3 : 2;
}

/**
 * The labelled points. Ends with a point that is nowhere: Plotly drops a trace without points, and its scene with it.
 * @param {PointColours} colours
 * @param {Float32Array} x
 * @param {Float32Array} y
 * @param {number} n how many points lie on the map
 * @param {string} outline
 */
export function frontPoints({ rows, colors, dimmed }, x, y, n, outline) {
  const edges = [shadeOf(outline, 1), shadeOf(outline, 0.2)];
  return {
    x: Float32Array.from([...rows.map((row) => x[row]), NaN]),
    y: Float32Array.from([...rows.map((row) => y[row]), NaN]),
    colors: [...colors, CLEAR],
    borders: [...dimmed, false].map((dim) => edges[Number(dim)]),
    size: Math.max(5.5, pointSize(n) + 2.5),
  };
}

/**
 * @param {PointColours} colours
 * @param {Float32Array} x
 * @param {Float32Array} y
 * @param {number} n how many points lie on the map
 * @returns {Trace}
 */
export const cloudTrace = ({ cloud }, x, y, n) => ({
  ...TRACE,
  x,
  y,
  marker: { size: pointSize(n), color: css(cloud), line: { width: 0 } },
});

/**
 * @param {FrontPoints} front
 * @returns {Trace}
 */
export const frontTrace = ({ x, y, colors, borders, size }) => ({
  ...TRACE,
  x,
  y,
  marker: { size, color: css(colors), line: { width: 1, color: css(borders) } },
});

/** @param {{ css: string }[]} shades */
const css = (shades) => shades.map((shade) => shade.css);

/**
 * @param {Float32Array} xy x0, y0, x1, y1, ...
 * @returns {[x: Float32Array, y: Float32Array]}
 */
export function split(xy) {
  const n = xy.length >> 1;
  const x = new Float32Array(n),
    y = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    x[i] = xy[2 * i];
    y[i] = xy[2 * i + 1];
  }
  return [x, y];
}

/**
 * Whether another map has come; new images on an unchanged one leave the view alone.
 * @param {{ x: Float32Array, y: Float32Array }} from
 * @param {Float32Array} x
 * @param {Float32Array} y
 */
export function movedFar(from, x, y) {
  let moved = 0,
    seen = 0;
  const n = Math.min(x.length, from.x.length),
    step = Math.max(1, Math.floor(n / 500));
  for (let i = 0; i < n; i += step) {
    const distance = Math.abs(from.x[i] - x[i]) + Math.abs(from.y[i] - y[i]);
    if (Number.isNaN(distance)) continue;
    seen++;
    if (distance > 1e-4) moved++;
  }
  return !seen || moved / seen > 0.5;
}
