// "Accept above": the predictions above a confidence become labels, the least sure ones to be looked at first.

import { h, refill, say, count, images, percent } from "./dom.js";
import { AUDIT, KIND, SKIPPED } from "./model.js";

const halves = (share) => `${Math.round(share * 200) / 2}\u00a0%`;

export class Accept {
  constructor({ model, labeller, grid }) {
    Object.assign(this, { model, labeller, grid });
    this.threshold = 0.95;
    this.classId = null;
    this.excluded = new Set();
  }

  enter(place) {
    this.excluded.clear();
    this.slider = h("input", {
      type: "range",
      class: "ws-range ws-range-wide",
      min: 50,
      max: 100,
      step: 0.5,
      value: this.threshold * 100,
      "aria-label": "Least confidence",
      oninput: () => this.set(Number(this.slider.value) / 100),
    });
    this.figure = h("output", { class: "ws-figure" });
    this.only = h(
      "select",
      { class: "ws-select", "aria-label": "Only this class", onchange: () => this.choose(this.only.value) },
      h("option", { value: "" }, "all classes"),
      this.model.classes.map((c) => h("option", { value: c.id, selected: c.id === this.classId }, c.name)),
    );
    this.button = h("button", { type: "button", class: "ws-button ws-button-strong", onclick: () => this.take() });
    refill(place, h("div", { class: "ws-accept" }, this.slider, this.figure, this.only, this.button));
  }

  leave() {
    this.excluded.clear();
  }

  set(threshold) {
    this.threshold = threshold;
    cancelAnimationFrame(this.asked);
    this.asked = requestAnimationFrame(() => this.grid.put(this.rows(), { top: true }));
  }

  choose(value) {
    this.classId = value === "" ? null : Number(value);
    this.grid.put(this.rows(), { top: true });
  }

  // Unlabelled images that are no audit images, the least sure first.
  rows() {
    const { model } = this;
    const rows = [];
    const least = Math.round(this.threshold * 65535);
    for (let row = 0; row < model.n; row++) {
      if (model.confidence[row] < least || model.codes[row] & (KIND | AUDIT | SKIPPED)) continue;
      const predicted = model.predictedId(row);
      if (predicted === null || (this.classId !== null && predicted !== this.classId)) continue;
      rows.push(row);
    }
    return rows.sort((a, b) => model.confidence[a] - model.confidence[b]);
  }

  // Rows that were labelled by hand meanwhile stay in sight; they are not taken again.
  renew() {
    const there = new Set(this.grid.rows);
    const rows = this.rows();
    const labelled = this.grid.rows.filter((row) => this.model.kind(row));
    this.grid.put([...rows, ...labelled.filter((row) => there.has(row))]);
  }

  toggle(row) {
    if (!this.excluded.delete(row)) this.excluded.add(row);
    this.grid.paint();
    this.grid.head();
  }

  taken() {
    return this.grid.rows.filter(
      (row) => !this.excluded.has(row) && !this.model.kind(row) && this.model.predictedId(row) !== null,
    );
  }

  words() {
    const { model } = this;
    if (!model.model?.class_ids?.length) return ["There is no classifier yet: label images of two classes first."];
    if (!this.grid.rows.length) return [this.surest(), ...this.record()];
    return [
      "Predictions that become labels, the least sure first. ",
      h("kbd", {}, "0"),
      " leaves an image out, a class key corrects it.",
      ...this.record(),
    ];
  }

  // Where nothing is that sure: how sure the surest is.
  surest() {
    const most = this.most();
    const what = this.classId === null ? "" : ` as ${this.model.name(this.classId)}`;
    return `No image without a label is predicted${what} with ${this.figures()} or more${most ? `; the surest has ${percent(most)}` : ""}.`;
  }

  // What to do where nothing is that sure: words for a button, and the act.
  wayOut() {
    const most = Math.floor(this.most() * 200) / 200;
    if (most < 0.5) return null;
    return [
      `Lower to ${halves(most)}`,
      () => {
        this.slider.value = most * 100;
        this.set(most);
      },
    ];
  }

  figures() {
    return halves(this.threshold);
  }

  most() {
    const { model } = this;
    let most = 0;
    for (let row = 0; row < model.n; row++) {
      if (model.codes[row] & (KIND | AUDIT | SKIPPED)) continue;
      const predicted = model.predictedId(row);
      if (predicted === null || (this.classId !== null && predicted !== this.classId)) continue;
      most = Math.max(most, model.confidence[row]);
    }
    return most / 65535;
  }

  // What cross-validation says of predictions that sure: a promise with its doubt.
  record() {
    const steps = this.model.model?.cv?.accepted;
    if (!steps) return [];
    const step = steps.filter((s) => s.above <= this.threshold + 1e-9).at(-1);
    if (!step || !step.n) return [" No labelled image was predicted that surely yet."];
    return [
      ` In cross-validation ${percent(step.right.value)} of those were right (${Math.round(100 * step.right.low)}–${percent(step.right.high)}, n = ${count(step.n)}).`,
    ];
  }

  say() {
    const n = this.taken().length;
    say(this.figure, `≥ ${this.figures()}`);
    say(this.button, n ? `Accept ${count(n)}` : "Accept");
    this.button.disabled = !n;
    this.button.title = n ? `${images(n)} get their prediction as label, marked as accepted by machine` : "";
  }

  take() {
    const rows = this.taken();
    if (!rows.length) return;
    const classOf = rows.map((row) => this.model.predictedId(row));
    // What was left out stays left out.
    this.labeller.label(rows, { kind: "class", classOf, machine: true }, { view: "accept" });
    this.grid.put(this.rows(), { top: true });
    this.grid.focus(-1, { quiet: true });
  }
}
