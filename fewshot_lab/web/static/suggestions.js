// @ts-check
// The images to label next, and why: what is under the person's eyes stays, what lies ahead is renewed.

import { button, capitalised, h } from "./dom.js";
import { explained } from "./terms.js";

/** @import { Model } from "./model.js" */
/** @import { Child, Suggestion } from "./types.d.ts" */

// How many suggestions from the focus on stand still when fresh ones arrive.
const AHEAD = 4;
const PLAIN = 200;

/**
 * A suggestion is done once it has a label or was skipped after it came.
 * @param {Model} model
 * @param {number} row
 */
const isDone = (model, row) => model.kind(row) !== 0 || model.isSkipped(row);

export class Suggestions {
  /**
   * @param {Model} model
   * @param {() => void} [onUsual] ends telling two classes apart
   */
  constructor(model, onUsual = () => {}) {
    this.model = model;
    this.onUsual = onUsual;
    this.rows = /** @type {number[]} */ ([]);
    this.reasons = /** @type {Map<number, Suggestion>} */ (new Map());
    // Images as imported, where there are no suggestions yet.
    this.plain = false;
    // Another pair of classes to tell apart: what was listed for the last one goes at once.
    this.pair = "";
  }

  fresh() {
    const { model } = this;
    const rows = [];
    for (const suggestion of model.snapshot?.suggestions ?? []) {
      const row = model.rowOf.get(suggestion.id);
      if (row === undefined || isDone(model, row) || !model.matches(row)) continue;
      rows.push(row);
      this.reasons.set(row, suggestion);
    }
    return rows;
  }

  /**
   * @param {number} focusRow
   * @returns {boolean} whether the whole list is another one
   */
  renew(focusRow) {
    const { model } = this;
    const fresh = this.fresh();
    const pair = String(model.snapshot?.pair ?? "");
    if (pair !== this.pair) {
      this.pair = pair;
      this.rows = [];
    }
    const open = this.rows.filter((row) => !isDone(model, row));
    const at = Math.max(this.rows.indexOf(focusRow), this.rows.indexOf(open[0]));
    // Images that were listed before there were suggestions go, unless somebody has begun on them.
    if (!open.length || (this.plain && fresh.length && at <= 0)) {
      if (!fresh.length && this.rows.length && !this.plain) return false;
      this.plain = !fresh.length && !model.overview?.embedded;
      const before = this.rows;
      this.rows = this.plain
        ? model.rowsWhere((row) => !isDone(model, row) && model.matches(row)).slice(0, PLAIN)
        : fresh;
      return before.length !== this.rows.length || before.some((row, i) => row !== this.rows[i]);
    }
    if (this.plain && !fresh.length) return false;
    this.plain = false;
    const shown = this.rows.slice(0, at + 1 + AHEAD);
    const rest = fresh.filter((row) => !shown.includes(row)).slice(0, Math.max(0, this.rows.length - shown.length));
    this.rows = [...shown, ...rest];
    return false;
  }

  /**
   * @param {number} row in focus
   * @returns {Child[]}
   */
  sentence(row) {
    const { model } = this;
    const total = this.rows.length;
    if (!model.n) return ["The images to label appear here."];
    if (this.plain && model.map) return ["The suggestions come in a moment; until then the first images, as imported."];
    if (this.plain) return ["Not embedded yet: the first images, as imported. Labels given now count later."];
    if (!total && model.mask) return ["None of the images suggested now matches the filters."];
    if (!total) return [model.snapshot?.message || "There is nothing left to suggest."];
    const suggestion = this.reasons.get(row);
    const pair = this.pairParts(suggestion);
    if (!model.classes.length) return ["Name a class at the left; its key then labels the image in focus."];
    const done = this.rows.filter((r) => isDone(model, r)).length;
    if (done === total) return [`All ${total} done: the next ones come with the refit.`, ...pair];
    const audit = this.rows.some((r) => model.isAudit(r));
    const drawn = suggestion?.audit ? ["them"] : ["images ", explained("drawn at random")];
    const marks = [h("em", {}, "A"), " marks ", ...drawn, pair.length ? "; they stay among these." : "."];
    const end = [
      ...(audit ? [`${done} of ${total} done; `, ...marks] : [`${done} of ${total} done.`]),
      ...(pair.length ? pair : this.strategy()),
    ];
    return suggestion?.reason ? [...this.reason(suggestion), " ", ...end] : end;
  }

  /**
   * What two classes are being told apart, or why they cannot be, and what ends it.
   * @param {Suggestion} [suggestion] of the image in focus
   * @returns {Child[]}
   */
  pairParts(suggestion) {
    const { model } = this;
    const { pair, class_ids: ids } = model.snapshot ?? {};
    if (!pair) return [];
    const [first, second] = pair.map((id) => h("em", {}, model.name(id)));
    const end = [" ", button("ws-link", { onclick: this.onUsual }, "Usual suggestions")];
    const gone = pair.find((id) => !model.classes.some((c) => c.id === id));
    if (gone !== undefined) {
      return [" ", h("em", {}, model.name(gone)), " is no longer a class, so these are the usual ones.", ...end];
    }
    if (!pair.every((id) => ids?.includes(id))) {
      return [" Label some of ", first, " and of ", second, ": until then these are the usual ones.", ...end];
    }
    const between = this.rows.filter((row) => this.reasons.get(row)?.strategy === "pair").length;
    if (!between)
      return [" No further image lies between ", first, " and ", second, ": these are the usual ones.", ...end];
    // What is said of the image in focus names them already.
    return suggestion?.strategy === "pair"
      ? [" Telling these two apart.", ...end]
      : [" Telling ", first, " and ", second, " apart.", ...end];
  }

  /** Where suggestions do not follow the usual mixture, that is said, with why on hover. */
  strategy() {
    const used = this.model.overview?.strategy;
    if (!used || (used.setting === "auto" && !used.switched)) return [];
    const sentence = used.switched ? `Switched to ${used.title}.` : `By ${used.title}, as set.`;
    return [" ", h("span", { title: used.sentence }, sentence)];
  }

  /** The class names inside a reason stand out. @param {Suggestion} suggestion */
  reason({ reason, classes }) {
    const names = classes.map((id) => this.model.name(id)).filter((name) => reason.includes(name));
    names.sort((a, b) => b.length - a.length);
    const text = capitalised(reason) + (/[.!?]$/.test(reason) ? "" : ".");
    if (!names.length) return [text];
    const escaped = names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    const parts = text.split(new RegExp(`(${escaped.join("|")})`, "i"));
    return parts.map((part, i) => (i % 2 ? h("em", {}, part) : part));
  }
}
