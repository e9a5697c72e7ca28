import assert from "node:assert/strict";
import test from "node:test";

import { whenOf } from "../../fewshot_lab/web/static/history.js";
import { UndoStack } from "../../fewshot_lab/web/static/undostack.js";

const step = (annotator, q, row) => ({ annotator, client: "me", q, rows: [row], before: [0], after: [17] });

test("undo reverts the annotator's own last step, redo brings it back", () => {
  const stack = new UndoStack();
  stack.push(step("kim", 1, 4));
  stack.push(step("lee", 2, 5));
  assert.deepEqual(stack.revert("undo", "kim"), { rows: [4], from: [17], to: [0] });
  assert.equal(stack.revert("undo", "kim"), null);
  assert.deepEqual(stack.revert("redo", "kim"), { rows: [4], from: [0], to: [17] });
  assert.deepEqual(stack.revert("undo", "lee").rows, [5]);
});

test("a new step ends what its annotator could redo, not what another could", () => {
  const stack = new UndoStack();
  for (const annotator of ["kim", "lee"]) {
    stack.push(step(annotator, 1, 4));
    stack.revert("undo", annotator);
  }
  stack.push(step("kim", 2, 5));
  assert.equal(stack.revert("redo", "kim"), null);
  assert.notEqual(stack.revert("redo", "lee"), null);
});

test("a step that the server refused is undone by nobody", () => {
  const stack = new UndoStack();
  stack.push(step("kim", 1, 4));
  stack.push(step("kim", 2, 5));
  stack.remove({ client: "me", q: 2 });
  assert.deepEqual(stack.revert("undo", "kim").rows, [4]);
});

test("a change of the classes takes its turn, though what it brings back is not known here", () => {
  const stack = new UndoStack();
  stack.push(step("kim", 1, 4));
  stack.push({ annotator: "kim", client: "me", q: 2 });
  assert.equal(stack.revert("undo", "kim"), null);
  assert.deepEqual(stack.revert("undo", "kim").rows, [4]);
});

test("a row of the history says where and when", () => {
  const now = new Date();
  now.setHours(9, 5);
  assert.equal(whenOf({ view: "suspects", time: now / 1000 }), "review · 09:05");
  assert.equal(whenOf({ view: null, time: new Date(2020, 1, 3, 9, 5) / 1000 }), "3 Feb 09:05");
});
