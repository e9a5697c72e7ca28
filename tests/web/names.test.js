import assert from "node:assert/strict";
import test from "node:test";

import { elided, fits, shortened } from "../../fewshot_lab/web/static/names.js";

// A font whose letters are all one unit wide.
const width = (text) => text.length;

test("a name breaks after spaces, hyphens and underscores alone", () => {
  assert.ok(fits("basal_cell carcinoma", [11, 9], width));
  assert.ok(!fits("basal cell carcinoma", [12, 8], width));
  assert.ok(!fits("carcinoma", [5, 5], width));
});

test("a name that fits stays as it is", () => {
  assert.equal(shortened("nodular", ["nodular", "superficial"], [7], width), "nodular");
});

test("a name loses the words that it shares with the others", () => {
  const names = ["melanoma, nodular type", "melanoma, superficial type", "melanoma, in situ type"];
  const short = names.map((name) => shortened(name, names, [16], width));
  assert.equal(new Set(short).size, 3);
  ["nodular", "superficial", "situ"].forEach((word, i) => assert.match(short[i], new RegExp(word)));
  assert.ok(short.every((name) => fits(name, [16], width)));
});

test("the first words and the last stay; a word is cut, at its end, only where it alone is too long", () => {
  assert.equal(shortened("pseudohypoparathyroidism", ["pseudohypoparathyroidism"], [9], width), "pseudohy…");
  assert.equal(elided("3 images of platelet undone", [18], width), "3 images… undone");
  assert.equal(elided("3 images of platelet undone", [13], width), "3… undone");
  assert.equal(elided("short", [13], width), "short");
});
