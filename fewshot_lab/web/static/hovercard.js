// @ts-check
// What is under the pointer, at once: the thumbnail is there before the pointer rests.

import { h, percent, refill } from "./dom.js";
import { REJECT, UNSURE } from "./labelcodes.js";

/** @import { Api } from "./api.js" */
/** @import { Model } from "./model.js" */

/** In place of a prediction. */
export const UNLIKE_SENTENCE = "Unlike anything labelled: no prediction.";

export class HoverCard {
  /**
   * @param {Model} model
   * @param {Api} api
   */
  constructor(model, api) {
    this.model = model;
    this.api = api;
    this.row = -1;
    this.picture = h("img", { alt: "", width: 104, height: 104, decoding: "async" });
    this.lines = h("div", { class: "ws-card-line" });
    this.element = h("div", { class: "ws-card", hidden: true, "aria-hidden": "true" }, this.picture, this.lines);
  }

  /**
   * @param {number} row
   * @param {MouseEvent} event
   * @param {HTMLElement} within
   */
  show(row, event, within) {
    if (row !== this.row) {
      this.row = row;
      this.picture.src = this.api.thumbnail(this.model.ids[row]);
      this.draw();
    }
    const box = within.getBoundingClientRect();
    const left = event.clientX - box.left,
      top = event.clientY - box.top;
    this.element.hidden = false;
    const width = this.element.offsetWidth + 4,
      height = this.element.offsetHeight + 2;
    this.element.style.left = `${left + width + 18 > box.width ? Math.max(2, left - width - 12) : left + 14}px`;
    this.element.style.top = `${top + height + 14 > box.height ? Math.max(2, top - height - 10) : top + 12}px`;
  }

  draw() {
    if (this.row >= 0) refill(this.lines, describe(this.model, this.row));
  }

  hide() {
    this.row = -1;
    this.element.hidden = true;
  }
}

/**
 * Label, then prediction with its probability; in words as well as in colour.
 * @param {Model} model
 * @param {number} row
 */
export function describe(model, row) {
  const lines = [];
  const own = model.classId(row),
    kind = model.kind(row);
  if (own !== null) lines.push(line(model.color(own), model.name(own), "label"));
  else if (kind === UNSURE) lines.push(line(null, "unsure", "label"));
  else if (kind === REJECT) lines.push(line(null, "unusable", "label"));
  const predicted = model.predictedId(row);
  if (model.isUnlike(row)) lines.push(h("div", { class: "ws-card-quiet" }, UNLIKE_SENTENCE));
  if (predicted !== null) {
    lines.push(line(model.color(predicted), model.name(predicted), percent(model.probability(row))));
  }
  if (lines.length) return lines;
  return [h("div", { class: "ws-card-quiet" }, model.concealed(row) ? "audit: no prediction yet" : "no label yet")];
}

/**
 * @param {string | null} color
 * @param {string} name
 * @param {string} figure
 */
function line(color, name, figure) {
  const dot = color && h("i", { class: "ws-dot", style: { background: color } });
  return h("div", {}, dot, h("span", {}, name), h("b", {}, figure));
}
