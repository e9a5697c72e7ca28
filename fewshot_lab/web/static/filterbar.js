// @ts-check
// Over map and grid while filters are on: each as a chip that can be taken off, and how many images match.

import { titleOf } from "./columns.js";
import { button, count, h, iconButton, images, refill } from "./dom.js";
import { NONE, isRange } from "./filters.js";

/** @import { FacetPanel } from "./facetpanel.js" */
/** @import { FilterState } from "./filterstate.js" */
/** @import { Model } from "./model.js" */
/** @import { SavedViews } from "./savedviews.js" */
/** @import { Column, Filter } from "./types.d.ts" */

const NAMED = 2;

export class FilterBar {
  /** @param {{ model: Model, state: FilterState, facets: FacetPanel, views: SavedViews }} parts */
  constructor({ model, state, facets, views }) {
    this.model = model;
    this.state = state;
    this.facets = facets;
    this.views = views;
    this.element = h("section", { class: "ws-filters", "aria-label": "Filters", hidden: true });
    model.on("filter stale columns classes overview", () => this.draw());
  }

  draw() {
    const { model, state } = this;
    this.element.hidden = !state.on && !state.problems.length;
    this.element.dataset.matching = state.on && !state.waiting.length ? String(state.matching) : "";
    const add = button("ws-link", { onclick: () => this.facets.open(add) }, "Add");
    const save = button("ws-link", { onclick: () => this.views.openSave(save) }, "Save view");
    refill(
      this.element,
      state.on && [
        state.filters.map((filter) => this.chip(filter)),
        add,
        h(
          "span",
          { class: "ws-filter-count", role: "status" },
          h("b", {}, count(state.matching)),
          ` of ${images(model.n)}`,
          state.changed > 0 && [
            " · ",
            button("ws-link", { onclick: () => state.renew() }, `${count(state.changed)} changed: renew`),
          ],
        ),
        save,
        button("ws-link", { onclick: () => state.clear() }, "Clear"),
      ],
      state.problems.map((problem) => h("p", { class: "ws-problem", role: "alert" }, problem)),
      state.problems.length > 0 && button("ws-link", { onclick: () => state.set(state.filters) }, "Dismiss"),
    );
  }

  /** @param {Filter} filter */
  chip(filter) {
    const { columns } = this.state;
    const title = titleOf(filter.column);
    const text = summary(filter, columns.get(filter.column));
    const waits = !this.state.isReady(filter);
    const open = button(
      "ws-filter-chip-text",
      { title: `${title}: ${text}`, onclick: () => this.facets.openColumn(open, filter.column) },
      h("span", {}, title),
      h("b", {}, text),
      waits && h("small", {}, this.state.columns.isPredicted(filter.column) ? "waits for the classifier" : "reading"),
    );
    return h(
      "span",
      { class: `ws-filter-chip${waits ? " ws-filter-chip-waits" : ""}` },
      open,
      iconButton("close", `Remove the filter by ${title}`, () => this.state.remove(filter.column)),
    );
  }
}

/**
 * A filter in few words.
 * @param {Filter} filter
 * @param {Column | null} column
 */
export function summary(filter, column) {
  const unit = (column && "unit" in column && column.unit) || "";
  const parts = [];
  if (isRange(filter)) {
    const { from, to } = filter;
    const dash = from.length > 6 || to.length > 6 ? " – " : "–";
    if (from !== "" && to !== "") parts.push(from === to ? from + unit : from + dash + to + unit);
    else parts.push(from !== "" ? `≥ ${from}${unit}` : `≤ ${to}${unit}`);
  }
  for (const value of filter.values.slice(0, NAMED)) parts.push(titleOfValue(value, column));
  const more = filter.values.length - NAMED;
  return parts.join(", ") + (more > 0 ? ` + ${count(more)}` : "");
}

/** @param {string} value @param {Column | null} column */
function titleOfValue(value, column) {
  if (value === NONE) return (column?.none ?? "no value").toLowerCase();
  if (!column || !("titles" in column)) return value;
  return column.titles?.[column.names.indexOf(value)] ?? value;
}
