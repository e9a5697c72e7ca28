import assert from "node:assert/strict";
import { test } from "node:test";

import { auditSentence, auditStanding } from "../../fewshot_lab/web/static/statusbar.js";

test("an audit says how far it is, and when it is finished what more would bring", () => {
  const audit = { accuracy: null, until_narrow: 12, n: 61, drawn: 68, waiting: 7, to_halve: 200 };
  assert.equal(auditStanding(audit), "61 of 68 labelled.");
  assert.equal(
    auditStanding({ ...audit, waiting: 0, to_halve: 1040 }),
    "68 of 68; 1,040 more would halve the interval.",
  );
  assert.equal(
    auditStanding({ ...audit, waiting: 0, to_halve: null }),
    "68 of 68; even all images would not halve the interval.",
  );
});

test("a list that is labelled does not claim it of images that were drawn since", () => {
  const audit = { n: 22, drawn: 27, waiting: 5, to_halve: null };
  assert.equal(auditSentence(0, audit), "Each of these has a label. 22 of 27 labelled. ");
  assert.match(auditSentence(0, { ...audit, waiting: 0 }), /^Every image drawn at random has a label\. 27 of 27;/);
  assert.match(auditSentence(2, audit), /2 images without a label/);
});
