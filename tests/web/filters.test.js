import assert from "node:assert/strict";
import test from "node:test";

import { Columns } from "../../fewshot_lab/web/static/columns.js";
import {
  NONE,
  NO_VALUE,
  binCounts,
  binsOf,
  maskOf,
  rangeOfBins,
  textOf,
  valueCounts,
} from "../../fewshot_lab/web/static/filters.js";
import { FilterState } from "../../fewshot_lab/web/static/filterstate.js";
import { AUDIT, FIRST_CLASS, UNLIKE, UNSURE } from "../../fewshot_lab/web/static/labelcodes.js";
import { Model } from "../../fewshot_lab/web/static/model.js";
import { formatted, parsed } from "../../fewshot_lab/web/static/viewstate.js";

const CLASSES = [
  { id: 1, name: "platelet", color: "#ff0000", position: 0, retired: false, merged_into: null },
  { id: 2, name: "blast", color: "#00ff00", position: 1, retired: false, merged_into: null },
  { id: 3, name: "smudge", color: "#0000ff", position: 2, retired: true, merged_into: null },
  { id: 4, name: "thrombocyte", color: "#0000ff", position: 3, retired: true, merged_into: 1 },
];
const SITES = { kind: "names", names: ["Bonn", "Kiel"], colors: ["#111111", "#222222"] };

/** Five images and the columns "site" (Bonn, Kiel, none, Kiel, Bonn) and "taken". */
function page(codes = [0, 0, 0, 0, 0], { confidence = [0, 0, 0, 0, 0], predicted = [0, 1, 0, 1, 0] } = {}) {
  const model = new Model();
  const columns = {
    site: { ...SITES, values: Uint32Array.of(0, 1, NO_VALUE, 1, 0) },
    taken: { kind: "date", values: Float32Array.of(0, 1, 1.5, 2, NaN) },
    "@flag": { kind: "sets", names: ["copy", "near"], values: Uint32Array.of(0, 1, 2, 3, 0) },
  };
  const asked = [];
  const api = {
    arrays: async (_, { name }) => {
      asked.push(name);
      if (!columns[name]) throw new Error(`There is no column '${name}'.`);
      const { values, ...head } = columns[name];
      return { head, arrays: { values } };
    },
  };
  const overview = {
    stamp: "a",
    classes: CLASSES,
    columns: ["site", "taken"],
    reference_names: ["a", "b"],
    has_group: false,
  };
  model.update({
    head: {
      images: { from: 0, n: 5 },
      labels: { version: "1", position: 1 },
      rev: "1",
      model: { class_ids: [1, 2], suspects: [], suggestions: [] },
      overview,
    },
    arrays: {
      ids: Uint8Array.from([0, 1, 2, 3, 4].flatMap((row) => [0, 0, 0, 0, 0, 0, 0, 0, 0, row])),
      codes: Uint16Array.from(codes),
      predicted: Uint8Array.from(predicted),
      confidence: Uint16Array.from(confidence.map((p) => p * 65535)),
      doubt: new Uint8Array(5),
    },
  });
  const known = new Columns(model, api);
  const state = new FilterState(model, known);
  const rows = () => model.rowsWhere((row) => model.matches(row));
  return { asked, columns: known, model, rows, state };
}

const is = (column, ...values) => ({ column, values, from: "", to: "" });
const range = (column, from, to) => ({ column, values: [], from, to });
const settled = () => new Promise((resolve) => setTimeout(resolve));

test("images match one of a column's values, and every column", async () => {
  const { asked, rows, state } = page([FIRST_CLASS + 1, FIRST_CLASS + 2, UNSURE, 0, 0]);
  state.set([is("site", "Bonn", NONE)]);
  assert.deepEqual(rows(), [0, 1, 2, 3, 4]); // the column is still to come
  await settled();
  assert.deepEqual(rows(), [0, 2, 4]);
  assert.deepEqual(asked, ["site"]);
  state.put(is("@label", "1", "unsure"));
  assert.deepEqual(rows(), [0, 2]);
  assert.equal(state.matching, 2);
  state.remove("site");
  assert.deepEqual(rows(), [0, 2]);
  state.clear();
  assert.equal(state.matching, 5);
});

test("a range takes both its ends, a day until midnight, and images without a value when asked", async () => {
  const { rows, state } = page();
  state.set([range("taken", "1970-01-02", "1970-01-02")]);
  await settled();
  assert.deepEqual(rows(), [1, 2]);
  state.put({ column: "taken", values: [NONE], from: "1970-01-03", to: "" });
  assert.deepEqual(rows(), [3, 4]);
  state.put({ column: "taken", values: [NONE], from: "", to: "" });
  assert.deepEqual(rows(), [4]);
});

test("a confidence is a percentage, and of an audit image there is none", () => {
  const { rows, state } = page([0, AUDIT, 0, 0, 0], { confidence: [0.9, 0.9, 0.4, 0.6, 0.59] });
  state.set([range("@confidence", "60", "")]);
  assert.deepEqual(rows(), [0, 3]);
  state.set([is("@prediction", "2")]);
  assert.deepEqual(rows(), [3]);
});

test("flags join what the page knows and what the server adds", async () => {
  const { rows, state } = page([0, 0, 0, AUDIT, 0], { predicted: [UNLIKE, 1, 0, 1, 0] });
  state.set([is("@flag", "audit")]); // needs no server
  assert.deepEqual(rows(), [3]);
  state.set([is("@flag", "audit", "unlike", "copy")]);
  await settled();
  assert.deepEqual(rows(), [0, 1, 3]);
});

test("what is labelled stays in the list until it is renewed", () => {
  const { model, rows, state } = page();
  state.set([is("@label", NONE)]);
  const action = { do: "label", kind: "class", class_id: 1, machine: false };
  model.addPending({ client: "me", q: 1, rows: [2], action });
  assert.deepEqual(rows(), [0, 1, 2, 3, 4]);
  assert.equal(state.changed, 1);
  state.renew();
  assert.deepEqual(rows(), [0, 1, 3, 4]);
  assert.equal(state.changed, 0);
});

test("a selection holds what matches, and gets the rest back with the filters' end", async () => {
  const { model, state } = page();
  model.select({ kind: "lasso", rows: [0, 1, 3], set: new Set([0, 1, 3]), polygon: [] });
  state.set([is("site", "Kiel")]);
  await settled();
  assert.deepEqual(
    [model.selection.rows, [...model.selection.set]],
    [
      [1, 3],
      [1, 3],
    ],
  );
  state.clear();
  assert.deepEqual(model.selection.rows, [0, 1, 3]);
});

test("a filter whose column the server refuses goes, and says why", async () => {
  const { rows, state } = page();
  state.set([is("site", "Kiel"), is("@annotator", "kim")]);
  await settled();
  assert.deepEqual(rows(), [1, 3]);
  assert.match(state.problems.join(), /Labelled by could not be filtered by: There is no column/);
});

test("of a value that no image has it is said", async () => {
  const { rows, state } = page();
  state.set([is("site", "Rome")]);
  await settled();
  assert.deepEqual([rows(), state.absent()], [[], ["No image has “Rome” as “site”."]]);
});

test("what is shown survives the address, whatever the values hold", () => {
  const { columns, model } = page();
  const filters = [
    is("site", "Bonn & Kiel", "a=b#c", NONE),
    is("@label", "1", NONE),
    { column: "taken", values: [NONE], from: "2020-01-31", to: "" },
    range("@confidence", "-1e-7", "60"),
  ];
  const shown = { filters, colour: "site", list: "suspects", order: "unsure" };
  assert.deepEqual(parsed(formatted(shown), model, columns), { ...shown, problems: [] });
});

test("of nonsense a sentence is made each, and the rest holds", () => {
  const { columns, model } = page();
  const { filters, problems } = parsed(
    "is.site=Kiel&is.ward=7&from.taken=soon&is.@label=3&is.@label=4&is.@label=99&colour=ward&%E0%A4%A&__proto__=1&is.=2",
    model,
    columns,
  );
  assert.deepEqual(filters, [is("site", "Kiel"), is("@label", "1")]); // 4 was merged into 1
  assert.equal(problems.length, 7);
  for (const problem of problems) assert.match(problem, /^[A-Z“].*\.$/);
  assert.ok(problems.some((problem) => problem.includes("“smudge” is gone")));
  const long = parsed(`${"x".repeat(5000)}=1`, model, columns).problems[0];
  assert.ok(long.length < 200);
});

test("random filters take what a plain reading of them takes", () => {
  let seed = 1;
  const dice = (n) => (seed = (seed * 16807) % 2147483647) % n;
  for (let turn = 0; turn < 300; turn++) {
    const n = 1 + dice(40);
    const site = Uint32Array.from({ length: n }, () => [0, 1, 2, NO_VALUE][dice(4)]);
    const age = Float32Array.from({ length: n }, () => (dice(5) ? dice(20) / 2 : NaN));
    const columns = {
      site: { kind: "names", names: ["a", "b", "c"], values: site },
      age: { kind: "number", values: age },
    };
    const wanted = ["a", "b", "c", NONE].filter(() => dice(2));
    const [low, high] = [dice(10), dice(10)];
    const filters = [
      is("site", ...wanted),
      { column: "age", values: dice(2) ? [NONE] : [], from: String(low), to: String(high) },
    ];
    const mask = maskOf(n, filters, (name) => columns[name]);
    for (let row = 0; row < n; row++) {
      const name = site[row] === NO_VALUE ? NONE : columns.site.names[site[row]];
      const aged = Number.isNaN(age[row]) ? filters[1].values.length > 0 : low <= age[row] && age[row] <= high;
      assert.equal(mask[row] === 1, (!wanted.length || wanted.includes(name)) && aged);
    }
    const { counts, none } = valueCounts(columns.site, mask);
    assert.equal(
      counts.reduce((sum, one) => sum + one, none),
      mask.reduce((sum, one) => sum + one, 0),
    );
    // The bins hold every value, and the range of a bin takes no value of another.
    const bins = binsOf(columns.age);
    const binned = binCounts(columns.age, bins);
    for (let at = 0; at < bins.n; at++) {
      const [from, to] = rangeOfBins(bins, at, at, "number");
      const inside = maskOf(n, [range("age", from, to)], (name) => columns[name]);
      assert.ok(inside.reduce((sum, one) => sum + one, 0) >= binned.counts[at]);
    }
  }
});

test("whole numbers and days have whole bins", () => {
  const ages = { kind: "number", values: Float32Array.from({ length: 95 }, (_, at) => at + 3) };
  const bins = binsOf(ages);
  assert.deepEqual([bins.start, bins.step], [3, 3]);
  assert.deepEqual(rangeOfBins(bins, 0, 1, "number"), ["3", "8"]);
  const days = { kind: "date", values: Float32Array.of(18000.25, 18001.75) };
  assert.deepEqual(rangeOfBins(binsOf(days), 0, 1, "date"), ["2019-04-14", "2019-04-15"]);
  assert.equal(textOf(-1, "date"), "1969-12-31");
  assert.equal(binsOf({ kind: "number", values: Float32Array.of(NaN) }).n, 0);
});
