import assert from "node:assert/strict";
import test from "node:test";

import { split } from "../../fewshot_lab/web/static/mappoints.js";
import { RowsById } from "../../fewshot_lab/web/static/rowsbyid.js";
import { RowPlaces, RowSet } from "../../fewshot_lab/web/static/rowset.js";

test("a set of rows is what a Set would be, whatever is done to it", () => {
  let seed = 1;
  const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
  for (let turn = 0; turn < 50; turn++) {
    const first = Array.from({ length: random(20) }, () => random(30));
    const ours = new RowSet(first),
      real = new Set(first);
    for (let step = 0; step < 100; step++) {
      const row = random(60);
      if (random(2)) {
        ours.add(row);
        real.add(row);
      } else assert.equal(ours.delete(row), real.delete(row));
      if (!random(40)) {
        ours.clear();
        real.clear();
      }
      assert.equal(ours.size, real.size);
      assert.deepEqual(
        [...ours],
        [...real].sort((a, b) => a - b),
      );
      for (let asked = -1; asked < 70; asked++) assert.equal(ours.has(asked), real.has(asked));
    }
  }
});

test("places are found by row, and a row that is not listed has none", () => {
  const places = new RowPlaces([7, 0, 3]);
  assert.deepEqual(
    [7, 0, 3, 1, 99, -1].map((row) => places.get(row)),
    [0, 1, 2, undefined, undefined, undefined],
  );
  assert.deepEqual([places.has(0), places.has(2), places.has(-1)], [true, false, false]);
  assert.equal(new RowPlaces().get(0), undefined);
});

test("coordinates are split into x and y", () => {
  const [x, y] = split(Float32Array.of(1, 2, 3, 4, NaN, 6));
  assert.deepEqual([...x], [1, 3, NaN]);
  assert.deepEqual([...y], [2, 4, 6]);
});

test("each id leads to its row, also of those that came later, and another to none", () => {
  const ids = Array.from({ length: 3000 }, (_, at) => ((at * 2654435761) % 2 ** 32).toString(16).padStart(20, "0"));
  const bytes = (some) => Uint8Array.from(some.flatMap((id) => id.match(/../g).map((two) => parseInt(two, 16))));
  const rows = new RowsById();
  assert.deepEqual(rows.append(bytes(ids.slice(0, 2000))), ids.slice(0, 2000));
  assert.deepEqual(rows.append(bytes(ids.slice(2000))), ids.slice(2000));
  ids.forEach((id, row) => assert.equal(rows.get(id), row));
  for (const other of ["f".repeat(20), "", "F".repeat(20), ids[3].slice(1)]) assert.equal(rows.get(other), undefined);
  rows.clear();
  assert.equal(rows.get(ids[0]), undefined);
});
