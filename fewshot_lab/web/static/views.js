// What the grid can show: which images, in which order, and the sentence above them.

import { h, count, images } from "./dom.js";
import { FIRST_CLASS, KIND, REJECT, SKIPPED, UNSURE } from "./model.js";

// How many suggestions from the focus on stand still when fresh ones arrive.
const AHEAD = 4;
const PLAIN = 200;

export const SORTS = [
  ["listed", "as listed"],
  ["unsure", "least sure first"],
  ["sure", "most sure first"],
  ["disagreement", "disagreement first"],
  ["distance", "nearest first"],
];

export function sorted(rows, by, model, similarity) {
  const key = {
    unsure: (row) => (model.predictedId(row) === null ? 2 : model.probability(row)),
    sure: (row) => (model.predictedId(row) === null ? 2 : -model.probability(row)),
    disagreement: (row) => -model.doubt[row],
    distance: (row) => -(similarity?.get(row) ?? -2),
  }[by];
  if (!key) return rows;
  const keys = Float32Array.from(rows, key);
  return Uint32Array.from(rows.keys())
    .sort((a, b) => keys[a] - keys[b] || a - b)
    .reduce((out, at, i) => {
      out[i] = rows[at];
      return out;
    }, new Array(rows.length));
}

// A suggestion is done once it has a label or was skipped after it came.
const done = (model, row) => (model.codes[row] & KIND) !== 0 || (model.codes[row] & SKIPPED) !== 0;

export class Suggestions {
  constructor(model) {
    this.model = model;
    this.rows = [];
    this.why = new Map();
  }

  fresh() {
    const { model } = this;
    const found = [];
    for (const suggestion of model.model?.suggestions ?? []) {
      const row = model.rowOf.get(suggestion.id);
      if (row === undefined || done(model, row)) continue;
      found.push(row);
      this.why.set(row, suggestion);
    }
    return found;
  }

  get doneCount() {
    return this.rows.filter((row) => done(this.model, row)).length;
  }

  // What is under the person's eyes stays; what lies ahead is replaced by what is best now.
  renew(focusRow) {
    const { model } = this;
    const fresh = this.fresh();
    const open = this.rows.filter((row) => !done(model, row));
    const at = Math.max(this.rows.indexOf(focusRow), this.rows.indexOf(open[0]));
    // Images that were listed before there were suggestions go, unless somebody has begun on them.
    if (!open.length || (this.plain && fresh.length && at <= 0)) {
      if (!fresh.length && this.rows.length && !this.plain) return false;
      this.plain = !fresh.length && !model.overview?.embedded;
      const before = this.rows;
      this.rows = this.plain ? firstOpen(model) : fresh;
      return before.length !== this.rows.length || before.some((row, at) => row !== this.rows[at]);
    }
    if (this.plain && !fresh.length) return false;
    this.plain = false;
    const kept = this.rows.slice(0, at + 1 + AHEAD);
    const there = new Set(kept);
    const rest = fresh.filter((row) => !there.has(row)).slice(0, Math.max(0, this.rows.length - kept.length));
    this.rows = [...kept, ...rest];
    return false;
  }

  sentence(row) {
    const { model } = this;
    const total = this.rows.length;
    if (!model.n) return ["The images to label appear here."];
    if (this.plain && model.map) return ["The suggestions come in a moment; until then the first images, as imported."];
    if (this.plain) return ["Not embedded yet: the first images, as imported. Labels given now count later."];
    if (!total) return [model.model?.message || "There is nothing left to suggest."];
    if (!model.classes.length) return ["Name a class at the left; its key then labels the image in focus."];
    const ready = this.doneCount;
    const anyAudit = this.rows.some((r) => model.isAudit(r));
    const tail = `${ready} of ${total} done${anyAudit ? "; " : "."}`;
    const end = anyAudit ? [tail, h("em", {}, "A"), " marks the audit draw."] : [tail];
    if (ready === total) return [`All ${total} done: the next ones come with the refit.`];
    const why = this.why.get(row);
    if (!why?.reason) return [...end, ...otherWay(model)];
    return [...reasonParts(model, why), " ", ...end, ...otherWay(model)];
  }
}

// Where suggestions do not follow the usual mixture, that is said, with why on hover.
function otherWay(model) {
  const used = model.overview?.strategy;
  if (!used || (used.setting === "auto" && !used.switched)) return [];
  return [
    " ",
    h("span", { title: used.sentence }, used.switched ? `Switched to ${used.title}.` : `By ${used.title}, as set.`),
  ];
}

// Before there are embeddings nothing can be suggested, but labelling can begin.
function firstOpen(model) {
  const rows = [];
  for (let row = 0; row < model.n && rows.length < PLAIN; row++) if (!done(model, row)) rows.push(row);
  return rows;
}

// The class names inside a reason stand out.
function reasonParts(model, { reason, classes }) {
  const names = classes
    .map((id) => model.name(id))
    .filter((name) => reason.includes(name))
    .sort((a, b) => b.length - a.length);
  const text = reason.charAt(0).toUpperCase() + reason.slice(1) + (/[.!?]$/.test(reason) ? "" : ".");
  if (!names.length) return [text];
  const escaped = names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const places = new RegExp(`(${escaped.join("|")})`, "i");
  return text
    .split(places)
    .map((part) => (names.some((n) => n.toLowerCase() === part.toLowerCase()) ? h("em", {}, part) : part));
}

// Images drawn at random that have no label yet, by their id, which is as good as chance: whoever labels
// only some of them labels a random part.
export function auditRows(model) {
  const rows = [];
  for (let row = 0; row < model.n; row++) if (model.isAudit(row) && !(model.codes[row] & KIND)) rows.push(row);
  return rows.sort((a, b) => (model.ids[a] < model.ids[b] ? -1 : 1));
}

export function classRows(model, what) {
  const rows = [];
  for (let row = 0; row < model.n; row++) {
    const kind = model.codes[row] & KIND;
    const fits =
      what === "unsure"
        ? kind === UNSURE
        : what === "reject"
          ? kind === REJECT
          : what === "skipped"
            ? (model.codes[row] & SKIPPED) !== 0
            : kind === FIRST_CLASS + what;
    if (fits) rows.push(row);
  }
  return rows;
}

export function predictedRows(model, classId) {
  const rows = [];
  for (let row = 0; row < model.n; row++) {
    if (!(model.codes[row] & KIND) && model.predictedId(row) === classId) rows.push(row);
  }
  return rows;
}

export const selectionSentence = (model, n, marked) =>
  n === 0 && !model.selection
    ? "Draw a lasso on the map, or click an image there."
    : n === 0
      ? `No image lies inside.${model.hidden.size ? " Hidden classes are left out." : ""}`
      : marked === n
        ? `${images(n)} selected. One key labels ${n === 1 ? "it" : "them all"}.`
        : `${count(marked)} of ${images(n)} chosen.`;
