// Above the map: what it is coloured by, and the tools. Below it: the legend, and what one sees.

import { h, refill, iconButton, count } from "./dom.js";
import { menu, popover } from "./popover.js";
import { scaleCss } from "./colours.js";
import { NO_VALUE } from "./paint.js";

const MODES = [
  ["prediction", "Prediction"],
  ["label", "Label"],
  ["confidence", "Confidence"],
];
const TOOLS = [
  ["lasso", "Lasso"],
  ["box", "Box"],
  ["pan", "Pan"],
];
const METHODS = { pca: "First look (PCA)", umap: "UMAP" };

export class MapBar {
  constructor({ model, map, api, toasts, workspace }) {
    Object.assign(this, { model, map, api, toasts, workspace });
    const segment = (values, act, label) =>
      h(
        "div",
        { class: "ws-segments", role: "group", "aria-label": label },
        values.map(([value, text]) =>
          h(
            "button",
            { type: "button", "data-value": value, onclick: (event) => act(value, event.currentTarget) },
            text,
          ),
        ),
      );
    this.modes = segment(
      [...MODES, ["column", "Metadata"]],
      (value, anchor) => (value === "column" ? this.columns(anchor) : map.setMode(value)),
      "Colour the map by",
    );
    this.tools = segment(TOOLS, (value) => map.setTool(value), "Tool of the map");
    this.settings = iconButton("settings", "Map settings", (event) => this.openSettings(event.currentTarget), {
      "data-act": "map-settings",
    });
    this.top = h("div", { class: "ws-bar" }, this.modes, h("div", { class: "ws-bar-end" }, this.tools, this.settings));
    this.legend = h("div", { class: "ws-legend" });
    this.caption = h("p", { class: "ws-map-caption" });
    this.bottom = h("div", { class: "ws-map-foot" }, this.legend, this.caption);
    model.on("tool colour map overview hidden", () => this.draw());
    this.draw();
  }

  draw() {
    const { map, model } = this;
    for (const button of this.modes.children) {
      button.setAttribute("aria-pressed", String(button.dataset.value === map.mode));
      if (button.dataset.value === "column") {
        const name = map.mode === "column" ? title(map.columnName) : "Metadata";
        refill(button, h("span", { class: "ws-name" }, name), " ▾");
        button.hidden = !this.available().length;
      }
    }
    for (const button of this.tools.children)
      button.setAttribute("aria-pressed", String(button.dataset.value === map.tool));
    this.drawLegend();
    const { overview } = model;
    const placed = map.bins?.placed ?? 0;
    refill(
      this.caption,
      model.map && [
        map.mode === "prediction" && "Ringed: labelled. Faint: unsure. ",
        METHODS[model.map.method] ?? model.map.method,
        " of ",
        h("b", {}, overview?.backbone_title ?? ""),
        placed && placed < model.n ? `, ${count(model.n - placed)} not on it yet` : "",
      ],
    );
    this.caption.title = this.caption.textContent;
  }

  available() {
    const { overview } = this.model;
    if (!overview) return [];
    return [
      ...(overview.has_reference ? ["@reference"] : []),
      ...(overview.has_group ? ["@group"] : []),
      ...overview.columns,
    ];
  }

  columns(anchor) {
    menu(
      anchor,
      this.available().map((name) => ({
        label: title(name),
        checked: this.map.columnName === name,
        act: () => this.colourBy(name),
      })),
      { label: "Colour the map by", within: this.workspace },
    );
  }

  async colourBy(name) {
    try {
      const { head, arrays } = await this.api.arrays("column", { name });
      const column = { ...head, values: arrays.values };
      if (column.kind === "names") {
        // A reference label that is also a class has its class's colour.
        const known = new Map(this.model.classes.map((c) => [c.name.toLowerCase(), c.color]));
        const taken = new Set(column.names.map((text) => known.get(text.toLowerCase())));
        const free = column.colors.filter((color) => !taken.has(color));
        column.colors = column.names.map((text) => known.get(text.toLowerCase()) ?? free.shift());
      }
      this.map.setMode("column", name, column);
    } catch (error) {
      this.toasts.show(error.message, { tone: "warning" });
    }
  }

  drawLegend() {
    const { map } = this;
    if (map.mode === "confidence")
      return refill(
        this.legend,
        gradient("0%", "100%"),
        h("span", { class: "ws-quiet" }, "probability of the predicted class"),
      );
    if (map.mode !== "column" || !map.column) return refill(this.legend);
    const { column } = map;
    if (column.kind === "number") return refill(this.legend, gradient(number(column.low), number(column.high)));
    const counts = new Array(column.names.length).fill(0);
    for (const v of column.values) if (v !== NO_VALUE) counts[v]++;
    return refill(
      this.legend,
      column.names.map((name, at) => {
        const key = `v${at}`;
        return h(
          "button",
          {
            type: "button",
            class: "ws-value",
            "aria-pressed": String(!map.hiddenValues.has(key)),
            title: `${name}: ${count(counts[at])}. Click hides, double click shows alone.`,
            onclick: (event) => {
              if (event.detail > 1) {
                map.hiddenValues = new Set(column.names.map((_, i) => `v${i}`).filter((other) => other !== key));
              } else if (!map.hiddenValues.delete(key)) map.hiddenValues.add(key);
              this.model.tell("hidden");
            },
          },
          h("i", { class: "ws-dot", style: { background: column.colors[at] } }),
          h("span", { class: "ws-name" }, name),
          h("small", {}, count(counts[at])),
        );
      }),
    );
  }

  openSettings(anchor) {
    const kept = this.model.overview?.map_settings ?? { neighbours: 15, min_dist: 0.1 };
    const neighbours = h("input", {
      type: "number",
      class: "ws-field ws-number",
      min: 2,
      max: 200,
      value: kept.neighbours,
      autofocus: true,
    });
    const distance = h("input", {
      type: "number",
      class: "ws-field ws-number",
      min: 0,
      max: 0.99,
      step: 0.05,
      value: kept.min_dist,
    });
    const state = h("p", { class: "ws-quiet" }, "The map keeps its place until the new one is ready.");
    const start = async () => {
      try {
        await this.api.post("jobs", {
          do: "map",
          neighbours: Number(neighbours.value),
          min_dist: Number(distance.value),
        });
        made.close();
        this.toasts.show("A new map is being laid out; it slides in when it is ready.");
      } catch (error) {
        refill(state, error.message);
        state.className = "ws-problem";
      }
    };
    const made = popover(
      anchor,
      h(
        "div",
        { class: "ws-settings" },
        h("h2", {}, "Map"),
        h(
          "label",
          {},
          h("span", {}, "Neighbours", h("small", {}, "few: fine detail, many: the large picture")),
          neighbours,
        ),
        h("label", {}, h("span", {}, "Distance", h("small", {}, "how tightly similar images are packed")), distance),
        h("button", { type: "button", class: "ws-button", onclick: start }, "Lay out again"),
        state,
      ),
      { label: "Map settings", within: this.workspace },
    );
  }
}

const title = (name) => ({ "@reference": "Reference", "@group": "Group" })[name] ?? name;
const gradient = (low, high) => [
  h("small", {}, low),
  h("i", { class: "ws-gradient", style: { background: scaleCss } }),
  h("small", {}, high),
];
const number = (x) => (Math.abs(x) >= 1000 ? count(Math.round(x)) : String(Math.round(x * 1000) / 1000));
