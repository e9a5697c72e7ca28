// @ts-check
// One image of the grid. The image is the card: a label is a solid chip on it, a prediction a quiet
// line under it.

import { textColour } from "./colours.js";
import { count, h, percent, setText } from "./dom.js";
import { UNLIKE_SENTENCE } from "./hovercard.js";
import { MACHINE, REJECT, UNSURE } from "./labelcodes.js";
import { setName } from "./names.js";

/** @import { Model } from "./model.js" */
/** @typedef {(name: string) => string} Shorten */
/** How names fit on a tile. @typedef {{ twoLines: boolean, guess: Shorten, label: Shorten, auto: Shorten }} ShortForms */
/**
 * @typedef {object} Look
 * @property {{ id: number, probability: number }} [guess] in place of the prediction
 * @property {string | null} note in place of the probability
 * @property {ShortForms} short
 * @property {string} fileName
 * @property {boolean} focused
 * @property {boolean} marked
 * @property {boolean} excluded
 * @property {boolean} accepting
 * @property {number} pile how many images lie in it; 0 for one image
 */

export class Tile {
  constructor() {
    this.row = -1;
    this.picture = h("img", { alt: "", decoding: "async", draggable: "false" });
    const title = "Audit image: drawn at random, never used for training";
    this.audit = h("span", { class: "ws-audit", title }, "A");
    this.chip = h("span", { class: "ws-chip" });
    this.dot = h("i", { class: "ws-dot" });
    this.name = h("span", { class: "ws-name" });
    this.figure = h("b", {});
    this.pile = h("span", { class: "ws-pile-count", title: "Open this pile (,)" });
    const check = h("span", { class: "ws-check", "aria-hidden": "true" });
    this.element = h(
      "div",
      { class: "ws-tile", role: "option" },
      h("div", { class: "ws-picture" }, this.picture, this.audit, this.pile, this.chip, check),
      h("div", { class: "ws-guess" }, this.figure, this.dot, this.name),
    );
  }

  /**
   * @param {number} row
   * @param {string} id
   * @param {string} url
   */
  show(row, id, url) {
    if (this.row === row) return;
    this.row = row;
    this.element.id = `ws-tile-${id}`;
    this.element.dataset.id = id;
    this.picture.src = url;
  }

  /**
   * @param {number} left
   * @param {number} top
   * @param {number} width
   * @param {number} height
   */
  place(left, top, width, height) {
    const { style } = this.element;
    style.transform = `translate(${left}px, ${top}px)`;
    style.width = `${width}px`;
    style.height = `${height}px`;
  }

  /**
   * @param {Model} model
   * @param {Look} look
   */
  paint(model, { focused, marked, excluded, note, accepting, guess, pile, short, fileName }) {
    const { row } = this;
    const kind = model.kind(row);
    const own = model.classId(row);
    const skipped = model.isSkipped(row) && !kind;
    let label = "";
    if (own !== null) {
      const color = model.color(own);
      label = model.name(own);
      this.element.style.setProperty("--own", color);
      this.chip.style.background = color;
      this.chip.style.color = textColour(color);
    } else if (kind === UNSURE || kind === REJECT) {
      label = kind === UNSURE ? "unsure" : "unusable";
      this.chip.style.background = this.chip.style.color = "";
    }
    const auto = Boolean(model.codes[row] & MACHINE && label);
    setName(this.chip, auto ? `${short.auto(label)} (auto)` : short.label(label));
    this.chip.hidden = !label;
    this.chip.title = auto ? `${label}, accepted by machine` : label;
    this.audit.hidden = !model.isAudit(row);
    this.pile.hidden = !pile;
    setText(this.pile, pile ? count(pile) : "");
    const predicted = guess?.id ?? model.predictedId(row);
    const probability = percent(guess?.probability ?? model.probability(row));
    const unlike = predicted === null && model.isUnlike(row);
    this.dot.hidden = predicted === null;
    if (predicted !== null) {
      this.dot.style.background = model.color(predicted);
      (short.twoLines ? setName : setText)(this.name, short.guess(model.name(predicted)));
      this.name.title = model.name(predicted);
    } else {
      setText(this.name, unlike ? "unlike" : skipped ? "skipped" : "");
      this.name.title = unlike ? UNLIKE_SENTENCE : "";
    }
    setText(this.figure, note ?? (predicted === null ? "" : probability));
    const states = {
      focused,
      marked,
      excluded,
      accepting,
      skipped,
      labelled: own !== null,
      pile: pile > 0,
      "set-aside": own === null && label !== "",
    };
    for (const [name, on] of Object.entries(states)) this.element.classList.toggle(`ws-${name}`, on);
    this.element.setAttribute("aria-selected", String(marked || focused));
    const words = pile ? [`pile of ${count(pile)}`] : [];
    words.push(label ? `labelled ${label}` : "no label");
    if (model.isAudit(row)) words.push("audit image");
    if (unlike) words.push("unlike anything labelled");
    if (predicted !== null) words.push(`predicted ${model.name(predicted)} ${probability}`);
    this.element.setAttribute("aria-label", `${fileName}: ${words.join(", ")}`);
  }
}
