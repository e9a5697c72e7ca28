// @ts-check
// The keys that do not belong to a class: a few always in sight, all of them behind "?".

import { button, h } from "./dom.js";
import { popover } from "./popover.js";

const SHORT = [
  ["U", "unsure"],
  ["X", "unusable image"],
  ["S", "skip"],
  ["⌫", "clear"],
  ["Z", "ctrl+Z undoes, any time"],
];
const ALL = [
  ["1–9, A–Z", "label with the class that shows this key"],
  ["U", "unsure"],
  ["X", "unusable image"],
  ["S", "skip"],
  ["⌫", "clear the label"],
  ["Enter", "take the prediction as label"],
  ["0", "among suspects: keep the label; in Accept: leave out"],
  ["← → ↑ ↓", "move; with shift, choose a range; in the class list, the next class"],
  ["ctrl+A", "choose all in the grid"],
  ["space", "large view; there + − zoom, shift and an arrow move, shift and a drag set the window"],
  ["[", "in the large view of a video or volume: label from here to where the class key is pressed"],
  [".", "show the neighbours"],
  [",", "open a pile, and back to the piles"],
  ["Esc", "close, then drop the selection"],
  ["ctrl+Z", "undo"],
  ["ctrl+shift+Z", "redo"],
  ["+ − 0", "zoom and fit, with the map in focus"],
];

export class KeyHelp {
  /** @param {HTMLElement} workspace */
  constructor(workspace) {
    this.workspace = workspace;
    this.all = button("ws-link", { onclick: () => this.open() }, "All keys");
    this.element = h(
      "section",
      { class: "ws-keys", "aria-label": "Keys" },
      h(
        "ul",
        {},
        SHORT.map(([key, text]) => h("li", {}, h("kbd", {}, key), text)),
      ),
      h("div", {}, this.all),
    );
  }

  open() {
    popover(
      this.all,
      h(
        "div",
        { class: "ws-settings" },
        h("h2", {}, "Keys"),
        h(
          "dl",
          { class: "ws-key-list" },
          ALL.map(([key, text]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, text)]),
        ),
      ),
      { place: "right", label: "Keys", within: this.workspace },
    );
  }
}
