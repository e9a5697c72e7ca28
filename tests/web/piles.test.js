import assert from "node:assert/strict";
import { test } from "node:test";

import { AUDIT, FIRST_CLASS } from "../../fewshot_lab/web/static/labelcodes.js";
import { Model } from "../../fewshot_lab/web/static/model.js";
import { Piles } from "../../fewshot_lab/web/static/piles.js";

const IDS = ["a", "b", "c", "d", "e"];

function five(leftOut = {}) {
  const model = new Model();
  model.ids = IDS;
  model.rowOf = new Map(IDS.map((id, row) => [id, row]));
  model.codes = new Uint16Array(5);
  const grid = { ask: async () => ({ piles: [{ ids: IDS, left_out: leftOut }] }), put() {}, view: { name: "piles" } };
  return { model, piles: new Piles({ model, grid }) };
}

test("a key on a pile labels all of it, and the badge counts them", async () => {
  const { piles } = five();
  assert.deepEqual(await piles.load(), [0]);
  assert.deepEqual(piles.members(0), [0, 1, 2, 3, 4]);
  assert.equal(piles.size(0), 5);
  assert.equal(piles.leftOut([0]), "");
});

test("what was drawn for the audit or labelled otherwise since is left out, and that is said", async () => {
  const { model, piles } = five({ "drawn for the audit": 1 });
  await piles.load();
  model.codes[1] = AUDIT;
  model.codes[2] = FIRST_CLASS + 1;
  assert.deepEqual(piles.members(0), [0, 3, 4]);
  assert.equal(piles.leftOut([0]), "2 were drawn for the audit, 1 was labelled otherwise");
});

test("another key on a labelled pile labels the same images anew", async () => {
  const { model, piles } = five();
  await piles.load();
  model.codes.fill(FIRST_CLASS);
  model.codes[4] = FIRST_CLASS + 1;
  assert.deepEqual(piles.members(0), [0, 1, 2, 3]);
});
