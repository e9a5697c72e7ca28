import assert from "node:assert/strict";
import test from "node:test";

import { GridCursor } from "../../fewshot_lab/web/static/gridcursor.js";
import { Grid } from "../../fewshot_lab/web/static/grid.js";
import { MapPointer } from "../../fewshot_lab/web/static/mappointer.js";
import { Model } from "../../fewshot_lab/web/static/model.js";

/** A model of nine images in a square, and a pointer on its map. */
function nine() {
  const model = new Model();
  const ids = Uint8Array.from({ length: 90 }, (_, i) => (i % 10 === 9 ? Math.floor(i / 10) : 0));
  const xy = Float32Array.from({ length: 18 }, (_, i) => (i % 2 ? Math.floor(i / 6) : (i >> 1) % 3));
  model.update({ head: { images: { from: 0, n: 9 }, map: { version: "1", method: "umap" } }, arrays: { ids, xy } });
  const pointer = Object.create(MapPointer.prototype);
  pointer.map = { model, tool: "lasso", visible: () => (row) => row !== 4 };
  return { model, pointer };
}

const LEFT = [-0.5, -0.5, 0.5, -0.5, 0.5, 2.5, -0.5, 2.5];
const BOTTOM = [-0.5, -0.5, 2.5, -0.5, 2.5, 0.5, -0.5, 0.5];
const ALL = [-1, -1, 3, -1, 3, 3, -1, 3];

test("a lasso selects what lies inside; shift adds, alt takes away, and what is hidden stays out", () => {
  const { model, pointer } = nine();
  pointer.select(LEFT, {});
  assert.deepEqual(model.selection.rows, [0, 3, 6]);
  pointer.select(BOTTOM, { shiftKey: true });
  assert.deepEqual(model.selection.rows, [0, 3, 6, 1, 2]);
  assert.deepEqual(
    [model.selection.set.size, model.selection.set.has(2), model.selection.set.has(8)],
    [5, true, false],
  );
  pointer.select(LEFT, { altKey: true });
  assert.deepEqual(model.selection.rows, [1, 2]);
  pointer.select(BOTTOM, { altKey: true });
  assert.equal(model.selection, null);
  model.hidden.add(1);
  pointer.select(ALL, {});
  assert.deepEqual(model.selection.rows, [0, 1, 2, 3, 5, 6, 7, 8]);
});

test("the grid lists a selection, marks it whole, and the next key labels it in its order", async () => {
  const { model, pointer } = nine();
  const grid = Object.create(Grid.prototype);
  Object.assign(grid, {
    model,
    rows: [],
    view: { name: "suggestions" },
    header: { closeSearch() {}, draw() {} },
    tiles: { scroller: { removeAttribute() {} }, layout() {}, paint() {} },
    labelling: { startPlace: () => 0 },
    element: { dataset: {} },
  });
  grid.cursor = new GridCursor(grid);
  pointer.select(LEFT, {});
  await grid.open({ name: "selection" });
  assert.deepEqual([grid.rows, grid.element.dataset.count], [[0, 3, 6], "3"]);
  assert.deepEqual(grid.cursor.targets, [0, 3, 6]);
  assert.deepEqual([grid.places.get(6), grid.places.has(1)], [2, false]);
  grid.cursor.marked.delete(3);
  assert.deepEqual(grid.cursor.targets, [0, 6]);
  model.setMask(Uint8Array.of(1, 0, 0, 0, 0, 0, 1, 0, 0));
  await grid.open({ name: "selection" });
  assert.deepEqual(grid.rows, [0, 6]);
});
