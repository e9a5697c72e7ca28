// @ts-check
// Above the map: what it is coloured by, and the tools. Below it: the legend, and what one sees.

import { scaleCss } from "./colours.js";
import { button, count, h, iconButton, refill } from "./dom.js";
import { NO_VALUE } from "./pointcolours.js";
import { menu, popover } from "./popover.js";

/** @import { Api } from "./api.js" */
/** @import { MapView, Tool } from "./map.js" */
/** @import { Model } from "./model.js" */
/** @import { Toasts } from "./toast.js" */
/** @import { Column } from "./types.d.ts" */

const MODES = { prediction: "Prediction", label: "Label", confidence: "Confidence", column: "Metadata" };
const TOOLS = { lasso: "Lasso", box: "Box", pan: "Pan" };
/** @type {Record<string, string>} */
const METHODS = { pca: "First look (PCA)", umap: "UMAP" };
/** @type {Record<string, string>} */
const COLUMN_TITLES = { "@reference": "Reference", "@group": "Group" };

export class MapBar {
  /** @param {{ model: Model, map: MapView, api: Api, toasts: Toasts, workspace: HTMLElement }} parts */
  constructor({ model, map, api, toasts, workspace }) {
    this.model = model;
    this.map = map;
    this.api = api;
    this.toasts = toasts;
    this.workspace = workspace;
    this.modes = segments("Colour the map by", MODES, (mode, anchor) => {
      if (mode === "column") this.openColumns(anchor);
      else map.setMode(mode);
    });
    this.tools = segments("Tool of the map", TOOLS, (tool) => map.setTool(/** @type {Tool} */ (tool)));
    const settings = iconButton("settings", "Map settings", (event) => this.openSettings(event.currentTarget));
    this.top = h("div", { class: "ws-bar" }, this.modes, h("div", { class: "ws-bar-end" }, this.tools, settings));
    this.legend = h("div", { class: "ws-legend" });
    this.caption = h("p", { class: "ws-map-caption" });
    this.bottom = h("div", { class: "ws-map-foot" }, this.legend, this.caption);
    model.on("tool colour map overview hidden", () => this.draw());
    this.draw();
  }

  draw() {
    const { map, model } = this;
    press(this.modes, map.mode);
    press(this.tools, map.tool);
    const metadata = /** @type {HTMLElement} */ (this.modes.lastElementChild);
    const name = map.mode === "column" ? titleOf(map.columnName) : MODES.column;
    refill(metadata, h("span", { class: "ws-name" }, name), " ▾");
    metadata.hidden = !this.columns().length;
    refill(this.legend, this.legendParts());
    const { overview } = model;
    const placed = map.plot.placed;
    refill(
      this.caption,
      model.map && [
        map.mode === "prediction" && "Ringed: labelled. Faint: unsure. ",
        METHODS[model.map.method] ?? model.map.method,
        " of ",
        h("b", {}, overview?.backbone_title),
        placed > 0 && placed < model.n && `, ${count(model.n - placed)} not on it yet`,
      ],
    );
    this.caption.title = this.caption.textContent ?? "";
  }

  columns() {
    const { overview } = this.model;
    if (!overview) return [];
    const special = [overview.has_reference && "@reference", overview.has_group && "@group"];
    return [...special.filter((name) => name !== false), ...overview.columns];
  }

  /** @param {HTMLElement} anchor */
  openColumns(anchor) {
    const items = this.columns().map((name) => ({
      label: titleOf(name),
      checked: this.map.columnName === name,
      act: () => this.colourBy(name),
    }));
    menu(anchor, items, { label: "Colour the map by", within: this.workspace });
  }

  /** @param {string} name of a column */
  async colourBy(name) {
    try {
      const { head, arrays } = await this.api.arrays("column", { name });
      const column = /** @type {Column} */ ({ ...head, values: arrays.values });
      if (column.kind === "names") {
        // A reference label that is also a class has its class's colour.
        const ofClass = new Map(this.model.classes.map((c) => [c.name.toLowerCase(), c.color]));
        const own = column.names.map((text) => ofClass.get(text.toLowerCase()));
        const free = column.colors.filter((color) => !own.includes(color));
        column.colors = own.map((color) => color ?? String(free.shift()));
      }
      this.map.setMode("column", name, column);
    } catch (error) {
      this.toasts.warn(error);
    }
  }

  legendParts() {
    const { column, hiddenValues, mode } = this.map;
    if (mode === "confidence") {
      return [gradient("0%", "100%"), h("span", { class: "ws-quiet" }, "probability of the predicted class")];
    }
    if (mode !== "column" || !column) return [];
    if (column.kind === "number") return gradient(rounded(column.low), rounded(column.high));
    const { colors, names, values } = column;
    const counts = new Array(names.length).fill(0);
    for (const value of values) if (value !== NO_VALUE) counts[value]++;
    return names.map((name, at) =>
      button(
        "ws-value",
        {
          "aria-pressed": String(!hiddenValues.has(`v${at}`)),
          title: `${name}: ${count(counts[at])}. Click hides, double click shows alone.`,
          onclick: (/** @type {MouseEvent} */ event) => this.toggleValue(at, names.length, event.detail > 1),
        },
        h("i", { class: "ws-dot", style: { background: colors[at] } }),
        h("span", { class: "ws-name" }, name),
        h("small", {}, count(counts[at])),
      ),
    );
  }

  /**
   * @param {number} at
   * @param {number} n
   * @param {boolean} alone
   */
  toggleValue(at, n, alone) {
    const { hiddenValues } = this.map;
    if (alone) for (let i = 0; i < n; i++) hiddenValues.add(`v${i}`);
    if (!hiddenValues.delete(`v${at}`)) hiddenValues.add(`v${at}`);
    this.model.emit("hidden");
  }

  /** @param {HTMLElement} anchor */
  openSettings(anchor) {
    const kept = this.model.overview?.map_settings ?? { neighbours: 15, min_dist: 0.1 };
    /** @param {import("./types.d.ts").Attributes} attributes */
    const number = (attributes) => h("input", { type: "number", class: "ws-field ws-number", ...attributes });
    const neighbours = number({ min: 2, max: 200, value: kept.neighbours, autofocus: true });
    const distance = number({ min: 0, max: 0.99, step: 0.05, value: kept.min_dist });
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

/** @param {string | null} name of a column */
const titleOf = (name) => COLUMN_TITLES[name ?? ""] ?? name;
/** @param {string} low @param {string} high */
const gradient = (low, high) => [
  h("small", {}, low),
  h("i", { class: "ws-gradient", style: { background: scaleCss } }),
  h("small", {}, high),
];
/** @param {number} x */
const rounded = (x) => (Math.abs(x) >= 1000 ? count(Math.round(x)) : String(Math.round(x * 1000) / 1000));
