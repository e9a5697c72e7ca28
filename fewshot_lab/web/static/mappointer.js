// @ts-check
// Pointing at the map and selecting on it; done here, not by Plotly, so that a click, a lasso and a hover all
// work with every tool.

import { inside } from "./polygon.js";

/** @import { MapView } from "./map.js" */

const REACH = 11;
const CLICK_SLACK = 4;
const DOUBLE = 400;

export class MapPointer {
  /** @param {MapView} map */
  constructor(map) {
    this.map = map;
    // A lasso or a box on its way.
    this.drawing = /** @type {{ points: number[], last: { x: number, y: number }, moved: boolean } | null} */ (null);
    this.down = /** @type {{ x: number, y: number, still: boolean } | null} */ (null);
    this.lastClick = /** @type {{ row: number, time: number } | null} */ (null);
    this.frame = 0;
    /** @param {PointerEvent} event */
    this.released = (event) => this.release(event);
    const { element } = map.plot;
    element.addEventListener("pointermove", (event) => this.move(event));
    element.addEventListener("pointerleave", () => {
      cancelAnimationFrame(this.frame);
      this.frame = 0;
      map.card.hide();
    });
    element.addEventListener("pointerdown", (event) => this.press(event), true);
    element.addEventListener("pointercancel", () => {
      this.drawing = this.down = null;
      map.drawSelection();
    });
  }

  /** The line that is being drawn. */
  get line() {
    return this.drawing?.moved ? this.drawing.points : null;
  }

  /** @param {MouseEvent} event */
  rowAt(event) {
    const row = this.map.thumbs.rowAt(event);
    return row >= 0 ? row : this.map.plot.rowAt(event, REACH, this.map.reachable());
  }

  /** @param {PointerEvent} event */
  move(event) {
    const { card, element } = this.map;
    this.noteStray(event);
    if (this.drawing) return this.extend(this.drawing, event);
    if (event.buttons) return card.hide();
    this.pointed = event;
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      const last = this.pointed ?? event;
      const row = this.rowAt(last);
      if (row >= 0) card.show(row, last, element);
      else card.hide();
    });
  }

  /** @param {PointerEvent} event */
  press(event) {
    const { card, model, plot, tool } = this.map;
    if (event.button !== 0 || !plot.drawn) return;
    model.emit("touched");
    this.down = { x: event.clientX, y: event.clientY, still: true };
    // Plotly covers the page while it pans: letting go is heard by the window.
    window.addEventListener("pointerup", this.released, { capture: true, once: true });
    if (tool === "pan") return;
    event.preventDefault();
    plot.element.setPointerCapture(event.pointerId);
    const { x, y } = plot.unitsAt(event);
    this.drawing = { points: [x, y], last: { x: event.clientX, y: event.clientY }, moved: false };
    card.hide();
  }

  /** @param {PointerEvent} event */
  release(event) {
    if (!this.down) return;
    this.noteStray(event);
    const { down, drawing } = this;
    this.down = this.drawing = null;
    if (drawing) this.map.drawSelection();
    if (down.still) this.click(event);
    else if (drawing && drawing.points.length >= 6) this.select(drawing.points, event);
  }

  /** A lasso that ends where it began is no click. @param {PointerEvent} event */
  noteStray(event) {
    const { down } = this;
    if (down && Math.hypot(event.clientX - down.x, event.clientY - down.y) >= CLICK_SLACK) down.still = false;
  }

  /**
   * @param {NonNullable<MapPointer["drawing"]>} drawing
   * @param {PointerEvent} event
   */
  extend(drawing, event) {
    const { x, y } = this.map.plot.unitsAt(event);
    const { last } = drawing;
    drawing.moved = true;
    if (this.map.tool === "box") {
      const [x0, y0] = drawing.points;
      drawing.points = [x0, y0, x, y0, x, y, x0, y];
    } else if (Math.hypot(event.clientX - last.x, event.clientY - last.y) >= 2) {
      drawing.points.push(x, y);
      drawing.last = { x: event.clientX, y: event.clientY };
    }
    this.map.drawSelection();
  }

  /**
   * @param {number[]} polygon
   * @param {PointerEvent} event
   */
  select(polygon, event) {
    const { model, tool } = this.map;
    const kind = tool === "box" ? "box" : "lasso";
    const within = inside(model.xy, polygon);
    const rows = model.hidden.size ? within.filter(this.map.visible()) : within;
    const before = model.selection;
    if (!before || !(event.shiftKey || event.altKey)) {
      return model.select({ kind, rows, polygon });
    }
    const set = new Set(before.rows);
    for (const row of rows) {
      if (event.altKey) set.delete(row);
      else set.add(row);
    }
    model.pick(kind, [...set]);
  }

  /** @param {PointerEvent} event */
  click(event) {
    const { map, lastClick } = this;
    const { model } = map;
    const row = this.rowAt(event);
    const double = lastClick?.row === row && event.timeStamp - lastClick.time < DOUBLE;
    this.lastClick = double ? null : { row, time: event.timeStamp };
    if (double && row >= 0) return map.onOpen(row);
    if (double) return map.plot.fit();
    const before = model.selection;
    if (row < 0) {
      if (before) model.select(null);
    } else if (before && (event.shiftKey || event.ctrlKey || event.metaKey)) {
      const set = new Set(before.rows);
      if (!set.delete(row)) set.add(row);
      model.pick("points", [...set]);
    } else model.pick("point", [row]);
  }

  close() {
    window.removeEventListener("pointerup", this.released, { capture: true });
  }
}
