// @ts-check
// Slices of a volume or frames of a video in the large view: the wheel steps through them, also through those
// between that are no images of the project. These are seen for context; no key labels them.

import { button, count, h, refill, setText, slider } from "./dom.js";
import { ViewerSpan } from "./viewerspan.js";

/** @import { Viewer } from "./viewer.js" */
/**
 * What can be looked at of a volume, in order.
 * @typedef {object} Sequence
 * @property {string} kind "slice" or "frame"
 * @property {string} unit of the positions, "mm" or "s"
 * @property {number} length of the whole volume
 * @property {number} at which of them the image is
 * @property {number[]} numbers their places in the volume, from 0
 * @property {string[]} ids their images; "" for those that were not imported
 * @property {(number | null)[]} positions
 */

// In pixels of the wheel: one notch of a mouse is one slice.
const NOTCH = 60;
const SETTLED = 200;

/**
 * Steps out of what a wheel has turned so far, and what is left of it.
 * @param {number} turned
 * @returns {[steps: number, left: number]}
 */
export function stepsOf(turned) {
  const steps = Math.trunc(turned / NOTCH);
  return [steps, turned - steps * NOTCH];
}

/**
 * Where images of the project lie along the sequence, as shares of its length, neighbours as one stretch.
 * @param {string[]} ids
 * @returns {[from: number, to: number][]}
 */
export function stretches(ids) {
  const all = /** @type {[number, number][]} */ ([]);
  ids.forEach((id, k) => {
    const last = all.at(-1);
    if (!id) return;
    if (last?.[1] === k) last[1] = k + 1;
    else all.push([k, k + 1]);
  });
  return all.map(([from, to]) => [from / ids.length, to / ids.length]);
}

export class ViewerSequence {
  /** @param {Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer;
    this.sequence = /** @type {Sequence | null} */ (null);
    this.at = 0;
    this.turned = 0;
    this.timer = 0;
    this.ahead = new Image();
    this.span = new ViewerSpan(viewer);
    this.label = h("output", { class: "ws-slice-label" });
    const further = { class: "ws-slice-range", onchange: () => this.viewer.takeKeys() };
    this.range = slider("Place in the volume or video", [0, 100, 1], (at) => this.goTo(at), further);
    this.marks = h("div", { class: "ws-slice-marks", "aria-hidden": "true" });
    this.back = button("ws-link", { onclick: () => this.goBack() }, "Back to the image");
    this.note = h("p", { class: "ws-slice-note", role: "status", hidden: true });
    this.element = h(
      "div",
      { class: "ws-slices", hidden: true },
      this.label,
      h("div", { class: "ws-slice-track" }, this.range, this.marks),
      this.span.element,
    );
  }

  /** Whether the wheel steps. */
  get steps() {
    return (this.sequence?.numbers.length ?? 0) > 1;
  }

  /** Whether the picture is one that is no image of the project. */
  get isContext() {
    return this.viewer.pane.number !== null;
  }

  /** Asks for the volume of the image that is shown; what is known of it stays until then. */
  async load() {
    const { api, model, pane } = this.viewer;
    const { row } = pane;
    const id = model.ids[row];
    const place = this.sequence?.ids.indexOf(id) ?? -1;
    if (place >= 0) {
      // Slices that look the same are one image: the place that one stepped to is kept.
      if (this.sequence?.ids[this.at] !== id) this.at = place;
      this.draw();
      return;
    }
    this.forget();
    let sequence = null;
    try {
      sequence = (await api.get(`image/${id}/sequence`)).sequence;
    } catch {
      /* away meanwhile: the wheel zooms */
    }
    if (pane.row !== row) return;
    this.sequence = sequence;
    this.at = sequence?.at ?? 0;
    this.draw();
    this.viewer.keys.explainAnew();
  }

  forget() {
    this.sequence = null;
    this.turned = 0;
    this.span.close();
    this.draw();
  }

  /** @param {number} pixels that the wheel was turned */
  turn(pixels) {
    const [steps, left] = stepsOf(this.turned + pixels);
    this.turned = left;
    if (steps) this.goTo(this.at + steps);
  }

  /** @param {number} by */
  step(by) {
    this.goTo(this.at + by);
  }

  /** @param {number} place */
  goTo(place) {
    const { sequence, viewer } = this;
    if (!sequence) return;
    const next = Math.max(0, Math.min(sequence.ids.length - 1, place));
    if (next === this.at) return;
    const ahead = sequence.numbers[next + Math.sign(next - this.at)];
    this.at = next;
    const row = viewer.model.rowOf.get(sequence.ids[next]);
    if (row === undefined) viewer.showContext(sequence.numbers[next]);
    else viewer.showSlice(row);
    if (ahead !== undefined) this.ahead.src = viewer.api.slice(viewer.model.ids[viewer.row], ahead);
    this.draw();
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => viewer.settle(), SETTLED);
  }

  /** To the image from which one stepped away. */
  goBack() {
    const { model, row } = this.viewer;
    if (this.sequence) this.goTo(this.sequence.ids.indexOf(model.ids[row]));
    this.viewer.takeKeys();
  }

  /** Says why a key labels nothing. */
  refuse() {
    this.note.classList.remove("ws-refused");
    void this.note.offsetWidth;
    this.note.classList.add("ws-refused");
  }

  draw() {
    const { sequence, steps } = this;
    this.element.hidden = !steps;
    this.note.hidden = !steps || !this.isContext;
    if (!sequence || !steps) return;
    const { ids, kind, length, numbers, positions, unit } = sequence;
    const noun = `${kind[0].toUpperCase()}${kind.slice(1)}`;
    this.range.max = String(ids.length - 1);
    this.range.value = String(this.at);
    const position = positions[this.at];
    const place = position === null ? "" : `, ${position.toFixed(1).replace("-", "−")} ${unit}`;
    const text = `${noun} ${count(numbers[this.at] + 1)} of ${count(length)}${place}`;
    setText(this.label, text);
    this.range.setAttribute("aria-label", noun);
    this.range.setAttribute("aria-valuetext", text);
    refill(
      this.marks,
      stretches(ids).map(([from, to]) =>
        h("i", { style: { left: `${100 * from}%`, width: `max(2px, ${100 * (to - from)}%)` } }),
      ),
    );
    const words = `This ${kind} is not in the project and is shown for context: keys label nothing here. `;
    // While a span is chosen, its end may be a frame that is no image.
    this.note.hidden ||= this.span.isOpen;
    if (!this.note.hidden) refill(this.note, words, this.back);
    this.marks.append(this.span.mark);
    this.span.draw();
  }
}
