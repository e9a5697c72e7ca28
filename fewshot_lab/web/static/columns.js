// @ts-check
// What images can be coloured and filtered by: labels, predictions and flags, which the page knows, and the
// columns that the server has, fetched when they are first looked at.

import { NO_VALUE, valueCounts } from "./filters.js";
import { KIND_MASK, MACHINE, REJECT, UNSURE } from "./labelcodes.js";

/** @import { Api } from "./api.js" */
/** @import { Model } from "./model.js" */
/** @import { Column, NamesColumn, SetsColumn } from "./types.d.ts" */

/** So many values of a column have a colour; as many as the server sends twice over. */
const COLOURED = 24;
/** @type {Record<string, string>} */
const TITLES = {
  "@label": "Label",
  "@prediction": "Prediction",
  "@confidence": "Confidence",
  "@flag": "Flag",
  "@annotator": "Labelled by",
  "@reference": "Reference",
  "@group": "Group",
};
/** @type {Record<string, string>} */
const FLAGS = {
  audit: "Drawn at random for the audit",
  suspect: "Label in doubt",
  skipped: "Skipped",
  accepted: "Accepted in bulk",
  unlike: "Unlike anything labelled",
  differ: "People disagree",
  near: "Near-duplicate of another",
  copy: "Copy of another",
};
/** What an image without a value is called. @type {Record<string, { none: string }>} */
const NONES = { "@annotator": { none: "Nobody" } };
const OWN_FLAGS = ["audit", "suspect", "skipped", "accepted", "unlike"];
/** Columns that nothing is fetched for: the page knows all of them. */
const OWN = ["@label", "@prediction", "@confidence"];

/** @param {string | null} name of a column */
export const titleOf = (name) => TITLES[name ?? ""] ?? name;

export class Columns {
  /**
   * @param {Model} model
   * @param {Api} api
   */
  constructor(model, api) {
    this.model = model;
    this.api = api;
    this.fetched = /** @type {Map<string, Column>} */ (new Map());
    this.loading = /** @type {Map<string, Promise<void>>} */ (new Map());
    model.on("images", () => this.forget());
  }

  /** Columns of the server, in the order in which they are listed. */
  stored() {
    const { overview } = this.model;
    if (!overview) return [];
    const special = [overview.reference_names.length > 0 && "@reference", overview.has_group && "@group"];
    return [...special.filter((name) => name !== false), ...overview.columns];
  }

  names() {
    return [...OWN, "@flag", "@annotator", ...this.stored()];
  }

  /** @param {string} name */
  isPredicted(name) {
    return ["@prediction", "@confidence"].includes(name);
  }

  /** Whether filters by a column hold for a moment only: a label or a refit may change them. @param {string} name */
  isMoving(name) {
    return [...OWN, "@flag", "@annotator"].includes(name);
  }

  /**
   * A column as it is now; null where the server has not sent it yet, or there is no classifier.
   * @param {string} name
   * @returns {Column | null}
   */
  get(name) {
    const { model } = this;
    switch (name) {
      case "@label":
        return labels(model);
      case "@prediction":
        return model.hasClassifier() ? predictions(model) : null;
      case "@confidence":
        return model.hasClassifier() ? confidences(model) : null;
      case "@flag":
        return this.flags();
      default:
        return this.fetched.get(name) ?? null;
    }
  }

  /**
   * Whether a column is here, or as much of it as these values need.
   * @param {string} name
   * @param {string[]} [values]
   */
  has(name, values) {
    if (this.isPredicted(name)) return this.model.hasClassifier();
    if (OWN.includes(name) || this.fetched.has(name)) return true;
    return name === "@flag" && Boolean(values?.every((value) => OWN_FLAGS.includes(value)));
  }

  /**
   * Fetches what is missing of a column; `model` tells when a part has come.
   * @param {string} name
   */
  async load(name) {
    if (!OWN.includes(name) && !this.fetched.has(name)) await (this.loading.get(name) ?? this.fetch(name));
  }

  /** Fetches again what changes while people label; whether there was any. */
  async refresh() {
    const parts = ["@annotator", "@reference", "@flag"].filter((part) => this.fetched.has(part));
    await Promise.all(parts.map((part) => this.fetch(part).catch(() => undefined)));
    return parts.length > 0;
  }

  /** @param {string} part */
  fetch(part) {
    const { fetched, loading, model } = this;
    const work = async () => {
      try {
        const { head, arrays } = await this.api.arrays("column", { name: part });
        // Another annotator, or more images, since it was asked for.
        if (loading.get(part) !== request || arrays.values.length !== model.n) return;
        fetched.set(part, this.arranged({ ...head, ...NONES[part], values: arrays.values }));
        model.emit("columns");
      } finally {
        if (loading.get(part) === request) loading.delete(part);
      }
    };
    const request = work();
    loading.set(part, request);
    return request;
  }

  /**
   * The most frequent values have a colour; one that is also a class has its class's.
   * @param {Column} column
   */
  arranged(column) {
    if (column.kind !== "names" || !column.colors) return column;
    const ofClass = new Map(this.model.classes.map((c) => [c.name.toLowerCase(), c.color]));
    const own = column.names.map((text) => ofClass.get(text.toLowerCase()) ?? null);
    const taken = new Set(own.map((color) => color?.toLowerCase()));
    const free = column.colors.filter((color) => !taken.has(String(color).toLowerCase()));
    const { counts } = valueCounts(column);
    const ranked = [...column.names.keys()].sort((a, b) => counts[b] - counts[a]);
    const coloured = new Set(ranked.slice(0, COLOURED));
    const colors = own.map((color, at) => color ?? (coloured.has(at) ? (free.shift() ?? null) : null));
    return { ...column, colors };
  }

  /** Lets go of all that was fetched: it is another's to see, or of other images. */
  forget() {
    this.fetched.clear();
    this.loading.clear();
    this.model.emit("forgotten");
  }

  /** @returns {SetsColumn} */
  flags() {
    const { model } = this;
    const { codes, n } = model;
    const suspects = new Set(model.rows((model.snapshot?.suspects ?? []).map(([id]) => id)));
    const values = new Uint32Array(n);
    for (let row = 0; row < n; row++) {
      const bulk = codes[row] & KIND_MASK && codes[row] & MACHINE;
      const bits = [model.isAudit(row), suspects.has(row), model.isSkipped(row), bulk, model.isUnlike(row)];
      for (let at = 0; at < bits.length; at++) if (bits[at]) values[row] |= 1 << at;
    }
    const more = /** @type {SetsColumn | undefined} */ (this.fetched.get("@flag"));
    if (more) for (let row = 0; row < n; row++) values[row] |= more.values[row] << OWN_FLAGS.length;
    const names = [...OWN_FLAGS, ...(more?.names ?? [])];
    return { kind: "sets", names, titles: names.map((name) => FLAGS[name]), values };
  }
}

/**
 * @param {Model} model
 * @returns {NamesColumn}
 */
function labels(model) {
  const { classes, n } = model;
  const place = new Map(classes.map((c, at) => [c.id, at]));
  const values = new Uint32Array(n).fill(NO_VALUE);
  for (let row = 0; row < n; row++) {
    const kind = model.kind(row);
    if (kind === UNSURE) values[row] = classes.length;
    else if (kind === REJECT) values[row] = classes.length + 1;
    else if (kind) values[row] = place.get(Number(model.classId(row))) ?? NO_VALUE;
  }
  return {
    kind: "names",
    names: [...classes.map((c) => String(c.id)), "unsure", "unusable"],
    titles: [...classes.map((c) => c.name), "Unsure", "Unusable"],
    colors: [...classes.map((c) => c.color), null, null],
    none: "No label",
    values,
  };
}

/**
 * @param {Model} model
 * @returns {NamesColumn}
 */
function predictions(model) {
  const { classes, n } = model;
  const place = new Map(classes.map((c, at) => [c.id, at]));
  const values = new Uint32Array(n).fill(NO_VALUE);
  for (let row = 0; row < n; row++) values[row] = place.get(Number(model.predictedId(row) ?? NaN)) ?? NO_VALUE;
  return {
    kind: "names",
    names: classes.map((c) => String(c.id)),
    titles: classes.map((c) => c.name),
    colors: classes.map((c) => c.color),
    none: "No prediction",
    values,
  };
}

/**
 * @param {Model} model
 * @returns {Column}
 */
function confidences(model) {
  const values = new Float32Array(model.n).fill(NaN);
  for (let row = 0; row < model.n; row++) {
    if (model.predictedId(row) !== null) values[row] = 100 * model.probability(row);
  }
  return { kind: "number", unit: "\u00a0%", none: "No prediction", values };
}
