import assert from "node:assert/strict";
import test from "node:test";

import { FITTED, panned, zoomedAt } from "../../fewshot_lab/web/static/viewerzoom.js";

/** Where a point of the picture lies on the screen. */
const onScreen = ({ zoom, x, y }, [px, py]) => [x + zoom * px, y + zoom * py];

test("what lies under the pointer stays there, however often one zooms", () => {
  let view = FITTED;
  for (const [factor, at] of [
    [2, [30, -40]],
    [1.3, [-100, 12]],
    [0.7, [55, 60]],
  ]) {
    const point = [(at[0] - view.x) / view.zoom, (at[1] - view.y) / view.zoom];
    view = zoomedAt(view, view.zoom * factor, ...at);
    const [x, y] = onScreen(view, point);
    assert.ok(Math.abs(x - at[0]) < 1e-9 && Math.abs(y - at[1]) < 1e-9);
  }
});

test("zooming out ends with the whole picture in the middle, zooming in has an end", () => {
  const close = zoomedAt(FITTED, 1e6, 10, 10);
  assert.equal(close.zoom, 16);
  assert.deepEqual(zoomedAt(close, 0.2, 99, 99), FITTED);
});

test("a picture that is seen whole does not move, another is never lost", () => {
  const room = { width: 400, height: 300 };
  assert.deepEqual(panned(FITTED, 50, 50, room), FITTED);
  assert.deepEqual(panned({ zoom: 2, x: 0, y: 0 }, 50, -20, room), { zoom: 2, x: 50, y: -20 });
  assert.deepEqual(panned({ zoom: 2, x: 0, y: 0 }, 1e5, -1e5, room), { zoom: 2, x: 400, y: -300 });
});
