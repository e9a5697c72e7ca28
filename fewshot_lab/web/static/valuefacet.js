// @ts-check
// The values of a column with their counts, to click and to search.

import { button, count, h, moveAlong, refill } from "./dom.js";
import { NONE, valueCounts } from "./filters.js";

/** @import { FilterState } from "./filterstate.js" */
/** @import { NamesColumn, SetsColumn } from "./types.d.ts" */

const SEARCH_FROM = 9;
const BY_NAME = 12;
const SHOWN = 200;

export class ValueFacet {
  /** @param {{ name: string, state: FilterState, toggle: (value: string) => void }} parts */
  constructor({ name, state, toggle }) {
    this.name = name;
    this.state = state;
    this.toggle = toggle;
    this.part = "";
    this.order = /** @type {number[]} */ ([]);
    this.list = h("div", { class: "ws-menu ws-facet-list", onkeydown: moveAlong });
    this.field = searchField("Find a value", (part) => {
      this.part = part;
      this.draw();
    });
    this.element = h("div", { class: "ws-facet" }, this.field, this.list);
  }

  /** @returns {NamesColumn | SetsColumn} */
  get column() {
    return /** @type {NamesColumn | SetsColumn} */ (this.state.columns.get(this.name));
  }

  draw() {
    const { column, name, part, state } = this;
    if (!column) return;
    const { names } = column;
    // Few values in their own order, many by how frequent they are; the order stays while the panel is open.
    if (this.order.length !== names.length) {
      const all = valueCounts(column).counts;
      this.order = [...names.keys()];
      if (names.length > BY_NAME && !name.startsWith("@")) this.order.sort((a, b) => all[b] - all[a]);
    }
    const titles = column.titles ?? names;
    const { counts, none } = valueCounts(column, state.mask(name));
    const chosen = new Set(state.of(name).values);
    this.field.hidden = names.length < SEARCH_FROM;
    const matching = part ? this.order.filter((at) => titles[at].toLowerCase().includes(part)) : this.order;
    const colors = column.kind === "names" ? column.colors : undefined;
    const lines = matching
      .slice(0, SHOWN)
      .map((at) => this.line(names[at], titles[at], counts[at], chosen.has(names[at]), colors?.[at]));
    const more = matching.length - lines.length;
    const focused = [...this.list.children].findIndex((child) => child === document.activeElement);
    const complete = state.columns.has(name);
    const withNone = !part && (none > 0 || chosen.has(NONE));
    refill(
      this.list,
      lines,
      withNone &&
        this.line(NONE, column.none ?? (column.kind === "sets" ? "None of these" : "No value"), none, chosen.has(NONE)),
      !complete && h("p", { class: "ws-quiet" }, "Looking for copies…"),
      more > 0 && h("p", { class: "ws-quiet" }, `And ${count(more)} more: type to find one.`),
      !lines.length &&
        !withNone &&
        h("p", { class: "ws-quiet" }, part ? "No value holds this text." : "No image has a value here."),
    );
    /** @type {HTMLElement | undefined} */ (this.list.children[focused])?.focus();
  }

  /**
   * @param {string} value
   * @param {string} title
   * @param {number} n
   * @param {boolean} chosen
   * @param {string | null} [color]
   */
  line(value, title, n, chosen, color) {
    return button(
      `ws-menu-item ws-facet-value${n ? "" : " ws-facet-empty"}`,
      { role: "checkbox", "aria-checked": String(chosen), title, onclick: () => this.toggle(value) },
      h("i", { class: "ws-tick", "aria-hidden": "true" }, chosen && "✓"),
      color && h("i", { class: "ws-dot", style: { background: color } }),
      h("span", {}, title),
      h("small", {}, count(n)),
    );
  }

  focus() {
    (this.field.hidden ? /** @type {HTMLElement | null} */ (this.list.querySelector("button")) : this.field)?.focus();
  }
}

/**
 * @param {string} label
 * @param {(part: string) => void} act
 */
export function searchField(label, act) {
  /** @type {HTMLInputElement} */
  const field = h("input", {
    type: "search",
    class: "ws-field",
    placeholder: label,
    "aria-label": label,
    oninput: () => act(field.value.trim().toLowerCase()),
  });
  return field;
}
