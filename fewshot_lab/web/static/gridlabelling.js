// @ts-check
// What a key does to the images of the grid, and where the focus goes after it.

import { keyOf } from "./classkeys.js";
import { images } from "./dom.js";
import { menu } from "./popover.js";

/** @import { Grid } from "./grid.js" */
/** @import { LabelRequest } from "./types.d.ts" */

// Nobody sees a new image and chooses its key in less, in ms.
const SETTLES = 300;

/** What the log calls a label that was given in a view; "grid" for all others. @type {Record<string, string>} */
const LOGGED_VIEWS = {
  suggestions: "suggestion",
  selection: "map",
  neighbours: "neighbours",
  suspects: "suspects",
  class: "class",
  search: "search",
  audit: "suggestion",
  conflicts: "adjudication",
  piles: "pile",
};

export class GridLabelling {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    // When fresh suggestions replaced the whole list.
    this.replacedAt = -Infinity;
    this.reviewed = /** @type {Set<number>} */ (new Set());
  }

  /** @param {number} row */
  isDone(row) {
    const { decided, model, view } = this.grid;
    if (view.name === "suspects") return this.reviewed.has(row);
    if (view.name === "conflicts") return decided.has(row);
    return model.kind(row) !== 0 || (view.name === "suggestions" && model.isSkipped(row));
  }

  /**
   * The place of the first image that is still to be labelled; -1 for none.
   * @param {number} [start]
   */
  firstOpen(start = 0) {
    const { rows } = this.grid;
    return rows.findIndex((row, place) => place >= start && !this.isDone(row));
  }

  /** Where the focus begins. */
  startPlace() {
    const { piles, places, view } = this.grid;
    const opened = view.name === "piles" ? places.get(piles.openRow) : undefined;
    if (opened !== undefined && !this.isDone(piles.openRow)) return opened;
    return Math.max(0, this.firstOpen());
  }

  /** @param {number[]} rows */
  context(rows) {
    const { suggestions, view } = this.grid;
    const suggestion = view.name === "suggestions" && rows.length === 1 ? suggestions.reasons.get(rows[0]) : null;
    const strategy = suggestion?.strategy ?? (view.name === "audit" ? "audit" : null);
    // A pile's top image alone was looked at by itself.
    const alone = view.name === "piles" && rows.length === 1;
    return { view: alone ? "grid" : (LOGGED_VIEWS[view.name] ?? "grid"), strategy };
  }

  /** The images that the next key labels: of a pile all that it may. @returns {number[]} */
  targets() {
    const { cursor, piles, view } = this.grid;
    return view.name === "piles" ? cursor.targets.flatMap((row) => piles.members(row)) : cursor.targets;
  }

  /** A key meant for an image that fresh suggestions have just replaced labels no other one. */
  isTooSoon() {
    if (performance.now() - this.replacedAt > SETTLES) return false;
    this.grid.tiles.pulse();
    this.grid.toasts.show("Nothing labelled: these images had only just come.");
    return true;
  }

  /** One key more than there were images in the queue does not change the last one's label. */
  isAfterTheEnd() {
    const { marked, endRow, row } = this.grid.cursor;
    if (marked.size || endRow < 0 || endRow !== row) return false;
    this.grid.toasts.show("All of these are labelled: click an image to change its label.");
    return true;
  }

  /**
   * @param {LabelRequest} request
   * @param {number[]} [rows] in place of the focused or marked ones
   */
  label(request, rows) {
    const { cursor, decided, header, labeller, view } = this.grid;
    const clears = request.kind === "clear";
    if (!rows && (this.isTooSoon() || (!clears && this.isAfterTheEnd()))) return;
    const leftOut = view.name === "piles" && !rows ? this.grid.piles.leftOut(cursor.targets) : "";
    rows ??= this.targets();
    if (!rows.length) return;
    const single = (rows.length === 1 || view.name === "piles") && rows[0] === cursor.row;
    for (const row of rows) {
      if (view.name === "suspects") this.reviewed.add(row);
      if (view.name === "conflicts" && clears) decided.delete(row);
      else if (view.name === "conflicts") decided.add(row);
    }
    labeller.label(rows, request, { ...this.context(rows), leftOut });
    if (single && !clears) this.advance();
    header.draw();
  }

  advance() {
    const { cursor, rows, tiles, view } = this.grid;
    const queue = ["suggestions", "suspects", "audit", "conflicts", "piles"].includes(view.name);
    const next = queue ? this.firstOpen(cursor.place + 1) : cursor.place + 1;
    const open = next >= 0 && next < rows.length ? next : view.name === "suggestions" ? this.firstOpen() : -1;
    if (open >= 0) cursor.focus(open);
    else {
      if (["suggestions", "audit", "piles"].includes(view.name)) cursor.endRow = cursor.row;
      tiles.paint();
    }
  }

  /** Enter: the prediction becomes the label. Not for an audit image, whose prediction nobody sees. */
  takePrediction() {
    const { cursor, model, view } = this.grid;
    if (this.isTooSoon() || this.isAfterTheEnd()) return;
    const rows = cursor.targets.filter((row) => model.predictedId(row) !== null);
    if (rows.length !== 1) return;
    const suspect = view.name === "suspects" ? this.grid.suspectOf(rows[0]) : undefined;
    const classId = suspect ? suspect[2] : model.predictedId(rows[0]);
    this.label({ kind: "class", classId }, view.name === "piles" ? undefined : rows);
  }

  /** 0 leaves an image out of a bulk accept; a suspect's label is right after all: stored again, as reviewed. */
  keep() {
    const { accept, cursor, model, view } = this.grid;
    for (const row of cursor.targets) {
      const classId = model.classId(row);
      if (view.name === "accept") accept.toggle(row);
      else if (view.name === "suspects" && classId !== null) this.label({ kind: "class", classId }, [row]);
    }
  }

  /** @param {HTMLElement} anchor */
  openMenu(anchor) {
    const { model, workspace } = this.grid;
    const rows = this.targets();
    if (!rows.length) return;
    /** @param {string} label @param {string} key @param {LabelRequest} request @param {string} [color] */
    const item = (label, key, request, color) => ({ label, key, color, act: () => this.label(request, rows) });
    const items = [
      ...model.classes.map((c, place) => item(c.name, keyOf(place), { kind: "class", classId: c.id }, c.color)),
      null,
      item("Unsure", "U", { kind: "unsure" }),
      item("Unusable image", "X", { kind: "reject" }),
      item("Skip", "S", { kind: "skip" }),
      item("Clear", "⌫", { kind: "clear" }),
    ];
    menu(anchor, items, { label: `Label ${images(rows.length)}`, within: workspace });
  }
}
