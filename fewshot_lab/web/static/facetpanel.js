// @ts-check
// "Filter": what images can be filtered by, and for each column its values to click or its histogram to drag.

import { titleOf } from "./columns.js";
import { button, count, h, icon, iconButton, refill } from "./dom.js";
import { summary } from "./filterbar.js";

import { HistogramFacet } from "./histogram.js";
import { closeByEscape, popover } from "./popover.js";
import { ValueFacet, searchField } from "./valuefacet.js";

/** @import { FilterState } from "./filterstate.js" */
/** @import { Model } from "./model.js" */
/** @import { SavedViews } from "./savedviews.js" */

const NO_CLASSIFIER = "There is no classifier yet: label images of two classes first.";
const MANY_COLUMNS = 12;

export class FacetPanel {
  /** @param {{ model: Model, state: FilterState, views: SavedViews, workspace: HTMLElement }} parts */
  constructor({ model, state, views, workspace }) {
    this.model = model;
    this.state = state;
    this.views = views;
    this.workspace = workspace;
    this.panel = h("div", { class: "ws-facets", onkeydown: closeByEscape });
    this.column = /** @type {string | null} */ (null);
    this.facet = /** @type {ValueFacet | HistogramFacet | null} */ (null);
    this.foot = h("p", { class: "ws-facet-foot", role: "status" });
    model.on("filter stale", () => this.drawFoot());
    model.on("filter", () => this.facet?.draw());
    model.on("columns", () => (this.facet ? this.facet.draw() : this.column && this.drawColumn(this.column)));
  }

  /** @param {HTMLElement} anchor */
  open(anchor) {
    this.show(anchor);
    this.drawList();
  }

  /**
   * @param {HTMLElement} anchor
   * @param {string} name of a column
   */
  openColumn(anchor, name) {
    this.show(anchor);
    this.drawColumn(name);
  }

  /** @param {HTMLElement} anchor */
  show(anchor) {
    const onClose = () => (this.column = this.facet = null);
    popover(anchor, this.panel, { label: "Filter the images", within: this.workspace, onClose });
  }

  drawList() {
    this.column = this.facet = null;
    const names = this.state.columns.names();
    const list = h("div", { class: "ws-menu ws-facet-list" });
    const draw = (part = "") => {
      const shown = names.filter((name) => String(titleOf(name)).toLowerCase().includes(part));
      refill(
        list,
        shown.length ? shown.map((name) => this.line(name)) : h("p", { class: "ws-quiet" }, "No such column."),
      );
    };
    const field = searchField("Find a column", (part) => draw(part));
    draw();
    refill(
      this.panel,
      h("h2", {}, "Filter by"),
      names.length > MANY_COLUMNS && field,
      list,
      this.views.section(this.state.on),
      this.foot,
    );
    this.drawFoot();
    (names.length > MANY_COLUMNS ? field : /** @type {HTMLElement} */ (list.firstElementChild)).focus();
  }

  /** @param {string} name of a column */
  line(name) {
    const filter = this.state.filters.find(({ column }) => column === name);
    return button(
      "ws-menu-item",
      { onclick: () => this.drawColumn(name) },
      h("span", {}, titleOf(name)),
      filter && h("small", { class: "ws-facet-chosen" }, summary(filter, this.state.columns.get(name))),
      icon("next"),
    );
  }

  /** @param {string} name of a column */
  async drawColumn(name) {
    const { columns } = this.state;
    this.column = name;
    const head = h(
      "header",
      {},
      iconButton("back", "All columns", () => this.drawList()),
      h("h2", {}, titleOf(name)),
      button("ws-link", { onclick: () => this.state.remove(name) }, "Clear"),
    );
    const column = columns.get(name);
    if (!column) {
      refill(
        this.panel,
        head,
        h("p", { class: "ws-quiet" }, columns.isPredicted(name) ? NO_CLASSIFIER : "Reading this column…"),
      );
      /** @type {HTMLElement} */ (head.firstElementChild).focus();
      await this.fetch(name, head);
      return;
    }
    this.facet =
      column.kind === "names" || column.kind === "sets"
        ? new ValueFacet({ name, state: this.state, toggle: (value) => this.toggle(name, value) })
        : new HistogramFacet({ name, state: this.state });
    refill(this.panel, head, this.facet.element, this.foot);
    this.facet.draw();
    this.facet.focus();
    this.drawFoot();
    if (!columns.has(name)) this.fetch(name, head);
  }

  /**
   * @param {string} name
   * @param {HTMLElement} head
   */
  async fetch(name, head) {
    try {
      await this.state.columns.load(name);
    } catch (error) {
      if (this.column !== name) return;
      const why = error instanceof Error ? error.message : String(error);
      refill(this.panel, head, h("p", { class: "ws-problem" }, why));
    }
  }

  /**
   * @param {string} column
   * @param {string} value
   */
  toggle(column, value) {
    const filter = this.state.of(column);
    const without = filter.values.filter((other) => other !== value);
    const values = without.length < filter.values.length ? without : [...without, value];
    this.state.put({ ...filter, values });
  }

  drawFoot() {
    const { model, state } = this;
    if (!this.foot.isConnected) return;
    refill(this.foot, state.on ? [h("b", {}, count(state.matching)), ` of ${count(model.n)} images match`] : null);
  }
}
