// @ts-check
// The lines above and below the grid: which list it shows, one sentence on it, its order and size.

import { openClassMenu } from "./classmenu.js";
import { button, count, h, iconButton, images, refill, select, setText, slider } from "./dom.js";
import { GridEmpty } from "./gridempty.js";
import { sentenceParts } from "./gridsentence.js";
import { ORDERS } from "./views.js";

/** @import { Grid } from "./grid.js" */
/** @import { Child } from "./types.d.ts" */

const TABS = {
  suggestions: "Suggestions",
  filtered: "Filtered",
  selection: "Selection",
  neighbours: "Neighbours",
  suspects: "Suspects",
  conflicts: "Conflicts",
};

export class GridHeader {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    this.searchTimer = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);
    this.drawnSentence = "";
    this.tabs = new Map(Object.entries(TABS).map(([name, text]) => [name, this.tab(name, text)]));
    this.searchField = h("input", {
      type: "search",
      class: "ws-field ws-search",
      placeholder: "File name",
      "aria-label": "Search images by name",
      hidden: true,
      oninput: () => {
        clearTimeout(this.searchTimer);
        this.searchTimer = setTimeout(() => this.search(), 180);
      },
      onkeydown: (event) => {
        if (event.key !== "Escape") return;
        grid.open({ name: "suggestions" });
        grid.tiles.scroller.focus();
      },
    });
    this.acceptButton = button(
      "ws-quiet-button",
      { onclick: () => grid.open({ name: "accept" }), title: "Accept the predictions above a confidence" },
      "Accept…",
    );
    const pilesTitle = "Piles: images so alike that one key labels them all";
    this.pilesButton = iconButton("pile", pilesTitle, (event) => {
      grid.open({ name: "piles" });
      if (event.detail) grid.tiles.takeKeys();
    });
    this.sentence = h("div", { class: "ws-sentence-text" });
    this.labelButton = button("ws-button", {
      "aria-haspopup": "menu",
      onclick: () => grid.labelling.openMenu(this.labelButton),
    });
    this.extra = h("div", {}, grid.accept.element);
    this.empty = new GridEmpty(grid);
    const orders = ORDERS.map(([value, text]) => h("option", { value }, text));
    this.orderField = select("Order of the images", (order) => grid.reorder(order), orders);
    this.total = h("span");
    this.sizeField = slider("Size of the thumbnails", [56, 240, 2], (width) => grid.tiles.resize(width));
    this.fillButton = iconButton("fit", "Tiles fill the room there is", () => grid.tiles.resize(null));
    this.top = [
      h(
        "div",
        { class: "ws-bar" },
        h("div", { class: "ws-segments", role: "tablist", "aria-label": "What the grid shows" }, [
          ...this.tabs.values(),
        ]),
        h(
          "div",
          { class: "ws-bar-end" },
          this.searchField,
          this.acceptButton,
          this.pilesButton,
          iconButton("pair", "Tell two classes apart", (event) => grid.pairMenu.open(event.currentTarget)),
          iconButton("list", "Show all images of a class", (event) => openClassMenu(grid, event.currentTarget)),
          iconButton("search", "Search images by name", () => this.openSearch()),
        ),
      ),
      h(
        "div",
        { class: "ws-sentence" },
        h("div", { class: "ws-sentence-line" }, this.sentence, this.labelButton),
        this.extra,
      ),
    ];
    this.foot = h(
      "div",
      { class: "ws-grid-foot" },
      h("label", {}, "Order ", this.orderField),
      this.total,
      h("div", { class: "ws-bar-end" }, h("label", {}, "Size ", this.sizeField), this.fillButton),
    );
  }

  /** @param {string} name @param {string} text */
  tab(name, text) {
    /** @param {MouseEvent} event */
    const onclick = (event) => {
      this.grid.open({ name });
      // By mouse: the keys belong to the images again. By keyboard the focus stays where it is.
      if (event.detail) this.grid.tiles.takeKeys();
    };
    return button("", { role: "tab", "data-view": name, onclick }, text);
  }

  draw() {
    const { accept, labelling, model, rows, similarity, view } = this.grid;
    const conflicts = model.overview?.conflicts ?? 0;
    const { filters } = this.grid;
    const counts = { selection: model.selection?.rows.length, suspects: this.grid.suspects().length, conflicts };
    for (const [name, n] of Object.entries(counts)) {
      const tab = /** @type {HTMLElement} */ (this.tabs.get(name));
      refill(tab, TABS[/** @type {keyof typeof TABS} */ (name)], n ? [" ", h("b", {}, count(n))] : null);
    }
    // Conflicts are for seniors alone, and while there is something to decide. Filters need the room of a
    // selection that is not there.
    const hidden = { filtered: !filters.on, selection: filters.on && !model.selection, conflicts: !conflicts };
    for (const [name, off] of Object.entries(hidden)) {
      /** @type {HTMLElement} */ (this.tabs.get(name)).hidden = off && view.name !== name;
    }
    for (const [name, tab] of this.tabs) tab.setAttribute("aria-selected", String(name === view.name));
    this.acceptButton.setAttribute("aria-pressed", String(view.name === "accept"));
    this.pilesButton.setAttribute("aria-pressed", String(["piles", "pile"].includes(view.name)));
    const parts = sentenceParts(this.grid);
    const key = parts.map((part) => (part instanceof Node ? `<${part.textContent}>` : part)).join("");
    if (this.drawnSentence !== key) refill(this.sentence, parts);
    this.drawnSentence = key;
    const targets = labelling.targets().length;
    this.labelButton.hidden = view.name === "accept" || !model.classes.length;
    this.labelButton.disabled = !targets;
    setText(this.labelButton, targets ? `Label ${images(targets)}` : "Label");
    this.extra.hidden = view.name !== "accept";
    if (view.name === "accept") accept.draw();
    const total = view.name === "piles" ? `${count(rows.length)} piles` : images(rows.length);
    setText(this.total, rows.length ? total : "");
    for (const option of this.orderField.options) option.hidden = option.value === "distance" && !similarity;
    this.orderField.value = this.grid.order;
    this.sizeField.value = String(this.grid.tiles.width);
    this.fillButton.setAttribute("aria-pressed", String(this.grid.tiles.size === null));
    this.empty.draw();
  }

  openSearch() {
    this.searchField.hidden = false;
    this.acceptButton.hidden = true;
    this.searchField.focus();
    this.grid.open({ name: "search", text: this.searchField.value });
  }

  closeSearch() {
    clearTimeout(this.searchTimer);
    this.searchField.hidden = true;
    this.acceptButton.hidden = false;
    this.searchField.value = "";
  }

  search() {
    this.grid.open({ name: "search", text: this.searchField.value.trim() });
  }

  close() {
    clearTimeout(this.searchTimer);
  }
}
