// @ts-check
// "Tell these two apart": two classes that the suggestions dwell on, named in a small panel.

import { button, h } from "./dom.js";
import { closePopover, popover } from "./popover.js";

/** @import { Api } from "./api.js" */
/** @import { Model } from "./model.js" */
/** @import { Toasts } from "./toast.js" */
/** @import { CrossValidation } from "./types.d.ts" */

/**
 * The two classes that are taken for each other most often, in shares of their labels; null where none are.
 * @param {CrossValidation | null | undefined} cv
 * @returns {[number, number] | null}
 */
export function mostConfused(cv) {
  if (!cv) return null;
  const { class_ids: ids, confusion } = cv;
  const sums = confusion.map((line) => line.reduce((a, b) => a + b, 0) || 1);
  let worst = 0;
  let pair = /** @type {[number, number] | null} */ (null);
  for (let i = 0; i < ids.length; i++) {
    for (let j = i + 1; j < ids.length; j++) {
      const share = confusion[i][j] / sums[i] + confusion[j][i] / sums[j];
      if (share > worst) [worst, pair] = [share, [ids[i], ids[j]]];
    }
  }
  return pair;
}

export class PairMenu {
  /** @param {{ model: Model, api: Api, toasts: Toasts, workspace: HTMLElement, onChosen: () => void }} parts */
  constructor({ model, api, toasts, workspace, onChosen }) {
    this.model = model;
    this.api = api;
    this.toasts = toasts;
    this.workspace = workspace;
    this.onChosen = onChosen;
  }

  /** @param {HTMLElement} anchor */
  open(anchor) {
    const { model } = this;
    const { classes, snapshot } = model;
    if (classes.length < 2) {
      return this.toasts.show("To tell two classes apart there must be two: name a second one at the left.");
    }
    const likely = snapshot?.pair ?? mostConfused(snapshot?.cv) ?? [];
    const live = new Set(classes.map((c) => c.id));
    const [first, second] = [...new Set([...likely.filter((id) => live.has(id)), ...live])];
    const fields = [first, second].map((chosen, i) => this.field(i ? "Second class" : "First class", chosen));
    const problem = h("div", { class: "ws-problem", role: "alert", hidden: true }, "Choose two different classes.");
    const tell = button("ws-button ws-button-strong", { onclick: () => this.choose(values()) }, "Tell these two apart");
    const values = () => fields.map((field) => Number(field.value));
    const check = () => {
      const [a, b] = values();
      tell.disabled = a === b;
      problem.hidden = a !== b;
    };
    for (const field of fields) field.addEventListener("change", check);
    const current = snapshot?.pair && button("ws-link", { onclick: () => this.choose(null) }, "Stop");
    const text = "Your suggestions then come from images that look like both, until you stop.";
    const content = h(
      "div",
      { class: "ws-settings" },
      h("h2", {}, "Tell two classes apart"),
      h("div", { class: "ws-pair" }, fields[0], "and", fields[1]),
      h("small", { class: "ws-quiet" }, text),
      problem,
      h("div", { class: "ws-pair" }, tell, current),
    );
    popover(anchor, content, { label: "Tell two classes apart", within: this.workspace });
  }

  /**
   * @param {string} label
   * @param {number} chosen
   * @returns {HTMLSelectElement}
   */
  field(label, chosen) {
    const options = this.model.classes.map((c) => h("option", { value: c.id, selected: c.id === chosen }, c.name));
    return h("select", { class: "ws-select ws-pair-field", "aria-label": label }, options);
  }

  /** @param {number[] | null} classes null: the usual suggestions again */
  async choose(classes) {
    closePopover();
    try {
      await this.api.post("pair", { annotator: this.api.annotator(), classes });
      this.onChosen();
    } catch (error) {
      this.toasts.warn(error);
    }
  }
}
