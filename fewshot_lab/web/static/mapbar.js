// @ts-check
// Above the map: what it is coloured by, and the tools. Below it: the legend, and what one sees.

import { ColumnLegend } from "./columnlegend.js";
import { titleOf } from "./columns.js";
import { button, count, h, icon, iconButton, refill } from "./dom.js";
import { UNLIKE_SENTENCE } from "./hovercard.js";
import { menu, popover } from "./popover.js";
import { SLIDE_HINT } from "./slideview.js";
import { explained } from "./terms.js";

/** @import { Api } from "./api.js" */
/** @import { Columns } from "./columns.js" */
/** @import { FacetPanel } from "./facetpanel.js" */
/** @import { MapView, Tool } from "./map.js" */
/** @import { Model } from "./model.js" */
/** @import { SlideView } from "./slideview.js" */
/** @import { Toasts } from "./toast.js" */

const MODES = { prediction: "Prediction", label: "Label", confidence: "Confidence", column: "Metadata" };
const SHOWN = { map: "Map", slides: "Slides" };
const TOOLS = { lasso: "Lasso", box: "Box", pan: "Pan" };
/** @type {Record<string, string>} */
const METHODS = { pca: "First look (PCA)", umap: "UMAP" };

export class MapBar {
  /**
   * @param {{
   *   model: Model,
   *   map: MapView,
   *   slides: SlideView,
   *   columns: Columns,
   *   facets: FacetPanel,
   *   api: Api,
   *   toasts: Toasts,
   *   workspace: HTMLElement,
   * }} parts
   */
  constructor({ model, map, slides, columns, facets, api, toasts, workspace }) {
    this.model = model;
    this.slides = slides;
    this.columns = columns;
    this.map = map;
    this.api = api;
    this.toasts = toasts;
    this.workspace = workspace;
    this.modes = segments("Colour the map by", MODES, (mode, anchor) => {
      if (mode === "column") this.openColumns(anchor);
      else map.setMode(mode);
    });
    this.tools = segments("Tool of the map", TOOLS, (tool) => map.setTool(/** @type {Tool} */ (tool)));
    this.shown = segments("What is shown", SHOWN, (shown) => (shown === "slides" ? slides.open() : slides.hide()));
    this.settings = iconButton("settings", "Map settings", (event) => this.openSettings(event.currentTarget));
    const filter = button(
      "ws-quiet-button ws-filter-button",
      {
        "aria-label": "Filter",
        title: "Show only some images: by label, prediction or any column",
        onclick: () => facets.open(filter),
      },
      icon("filter"),
      h("span", {}, "Filter"),
    );
    const end = h("div", { class: "ws-bar-end" }, filter, this.tools, this.settings);
    this.top = h("div", { class: "ws-bar" }, this.shown, this.modes, end);
    this.legend = new ColumnLegend({ map, facets });
    this.caption = h("p", { class: "ws-map-caption" });
    this.bottom = h("div", { class: "ws-map-foot" }, this.legend.element, this.caption);
    model.on("tool colour columns map overview filter scores", () => this.draw());
    // More images, or somebody else looks.
    model.on("forgotten", () => map.columnName && this.colourBy(map.columnName));
    this.draw();
  }

  draw() {
    const { map, model } = this;
    press(this.modes, map.mode);
    press(this.tools, map.tool);
    const onSlide = this.slides.isOpen;
    press(this.shown, onSlide ? "slides" : "map");
    this.shown.hidden = !model.overview?.slides;
    this.tools.hidden = this.settings.hidden = onSlide;
    const metadata = /** @type {HTMLElement} */ (this.modes.lastElementChild);
    const name = map.mode === "column" ? titleOf(map.columnName) : MODES.column;
    refill(metadata, h("span", { class: "ws-name" }, name), " ▾");
    metadata.hidden = !this.columns.stored().length;
    this.legend.draw();
    const { overview } = model;
    const placed = map.plot.placed;
    refill(
      this.caption,
      onSlide && SLIDE_HINT,
      !onSlide &&
        model.map && [
          map.mode === "prediction" && "Ringed: labelled. Faint: unsure. ",
          this.unlikeParts(),
          explained(METHODS[model.map.method] ?? model.map.method),
          " of ",
          h("b", {}, overview?.backbone_title),
          placed > 0 && placed < model.n && `, ${count(model.n - placed)} not on it yet`,
        ],
    );
    this.caption.title = this.caption.textContent ?? "";
  }

  /** How many points are coloured as unlike anything labelled. */
  unlikeParts() {
    const { map, model } = this;
    if (!["prediction", "confidence"].includes(map.mode)) return false;
    const n = model.rowsWhere((row) => model.isUnlike(row)).length;
    const dot = h("i", { class: "ws-dot ws-unlike" });
    return n > 0 && h("span", { title: UNLIKE_SENTENCE }, dot, ` unlike: ${count(n)}. `);
  }

  /** @param {HTMLElement} anchor */
  openColumns(anchor) {
    const items = this.columns
      .stored()
      .map((name) => ({ label: titleOf(name), checked: this.map.columnName === name, act: () => this.colourBy(name) }));
    menu(anchor, items, { label: "Colour the map by", within: this.workspace });
  }

  /** @param {string} name of a column */
  async colourBy(name) {
    try {
      await this.columns.load(name);
      this.map.setMode("column", name);
    } catch (error) {
      this.toasts.warn(error);
    }
  }

  /** @param {HTMLElement} anchor */
  openSettings(anchor) {
    const current = this.model.overview?.map_settings ?? { neighbours: 15, min_dist: 0.1 };
    /** @param {import("./types.d.ts").Attributes} attributes */
    const number = (attributes) => h("input", { type: "number", class: "ws-field ws-number", ...attributes });
    const neighbours = number({ min: 2, max: 200, value: current.neighbours, autofocus: true });
    const distance = number({ min: 0, max: 0.99, step: 0.05, value: current.min_dist });
    const state = h("p", { class: "ws-quiet" }, "The map keeps its place until the new one is ready.");
    const start = async () => {
      try {
        const settings = { neighbours: Number(neighbours.value), min_dist: Number(distance.value) };
        await this.api.post("jobs", { do: "map", ...settings });
        close();
        this.toasts.show("A new map is being laid out; it slides in when it is ready.");
      } catch (error) {
        refill(state, error instanceof Error ? error.message : String(error));
        state.className = "ws-problem";
      }
    };
    /** @param {string} name @param {string} hint @param {HTMLElement} field */
    const line = (name, hint, field) => h("label", {}, h("span", {}, name, h("small", {}, hint)), field);
    const close = popover(
      anchor,
      h(
        "div",
        { class: "ws-settings" },
        h("h2", {}, "Map"),
        line("Neighbours", "few: fine detail, many: the large picture", neighbours),
        line("Distance", "how tightly similar images are packed", distance),
        button("ws-button", { onclick: start }, "Lay out again"),
        state,
      ),
      { label: "Map settings", within: this.workspace },
    );
  }
}

/**
 * @param {string} label
 * @param {Record<string, string>} values
 * @param {(value: string, anchor: HTMLElement) => void} act
 */
function segments(label, values, act) {
  const buttons = Object.entries(values).map(([value, text]) => {
    /** @param {MouseEvent & { currentTarget: HTMLElement }} event */
    const onclick = (event) => act(value, event.currentTarget);
    return button("", { "data-value": value, onclick }, text);
  });
  return h("div", { class: "ws-segments", role: "group", "aria-label": label }, buttons);
}

/**
 * @param {HTMLElement} group
 * @param {string} value
 */
function press(group, value) {
  for (const choice of group.children) {
    choice.setAttribute("aria-pressed", String(choice.getAttribute("data-value") === value));
  }
}
