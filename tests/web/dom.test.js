import assert from "node:assert/strict";
import { test } from "node:test";

import { alikeness, percent } from "../../fewshot_lab/web/static/dom.js";

test("an image that points away from another is 0 % like it, never less", () => {
  assert.equal(alikeness(0.504), "50\u00a0%");
  assert.equal(alikeness(-0.65), "0\u00a0%");
});

test("a share never claims more than it is", () => {
  const shares = [0, 0.001, 0.934, 0.997, 1 - 2 ** -53, 1, 2.5];
  const texts = ["0", "<1", "93", ">99", "100", "100", "250"];
  assert.deepEqual(
    shares.map(percent),
    texts.map((text) => `${text}\u00a0%`),
  );
});
