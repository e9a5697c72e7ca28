import assert from "node:assert/strict";
import test from "node:test";

import { Bins, inside } from "../../fewshot_lab/web/static/polygon.js";

const SQUARE = [0, 0, 1, 0, 1, 1, 0, 1];

test("points inside a line, and not those beside it or on no map", () => {
  assert.deepEqual(inside(Float32Array.of(0.5, 0.5, 1.5, 0.5, NaN, NaN, 0.9, 0.1), SQUARE), [0, 3]);
});

test("a hollow and a crossing follow the even-odd rule", () => {
  const horseshoe = [0, 0, 3, 0, 3, 3, 2, 3, 2, 1, 1, 1, 1, 3, 0, 3];
  assert.deepEqual(inside([1.5, 2, 0.5, 2, 2.5, 2, 1.5, 0.5], horseshoe), [1, 2, 3]);
  const twice = [...SQUARE, ...SQUARE];
  assert.deepEqual(inside([0.5, 0.5], twice), []);
});

test("the nearest point is the one that looking at all of them finds", () => {
  let seed = 1;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const xy = Float32Array.from({ length: 2000 }, random);
  xy[10] = xy[11] = NaN;
  const bins = new Bins(xy);
  const even = (row) => row % 2 === 0;
  for (let n = 0; n < 200; n++) {
    const x = random(),
      y = random(),
      rx = 0.03,
      ry = 0.05;
    let best = -1,
      least = 1;
    for (let row = 0; row < 1000; row += 2) {
      const distance = ((xy[2 * row] - x) / rx) ** 2 + ((xy[2 * row + 1] - y) / ry) ** 2;
      if (distance < least) [best, least] = [row, distance];
    }
    assert.equal(bins.nearest(x, y, rx, ry, even), best);
  }
  assert.equal(bins.placed, 999);
});

test("a map without points, or with one, is no special case", () => {
  const none = new Bins(Float32Array.of(NaN, NaN));
  assert.deepEqual([none.placed, none.nearest(0, 0, 1, 1, () => true)], [0, -1]);
  const one = new Bins(Float32Array.of(3, 3));
  assert.equal(
    one.nearest(3.1, 3, 1, 1, () => true),
    0,
  );
  assert.equal(
    one.nearest(5, 3, 1, 1, () => true),
    -1,
  );
});

test("a rectangle holds a point, or none, as looking at all of them says", () => {
  let seed = 7;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const xy = Float32Array.from({ length: 120 }, random);
  xy[10] = NaN;
  const bins = new Bins(xy);
  const even = (row) => row % 2 === 0;
  const answers = new Set();
  for (let n = 0; n < 300; n++) {
    const x = random() * 1.4 - 0.2,
      y = random() * 1.4 - 0.2,
      side = random() * 0.3;
    let holds = false;
    for (let row = 0; row < 60; row += 2) {
      const [px, py] = [xy[2 * row], xy[2 * row + 1]];
      holds ||= px >= x && px <= x + side && py >= y && py <= y + side;
    }
    answers.add(holds);
    assert.equal(bins.anyWithin([x, x + side], [y, y + side], even), holds);
  }
  assert.equal(answers.size, 2);
});
