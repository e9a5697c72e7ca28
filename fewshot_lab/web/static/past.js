// What this page has labelled and taken back, so that undo and redo are painted at once.
//
// The server decides what is undone: the annotator's last action in force, wherever it was made. This is
// a guess at its answer, shown until that answer is here; where the guess is wrong, the answer stands.

const KEPT = 200;

export class Past {
  constructor() {
    this.done = [];
    this.undone = [];
  }

  // `rows` had the codes `before` and have `after` now; without rows: a change of the classes.
  add(annotator, { client, q, rows = [], before = [], after = [] }) {
    this.done.push({ annotator, client, q, rows, before, after });
    if (this.done.length > KEPT) this.done.shift();
    this.undone = this.undone.filter((one) => one.annotator !== annotator);
  }

  // An action that the server refused was never made.
  refused({ client, q }) {
    this.done = this.done.filter((one) => one.client !== client || one.q !== q);
  }

  // The change of codes that undoing, or redoing, will most likely bring; null where that is not known.
  turn(verb, annotator) {
    const [from, to] = verb === "undo" ? [this.done, this.undone] : [this.undone, this.done];
    const at = from.findLastIndex((one) => one.annotator === annotator);
    if (at < 0) return null;
    const [one] = from.splice(at, 1);
    to.push(one);
    if (!one.rows.length) return null;
    const { rows, before, after } = one;
    return verb === "undo" ? { rows, from: after, to: before } : { rows, from: before, to: after };
  }
}
