// @ts-check
// "Accept above": the predictions above a confidence become labels, the least sure ones to be looked at first.

import { button, count, h, images, percent, refill, select, setText, slider } from "./dom.js";
import { AUDIT, KIND_MASK, SKIPPED } from "./labelcodes.js";

/** @import { Grid } from "./grid.js" */
/** @import { Labeller } from "./labeller.js" */
/** @import { Model } from "./model.js" */

/** @param {number} share */
const halves = (share) => `${Math.round(share * 200) / 2}\u00a0%`;

export class BulkAccept {
  /** @param {{ model: Model, labeller: Labeller, grid: Grid }} parts */
  constructor({ model, labeller, grid }) {
    this.model = model;
    this.labeller = labeller;
    this.grid = grid;
    this.threshold = 0.95;
    this.classId = /** @type {number | null} */ (null);
    this.excluded = /** @type {Set<number>} */ (new Set());
    this.frame = 0;
    const wide = { class: "ws-range ws-range-wide" };
    this.slider = slider("Least confidence", [50, 100, 0.5], (value) => this.setThreshold(value / 100), wide);
    this.figure = h("output", { class: "ws-figure" });
    this.classField = select("Only this class", (id) => this.choose(id));
    this.button = button("ws-button ws-button-strong", { onclick: () => this.accept() });
    this.element = h("div", { class: "ws-accept" }, this.slider, this.figure, this.classField, this.button);
  }

  open() {
    this.excluded.clear();
    this.slider.value = String(this.threshold * 100);
    refill(
      this.classField,
      h("option", { value: "" }, "all classes"),
      this.model.classes.map((c) => h("option", { value: c.id, selected: c.id === this.classId }, c.name)),
    );
  }

  /** @param {number} threshold */
  setThreshold(threshold) {
    this.threshold = threshold;
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.grid.put(this.rows(), { top: true }));
  }

  /** @param {string} value */
  choose(value) {
    this.classId = value === "" ? null : Number(value);
    this.grid.put(this.rows(), { top: true });
  }

  /** Images that a prediction could label: neither labelled nor skipped nor of the audit. */
  candidates() {
    const { model, classId } = this;
    return model.rowsWhere((row) => {
      const out = model.codes[row] & (KIND_MASK | AUDIT | SKIPPED) || !model.matches(row);
      const predicted = out ? null : model.predictedId(row);
      return predicted !== null && (classId === null || predicted === classId);
    });
  }

  /** Those above the threshold, the least sure first. */
  rows() {
    const { confidence } = this.model;
    const least = Math.round(this.threshold * 65535);
    return this.candidates()
      .filter((row) => confidence[row] >= least)
      .sort((a, b) => confidence[a] - confidence[b]);
  }

  /** Rows that were labelled by hand meanwhile stay in sight; they are not taken again. */
  renew() {
    this.grid.put([...this.rows(), ...this.grid.rows.filter((row) => this.model.kind(row))]);
  }

  /** @param {number} row */
  toggle(row) {
    if (!this.excluded.delete(row)) this.excluded.add(row);
    this.grid.tiles.paint();
    this.grid.header.draw();
  }

  accepted() {
    return this.grid.rows.filter(
      (row) => !this.excluded.has(row) && !this.model.kind(row) && this.model.predictedId(row) !== null,
    );
  }

  sentence() {
    if (!this.model.hasClassifier()) return ["There is no classifier yet: label images of two classes first."];
    if (!this.grid.rows.length) return [this.surest(), ...this.record()];
    return [
      "Predictions that become labels, the least sure first.",
      ...this.record(),
      ...this.leftOut(),
      " ",
      h("kbd", {}, "0"),
      " leaves an image out, a class key corrects it.",
    ];
  }

  /** What no class is predicted for. @returns {string[]} */
  leftOut() {
    const { model } = this;
    const n = model.rowsWhere((row) => model.isUnlike(row) && model.matches(row)).length;
    return n ? [` ${images(n)} unlike anything labelled ${n === 1 ? "is" : "are"} left out.`] : [];
  }

  /** Where nothing is that sure: how sure the surest is. */
  surest() {
    const highest = this.highest();
    const predicted = this.classId === null ? "" : ` as ${this.model.name(this.classId)}`;
    const rest = highest ? `; the surest has ${percent(highest)}` : "";
    return `No image without a label is predicted${predicted} with ${halves(this.threshold)} or more${rest}.`;
  }

  /**
   * What to do where nothing is that sure: words for a button, and the act.
   * @returns {Record<string, () => void> | null}
   */
  wayOut() {
    const threshold = Math.floor(this.highest() * 200) / 200;
    if (threshold < 0.5) return null;
    const lower = () => {
      this.slider.value = String(threshold * 100);
      this.setThreshold(threshold);
    };
    return { [`Lower to ${halves(threshold)}`]: lower };
  }

  highest() {
    return this.candidates().reduce((highest, row) => Math.max(highest, this.model.probability(row)), 0);
  }

  /** What cross-validation says of predictions that sure: a promise with its doubt. */
  record(threshold = this.threshold, how = "predicted that surely") {
    const steps = this.model.snapshot?.cv?.accepted;
    if (!steps) return [];
    const step = steps.filter((s) => s.above <= threshold + 1e-9).at(-1);
    if (!step?.right) return [` No labelled image was ${how} yet.`];
    const { value, low, high } = step.right;
    const interval = `${Math.round(100 * Number(low))}–${Math.round(100 * Number(high))}, n = ${count(step.right.n)}`;
    // One piece: where the line ends early, the figure does not stand without its interval.
    const figure = h("span", { class: "ws-whole" }, `${percent(Number(value))} (${interval})`);
    return [` Of labelled images ${how} `, figure, " were right in cross-validation."];
  }

  draw() {
    const n = this.accepted().length;
    setText(this.figure, `≥ ${halves(this.threshold)}`);
    setText(this.button, n ? `Accept ${count(n)}` : "Accept");
    this.button.disabled = !n;
    this.button.title = n ? `${images(n)} get their prediction as label, marked as accepted by machine` : "";
  }

  accept() {
    const rows = this.accepted();
    if (!rows.length) return;
    const classOf = rows.map((row) => this.model.predictedId(row));
    // What was left out stays left out.
    this.labeller.label(rows, { kind: "class", classOf, machine: true }, { view: "accept" });
    this.grid.put(this.rows(), { top: true });
    this.grid.cursor.focus(-1, { quiet: true });
  }
}
