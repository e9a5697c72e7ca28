// @ts-check
// Under the map: which colour is which value of a column. A click on a value filters by it.

import { scaleCss } from "./colours.js";
import { button, count, h, iconButton, refill } from "./dom.js";
import { NONE, textOf, valueCounts } from "./filters.js";
import { rampOf } from "./pointcolours.js";

/** @import { FacetPanel } from "./facetpanel.js" */
/** @import { MapView } from "./map.js" */
/** @import { Child, NamesColumn, RangeColumn } from "./types.d.ts" */

export class ColumnLegend {
  /** @param {{ map: MapView, facets: FacetPanel }} parts */
  constructor({ map, facets }) {
    this.map = map;
    this.facets = facets;
    this.element = h("div", { class: "ws-legend" });
  }

  draw() {
    const { element } = this;
    const focused = [...element.children].findIndex((child) => child === document.activeElement);
    refill(element, this.parts());
    /** @type {HTMLElement | undefined} */ (element.children[focused])?.focus();
  }

  /** @returns {Child} */
  parts() {
    const { column, mode } = this.map;
    if (mode === "confidence") {
      return [gradient("0\u00a0%", "100\u00a0%"), h("span", { class: "ws-quiet" }, "sure of the prediction")];
    }
    if (!column || column.kind === "sets") return null;
    return column.kind === "names" ? this.values(column) : this.ramp(column);
  }

  /** @param {NamesColumn} column */
  values(column) {
    const name = String(this.map.columnName);
    const { colors, names } = column;
    const { counts, none } = valueCounts(column);
    const chosen = this.facets.state.of(name).values;
    const coloured = [...names.keys()].filter((at) => colors?.[at]);
    const rest = names.length - coloured.length;
    /** @param {string} value @param {string} title @param {string} color @param {number} n */
    const value = (value, title, color, n) =>
      button(
        "ws-value",
        {
          "aria-pressed": String(chosen.includes(value)),
          title: `${title}: ${count(n)}. Click shows these alone, or with others that are chosen.`,
          onclick: () => this.facets.toggle(name, value),
        },
        h("i", { class: "ws-dot", style: { background: color } }),
        h("span", { class: "ws-name" }, title),
        h("small", {}, count(n)),
      );
    const open = (/** @type {Event & { currentTarget: HTMLElement }} */ event) =>
      this.facets.openColumn(event.currentTarget, name);
    return [
      iconButton("search", "Search these values", open),
      coloured.map((at) => value(names[at], names[at], String(colors?.[at]), counts[at])),
      rest > 0 &&
        button(
          "ws-value",
          { title: "Grey on the map: too many for a colour each. Click to search them.", onclick: open },
          h("i", { class: "ws-dot ws-rest" }),
          h("span", { class: "ws-name" }, `${count(rest)} others`),
        ),
      none > 0 && value(NONE, "no value", "var(--ws-point)", none),
    ];
  }

  /** @param {RangeColumn} column @returns {Child[]} */
  ramp(column) {
    const { low, high } = rampOf(column);
    const clipped = column.values.some((value) => value < low || value > high);
    const [from, to] = [low, high].map((value) => readable(value, column.kind));
    const parts = clipped ? gradient(`≤ ${from}`, `≥ ${to}`) : gradient(from, to);
    const none = column.values.some((value) => Number.isNaN(value));
    return [...parts, none && h("span", { class: "ws-quiet" }, "grey: no value")];
  }
}

/** @param {number} value @param {RangeColumn["kind"]} kind */
export const readable = (value, kind) =>
  kind === "number" && Math.abs(value) >= 10_000 ? count(Math.round(value)) : textOf(value, kind);

/** @param {string} low @param {string} high */
const gradient = (low, high) => [
  h("small", {}, low),
  h("i", { class: "ws-gradient", style: { background: scaleCss } }),
  h("small", {}, high),
];
