// Which images a span of a video labels.

import assert from "node:assert/strict";
import { test } from "node:test";

import { between } from "../../fewshot_lab/web/static/viewerspan.js";

const ROWS = new Map([
  ["a", 0],
  ["b", 1],
  ["c", 2],
  ["d", 3],
]);
const ids = ["a", "", "b", "", "c", "b", "d"];
const span = (/** @type {number} */ from, /** @type {number} */ to, audit = -1) =>
  between(
    ids,
    from,
    to,
    (id) => ROWS.get(id),
    (row) => row === audit,
  );

test("both ends count, frames that are no images do not, in either direction", () => {
  assert.deepEqual(span(0, 2), { rows: [0, 1], audit: 0 });
  assert.deepEqual(span(2, 0), { rows: [0, 1], audit: 0 });
  assert.deepEqual(span(1, 3), { rows: [1], audit: 0 });
  assert.deepEqual(span(3, 3), { rows: [], audit: 0 });
});

test("an image that is shown twice is labelled once", () => {
  assert.deepEqual(span(2, 6).rows, [1, 2, 3]);
});

test("images of the audit are left out and counted", () => {
  assert.deepEqual(span(0, 6, 2), { rows: [0, 1, 3], audit: 1 });
});
