import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import * as labelCodes from "../../fewshot_lab/web/static/labelcodes.js";

// The same file holds the server: test_routes.py.
const contract = JSON.parse(readFileSync(new URL("label_codes.json", import.meta.url), "utf8"));

test("the bits are the server's", () => {
  const bits = Object.fromEntries(Object.keys(contract.bits).map((name) => [name, labelCodes[name]]));
  assert.deepEqual(bits, contract.bits);
  assert.equal(labelCodes.NO_CLASS, contract.no_class);
  assert.equal(labelCodes.UNLIKE, contract.unlike);
});

test("actions make the codes that the server makes of them", () => {
  for (const { audit, actions, code } of contract.cases) {
    assert.equal(actions.reduce(labelCodes.labelledCode, audit ? labelCodes.AUDIT : 0), code, JSON.stringify(actions));
  }
});

test("undo brings back the label of before, and the audit draw stays", () => {
  const { AUDIT, FIRST_CLASS, UNSURE, revertedCode } = labelCodes;
  const code = FIRST_CLASS + 3;
  assert.equal(revertedCode(code, code, UNSURE), UNSURE);
  assert.equal(revertedCode(AUDIT | code, code, 0), AUDIT);
});

test("undo leaves an image alone that has got another label since", () => {
  const { FIRST_CLASS, UNSURE, revertedCode } = labelCodes;
  assert.equal(revertedCode(UNSURE, FIRST_CLASS, 0), UNSURE);
});
