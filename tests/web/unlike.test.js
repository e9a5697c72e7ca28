import assert from "node:assert/strict";
import { test } from "node:test";

import { UnlikeFlags } from "../../fewshot_lab/web/static/unlike.js";

const ready = () => {
  const parts = {
    clock: 0,
    asked: 0,
    answer: Promise.resolve({ arrays: { values: new Uint32Array([0, 1]) } }),
    known: 0,
  };
  const model = { n: 2, snapshot: { position: 5 }, hasClassifier: () => true, on: () => undefined };
  const api = {
    arrays: () => {
      parts.asked += 1;
      return parts.answer;
    },
  };
  const flags = new UnlikeFlags(model, api, () => parts.clock);
  flags.onKnown(() => (parts.known += 1));
  return { parts, model, flags };
};

test("until the first answer nothing is known, and then what the server says", async () => {
  const { parts, flags } = ready();
  const asking = flags.ask();
  assert.equal(flags.has(1), null);
  assert.match(flags.inPlaceOf(1), /^Comparing/);
  await asking;
  assert.equal(flags.inPlaceOf(0), "");
  assert.match(flags.inPlaceOf(1), /no prediction/);
  assert.deepEqual([flags.has(0), flags.has(1), parts.known], [false, true, 1]);
});

test("it is asked again for another classifier alone, and not with every refit", async () => {
  const { parts, model, flags } = ready();
  await flags.ask();
  parts.clock = 60_000;
  await flags.ask();
  assert.equal(parts.asked, 1);
  model.snapshot.position = 6;
  await flags.ask();
  model.snapshot.position = 7;
  await flags.ask();
  assert.equal(parts.asked, 2);
  parts.clock = 90_000;
  await flags.ask();
  assert.equal(parts.asked, 3);
});

test("where the server cannot say, predictions are shown, and the last answer stays", async () => {
  const { parts, model, flags } = ready();
  parts.answer = Promise.reject(new Error("away"));
  await flags.ask();
  assert.deepEqual([flags.has(0), flags.has(1)], [false, false]);
  const other = ready();
  await other.flags.ask();
  other.parts.answer = Promise.reject(new Error("away"));
  other.parts.clock = 60_000;
  other.model.snapshot.position = 6;
  await other.flags.ask();
  assert.equal(other.flags.has(1), true);
  assert.equal(model.n, 2);
});
