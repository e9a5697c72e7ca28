// @ts-check
// Recall of each class with its interval, and the confusion matrix, whose cells open their images.

import { button, capitalised, count, h, percent, refill } from "./dom.js";
import { ShortNames } from "./names.js";
import { explained } from "./terms.js";
import { mostConfused } from "./pairmenu.js";

/** @import { Grid } from "./grid.js" */
/** @import { Model } from "./model.js" */
/** @import { CrossValidation, Interval } from "./types.d.ts" */

const MANY_CLASSES = 16;

export class QualityPanel {
  /** @param {{ model: Model, grid: Grid, workspace: HTMLElement }} parts */
  constructor({ model, grid, workspace }) {
    this.model = model;
    this.grid = grid;
    this.workspace = workspace;
    this.tables = h("div", { class: "ws-quality" });
    this.choice = h("p", { class: "ws-choice" });
    this.element = h("div", {}, this.tables, this.choice);
    this.shorts = /** @type {ShortNames[] | null} */ (null);
  }

  draw() {
    const { cv, message, sentence } = this.model.snapshot ?? {};
    refill(this.choice, explained(sentence ?? ""));
    if (!cv) return refill(this.tables, h("p", {}, message));
    const { fontFamily } = getComputedStyle(this.workspace);
    this.shorts ??= [13, 12, 12].map((size) => new ShortNames(`${size}px ${fontFamily}`));
    const names = cv.class_ids.map((id) => this.model.name(id));
    const [inRecall, inRow, inColumn] = [200, 170, 110].map((room, i) => this.shorts?.[i].in(names, [room]) ?? String);
    refill(
      this.tables,
      h("div", { class: "ws-quality-part ws-scroll" }, this.recall(cv, inRecall)),
      h("div", { class: "ws-quality-part ws-scroll" }, this.confusion(cv, inRow, inColumn), this.tellApart(cv)),
    );
  }

  /** The way from the two classes that are taken for each other most often to more labels of them. @param {CrossValidation} cv */
  tellApart(cv) {
    const pair = mostConfused(cv)?.filter((id) => this.model.classes.some((c) => c.id === id));
    if (pair?.length !== 2) return null;
    const [a, b] = pair.map((id) => this.model.name(id));
    const onclick = () => this.grid.pairMenu.choose(pair);
    const title = "Suggestions then come from images that look like both";
    return h("p", {}, button("ws-link", { onclick, title }, `Tell ${a} and ${b} apart`), ", which are confused most.");
  }

  /**
   * @param {CrossValidation} cv
   * @param {(name: string) => string} shorten
   */
  recall(cv, shorten) {
    const { model } = this;
    const times = `${cv.repeats} ${cv.repeats === 1 ? "time" : "times"}`;
    const lines = cv.class_ids.map((id) => {
      const name = model.name(id);
      const dot = h("i", { class: "ws-dot", style: { background: model.color(id) } });
      return h(
        "tr",
        {},
        h("th", { scope: "row", title: name }, dot, shorten(name)),
        recallCells(cv.recall[id], model.color(id)),
      );
    });
    const caption = [
      ...explained("Recall of each class"),
      `, n = ${count(cv.n)}, `,
      ...explained(`cross-validated ${times}`),
    ];
    return h("table", { class: "ws-recall" }, h("caption", {}, caption), lines);
  }

  /**
   * @param {CrossValidation} cv
   * @param {(name: string) => string} inRow
   * @param {(name: string) => string} inColumn
   */
  confusion(cv, inRow, inColumn) {
    const names = cv.class_ids.map((id) => this.model.name(id));
    const largest = Math.max(1, ...cv.confusion.flatMap((line, i) => line.filter((_, j) => i !== j)));
    const columns = names.map((name) => h("th", { scope: "col", title: name }, h("span", {}, inColumn(name))));
    const rows = cv.confusion.map((line, i) => {
      const sum = line.reduce((a, b) => a + b, 0) || 1;
      const cells = line.map((value, j) => {
        if (!value) return h("td");
        const ids = cv.cells[`${cv.class_ids[i]},${cv.class_ids[j]}`] ?? [];
        const title = `${names[i]} predicted as ${names[j]}`;
        const attributes = {
          disabled: !ids.length,
          style: { "--share": i === j ? value / sum : value / largest },
          "aria-label": `${title}: ${count(value)}`,
          title: `${title}: ${count(value)} (${percent(value / sum)})`,
          onclick: () => this.grid.open({ name: "cell", ids, title: capitalised(title) }),
        };
        return h("td", {}, button(i === j ? "ws-right-cell" : "ws-wrong-cell", attributes, count(value)));
      });
      return h("tr", {}, h("th", { scope: "row", title: names[i] }, h("span", {}, inRow(names[i]))), cells);
    });
    return h(
      "table",
      { class: `ws-confusion${names.length > MANY_CLASSES ? " ws-many-classes" : ""}` },
      h("caption", {}, "Rows: labels. Columns: predicted when left out. A click shows the images."),
      h("tr", {}, h("td"), columns),
      rows,
    );
  }
}

/**
 * @param {Interval | undefined} interval
 * @param {string} color
 */
function recallCells(interval, color) {
  const { value, low, high, n } = interval ?? {};
  if (value === undefined || value === null) return [h("td"), h("td", { class: "ws-figure" }, "–")];
  const [from, to] = [Number(low), Number(high)];
  const bounds = `${Math.round(100 * from)}–${Math.round(100 * to)}`;
  /** @param {number} share */
  const at = (share) => 2 + share * 96;
  const label = `${percent(value)}, ${bounds}`;
  const whisker = h(
    "svg",
    { viewBox: "0 0 100 14", width: 100, height: 14, role: "img", "aria-label": label },
    h("line", { x1: 2, x2: 98, y1: 7, y2: 7, class: "ws-axis" }),
    h("line", { x1: at(from), x2: at(to), y1: 7, y2: 7, stroke: color, "stroke-width": 3 }),
    h("circle", { cx: at(value), cy: 7, r: 4, fill: color }),
  );
  const figures = [h("b", {}, percent(value)), ` ${bounds}`, h("small", {}, ` n ${count(Number(n))}`)];
  return [h("td", {}, whisker), h("td", { class: "ws-figure" }, figures)];
}
