// @ts-check
// Five steps for whoever is here for the first time: a line of the page that is in nobody's way, and ticks
// off what has been done. Left out for good once it was closed in this browser; the menu brings it back.

import { h, iconButton } from "./dom.js";
import { KIND_MASK } from "./labelcodes.js";
import { store, stored } from "./storage.js";

/** @import { Model } from "./model.js" */

const KEY = "fewshot-lab:first-steps";
const ASKED = "fewshot-first-steps";
const CLOSED = "closed";

/** @type {[title: string, text: string, done: (model: Model) => boolean][]} */
const STEPS = [
  ["Look", "Each point is an image; alike ones lie together. Rest the mouse on one.", () => false],
  ["Name", "Type the names of your classes at the top left.", (model) => model.classes.length > 1],
  [
    "Label",
    "Press a class’s key: the ringed image gets it. Ctrl+Z takes it back.",
    (model) => model.codes.some((code) => code & KIND_MASK),
  ],
  ["Gather", "Draw around points of the map, and label them all with one key.", (model) => Boolean(model.selection)],
  ["Trust", "The last line says how often it is right. Good enough? Go to Export.", (model) => knows(model)],
];

/** @param {Model} model */
const knows = ({ snapshot }) => Boolean(snapshot?.audit?.accuracy ?? snapshot?.cv?.accuracy.value);

/** @param {string} labelPage where the steps are shown */
export function showSteps(labelPage) {
  store(KEY, "");
  if (document.querySelector(".ws-workspace")) document.dispatchEvent(new Event(ASKED));
  else location.assign(labelPage);
}

export class FirstSteps {
  /** @param {{ model: Model, map: HTMLElement }} parts */
  constructor({ model, map }) {
    this.model = model;
    this.done = new Set();
    this.items = STEPS.map(([title, text]) => h("li", {}, h("b", {}, title), h("span", {}, text)));
    const close = iconButton("close", "Close the first steps", () => this.dismiss());
    this.element = h(
      "section",
      { class: "ws-steps", "aria-label": "First steps", hidden: true },
      h("ol", {}, this.items),
      close,
    );
    this.show = () => {
      this.done.clear();
      this.element.hidden = false;
      this.draw();
    };
    document.addEventListener(ASKED, this.show);
    if (stored(KEY) !== CLOSED) this.show();
    model.on("classes labels scores selection", () => this.draw());
    map.addEventListener("pointerover", () => {
      this.done.add(0);
      this.draw();
    });
  }

  draw() {
    if (this.element.hidden) return;
    STEPS.forEach(([, , isDone], i) => {
      if (isDone(this.model)) this.done.add(i);
      const item = this.items[i];
      const done = this.done.has(i);
      item.classList.toggle("ws-done", done);
      if (done) item.setAttribute("aria-label", `Done: ${item.textContent}`);
      else item.removeAttribute("aria-label");
    });
  }

  dismiss() {
    store(KEY, CLOSED);
    this.element.hidden = true;
  }

  close() {
    document.removeEventListener(ASKED, this.show);
  }
}
