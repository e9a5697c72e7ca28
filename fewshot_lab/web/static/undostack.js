// @ts-check
// What this page has labelled and taken back, so that undo and redo are painted at once.
//
// The server decides what is undone: the annotator's last action in force, wherever it was made. This is
// a guess at its answer, shown until that answer is here; where the guess is wrong, the answer stands.

/** @import { Reversion } from "./types.d.ts" */
/** @typedef {{ annotator: string, client: string, q: number, rows: number[], before: ArrayLike<number>, after: ArrayLike<number> }} Step */

const MOST_STEPS = 200;

export class UndoStack {
  constructor() {
    this.undoable = /** @type {Step[]} */ ([]);
    this.redoable = /** @type {Step[]} */ ([]);
  }

  /**
   * `rows` had the codes `before` and have `after` now; without rows: a change of the classes.
   * @param {Pick<Step, "annotator" | "client" | "q"> & Partial<Step>} step
   */
  push({ annotator, client, q, rows = [], before = [], after = [] }) {
    this.undoable.push({ annotator, client, q, rows, before, after });
    if (this.undoable.length > MOST_STEPS) this.undoable.shift();
    this.redoable = this.redoable.filter((step) => step.annotator !== annotator);
  }

  /** An action that the server refused was never made. @param {{ client: string, q: number }} entry */
  remove({ client, q }) {
    this.undoable = this.undoable.filter((step) => step.client !== client || step.q !== q);
  }

  /**
   * The change of codes that undoing, or redoing, will most likely bring; null where that is not known.
   * @param {"undo" | "redo"} verb
   * @param {string} annotator
   * @returns {Reversion | null}
   */
  revert(verb, annotator) {
    const [source, target] = verb === "undo" ? [this.undoable, this.redoable] : [this.redoable, this.undoable];
    const at = source.findLastIndex((step) => step.annotator === annotator);
    if (at < 0) return null;
    const [step] = source.splice(at, 1);
    target.push(step);
    if (!step.rows.length) return null;
    const { rows, before, after } = step;
    return verb === "undo" ? { rows, from: after, to: before } : { rows, from: before, to: after };
  }
}
