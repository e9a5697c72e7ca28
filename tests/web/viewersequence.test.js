import assert from "node:assert/strict";
import test from "node:test";

import { stepsOf, stretches } from "../../fewshot_lab/web/static/viewersequence.js";

test("a notch of the wheel is one slice, and a trackpad's small turns add up", () => {
  assert.deepEqual(stepsOf(100), [1, 40]);
  assert.deepEqual(stepsOf(-130), [-2, -10]);
  let turned = 0;
  let slices = 0;
  for (let k = 0; k < 30; k++) {
    const [steps, left] = stepsOf(turned + 4);
    slices += steps;
    turned = left;
  }
  assert.equal(slices, 2);
});

test("imported slices are marked along the volume", () => {
  assert.deepEqual(stretches(["a", "", "b", "c"]), [
    [0, 0.25],
    [0.5, 1],
  ]);
  assert.deepEqual(stretches(["", ""]), []);
});
