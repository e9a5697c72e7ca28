// @ts-check
// Zoom and pan of the large view, in numbers: pixels from the middle of the pane.

/** @typedef {{ zoom: number, x: number, y: number }} Zoom */

export const FITTED = Object.freeze({ zoom: 1, x: 0, y: 0 });
const HIGHEST = 16;

/**
 * Zooms so that what lies at (px, py) keeps its place.
 * @param {Zoom} from
 * @param {number} zoom
 * @param {number} [px]
 * @param {number} [py]
 * @returns {Zoom}
 */
export function zoomedAt({ zoom: before, x, y }, zoom, px = 0, py = 0) {
  const next = Math.max(1, Math.min(HIGHEST, zoom));
  if (next === 1) return FITTED;
  return { zoom: next, x: px - ((px - x) * next) / before, y: py - ((py - y) * next) / before };
}

/**
 * Moves the picture, never so far that it is out of sight; one that is seen whole stays.
 * @param {Zoom} from
 * @param {number} dx
 * @param {number} dy
 * @param {{ width: number, height: number }} room of the pane
 * @returns {Zoom}
 */
export function panned({ zoom, x, y }, dx, dy, { width, height }) {
  if (zoom === 1) return FITTED;
  /** @param {number} at @param {number} size */
  const clamped = (at, size) => Math.max((-size * zoom) / 2, Math.min((size * zoom) / 2, at));
  return { zoom, x: clamped(x + dx, width), y: clamped(y + dy, height) };
}
