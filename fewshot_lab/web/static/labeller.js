// @ts-check
// Labelling: from "this key was pressed" to an action in the outbox, with what must be known of it.

import { count, images, percent } from "./dom.js";
import { UndoStack } from "./undostack.js";

/** @import { Model } from "./model.js" */
/** @import { Outbox } from "./outbox.js" */
/** @import { Toasts } from "./toast.js" */
/** @import { Entry, LabelAction, LabelRequest } from "./types.d.ts" */

const LONGEST_LOOK = 5 * 60_000;
// From this share of all images on, a bulk action is told as a warning.
const LARGE_SHARE = 0.25;

export class Labeller {
  /** @param {{ model: Model, outbox: Outbox, toasts: Toasts }} parts */
  constructor({ model, outbox, toasts }) {
    this.model = model;
    this.outbox = outbox;
    this.toasts = toasts;
    this.undoStack = new UndoStack();
    this.lookingSince = performance.now();
    model.on("focus selection", () => {
      this.lookingSince = performance.now();
    });
  }

  /**
   * @param {number[]} rows
   * @param {LabelRequest} request
   * @param {{ view: string, strategy?: string | null, leftOut?: string }} context what was left out, and why
   */
  label(rows, { kind, classId = null, classOf, machine = false }, { view, strategy = null, leftOut = "" }) {
    if (!rows.length) return;
    const now = performance.now();
    const spent_ms = Math.min(LONGEST_LOOK, Math.round(now - this.lookingSince));
    this.lookingSince = now;
    /** @type {LabelAction} */
    const action = {
      do: "label",
      kind,
      class_id: classId,
      class_of: classOf,
      machine,
      images: rows.map((row) => this.model.ids[row]).join(""),
      view,
      strategy,
      shown: this.shownPredictions(rows),
      spent_ms,
    };
    this.paint(this.outbox.add(action), rows);
    this.toasts.removeActions();
    this.model.emit("labelled", { rows, kind, classId });
    if (rows.length > 1 || leftOut) this.confirm(rows.length, action, leftOut);
  }

  /**
   * @param {number} n
   * @param {LabelAction} action
   * @param {string} leftOut
   */
  confirm(n, action, leftOut) {
    const { model } = this;
    const outcome = {
      class: action.class_of ? "labelled as predicted" : `→ ${model.name(action.class_id)}`,
      unsure: "→ unsure",
      reject: "→ unusable",
      clear: "cleared",
      skip: "skipped",
    }[action.kind];
    const share = n / model.n;
    const large = share >= LARGE_SHARE && n > 50;
    const warning = large ? ` That is ${percent(share)} of all ${count(model.n)} images.` : "";
    const rest = leftOut && `; of those alike ${leftOut}`;
    this.toasts.show(`${images(n)} ${outcome}${rest}.${warning}`, {
      action: "Undo",
      onAction: () => this.revert("undo"),
      tone: large ? "warning" : "plain",
      stays: large ? 15_000 : 6000,
    });
  }

  /**
   * The predictions that were on screen, null where none was shown.
   * @param {number[]} rows
   * @returns {[classIds: (number | null)[], probabilities: (number | null)[]] | undefined}
   */
  shownPredictions(rows) {
    const { model } = this;
    const classIds = rows.map((row) => model.predictedId(row));
    if (classIds.every((id) => id === null)) return undefined;
    /** @param {number} row */
    const probability = (row) => Math.round(model.probability(row) * 1e4) / 1e4;
    return [classIds, rows.map((row, i) => (classIds[i] === null ? null : probability(row)))];
  }

  /**
   * Painted at once where this page knows what comes back; the server's answer settles it.
   * @param {"undo" | "redo"} verb
   */
  revert(verb) {
    this.toasts.removeActions();
    this.model.emit("reverted");
    this.paint(this.outbox.add({ do: verb }), []);
  }

  /**
   * Show what an action in the outbox will bring, before the server has it.
   * @param {Entry} entry
   * @param {number[]} rows
   */
  paint(entry, rows) {
    const { model } = this;
    const { client, q, annotator } = entry;
    if (entry.do === "label") {
      const before = codesOf(model, rows);
      model.addPending({ client, q, action: entry, rows });
      this.undoStack.push({ annotator, client, q, rows, before, after: codesOf(model, rows) });
    } else {
      const reversion = this.undoStack.revert(entry.do, annotator);
      if (reversion) model.addPending({ client, q, reversion, rows: reversion.rows });
    }
  }
}

/**
 * @param {Model} model
 * @param {number[]} rows
 */
const codesOf = (model, rows) => Uint16Array.from(rows, (row) => model.codes[row]);
