// @ts-check
// Draws a slide: the pieces of its pyramid, its tiles in the map's colours, the image in focus, the scale bar.

import { rgb } from "./colours.js";
import { count, images, setText } from "./dom.js";
import { FIRST_CLASS } from "./labelcodes.js";
import { PIECE, barLength, pieces, topLevel } from "./slidegeometry.js";

/** @import { SlideFacts, SlideView } from "./slideview.js" */

// What is not selected is dimmed; what the filters leave out is seen as where it is, no more.
const DIM = 0.4;
const LEFT_OUT = 0.08;
// Screen pixels along a tile from which its hairline does not cover it.
const HAIRLINE_FROM = 5;
const AWAY = "The slide cannot be read where it was imported from. Its tiles are shown alone.";

export class SlidePainter {
  /** @param {SlideView} view */
  constructor(view) {
    this.view = view;
  }

  paint() {
    const { view } = this;
    const { canvas, room, slide } = view;
    if (!slide || !view.isOpen || !room.width) return;
    const density = devicePixelRatio;
    const [width, height] = [Math.round(room.width * density), Math.round(room.height * density)];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    pen.setTransform(density, 0, 0, density, 0, 0);
    pen.clearRect(0, 0, room.width, room.height);
    this.drawPieces(pen, slide, density);
    this.drawTiles(pen);
    this.drawRings(pen);
    this.drawBar(slide);
    view.tell(view.pieces?.isMissing ? AWAY : "");
    setText(view.counts, images(view.tiles.length));
    view.element.dataset.painted = view.model.rev;
  }

  /**
   * The coarsest piece lies under all others, so that nothing is ever blank.
   * @param {CanvasRenderingContext2D} pen
   * @param {SlideFacts} slide
   * @param {number} density
   */
  drawPieces(pen, slide, density) {
    const { view } = this;
    if (!view.pieces) return;
    const seen = pieces(view.place, slide, view.room, density);
    const level = topLevel(slide);
    const whole = { level, column: 0, row: 0, x: 0, y: 0, side: PIECE * 2 ** level };
    view.pieces.want([whole, ...seen]);
    pen.save();
    pen.beginPath();
    const [left, top, width, height] = view.onScreen({ x: 0, y: 0, width: slide.width, height: slide.height });
    pen.rect(left, top, width, height);
    pen.clip();
    let ready = true;
    for (const piece of [whole, ...seen]) {
      const image = view.pieces.get(piece);
      const [x, y, side] = view.onScreen({ x: piece.x, y: piece.y, width: piece.side, height: piece.side });
      // A hair wider, so that no seam shows between two pieces.
      if (image) pen.drawImage(image, x, y, side + 0.5, side + 0.5);
      else ready = false;
    }
    pen.restore();
    view.element.dataset.ready = String(ready);
  }

  /** @param {CanvasRenderingContext2D} pen */
  drawTiles(pen) {
    const { map, model, opacity, room, tiles } = this.view;
    const strength = Number(opacity.value);
    const way = map.colouring();
    const visible = map.visible();
    const chosen = model.selection?.rows.length ? model.selection.set : undefined;
    for (const tile of tiles) {
      if (!visible(tile.row)) continue;
      const [x, y, width, height] = this.view.onScreen(tile);
      if (x + width < 0 || y + height < 0 || x > room.width || y > room.height) continue;
      const look = way.look(tile.row);
      const matches = model.matches(tile.row);
      const faint = chosen?.has(tile.row) === false ? DIM : 1;
      const [r, g, b] = rgb(look.color);
      pen.fillStyle = `rgba(${r},${g},${b},${matches ? look.strength * strength * faint : LEFT_OUT})`;
      pen.fillRect(x, y, width, height);
      if (!matches || !strength) continue;
      // Ringed: labelled, as on the map. A hairline: nothing is known of it yet, and the slide would look bare.
      const isLabelled = model.kind(tile.row) >= FIRST_CLASS;
      if (!isLabelled && (model.shownId(tile.row) !== null || width < HAIRLINE_FROM)) continue;
      pen.strokeStyle = `rgba(${r},${g},${b},${faint})`;
      pen.lineWidth = isLabelled ? Math.max(1, Math.min(2, width / 12)) : 1;
      const inset = isLabelled ? 1 : 0.5;
      pen.strokeRect(x + inset, y + inset, width - 2 * inset, height - 2 * inset);
    }
  }

  /** Around the image in focus and the box that is being drawn. @param {CanvasRenderingContext2D} pen */
  drawRings(pen) {
    const { box, canvas, model, tiles } = this.view;
    const rings = tiles.filter((tile) => tile.row === model.focusRow).map((tile) => this.view.onScreen(tile));
    if (box) {
      const [x0, y0, x1, y1] = box;
      rings.push([Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0)]);
    }
    const accent = getComputedStyle(canvas).color;
    for (const [x, y, width, height] of rings) {
      // Seen on any ground: the accent within white.
      for (const [lineWidth, color] of /** @type {[number, string][]} */ ([
        [6, "#ffffff"],
        [3, accent],
      ])) {
        pen.lineWidth = lineWidth;
        pen.strokeStyle = color;
        pen.strokeRect(x - 2, y - 2, width + 4, height + 4);
      }
    }
  }

  /** @param {SlideFacts} slide */
  drawBar(slide) {
    const { bar, place, room } = this.view;
    bar.hidden = slide.mpp === null;
    if (slide.mpp === null) return;
    const perPixel = slide.mpp / place.scale;
    const length = barLength(perPixel, room.width);
    bar.style.width = `${length / perPixel}px`;
    setText(bar, length >= 1000 ? `${count(length / 1000)} mm` : `${count(length)} µm`);
  }
}
