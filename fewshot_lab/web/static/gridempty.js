// @ts-check
// Where a list of the grid is empty the sentence above it says why; here is the way on.

import { button, count, h, refill } from "./dom.js";

/** @import { Grid } from "./grid.js" */

export class GridEmpty {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    this.drawn = "";
    this.element = h("div", { class: "ws-grid-empty", hidden: true });
  }

  draw() {
    const { accept, filters, model, piles, rows, view } = this.grid;
    const { name } = view;
    const expected =
      (!model.mask && ["suggestions", "selection"].includes(name)) ||
      (name === "search" && !view.text) ||
      piles.loading;
    const empty = !rows.length && model.n > 0 && !expected;
    const state = `${filters.filters.length} ${filters.waiting.length} ${filters.matching} ${name === "accept" ? accept.highest() : ""}`;
    const key = empty ? `${name} ${state}` : "";
    if (key === this.drawn) return;
    this.drawn = key;
    this.element.hidden = !empty;
    if (!empty) return;
    const acts = (name === "accept" && accept.wayOut()) || this.waysOut();
    const buttons = Object.entries(acts).map(([text, act]) => {
      const onclick = () => {
        act();
        this.grid.tiles.takeKeys();
      };
      return button("ws-button", { onclick }, text);
    });
    refill(this.element, buttons);
  }

  /** What to do: words for buttons, and the acts. @returns {Record<string, () => void>} */
  waysOut() {
    const { filters, model } = this.grid;
    if (!model.mask) return { "Show suggestions": () => this.grid.open({ name: "suggestions" }) };
    if (filters.matching && !filters.waiting.length) {
      return { [`Show the ${count(filters.matching)} that match`]: () => this.grid.open({ name: "filtered" }) };
    }
    const last = filters.filters.at(-1)?.column ?? "";
    const all = { "Clear the filters": () => filters.clear() };
    return filters.filters.length > 1 ? { "Remove the last filter": () => filters.remove(last), ...all } : all;
  }
}
