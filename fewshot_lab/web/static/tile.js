// One image of the grid. The image is the card: a label is a solid chip on it, a prediction a quiet
// line under it.

import { h, say, percent } from "./dom.js";
import { inkOn } from "./colours.js";
import { sayName } from "./names.js";
import { UNSURE, REJECT, MACHINE, SKIPPED, KIND } from "./model.js";

export class Tile {
  constructor() {
    this.row = -1;
    this.picture = h("img", { alt: "", decoding: "async", draggable: "false" });
    this.audit = h("span", { class: "ws-audit", title: "Audit image: drawn at random, never used for training" }, "A");
    this.chip = h("span", { class: "ws-chip" });
    this.check = h("span", { class: "ws-check", "aria-hidden": "true" });
    this.dot = h("i", { class: "ws-dot" });
    this.name = h("span", { class: "ws-name" });
    this.figure = h("b", {});
    this.line = h("div", { class: "ws-guess" }, this.figure, this.dot, this.name);
    this.element = h(
      "div",
      { class: "ws-tile", role: "option" },
      h("div", { class: "ws-picture" }, this.picture, this.audit, this.chip, this.check),
      this.line,
    );
    this.element.tile = this;
  }

  show(row, id, url) {
    if (this.row === row) return;
    this.row = row;
    this.element.id = `ws-tile-${id}`;
    this.element.dataset.id = id;
    this.picture.src = url;
  }

  place(left, top, width, height) {
    const { style } = this.element;
    style.transform = `translate(${left}px, ${top}px)`;
    style.width = `${width}px`;
    style.height = `${height}px`;
  }

  // `note` stands in for the prediction where a view has something better to say; `short` makes names fit.
  paint(model, { focused, marked, excluded, note, accepting, guess, short }) {
    const { row } = this;
    const code = model.codes[row],
      kind = code & KIND;
    const own = model.classId(row);
    const predicted = guess?.id ?? model.predictedId(row);
    const classes = ["ws-tile"];
    if (focused) classes.push("ws-focused");
    if (marked) classes.push("ws-marked");
    if (excluded) classes.push("ws-excluded");
    if (accepting) classes.push("ws-accepting");
    if (code & SKIPPED && !kind) classes.push("ws-skipped");
    let label = "";
    if (own !== null) {
      const color = model.color(own);
      label = model.name(own);
      classes.push("ws-labelled");
      this.element.style.setProperty("--own", color);
      this.chip.style.background = color;
      this.chip.style.color = inkOn(color);
    } else if (kind === UNSURE || kind === REJECT) {
      label = kind === UNSURE ? "unsure" : "unusable";
      classes.push("ws-set-aside");
      this.chip.style.background = this.chip.style.color = "";
    }
    const auto = Boolean(code & MACHINE && label);
    sayName(this.chip, auto ? `${short.auto(label)} (auto)` : short.label(label));
    this.chip.hidden = !label;
    this.chip.title = auto ? `${label}, accepted by machine` : label;
    this.audit.hidden = !model.isAudit(row);
    const probability = guess?.probability ?? model.probability(row);
    if (predicted !== null) {
      this.dot.style.background = model.color(predicted);
      this.dot.hidden = false;
      (short.twoLines ? sayName : say)(this.name, short.guess(model.name(predicted)));
      this.name.title = model.name(predicted);
      say(this.figure, percent(probability));
    } else {
      this.dot.hidden = true;
      say(this.name, code & SKIPPED && !kind ? "skipped" : "");
      say(this.figure, "");
    }
    if (note) say(this.figure, note);
    const name = classes.join(" ");
    if (this.element.className !== name) this.element.className = name;
    this.element.setAttribute("aria-selected", marked || focused ? "true" : "false");
    const words = [label ? `labelled ${label}` : "no label"];
    if (model.isAudit(row)) words.push("audit image");
    if (predicted !== null) words.push(`predicted ${model.name(predicted)} ${percent(probability)}`);
    this.element.setAttribute("aria-label", `Image ${model.ids[row].slice(0, 6)}: ${words.join(", ")}`);
  }
}
