// @ts-check
// The tiles of the grid: only the visible ones are in the page, and are used again while one scrolls.

import { alikeness, closest, h } from "./dom.js";
import { FileNames } from "./filenames.js";
import { ShortNames, onFontsLoaded, widthIn } from "./names.js";
import { Tile } from "./tile.js";
import { GAP, filling, stepOf, tilesOf } from "./tilelayout.js";

/** @import { Grid } from "./grid.js" */

const PREDICTION_LINE = 24;
const SECOND_LINE = 14;
const FIGURE = 31;
const DOT = 12;
const SPARE_LINES = 2;
const SPARE_TILES = 60;
// Smaller tiles have no line for the prediction.
const SMALL = 72;
const USUAL = 98;

export class GridTiles {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    // What the person has chosen; null: the tiles fill the room.
    this.size = /** @type {number | null} */ (grid.preferences.get("size", null));
    // As many as there were when the list came: it may get shorter while one works on it, the tiles stay.
    this.batch = 0;
    this.tiles = /** @type {Map<number, Tile>} */ (new Map());
    this.spare = /** @type {Tile[]} */ ([]);
    this.fileNames = new FileNames({ model: grid.model, api: grid.api, onNames: () => this.paint() });
    this.columns = 0;
    this.width = 0;
    // From one column to the next.
    this.step = 0;
    this.height = 0;
    this.hasPredictions = false;
    this.font = "";
    this.longestName = 0;
    this.space = h("div", { class: "ws-space" });
    this.scroller = h(
      "div",
      {
        class: "ws-grid",
        role: "listbox",
        tabindex: "0",
        "aria-multiselectable": "true",
        "aria-label": "Images",
        onpointerdown: (event) => grid.cursor.pressed(event),
        ondblclick: (event) => {
          const row = this.rowOf(event);
          if (row >= 0) grid.onOpen(row);
        },
      },
      this.space,
    );
    this.scroller.addEventListener("scroll", () => this.draw(), { passive: true });
    this.observer = new ResizeObserver(() => this.layout());
    this.observer.observe(this.scroller);
    onFontsLoaded(this.scroller, () => {
      this.font = "";
      this.layout();
    });
  }

  /** The images hear the keyboard. */
  takeKeys() {
    this.scroller.focus({ preventScroll: true });
  }

  /** The image under the pointer; -1 for none. @param {Event} event */
  rowOf(event) {
    return this.grid.model.rowOf.get(closest(event, ".ws-tile")?.dataset.id ?? "") ?? -1;
  }

  layout() {
    const { element, model, rows } = this.grid;
    const width = this.scroller.clientWidth - 4;
    if (width <= 0) return;
    // The line of the prediction has its room as soon as there is a classifier.
    this.hasPredictions = model.hasClassifier();
    this.readFont();
    const room = { width, height: this.scroller.clientHeight - 4 };
    const n = Math.max(rows.length, this.batch);
    /** @param {number} side */
    const heightOf = (side) => this.heightOf(side);
    const fills = this.size === null && this.grid.view.name !== "accept";
    const layout = fills ? filling(n, room, USUAL, heightOf) : tilesOf(room, this.size ?? USUAL);
    this.columns = layout.columns;
    this.width = layout.side;
    this.step = stepOf(layout, width);
    this.height = this.heightOf(layout.side);
    const small = this.width < SMALL;
    this.short = this.shortForms(small);
    const { twoLines } = this.short;
    element.classList.toggle("ws-two-lines", twoLines);
    element.classList.toggle("ws-guessing", this.hasPredictions);
    element.classList.toggle("ws-small-tiles", small);
    const lines = Math.ceil(rows.length / this.columns);
    this.space.style.height = `${Math.max(0, lines * (this.height + GAP) - GAP + 4)}px`;
    this.draw(true);
    this.paint();
  }

  /** What is measured of the names, once for a font. */
  readFont() {
    const font = `11px ${getComputedStyle(this.scroller).fontFamily}`;
    this.longestName = Math.max(0, ...this.grid.model.classes.map((c) => widthIn(font)(c.name)));
    if (font === this.font && this.names) return;
    this.font = font;
    const bold = `600 ${font}`;
    this.names = { guess: new ShortNames(font), label: new ShortNames(bold), auto: new ShortNames(bold) };
  }

  /** @param {number} side */
  heightOf(side) {
    if (side < SMALL || !this.hasPredictions) return side + 2;
    return side + PREDICTION_LINE + (this.needsTwoLines(side) ? SECOND_LINE : 0);
  }

  /** Whether one line is too short for a name and its figure. @param {number} side */
  needsTwoLines(side) {
    return side >= SMALL && side - 12 - DOT - FIGURE < this.longestName;
  }

  /**
   * How class names fit on a thumbnail and under it: on two lines where one is too short for any of them.
   * @param {boolean} small
   */
  shortForms(small) {
    const { guess, label, auto } = /** @type {NonNullable<GridTiles["names"]>} */ (this.names);
    const names = this.grid.model.classes.map((c) => c.name);
    const room = this.width - 12;
    const chip = this.width - (small ? 22 : 26);
    const twoLines = this.needsTwoLines(this.width);
    return {
      twoLines,
      guess: guess.in(names, twoLines ? [room - DOT, room - FIGURE] : [room - DOT - FIGURE]),
      label: label.in(names, small ? [chip] : [chip, chip]),
      auto: auto.in(names, small ? [chip] : [chip, chip - 40]),
    };
  }

  /** @param {boolean} [moved] whether tiles that are there have another place now */
  draw(moved = false) {
    if (!this.columns) return;
    const { api, model, rows } = this.grid;
    const step = this.height + GAP;
    const { scrollTop, clientHeight } = this.scroller;
    const first = Math.max(0, Math.floor(scrollTop / step) - SPARE_LINES) * this.columns;
    const last = (Math.ceil((scrollTop + clientHeight) / step) + SPARE_LINES) * this.columns;
    const visible = rows.slice(first, last);
    const wanted = new Set(visible);
    for (const [row, tile] of this.tiles) {
      if (wanted.has(row)) continue;
      this.tiles.delete(row);
      tile.element.remove();
      this.spare.push(tile);
    }
    visible.forEach((row, i) => {
      let tile = this.tiles.get(row);
      if (tile && !moved) return;
      const place = first + i;
      const added = !tile;
      tile ??= this.spare.pop() ?? new Tile();
      const left = 2 + (place % this.columns) * this.step;
      tile.place(left, 2 + Math.floor(place / this.columns) * step, this.width, this.height);
      tile.element.setAttribute("aria-posinset", String(place + 1));
      tile.element.setAttribute("aria-setsize", String(rows.length));
      if (!added) return;
      tile.show(row, model.ids[row], api.thumbnail(model.ids[row]));
      this.tiles.set(row, tile);
      this.paintTile(tile);
      this.space.append(tile.element);
    });
    this.spare.length = Math.min(this.spare.length, SPARE_TILES);
    this.fileNames.ask(visible);
  }

  paint() {
    for (const tile of this.tiles.values()) this.paintTile(tile);
  }

  /** @param {Tile} tile */
  paintTile(tile) {
    if (!this.short) return;
    const { accept, cursor, model, outOfFold, piles, similarity, view } = this.grid;
    const similar = view.name === "neighbours" ? similarity?.get(tile.row) : undefined;
    const accepting = view.name === "accept";
    tile.paint(model, {
      guess: outOfFold?.get(tile.row),
      short: this.short,
      fileName: this.fileNames.of(tile.row),
      focused: tile.row === cursor.row,
      marked: cursor.marked.has(tile.row),
      excluded: accepting && accept.excluded.has(tile.row),
      accepting,
      pile: piles.size(tile.row),
      note: similar !== undefined && model.predictedId(tile.row) === null ? alikeness(similar) : null,
    });
    if (similar !== undefined) tile.element.title = `similarity ${alikeness(similar)}`;
    else tile.element.removeAttribute("title");
  }

  /** A key was ignored, because these images had only just come. */
  pulse() {
    for (const { element } of this.tiles.values()) {
      element.classList.add("ws-pulse");
      element.addEventListener("animationend", () => element.classList.remove("ws-pulse"), { once: true });
    }
  }

  /** @param {number | null} size null: as large as the room lets them be */
  resize(size) {
    this.size = size;
    this.grid.preferences.set("size", size);
    this.layout();
    this.reveal(Math.max(0, this.grid.cursor.place));
  }

  /** @param {number} place */
  reveal(place) {
    const step = this.height + GAP;
    const top = Math.floor(place / this.columns) * step;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = Math.max(0, top - GAP);
    else if (top + this.height > scrollTop + clientHeight) {
      this.scroller.scrollTop = top + this.height - clientHeight + GAP;
    }
  }

  /** How many lines are in sight. */
  get page() {
    return Math.max(1, Math.floor(this.scroller.clientHeight / (this.height + GAP)) - 1);
  }

  close() {
    this.observer.disconnect();
    this.fileNames.close();
  }
}
