// @ts-check
// Which image of the grid is in focus, and which ones are marked.

import { closest } from "./dom.js";
import { RowSet } from "./rowset.js";

/** @import { Grid } from "./grid.js" */

export class GridCursor {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    this.place = -1;
    // Where a range begins.
    this.anchor = -1;
    // The last image of a queue once it is labelled.
    this.endRow = -1;
    this.marked = new RowSet();
  }

  get row() {
    return this.grid.rows[this.place] ?? -1;
  }

  /**
   * The images that the next key labels: the marked ones in their order, else the focused one.
   * @returns {number[]}
   */
  get targets() {
    if (this.marked.size) return this.grid.rows.filter((row) => this.marked.has(row));
    return this.row >= 0 ? [this.row] : [];
  }

  /**
   * @param {number} place -1 for none
   * @param {{ quiet?: boolean }} [options] quiet leaves the keyboard's focus where it is
   */
  focus(place, { quiet = false } = {}) {
    const { element, model, rows, tiles } = this.grid;
    this.endRow = -1;
    this.place = place >= 0 && place < rows.length ? place : -1;
    this.anchor = this.place;
    const { row } = this;
    model.focus(row);
    if (row >= 0) {
      tiles.scroller.setAttribute("aria-activedescendant", `ws-tile-${model.ids[row]}`);
      tiles.reveal(this.place);
    } else tiles.scroller.removeAttribute("aria-activedescendant");
    this.draw();
    if (!quiet && !element.contains(document.activeElement)) tiles.takeKeys();
  }

  draw() {
    this.grid.tiles.paint();
    this.grid.header.draw();
  }

  /**
   * @param {number} dx
   * @param {number} dy
   * @param {boolean} [extend]
   */
  move(dx, dy, extend = false) {
    const last = this.grid.rows.length - 1;
    if (last < 0) return;
    const place = this.place < 0 ? 0 : this.place + dx + dy * this.grid.tiles.columns;
    const inside = Math.max(0, Math.min(last, place));
    if (extend) this.extendTo(inside);
    else this.focusAlone(inside);
  }

  /** @param {number} place */
  focusAlone(place) {
    this.marked.clear();
    this.focus(place);
  }

  /** @param {number} place */
  extendTo(place) {
    const anchor = this.anchor >= 0 ? this.anchor : Math.max(0, this.place);
    this.marked = new RowSet(this.grid.rows.slice(Math.min(anchor, place), Math.max(anchor, place) + 1));
    this.anchor = anchor;
    this.moveTo(place);
    this.grid.tiles.reveal(place);
  }

  /** @param {number} place */
  moveTo(place) {
    this.place = place;
    this.grid.model.focus(this.row);
    this.draw();
  }

  markAll() {
    this.marked = new RowSet(this.grid.rows);
    this.draw();
  }

  unmark() {
    this.marked.clear();
    this.draw();
  }

  /** @param {PointerEvent} event */
  pressed(event) {
    const row = this.grid.tiles.rowOf(event);
    const place = this.grid.places.get(row);
    if (place === undefined || event.button !== 0) return;
    event.preventDefault();
    this.grid.tiles.takeKeys();
    if (closest(event, ".ws-pile-count")) {
      this.focusAlone(place);
      this.grid.piles.toggle();
    } else if (closest(event, ".ws-check") && this.grid.view.name === "accept") this.grid.accept.toggle(row);
    else if (event.shiftKey) this.extendTo(place);
    else if (event.ctrlKey || event.metaKey) {
      if (!this.marked.size && this.row >= 0) this.marked.add(this.row);
      if (!this.marked.delete(row)) this.marked.add(row);
      this.anchor = place;
      this.moveTo(place);
    } else this.focusAlone(place);
  }
}
