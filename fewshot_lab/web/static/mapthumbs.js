// @ts-check
// Thumbnails on the map, once one has zoomed in so far that few images are left in sight.

import { h, refill } from "./dom.js";

/** @import { Api } from "./api.js" */
/** @import { MapPlot } from "./mapplot.js" */
/** @import { Model } from "./model.js" */
/** @typedef {{ row: number, x: number, y: number }} Point in pixels */
/** @typedef {Point & { left: number, top: number }} PlacedPoint */

const MOST = 60;
const SIDES = [76, 60, 46];
const SPACE = 3;
// Of the points in sight, how many must have a thumbnail for one size to be taken.
const ENOUGH = 0.85;
// Of the whole map, how much is in sight at most.
const ZOOMED = 0.7;
/** Where a thumbnail may lie, in sides from its point: on it, else beside it. */
const OFFSETS = [
  [0, 0],
  ...[0.7, 1.2].flatMap((r) => Array.from({ length: 8 }, (_, i) => [r * Math.cos(i * 0.785), r * Math.sin(i * 0.785)])),
];

/**
 * Squares for points, none over another; a point without room has none.
 * @param {Point[]} points the first ones are served first
 * @param {number} side
 * @param {{ width: number, height: number }} room
 * @returns {PlacedPoint[]}
 */
export function placedSquares(points, side, { width, height }) {
  const squares = /** @type {PlacedPoint[]} */ ([]);
  const apart = side + SPACE;
  for (const point of points) {
    for (const [dx, dy] of OFFSETS) {
      const left = point.x + (dx - 0.5) * side,
        top = point.y + (dy - 0.5) * side;
      if (left < 0 || top < 0 || left + side > width || top + side > height) continue;
      if (squares.some((other) => Math.abs(other.left - left) < apart && Math.abs(other.top - top) < apart)) continue;
      squares.push({ ...point, left, top });
      break;
    }
  }
  return squares;
}

/**
 * The largest squares that most of the points have room for.
 * @param {Point[]} points
 * @param {{ width: number, height: number }} room
 * @returns {{ side: number, squares: PlacedPoint[] }}
 */
export function bestSquares(points, room) {
  let best = { side: SIDES[0], squares: /** @type {PlacedPoint[]} */ ([]) };
  for (const side of SIDES) {
    const squares = placedSquares(points, side, room);
    if (squares.length > best.squares.length) best = { side, squares };
    if (squares.length >= ENOUGH * points.length) break;
  }
  return best;
}

export class MapThumbs {
  /** @param {{ model: Model, api: Api, plot: MapPlot, visible: () => (row: number) => boolean }} parts */
  constructor({ model, api, plot, visible }) {
    this.model = model;
    this.api = api;
    this.plot = plot;
    this.visible = visible;
    this.side = 0;
    this.squares = /** @type {PlacedPoint[]} */ ([]);
    this.pictures = /** @type {Map<number, HTMLElement>} */ (new Map());
    this.lines = h("svg", { class: "ws-map-lines" });
    this.element = h("div", { class: "ws-map-thumbs", "aria-hidden": "true" }, this.lines);
  }

  get shown() {
    return this.squares.length > 0;
  }

  /** Points in sight; null where they are too many, or the whole map is in sight. @returns {Point[] | null} */
  pointsInSight() {
    const { model, plot } = this;
    const [[x0, x1], [y0, y1]] = plot.ranges();
    const whole = plot.fittedRanges();
    if (x1 - x0 > ZOOMED * (whole[0][1] - whole[0][0])) return null;
    const visible = this.visible();
    const points = [];
    for (let row = 0; row < model.n; row++) {
      const x = model.xy[2 * row],
        y = model.xy[2 * row + 1];
      if (!(x >= x0 && x <= x1 && y >= y0 && y <= y1) || !visible(row)) continue;
      if (points.length === MOST) return null;
      const [px, py] = plot.pixelsAt(x, y);
      points.push({ row, x: px, y: py });
    }
    return points;
  }

  draw() {
    const { element, plot } = this;
    const points = plot.drawn && !plot.sliding ? this.pointsInSight() : null;
    const { clientWidth: width, clientHeight: height } = element;
    const { side, squares } = bestSquares(points ?? [], { width, height });
    this.side = side;
    this.squares = squares;
    const rows = new Set(squares.map(({ row }) => row));
    for (const [row, picture] of this.pictures) {
      if (rows.has(row)) continue;
      picture.remove();
      this.pictures.delete(row);
    }
    for (const square of squares) this.drawSquare(square);
    refill(
      this.lines,
      squares
        .filter(({ x, y, left, top }) => Math.hypot(x - left - side / 2, y - top - side / 2) > side / 2)
        .map(({ x, y, left, top }) =>
          h("line", { x1: x, y1: y, x2: left + side / 2, y2: top + side / 2, class: "ws-thumb-line" }),
        ),
    );
  }

  /** @param {PlacedPoint} square */
  drawSquare({ row, left, top }) {
    const { model, side } = this;
    let picture = this.pictures.get(row);
    if (!picture) {
      picture = h("i", { class: "ws-thumb" });
      picture.style.backgroundImage = `url(${this.api.thumbnail(model.ids[row])})`;
      this.pictures.set(row, picture);
      this.element.append(picture);
    }
    const shown = model.shownId(row);
    picture.classList.toggle("ws-thumb-labelled", model.classId(row) !== null);
    const { style } = picture;
    style.setProperty(
      "--own",
      shown !== null ? model.color(shown) : model.isUnlike(row) ? "var(--ws-outline)" : "var(--ws-point)",
    );
    style.width = style.height = `${side}px`;
    style.transform = `translate(${left}px, ${top}px)`;
  }

  /** The image whose thumbnail is under the pointer; -1 for none. @param {MouseEvent} event */
  rowAt(event) {
    if (!this.shown) return -1;
    const box = this.element.getBoundingClientRect();
    const x = event.clientX - box.left,
      y = event.clientY - box.top;
    const { side } = this;
    const hit = this.squares.find(({ left, top }) => x >= left && x < left + side && y >= top && y < top + side);
    return hit?.row ?? -1;
  }
}
