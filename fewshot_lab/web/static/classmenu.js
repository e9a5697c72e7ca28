// @ts-check
// The menu that shows all images of a class.

import { count } from "./dom.js";
import { labelCounts } from "./labelcodes.js";
import { menu } from "./popover.js";

/** @import { Grid } from "./grid.js" */

/**
 * @param {Grid} grid
 * @param {HTMLElement} anchor
 */
export function openClassMenu(grid, anchor) {
  const { model, workspace } = grid;
  const { counts, unsure, reject, skipped } = labelCounts(model.codes);
  /** @param {string} label @param {string | null} color @param {number | string} classId @param {number} n */
  const item = (label, color, classId, n) => ({
    label: `${label} (${count(n)})`,
    color,
    act: () => grid.open({ name: "class", classId }),
  });
  const items = [
    ...model.classes.map((c) => item(c.name, c.color, c.id, counts.get(c.id) ?? 0)),
    null,
    item("Unsure", null, "unsure", unsure),
    item("Unusable", null, "reject", reject),
    item("Skipped", null, "skipped", skipped),
  ];
  menu(anchor, items, { label: "Show all images of a class", within: workspace });
}
