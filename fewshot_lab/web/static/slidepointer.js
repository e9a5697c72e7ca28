// @ts-check
// Pointing at the slide: drag moves it, wheel zooms, click picks a tile, shift and drag selects a box of them.

/** @import { SlideView } from "./slideview.js" */

const CLICK_SLACK = 4;
const DOUBLE = 400;

export class SlidePointer {
  /** @param {SlideView} view */
  constructor(view) {
    this.view = view;
    this.down = /** @type {{ x: number, y: number, still: boolean, box: boolean } | null} */ (null);
    this.last = { x: 0, y: 0 };
    this.lastClick = /** @type {{ row: number, time: number } | null} */ (null);
    const { canvas } = view;
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.release(event));
    canvas.addEventListener("pointercancel", () => this.drop());
    canvas.addEventListener("pointerleave", () => view.card.hide());
    canvas.addEventListener("wheel", (event) => this.turn(event), { passive: false });
  }

  /** @param {WheelEvent} event */
  turn(event) {
    event.preventDefault();
    const step = Math.sign(event.deltaY) * Math.min(0.4, Math.abs(event.deltaY) / 300);
    this.view.zoomBy(Math.exp(-step), this.at(event));
  }

  /** @param {MouseEvent} event */
  at(event) {
    const box = this.view.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** @param {PointerEvent} event */
  press(event) {
    const { view } = this;
    if (event.button !== 0) return;
    view.model.emit("touched");
    view.stage.focus({ preventScroll: true });
    view.canvas.setPointerCapture(event.pointerId);
    this.down = { ...this.at(event), still: true, box: event.shiftKey };
    this.last = this.at(event);
    view.card.hide();
  }

  /** @param {PointerEvent} event */
  move(event) {
    const { down, view } = this;
    const at = this.at(event);
    if (!down) {
      const tile = view.tileAt(event);
      view.canvas.style.cursor = tile ? "pointer" : "grab";
      if (tile) view.card.show(tile.row, event, view.stage);
      else view.card.hide();
      return;
    }
    if (Math.hypot(at.x - down.x, at.y - down.y) >= CLICK_SLACK) down.still = false;
    if (down.still) return;
    if (down.box) {
      view.box = [down.x, down.y, at.x, at.y];
      view.draw();
    } else {
      view.canvas.style.cursor = "grabbing";
      view.pan(at.x - this.last.x, at.y - this.last.y);
    }
    this.last = at;
  }

  /** @param {PointerEvent} event */
  release(event) {
    const { down, view } = this;
    if (!down) return;
    const { box } = view;
    this.drop();
    if (down.still) this.click(event);
    else if (box) this.select(box);
  }

  drop() {
    this.down = null;
    this.view.box = null;
    this.view.draw();
  }

  /** Tiles whose middle lies in the box. @param {number[]} box */
  select([x0, y0, x1, y1]) {
    const { map, model, tiles } = this.view;
    const visible = map.reachable();
    const within = tiles.filter((tile) => {
      const [x, y, width, height] = this.view.onScreen(tile);
      const [cx, cy] = [x + width / 2, y + height / 2];
      const across = cx >= Math.min(x0, x1) && cx <= Math.max(x0, x1);
      return across && cy >= Math.min(y0, y1) && cy <= Math.max(y0, y1) && visible(tile.row);
    });
    model.pick("points", [...new Set(within.map((tile) => tile.row))]);
  }

  /** As on the map: a click selects, a second one enlarges. @param {PointerEvent} event */
  click(event) {
    const { view, lastClick } = this;
    const { model } = view;
    const row = view.tileAt(event)?.row ?? -1;
    const double = lastClick?.row === row && event.timeStamp - lastClick.time < DOUBLE;
    this.lastClick = double ? null : { row, time: event.timeStamp };
    if (double && row >= 0) return view.onOpen(row);
    if (double) return view.fit();
    model.pick("point", row < 0 ? [] : [row]);
  }
}
