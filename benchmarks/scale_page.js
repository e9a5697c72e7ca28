// What the label page itself does with many images, without drawing:
//
//     node benchmarks/scale_page.js [N ...]
//
// Milliseconds (median of five): taking the first answer in; from a lasso around a third of the map to the lists that the
// grid and the class list show; the colours of all points; the places of the points.

import process from "node:process";

import { FIRST_CLASS, labelCounts } from "../fewshot_lab/web/static/labelcodes.js";
import { split } from "../fewshot_lab/web/static/mappoints.js";
import { Model } from "../fewshot_lab/web/static/model.js";
import { colouring, pointColours } from "../fewshot_lab/web/static/pointcolours.js";
import { inside } from "../fewshot_lab/web/static/polygon.js";
import { RowPlaces, RowSet } from "../fewshot_lab/web/static/rowset.js";

const CLASSES = Array.from({ length: 8 }, (_, at) => ({
  id: at + 1,
  name: `kind ${at + 1}`,
  color: `#${((at + 1) * 1234567).toString(16).padStart(6, "0").slice(0, 6)}`,
  position: at,
  retired: false,
}));

function answer(n) {
  const ids = new Uint8Array(10 * n);
  new DataView(ids.buffer).setUint32(0, 1);
  for (let row = 0; row < n; row++) new DataView(ids.buffer).setUint32(10 * row + 6, row);
  return {
    head: {
      images: { from: 0, n },
      map: { version: "1", method: "umap" },
      labels: { version: "1", position: 1 },
      rev: "1",
      model: { class_ids: CLASSES.map(({ id }) => id), suspects: [], suggestions: [] },
      overview: { stamp: "1", classes: CLASSES },
    },
    arrays: {
      ids,
      xy: Float32Array.from({ length: 2 * n }, (_, i) => (i % 1999) / 200 - 5 + ((i * 7919) % 1000) / 2000),
      codes: Uint16Array.from({ length: n }, (_, row) => (row % 500 ? 0 : FIRST_CLASS + 1 + (row % 8))),
      predicted: Uint8Array.from({ length: n }, (_, row) => row % 8),
      confidence: Uint16Array.from({ length: n }, (_, row) => (row * 131) % 65536),
      doubt: new Uint8Array(n),
    },
  };
}

function median(work) {
  const times = Array.from({ length: 5 }, () => {
    const began = performance.now();
    work();
    return performance.now() - began;
  });
  return times.sort((a, b) => a - b)[2];
}

const sizes = process.argv.slice(2).map(Number);
for (const n of sizes.length ? sizes : [10_000, 100_000, 1_000_000]) {
  const first = answer(n);
  const taken = median(() => new Model().update(first));
  const model = new Model();
  model.update(first);
  const polygon = [-3, -3, 2, -3, 2, 2, -3, 2];
  let rows = [];
  const lasso = median(() => {
    rows = inside(model.xy, polygon);
    model.select({ kind: "lasso", rows, set: new RowSet(rows), polygon });
    labelCounts(model.codes);
    return [new RowSet(model.selection.rows), new RowPlaces(model.selection.rows)];
  });
  model.select(null);
  const colours = median(() =>
    pointColours(model, colouring("prediction", model, null, "#888888", false), () => true, "#888888"),
  );
  const places = median(() => split(model.xy));
  const ms = (time) => `${time.toFixed(0)} ms`;
  console.log(
    `${n.toLocaleString("en")} images: first answer ${ms(taken)}, lasso of ${rows.length.toLocaleString("en")} ${ms(lasso)}, colours ${ms(colours)}, places ${ms(places)}`,
  );
}
