import assert from "node:assert/strict";
import { test } from "node:test";

import { mostConfused } from "../../fewshot_lab/web/static/pairmenu.js";

const cv = (confusion) => ({ class_ids: [4, 7, 9], confusion });

test("the most confused pair counts both directions, in shares of the labels of each class", () => {
  // 5 of 100 and 5 of 10 are more than 20 of 100 and none.
  const confusion = [
    [75, 5, 20],
    [5, 5, 0],
    [0, 0, 50],
  ];
  assert.deepEqual(mostConfused(cv(confusion)), [4, 7]);
});

test("where nothing is confused no pair is", () => {
  const confusion = [
    [10, 0, 0],
    [0, 10, 0],
    [0, 0, 10],
  ];
  assert.equal(mostConfused(cv(confusion)), null);
  assert.equal(mostConfused(null), null);
});
