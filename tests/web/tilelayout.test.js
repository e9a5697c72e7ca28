import assert from "node:assert/strict";
import test from "node:test";

import { GAP, filling, stepOf, tilesOf } from "../../fewshot_lab/web/static/tilelayout.js";

const square = (side) => side;

test("a batch fills the room, with the largest tiles with which all are in sight", () => {
  const room = { width: 824, height: 808 };
  const { columns, side } = filling(24, room, 98, square);
  assert.deepEqual({ columns, side }, { columns: 5, side: 155 });
  const lines = (count) => Math.ceil(24 / count);
  assert.ok(lines(5) * (side + GAP) - GAP <= room.height);
  // Neither would larger ones in five columns, nor any in four or six.
  assert.ok(lines(5) * (side + 1 + GAP) - GAP > room.height);
  for (const count of [4, 6]) {
    const wide = (room.width + GAP) / count - GAP;
    const high = (room.height + GAP) / lines(count) - GAP;
    assert.ok(Math.min(wide, high) < side);
  }
});

test("a long list has tiles of the usual size, few have no more than a thumbnail has pixels", () => {
  const room = { width: 824, height: 808 };
  assert.deepEqual(filling(5000, room, 98, square), tilesOf(room, 98));
  assert.deepEqual(filling(1, room, 98, square), { columns: 3, side: 256 });
  assert.deepEqual(filling(0, room, 98, square), tilesOf(room, 98));
  assert.equal(filling(2, room, 98, square).side, 256);
});

test("the line under a thumbnail counts", () => {
  const room = { width: 520, height: 640 };
  const bare = filling(16, room, 98, square);
  const named = filling(16, room, 98, (side) => side + 40);
  assert.ok(named.side < bare.side);
  assert.ok(Math.ceil(16 / named.columns) * (named.side + 40 + GAP) - GAP <= room.height);
});

test("what is left of the width lies between the tiles, within reason", () => {
  assert.equal(stepOf({ columns: 5, side: 155 }, 824), 155 + 12);
  assert.equal(stepOf({ columns: 5, side: 158 }, 824), 158 + GAP);
  assert.equal(stepOf({ columns: 2, side: 256 }, 824), 256 + 24);
  assert.equal(stepOf({ columns: 1, side: 256 }, 824), 256 + GAP);
});
