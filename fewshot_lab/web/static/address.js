// @ts-check
// What is shown, in the page's address, behind "#": a link shows the same, and no server's log sees it.

import { formatted, parsed } from "./viewstate.js";

/** @import { FilterState } from "./filterstate.js" */
/** @import { Grid } from "./grid.js" */
/** @import { MapBar } from "./mapbar.js" */
/** @import { Model } from "./model.js" */

export class Address {
  /** @param {{ model: Model, state: FilterState, bar: MapBar, grid: Grid }} parts */
  constructor({ model, state, bar, grid }) {
    this.model = model;
    this.state = state;
    this.bar = bar;
    this.grid = grid;
    this.started = false;
    this.changed = () => {
      if (location.hash.slice(1) !== this.written) this.read(location.hash.slice(1));
    };
    this.written = "";
    addEventListener("hashchange", this.changed);
    const stop = model.on("overview", () => {
      if (!model.n) return;
      stop();
      this.started = true;
      if (location.hash.length > 1) this.read(location.hash.slice(1));
    });
    model.on("filter colour listed", () => this.started && this.write());
  }

  /** Shows what a text asks for, and says what of it cannot be. @param {string} text */
  read(text) {
    const { bar, grid, model, state } = this;
    const { colour, filters, list, order, problems } = parsed(text, model, state.columns);
    if (state.columns.stored().includes(colour)) bar.colourBy(colour);
    else if (colour) bar.map.setMode(colour);
    state.set(filters, problems);
    if (list) grid.open({ name: list });
    // Kept by the grid while a filter waits for its column.
    if (order) grid.reorder(order);
  }

  text() {
    const { map } = this.bar;
    const colour = map.mode === "column" ? String(map.columnName) : map.mode;
    return formatted({ filters: this.state.filters, colour, list: this.grid.view.name, order: this.grid.order });
  }

  write() {
    const text = this.text();
    if (text === this.written) return;
    this.written = text;
    history.replaceState(history.state, "", location.pathname + location.search + (text && `#${text}`));
  }

  close() {
    removeEventListener("hashchange", this.changed);
  }
}
