// @ts-check
// The lines above and below the grid: which list it shows, one sentence on it, its order and size.

import { openClassMenu } from "./classmenu.js";
import { button, count, h, iconButton, images, percent, refill, setText } from "./dom.js";
import { GridEmpty } from "./gridempty.js";
import { auditSentence } from "./statusbar.js";
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
const SET_ASIDE = { unsure: "unsure", reject: "unusable", skipped: "skipped" };

/** @param {string} text @param {() => void} onclick */
const link = (text, onclick) => button("ws-link", { onclick }, text);

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
    /** @type {HTMLSelectElement} */
    this.orderField = h(
      "select",
      { class: "ws-select", "aria-label": "Order of the images", onchange: () => grid.reorder(this.orderField.value) },
      ORDERS.map(([value, text]) => h("option", { value }, text)),
    );
    this.total = h("span");
    /** @type {HTMLInputElement} */
    this.sizeField = h("input", {
      type: "range",
      min: 56,
      max: 240,
      step: 2,
      class: "ws-range",
      "aria-label": "Size of the thumbnails",
      oninput: () => grid.tiles.resize(Number(this.sizeField.value)),
    });
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
    const parts = this.sentenceParts();
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

  /** @returns {Child[]} */
  sentenceParts() {
    const { accept, cursor, model, rows, suggestions, view } = this.grid;
    const n = rows.length;
    switch (view.name) {
      case "suggestions":
        return suggestions.sentence(cursor.row);
      case "filtered": {
        const { changed, filters, waiting } = this.grid.filters;
        if (waiting.some(({ column }) => this.grid.filters.columns.isPredicted(column))) {
          return ["Filters by prediction wait for a classifier: label images of two classes first."];
        }
        if (waiting.length) return ["Reading what the filters need…"];
        if (!n) {
          const none =
            filters.length > 1 ? `No image matches all ${filters.length} filters.` : "No image matches the filter.";
          return [[none, ...this.grid.filters.absent()].join(" ")];
        }
        const stay = changed ? " Those that no longer match stay until you renew the list." : "";
        return [`${count(n)} of ${images(model.n)} match the ${filters.length > 1 ? "filters" : "filter"}.${stay}`];
      }
      case "selection": {
        if (!n && !model.selection) return ["Draw a lasso on the map, or click an image there."];
        if (!n && model.mask) return ["No image inside matches the filters."];
        if (!n) return [`No image lies inside.${model.hidden.size ? " Hidden classes are left out." : ""}`];
        const chosen = cursor.marked.size || (cursor.row >= 0 ? 1 : n);
        if (chosen < n) return [`${count(chosen)} of ${images(n)} chosen.`];
        return [`${images(n)} selected. One key labels ${n === 1 ? "it" : "them all"}.`];
      }
      case "neighbours": {
        if (!view.id) return ["Choose an image and press ", h("kbd", {}, "."), " to see the images most like it."];
        const all = view.unlabelled === false;
        return [
          `The nearest ${all ? "" : "unlabelled "}images to the first one. `,
          link(all ? "Unlabelled only" : "All images", () => this.grid.open({ ...view, unlabelled: all })),
        ];
      }
      case "suspects":
        return n
          ? this.suspectParts()
          : [
              model.snapshot?.cv
                ? "No label is in doubt: the classifier agrees with all of them."
                : "Doubtful labels show up here once the classifier can be cross-validated.",
            ];
      case "class": {
        const { classId, predicted } = view;
        if (typeof classId !== "number") {
          return [`Labelled ${SET_ASIDE[/** @type {keyof typeof SET_ASIDE} */ (classId)]}: ${images(n)}. `];
        }
        const name = model.name(classId);
        return [
          predicted ? `Predicted as ${name}, no label yet: ${images(n)}. ` : `Labelled ${name}: ${images(n)}. `,
          link(predicted ? "Labelled ones" : "Predicted ones", () =>
            this.grid.open({ ...view, predicted: !predicted }),
          ),
        ];
      }
      case "search":
        if (!view.text) return ["Type a part of a file name."];
        if (!n) return [`No image has “${view.text}” in its name.`];
        return [`${n === 1000 ? "The first 1,000 images" : images(n)} with “${view.text}” in the name.`];
      case "audit": {
        const waiting = rows.filter((row) => !model.kind(row)).length;
        const audit = model.snapshot?.audit;
        const others = !waiting && audit?.waiting && link("Show the others", () => this.grid.open(view));
        return [auditSentence(waiting, audit), others || ""];
      }
      case "cell":
        return [view.title, n ? `: ${images(n)}.` : ": no image that you may see before your own label is stored."];
      case "between":
        return n ? [`${images(n)}: `, ...this.opinionParts()] : [view.title, ": no image."];
      case "piles":
        return this.grid.piles.sentence();
      case "pile":
        return this.grid.piles.openedSentence();
      case "conflicts": {
        if (!n) return ["Nobody contradicts anybody: there is nothing to decide."];
        const left = rows.filter((row) => !this.grid.decided.has(row)).length;
        return [
          ...this.opinionParts(),
          left ? `A class key decides; ${count(left)} of ${images(n)} left.` : `All ${images(n)} decided.`,
        ];
      }
      default:
        return accept.sentence();
    }
  }

  /** Who says what of the image in focus. */
  opinionParts() {
    const { cursor, model } = this.grid;
    return this.grid
      .opinionsOf(cursor.row)
      .flatMap(({ annotator, kind, class_id: id, decided }) => [
        h(
          "span",
          { class: "ws-opinion" },
          `${annotator}${decided ? " (decided)" : ""} `,
          id !== null && h("i", { class: "ws-dot", style: { background: model.color(id) } }),
          h("em", {}, id !== null ? model.name(id) : kind === "reject" ? "unusable" : kind),
        ),
        " ",
      ]);
  }

  suspectParts() {
    const { cursor, model } = this.grid;
    const end = [h("kbd", {}, "Enter"), " takes the prediction, ", h("kbd", {}, "0"), " keeps the label."];
    const { cv, suspects } = model.snapshot ?? {};
    // Where the classifier errs often, most of what it doubts is right.
    if (cv && suspects && suspects.length > 0.2 * cv.n) {
      const share = `${count(suspects.length)} of ${count(cv.n)} labels`;
      end.push(
        ` The classifier doubts ${share}, so most of these are probably its own errors; the likeliest wrong ones come first.`,
      );
    }
    const suspect = this.grid.suspectOf(cursor.row);
    if (!suspect) return ["Labels the classifier does not agree with. ", ...end];
    const [, label, predicted, probability] = suspect;
    const [own, other] = [label, predicted].map((id) => h("em", {}, model.name(id)));
    return ["Labelled ", own, ", looks like ", other, ` (${percent(probability)}). `, ...end];
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
