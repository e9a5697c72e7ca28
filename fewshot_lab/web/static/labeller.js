// Labelling: from "this key was pressed" to an action in the outbox, with what must be known of it.

import { count, images, percent } from "./dom.js";
import { AUDIT, KIND } from "./model.js";
import { Past } from "./past.js";

const LONGEST_LOOK = 5 * 60_000;
// From this share of all images on, a bulk action is told as a warning.
const LARGE_SHARE = 0.25;

export class Labeller {
  constructor({ model, outbox, toasts }) {
    this.model = model;
    this.outbox = outbox;
    this.toasts = toasts;
    this.past = new Past();
    this.looking = performance.now();
    model.on("focus", () => {
      this.looking = performance.now();
    });
    model.on("selection", () => {
      this.looking = performance.now();
    });
  }

  // `context`: view, strategy; `classOf` gives every image a class of its own (accepted predictions).
  label(rows, { kind, classId = null, classOf = null, machine = false }, { view, strategy = null }) {
    if (!rows.length) return null;
    const { model } = this;
    const now = performance.now();
    const spent = Math.min(LONGEST_LOOK, Math.round(now - this.looking));
    this.looking = now;
    const action = {
      do: "label",
      kind,
      class_id: classId,
      class_of: classOf ?? undefined,
      machine,
      images: rows.map((row) => model.ids[row]).join(""),
      view,
      strategy,
      shown: this.shown(rows),
      spent_ms: spent,
    };
    const entry = this.outbox.add(action);
    this.paint(entry, rows);
    this.toasts.outdate();
    if (rows.length > 1) this.say(rows.length, action);
    return entry;
  }

  say(n, action) {
    const { model } = this;
    const what = {
      class: action.class_of ? "labelled as predicted" : `→ ${model.name(action.class_id)}`,
      unsure: "→ unsure",
      reject: "→ unusable",
      clear: "cleared",
      skip: "skipped",
    }[action.kind];
    const share = n / model.n;
    const large = share >= LARGE_SHARE && n > 50;
    const warning = large ? ` That is ${percent(share)} of all ${count(model.n)} images.` : "";
    this.toasts.show(`${images(n)} ${what}.${warning}`, {
      action: "Undo",
      onAction: () => this.undo(),
      tone: large ? "warning" : "plain",
      stays: large ? 15_000 : 6000,
    });
  }

  // The predictions that were on screen: [class ids, probabilities], null where none was shown.
  shown(rows) {
    const { model } = this;
    if (!model.model?.class_ids?.length) return undefined;
    const classes = new Array(rows.length),
      probabilities = new Array(rows.length);
    let any = false;
    for (let i = 0; i < rows.length; i++) {
      const hidden = model.codes[rows[i]] & AUDIT && !(model.codes[rows[i]] & KIND);
      const predicted = hidden ? null : model.predictedId(rows[i]);
      classes[i] = predicted;
      probabilities[i] = predicted === null ? null : Math.round(model.probability(rows[i]) * 1e4) / 1e4;
      any ||= predicted !== null;
    }
    return any ? [classes, probabilities] : undefined;
  }

  undo() {
    this.turn("undo");
  }

  redo() {
    this.turn("redo");
  }

  // Painted at once where this page knows what comes back; the server's answer settles it.
  turn(verb) {
    this.toasts.outdate();
    this.paint(this.outbox.add({ do: verb }));
  }

  // Show what an action in the outbox will bring, before the server has it.
  paint(entry, rows) {
    const { model } = this;
    const { client, q, annotator } = entry;
    if (entry.do === "label") {
      const before = codesOf(model, rows);
      model.expect(client, q, entry, rows);
      this.past.add(annotator, { client, q, rows: Array.from(rows), before, after: codesOf(model, rows) });
    } else {
      const turn = this.past.turn(entry.do, annotator);
      if (turn) model.expectTurn(client, q, turn);
    }
  }
}

const codesOf = (model, rows) => Uint16Array.from(rows, (row) => model.codes[row]);
