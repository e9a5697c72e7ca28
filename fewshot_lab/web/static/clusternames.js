// @ts-check
// The names of classes at the places of the map where their labelled images lie close together.

import { h, refill } from "./dom.js";
import { elided, widthIn } from "./names.js";

/** @import { MapPlot } from "./mapplot.js" */
/** @import { Model } from "./model.js" */
/** Where a name goes, in units of the map. @typedef {{ id: number, x: number, y: number, n: number }} Place */

// The map is so many cells wide; labelled images in touching ones are together.
const CELLS = 16;
// Fewer are no cluster; nor is a small part of a class.
const FEWEST = 4;
const SHARE = 0.25;
const LONGEST = 150;
const LINE = 18;
// From the highest point to the middle of the name.
const ABOVE = 16;

/**
 * Where names go: the top of each place with many labelled images of a class.
 * @param {ArrayLike<number>} xy x0, y0, x1, y1, ...
 * @param {Map<number, number[]>} rowsOf class to its labelled rows
 * @param {number[]} box left, right, low, high
 * @returns {Place[]} the largest first
 */
export function clusterPlaces(xy, rowsOf, [left, right, low, high]) {
  const places = [];
  /** @param {number} at @param {number} from @param {number} to */
  const cellOf = (at, from, to) => Math.min(CELLS - 1, Math.floor(((at - from) / (to - from || 1)) * CELLS));
  for (const [id, rows] of rowsOf) {
    const cells = /** @type {Map<number, number[]>} */ (new Map());
    for (const row of rows) {
      const x = xy[2 * row];
      if (Number.isNaN(x)) continue;
      const cell = cellOf(x, left, right) * CELLS + cellOf(xy[2 * row + 1], low, high);
      cells.set(cell, [...(cells.get(cell) ?? []), row]);
    }
    while (cells.size) {
      const together = joined(cells);
      if (together.length < Math.max(FEWEST, SHARE * rows.length)) continue;
      const x = median(together.map((row) => xy[2 * row]));
      const y = Math.max(...together.map((row) => xy[2 * row + 1]));
      places.push({ id, x, y, n: together.length });
    }
  }
  return places.sort((a, b) => b.n - a.n);
}

/** Takes the rows of one cell and of all that touch it out of the map. @param {Map<number, number[]>} cells */
function joined(cells) {
  const [first] = cells.keys();
  const waiting = [first];
  const rows = [];
  for (let cell = waiting.pop(); cell !== undefined; cell = waiting.pop()) {
    const own = cells.get(cell);
    if (!own) continue;
    cells.delete(cell);
    rows.push(...own);
    const column = Math.floor(cell / CELLS),
      line = cell % CELLS;
    for (const c of [column - 1, column, column + 1]) {
      for (const l of [line - 1, line, line + 1]) if (l >= 0 && l < CELLS) waiting.push(c * CELLS + l);
    }
  }
  return rows;
}

/** @param {number[]} values */
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

export class ClusterNames {
  /** @param {{ model: Model, plot: MapPlot }} parts */
  constructor({ model, plot }) {
    this.model = model;
    this.plot = plot;
    this.places = /** @type {Place[]} */ ([]);
    this.element = h("div", { class: "ws-cluster-names", "aria-hidden": "true" });
  }

  /** After a change of labels, classes or the map. */
  update() {
    const { model, plot } = this;
    const rowsOf = /** @type {Map<number, number[]>} */ (new Map());
    for (let row = 0; row < model.n; row++) {
      const id = model.classId(row);
      if (id === null) continue;
      const rows = rowsOf.get(id);
      if (rows) rows.push(row);
      else rowsOf.set(id, [row]);
    }
    // Whoever labels blind is not told where a class lies.
    const visible = plot.bins && !model.overview?.blind;
    this.places = visible && plot.bins ? clusterPlaces(model.xy, rowsOf, plot.bins.box) : [];
  }

  /** @param {boolean} wanted whether the map is coloured by class, and no thumbnails cover it */
  draw(wanted) {
    const { model, plot, element } = this;
    if (!plot.drawn || !wanted) return refill(element);
    const width = widthIn(`600 11px ${getComputedStyle(element).fontFamily}`);
    const { clientWidth, clientHeight } = element;
    const boxes = /** @type {{ x: number, y: number, half: number, name: string }[]} */ ([]);
    for (const place of this.places) {
      if (model.hidden.has(place.id) || !model.classOf.has(place.id)) continue;
      const [middle, top] = plot.pixelsAt(place.x, place.y);
      const y = top - ABOVE;
      if (middle < 0 || middle > clientWidth) continue;
      const name = elided(model.name(place.id), [LONGEST], width);
      const half = width(name) / 2 + 6;
      const x = Math.max(half, Math.min(middle, clientWidth - half)); // whole, also at the edge
      if (y < LINE / 2 || y > clientHeight - LINE) continue;
      if (boxes.some((other) => Math.abs(other.x - x) < other.half + half && Math.abs(other.y - y) < LINE)) continue;
      boxes.push({ x, y, half, name });
    }
    refill(
      element,
      boxes.map(({ x, y, name }) =>
        h("span", { style: { transform: `translate(${x}px, ${y}px) translate(-50%, -50%)` } }, name),
      ),
    );
  }
}
