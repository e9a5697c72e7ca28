import assert from "node:assert/strict";
import test from "node:test";

import { AUDIT, FIRST_CLASS, NO_CLASS, UNLIKE, UNSURE, labelCounts } from "../../fewshot_lab/web/static/labelcodes.js";
import { Model } from "../../fewshot_lab/web/static/model.js";
import { colouring } from "../../fewshot_lab/web/static/pointcolours.js";

const CLASSES = [
  { id: 1, name: "platelet", color: "#ff0000", position: 2, retired: false },
  { id: 2, name: "monocyte", color: "#00ff00", position: 1, retired: false },
  { id: 3, name: "blast", color: "#0000ff", position: 0, retired: true },
];
const id = (n) => n.toString(16).padStart(20, "0");

/** A page of `n` images whose labels are at position 5 of the log. */
function loaded(codes) {
  const model = new Model();
  const ids = Uint8Array.from(codes.flatMap((_, row) => [0, 0, 0, 0, 0, 0, 0, 0, 0, row]));
  model.update({
    head: {
      images: { from: 0, n: codes.length },
      labels: { version: "5", position: 5 },
      rev: "1",
      model: { class_ids: [1, 2], suspects: [], suggestions: [] },
      overview: { stamp: "a", classes: CLASSES },
    },
    arrays: {
      ids,
      codes: Uint16Array.from(codes),
      predicted: Uint8Array.from(codes, (_, row) => (row === 2 ? NO_CLASS : row % 2)),
      confidence: new Uint16Array(codes.length).fill(65535),
      doubt: new Uint8Array(codes.length),
    },
  });
  return model;
}

const label = (q, rows, class_id) => ({ client: "me", q, rows, action: { kind: "class", class_id, machine: false } });

test("ids come as bytes, and later ones are added", () => {
  const model = loaded([0, 0]);
  assert.deepEqual(model.ids, [id(0), id(1)]);
  model.update({ head: { images: { from: 2, n: 3 } }, arrays: { ids: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 9) } });
  assert.deepEqual(model.rows([id(9), "missing", id(0)]), [2, 0]);
  assert.equal(model.predicted[2], NO_CLASS);
});

test("what changes is told once, in an order that parts rely on", () => {
  const model = new Model();
  const heard = [];
  for (const name of ["scores", "labels", "classes", "images"]) model.on(name, () => heard.push(name));
  const head = {
    overview: { classes: [] },
    images: { from: 0, n: 0 },
    rev: "1",
    labels: { version: "1", position: 1 },
  };
  model.update({ head, arrays: { ids: new Uint8Array(0), codes: new Uint16Array(0) } });
  assert.deepEqual(heard, ["images", "classes", "labels", "scores"]);
});

test("a listener that has stopped hears nothing", () => {
  const model = new Model();
  let heard = 0;
  const stop = model.on("labels scores", () => heard++);
  model.emit("scores");
  stop();
  model.emit("labels");
  assert.equal(heard, 1);
});

test("classes keep their order and retired ones their name", () => {
  const model = loaded([0]);
  assert.deepEqual(
    model.classes.map((c) => c.name),
    ["monocyte", "platelet"],
  );
  assert.equal(model.name(3), "blast");
  assert.equal(model.name(9), "a removed class");
});

test("an image counts as its label, else as its prediction; an audit image shows none", () => {
  const model = loaded([FIRST_CLASS + 2, 0, 0, UNSURE, AUDIT, AUDIT | (FIRST_CLASS + 1)]);
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5].map((row) => model.shownId(row)),
    [2, 2, null, null, null, 1],
  );
  assert.equal(model.concealed(4), true);
  assert.equal(model.predictedId(5), 2);
});

test("a label shows before the server has it, and until its answer is here", () => {
  const model = loaded([0, 0]);
  model.addPending(label(1, [0], 1));
  assert.equal(model.classId(0), 1);
  // Another person's label comes first, and does not take this one away.
  model.update({
    head: { labels: { version: "6", position: 6, from: "5" } },
    arrays: { changed_rows: Uint32Array.of(1), changed_codes: Uint16Array.of(FIRST_CLASS + 2) },
  });
  assert.deepEqual([model.classId(0), model.classId(1)], [1, 2]);
  model.settle("me", 1, 7, false);
  assert.equal(model.classId(0), 1);
  model.update({
    head: { labels: { version: "7", position: 7 } },
    arrays: { codes: Uint16Array.of(FIRST_CLASS + 1, 0) },
  });
  assert.deepEqual([model.classId(0), model.classId(1), model.pending.length], [1, null, 0]);
});

test("a refused label goes away again", () => {
  const model = loaded([UNSURE]);
  model.addPending(label(1, [0], 1));
  model.settle("me", 1, 5, true);
  assert.equal(model.codes[0], UNSURE);
});

test("changes against labels that the page does not have are left for the next answer", () => {
  const model = loaded([0]);
  model.update({
    head: { labels: { version: "9", position: 9, from: "8" } },
    arrays: { changed_rows: Uint32Array.of(0), changed_codes: Uint16Array.of(UNSURE) },
  });
  assert.deepEqual([model.codes[0], model.labelsVersion], [0, "5"]);
});

test("accepted predictions give each image its own class", () => {
  const model = loaded([0, 0]);
  model.addPending({ client: "me", q: 1, rows: [0, 1], action: { kind: "class", class_of: [1, 2], machine: true } });
  const { counts, accepted } = labelCounts(model.codes);
  assert.deepEqual([...counts], [...accepted]);
  assert.deepEqual([...counts.keys()], [1, 2]);
});

test("an image unlike anything labelled is of no class until somebody names one", () => {
  const model = loaded([0, 0]);
  model.predicted = Uint8Array.of(UNLIKE, 0);
  assert.deepEqual([model.isUnlike(0), model.predictedId(0), model.shownId(0)], [true, null, null]);
  assert.deepEqual([model.isUnlike(1), model.predictedId(1)], [false, 1]);
  const way = colouring("prediction", model, null, { muted: "grey", unlike: "black", dark: false });
  assert.equal(way.look(0).color, "black");
  model.addPending(label(1, [0], 2));
  assert.deepEqual([model.isUnlike(0), model.shownId(0)], [false, 2]);
});
