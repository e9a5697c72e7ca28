import assert from "node:assert/strict";
import test from "node:test";

import { clusterPlaces } from "../../fewshot_lab/web/static/clusternames.js";
import { bestSquares, placedSquares } from "../../fewshot_lab/web/static/mapthumbs.js";

const ROOM = { width: 500, height: 400 };

test("thumbnails lie on their points, or beside them, and none over another or outside", () => {
  const points = Array.from({ length: 30 }, (_, row) => ({
    row,
    x: 200 + (row % 6) * 25,
    y: 150 + Math.floor(row / 6) * 25,
  }));
  const side = 46;
  const squares = placedSquares(points, side, ROOM);
  assert.ok(squares.length > 8);
  assert.deepEqual([squares[0].left, squares[0].top], [200 - side / 2, 150 - side / 2]);
  squares.forEach((a, i) => {
    assert.ok(a.left >= 0 && a.top >= 0 && a.left + side <= ROOM.width && a.top + side <= ROOM.height);
    for (const b of squares.slice(i + 1)) {
      assert.ok(Math.abs(a.left - b.left) >= side || Math.abs(a.top - b.top) >= side);
    }
  });
});

test("few points far apart have large thumbnails, many have smaller ones, and no point none", () => {
  const apart = [0, 1, 2].map((row) => ({ row, x: 80 + row * 150, y: 200 }));
  const close = Array.from({ length: 40 }, (_, row) => ({
    row,
    x: 35 + (row % 8) * 60,
    y: 35 + Math.floor(row / 8) * 66,
  }));
  assert.equal(bestSquares(apart, ROOM).side, 76);
  assert.ok(bestSquares(close, ROOM).side < 76);
  assert.equal(bestSquares(close, ROOM).squares.length, 40);
  assert.deepEqual(bestSquares([], ROOM).squares, []);
});

/** Rows of a class at places of the map. */
function laid(places) {
  const xy = [];
  const rowsOf = new Map();
  for (const [id, x, y, n] of places) {
    const rows = rowsOf.get(id) ?? [];
    for (let i = 0; i < n; i++) {
      rows.push(xy.length / 2);
      xy.push(x + (i % 3) * 0.1, y + (i % 2) * 0.1);
    }
    rowsOf.set(id, rows);
  }
  return clusterPlaces(xy, rowsOf, [0, 10, 0, 10]);
}

test("a class is named above where its labels lie together, at each of two places", () => {
  const places = laid([
    [1, 1, 1, 12],
    [1, 8, 8, 8],
    [2, 5, 2, 6],
  ]);
  assert.deepEqual(
    places.map(({ id, n }) => [id, n]),
    [
      [1, 12],
      [1, 8],
      [2, 6],
    ],
  );
  assert.ok(Math.abs(places[0].x - 1.1) < 1e-9 && Math.abs(places[0].y - 1.1) < 1e-9);
});

test("strays, a handful of labels and images without a place name nothing", () => {
  assert.deepEqual(laid([[1, 1, 1, 3]]), []);
  const places = laid([
    [1, 1, 1, 30],
    [1, 9, 9, 4],
    [2, NaN, NaN, 9],
  ]);
  assert.deepEqual(
    places.map(({ id, n }) => [id, n]),
    [[1, 30]],
  );
});
