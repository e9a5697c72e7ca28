// @ts-check
// Numbers and dates as a histogram: dragging over it chooses a range, two fields say it exactly.

import { readable } from "./columnlegend.js";
import { button, count, h, refill } from "./dom.js";
import { NONE, binCounts, binsOf, bounds, numberOf, rangeOfBins } from "./filters.js";

/** @import { FilterState } from "./filterstate.js" */
/** @import { RangeColumn } from "./types.d.ts" */

const WIDTH = 276,
  HEIGHT = 84;

export class HistogramFacet {
  /** @param {{ name: string, state: FilterState }} parts */
  constructor({ name, state }) {
    this.name = name;
    this.state = state;
    this.bins = binsOf(this.column);
    this.dragFrom = /** @type {number | null} */ (null);
    this.bars = h("svg", { class: "ws-bars", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" });
    this.bars.addEventListener("pointerdown", (event) => this.press(/** @type {PointerEvent} */ (event)));
    this.bars.addEventListener("pointermove", (event) => this.drag(/** @type {PointerEvent} */ (event)));
    this.bars.addEventListener("pointerup", () => (this.dragFrom = null));
    this.ends = h("div", { class: "ws-bar-ends" });
    const { kind } = this.column;
    // The field in which something stands that is not chosen yet.
    this.typing = "";
    /** @param {"from" | "to"} end */
    const field = (end) => {
      /** @type {HTMLInputElement} */
      const input = h("input", {
        type: kind === "date" ? "date" : "number",
        step: "any",
        class: "ws-field",
        "aria-label": end === "from" ? "From" : "To",
        oninput: () => (this.typing = end),
        onchange: () => {
          this.typing = "";
          this.choose({ [end]: input.value });
        },
      });
      return input;
    };
    this.from = field("from");
    this.to = field("to");
    this.none = h("div", {});
    this.problem = h("p", { class: "ws-problem" });
    const unit = this.column.unit ?? "";
    const range = h("div", { class: "ws-range-fields" }, this.from, " to ", this.to, unit);
    this.element = h("div", { class: "ws-facet" }, this.bars, this.ends, range, this.problem, this.none);
  }

  /** @returns {RangeColumn} */
  get column() {
    return /** @type {RangeColumn} */ (this.state.columns.get(this.name));
  }

  draw() {
    const { bins, column, name, state } = this;
    if (!column) return;
    const filter = state.of(name);
    const { counts, none } = binCounts(column, bins, state.mask(name));
    if (!bins.n) {
      refill(this.ends, h("span", { class: "ws-quiet" }, "No image has a value here."));
      return;
    }
    const [low, high] = bounds(filter.from, filter.to, column.kind);
    const ranged = filter.from !== "" || filter.to !== "";
    const highest = counts.reduce((most, n) => Math.max(most, n), 1);
    const wide = WIDTH / bins.n;
    let inside = "",
      outside = "";
    counts.forEach((n, at) => {
      if (!n) return;
      const tall = Math.max(1.5, ((HEIGHT - 4) * n) / highest);
      const bar = `M${(at * wide).toFixed(1)} ${HEIGHT}v${-tall.toFixed(1)}h${Math.max(1, wide - 1).toFixed(1)}v${tall.toFixed(1)}z`;
      const middle = bins.start + (at + 0.5) * bins.step - (bins.whole ? 0.5 : 0);
      if (ranged && (middle < low - bins.step / 2 || middle > high + bins.step / 2)) outside += bar;
      else inside += bar;
    });
    refill(this.bars, h("path", { d: outside || "M0 0", class: "ws-bars-out" }), h("path", { d: inside || "M0 0" }));
    const [first, last] = rangeOfBins(bins, 0, bins.n - 1, column.kind);
    const unit = column.unit ?? "";
    const [left, right] = [first, last].map((text) => readable(numberOf(text, column.kind), column.kind) + unit);
    refill(this.ends, h("small", {}, left), h("small", {}, "drag over the bars"), h("small", {}, right));
    for (const end of /** @type {const} */ (["from", "to"])) if (this.typing !== end) this[end].value = filter[end];
    this.problem.textContent = low > high ? "The range begins after its end." : "";
    const chosen = filter.values.includes(NONE);
    const toggle = () => this.choose({ values: chosen ? [] : [NONE] });
    refill(
      this.none,
      (none > 0 || chosen) &&
        button(
          "ws-menu-item ws-facet-value",
          { role: "checkbox", "aria-checked": String(chosen), onclick: toggle },
          h("i", { class: "ws-tick", "aria-hidden": "true" }, chosen && "✓"),
          h("span", {}, column.none ?? "No value"),
          h("small", {}, count(none)),
        ),
    );
  }

  /** @param {Partial<import("./types.d.ts").Filter>} change */
  choose(change) {
    this.state.put({ ...this.state.of(this.name), ...change });
  }

  /** @param {PointerEvent} event */
  binAt(event) {
    const { left, width } = this.bars.getBoundingClientRect();
    return Math.max(0, Math.min(this.bins.n - 1, Math.floor(((event.clientX - left) / width) * this.bins.n)));
  }

  /** @param {PointerEvent} event */
  press(event) {
    if (event.button !== 0 || !this.bins.n) return;
    event.preventDefault();
    this.bars.setPointerCapture(event.pointerId);
    this.dragFrom = this.binAt(event);
    this.drag(event);
  }

  /** @param {PointerEvent} event */
  drag(event) {
    if (this.dragFrom === null) return;
    const at = this.binAt(event);
    const [first, last] = [Math.min(at, this.dragFrom), Math.max(at, this.dragFrom)];
    const [from, to] = rangeOfBins(this.bins, first, last, this.column.kind);
    const { from: oldFrom, to: oldTo } = this.state.of(this.name);
    if (from !== oldFrom || to !== oldTo) this.choose({ from, to });
  }

  focus() {
    this.from.focus();
  }
}
