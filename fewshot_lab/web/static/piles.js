// @ts-check
// "Piles": images so alike that one key labels them all, each pile as one tile with its count.

import { button, capitalised, count, h, images, percent } from "./dom.js";
import { AUDIT, KIND_MASK } from "./labelcodes.js";

/** @import { Grid } from "./grid.js" */
/** @import { Model } from "./model.js" */
/** @import { Child } from "./types.d.ts" */
/** @typedef {{ ids: string[], left_out: Record<string, number> }} Pile */

export class Piles {
  /** @param {{ model: Model, grid: Grid }} parts */
  constructor({ model, grid }) {
    this.model = model;
    this.grid = grid;
    this.piles = /** @type {Map<number, Pile>} by the row of the top image */ (new Map());
    this.loading = false;
    // The least probability of images that lie in a pile because they are predicted alike.
    this.sure = /** @type {number | null} */ (null);
    // Why there can be none where images are labelled blind.
    this.blind = "";
    // The pile that was opened, to come back to.
    this.openRow = -1;
  }

  /** What there is now; while one works through the piles, they stay as they are. */
  async load() {
    this.loading = true;
    this.grid.put([], { top: true });
    const answer = await this.grid.ask("piles", {});
    this.loading = false;
    const all = /** @type {Pile[]} */ (answer?.piles ?? []);
    // A key labels no image that the filters leave out.
    const matching = all.map((pile) => ({ ...pile, ids: pile.ids.filter((id) => this.matches(id)) }));
    const piles = matching.filter(({ ids }) => ids.length > 1);
    this.sure = answer?.sure ?? null;
    this.blind = answer?.blind ?? "";
    this.piles = new Map(piles.map((pile) => [this.model.rowOf.get(pile.ids[0]) ?? -1, pile]));
    return [...this.piles.keys()].filter((row) => row >= 0);
  }

  /** @param {string} id */
  matches(id) {
    return this.model.matches(this.model.rowOf.get(id) ?? -1);
  }

  /**
   * The images that a key on a pile labels: those that need a look of their own are left out.
   * @param {number} row of the top image
   */
  members(row) {
    const { codes } = this.model;
    const top = codes[row] & KIND_MASK;
    return this.model.rows(this.piles.get(row)?.ids ?? []).filter((member) => {
      const kind = codes[member] & KIND_MASK;
      return !(codes[member] & AUDIT) && (!kind || kind === top);
    });
  }

  /** How many images the badge of a pile counts; 0 for an image that is none. @param {number} row */
  size(row) {
    return this.grid.view.name === "piles" ? (this.piles.get(row)?.ids.length ?? 0) : 0;
  }

  /**
   * What of some piles a key does not label, as the end of a sentence; "" where it labels all.
   * @param {number[]} tops
   */
  leftOut(tops) {
    const reasons = /** @type {Map<string, number>} */ (new Map());
    /** @param {string} why @param {number} n */
    const add = (why, n) => n && reasons.set(why, (reasons.get(why) ?? 0) + n);
    for (const row of tops) {
      for (const [why, n] of Object.entries(this.piles.get(row)?.left_out ?? {})) add(why, n);
      const rows = this.model.rows(this.piles.get(row)?.ids ?? []);
      const drawn = rows.filter((member) => this.model.isAudit(member)).length;
      add("drawn for the audit", drawn);
      add("labelled otherwise", rows.length - drawn - this.members(row).length);
    }
    return [...reasons].map(([why, n]) => `${count(n)} ${n === 1 ? "was" : "were"} ${why}`).join(", ");
  }

  /** Show the images of the pile in focus, or go back to the piles. */
  toggle() {
    const { cursor, view } = this.grid;
    if (view.name === "pile") return this.back();
    if (view.name === "piles" && cursor.row >= 0) {
      this.openRow = cursor.row;
      this.grid.open({ name: "pile", id: this.model.ids[cursor.row] });
    }
  }

  back() {
    if (!this.loading) this.grid.open({ name: "piles" });
  }

  /** The images of the opened pile, the top one first. @param {string} id */
  opened(id) {
    const { model } = this;
    return model.rows(this.piles.get(model.rowOf.get(id) ?? -1)?.ids ?? []).filter((row) => !model.isAudit(row));
  }

  /** @returns {Child[]} */
  sentence() {
    const { cursor, rows } = this.grid;
    if (this.loading) return ["Looking for images that are alike…"];
    if (!rows.length) return this.none();
    const left = rows.filter((row) => !this.model.kind(row)).length;
    const again = button("ws-link", { onclick: () => this.back() }, "Look again");
    if (!left) return [`All ${count(rows.length)} piles are labelled. `, again];
    const end = [" A class key labels the pile, ", h("kbd", {}, ","), " opens it."];
    const size = this.size(cursor.row);
    if (!size || cursor.marked.size) return [`${count(left)} piles of images that are alike.`, ...end];
    const out = this.leftOut([cursor.row]);
    const record =
      this.sure === null ? [] : this.grid.accept.record(this.sure, `predicted with ${percent(this.sure)} or more`);
    return [`${images(size)} alike: look at the top one.`, ...end, out ? ` ${capitalised(out)}.` : "", ...record];
  }

  /** @returns {Child[]} */
  none() {
    const { model } = this;
    if (this.blind) return [this.blind];
    if (!model.overview?.embedded) return ["Piles appear once the images are embedded."];
    if (model.hasClassifier()) return ["No images without a label are alike enough to be labelled at one look."];
    return [
      "No image without a label is a near-duplicate of another. Once two classes have labels, images that are alike and predicted alike come as piles, too.",
    ];
  }

  /** @returns {Child[]} */
  openedSentence() {
    const { cursor, rows } = this.grid;
    const back = button("ws-link", { onclick: () => this.back() }, "Back to the piles");
    const text = cursor.marked.size
      ? `A pile of ${images(rows.length)}, ${count(cursor.marked.size)} chosen: a class key labels them; ctrl+click leaves one out. `
      : `A pile of ${images(rows.length)}. `;
    return [text, back];
  }
}
