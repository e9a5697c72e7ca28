import assert from "node:assert/strict";
import test from "node:test";

import {
  colourSource,
  dragged,
  greySource,
  lookup,
  missesAll,
  paintThrough,
  presets,
  scaleOf,
  within,
} from "../../fewshot_lab/web/static/greywindow.js";

const CT = { slope: 1, intercept: -1024, low: -1024, high: 3071, unit: "HU", inverted: false, width: 2, height: 1 };

/** @param {object} [more] */
const ct = (more = {}) =>
  greySource({ ...CT, windows: [[40, 80, "LINEAR"]], ...more }, { pixels: Uint16Array.of(0, 1064) });

test("a window maps the file's own values, as DICOM says", () => {
  const table = lookup(ct(), { centre: 40, width: 80 });
  const shown = (value) => table[value + 1024];
  assert.equal(shown(-1024), 0);
  assert.equal(shown(0), 0);
  assert.equal(shown(79), 255);
  assert.equal(shown(3071), 255);
  // PS3.3 C.11.2.1.2.1: ((x - (c - 0.5)) / (w - 1) + 0.5) * 255
  assert.equal(shown(40), Math.round(((40 - 39.5) / 79 + 0.5) * 255));
});

test("exact and sigmoid windows, a window one value wide, and small values that are bright", () => {
  const exact = ct({ windows: [[0, 100, "LINEAR_EXACT"]] });
  assert.equal(lookup(exact, { centre: 0, width: 100 })[1024], 128);
  const curve = ct({ windows: [[0, 100, "SIGMOID"]] });
  assert.equal(lookup(curve, { centre: 0, width: 100 })[1024 + 50], Math.round(255 / (1 + Math.exp(-2))));
  const one = lookup(ct(), { centre: 40, width: 1 });
  assert.deepEqual([one[1024 + 39], one[1024 + 40]], [0, 255]);
  assert.equal(lookup(ct({ inverted: true }), { centre: 40, width: 80 })[0], 255);
});

test("grey values are painted opaque, and what is no part of the picture stays black", () => {
  const out = new Uint8ClampedArray(8);
  paintThrough(ct(), { centre: 40, width: 80 }, out);
  assert.deepEqual([...out.slice(0, 4)], [0, 0, 0, 255]);
  assert.deepEqual([...out.slice(4)], [129, 129, 129, 255]);
  const white = ct({ inverted: true });
  paintThrough({ ...white, blank: Uint8Array.of(1, 0) }, { centre: 40, width: 80 }, out);
  assert.deepEqual([...out.slice(0, 4)], [0, 0, 0, 255]);
});

test("a colour image keeps its colours and is only made brighter or softer", () => {
  const source = colourSource({ data: Uint8ClampedArray.of(10, 128, 250, 255), width: 1, height: 1 });
  const out = new Uint8ClampedArray(4);
  paintThrough(source, source.windows[0], out);
  assert.deepEqual([...out], [10, 128, 250, 255]);
  paintThrough(source, { centre: 64, width: 128 }, out);
  assert.deepEqual([...out], [20, 255, 255, 255]);
  assert.equal(missesAll(source, { centre: 900, width: 10 }), true);
});

test("up is brighter and to the right softer, also where small values are bright", () => {
  const from = { centre: 40, width: 80 };
  const bright = dragged(ct(), from, 0, -60);
  assert.ok(bright.centre < 40 && bright.width === 80);
  assert.ok(dragged(ct(), from, 100, 0).width > 80);
  assert.ok(dragged(ct({ inverted: true }), from, 0, -60).centre > 40);
  assert.equal(dragged(ct(), from, -5000, 0).width, 1);
});

test("a window outside the values is told from one that shows something", () => {
  assert.equal(missesAll(ct(), { centre: 40, width: 80 }), false);
  assert.equal(missesAll(ct(), { centre: 9000, width: 80 }), true);
  assert.equal(missesAll(ct(), { centre: -9000, width: 80 }), true);
  assert.equal(missesAll(ct({ low: 7, high: 7 }), { centre: 9000, width: 80 }), false);
});

test("figures are whole where the values are, and a width is never nothing", () => {
  assert.deepEqual(within(ct(), { centre: 40.4, width: 0.2 }), { centre: 40, width: 1 });
  const share = ct({ windows: [[0.5, 1, "LINEAR_EXACT"]], low: 0, high: 1 });
  assert.deepEqual(within(share, { centre: 0.12345, width: 0 }), { centre: 0.123, width: 0.001 });
});

test("Hounsfield units have the usual windows beside the file's own; other values only those", () => {
  const names = presets(
    ct({
      windows: [
        [40, 80, "LINEAR"],
        [600, 1600, "LINEAR"],
      ],
    }),
  ).map(({ name }) => name);
  assert.deepEqual(names.slice(0, 3), ["As in the file", "From the file (2)", "Soft tissue"]);
  assert.equal(presets(ct({ unit: "" })).length, 1);
  assert.deepEqual([scaleOf(ct()), scaleOf(ct({ unit: "" }))], ["HU", "deep"]);
});
