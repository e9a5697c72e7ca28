import assert from "node:assert/strict";
import { test } from "node:test";

import { alikeness } from "../../fewshot_lab/web/static/dom.js";

test("an image that points away from another is 0 % like it, never less", () => {
  assert.equal(alikeness(0.504), "50\u00a0%");
  assert.equal(alikeness(-0.65), "0\u00a0%");
});
