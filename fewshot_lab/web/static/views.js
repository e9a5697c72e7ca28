// @ts-check
// Lists of images that the grid can show, and their orders.

import { FIRST_CLASS, REJECT, UNSURE } from "./labelcodes.js";

/** @import { Model } from "./model.js" */

export const ORDERS = [
  ["listed", "as listed"],
  ["unsure", "least sure first"],
  ["sure", "most sure first"],
  ["disagreement", "disagreement first"],
  ["distance", "nearest first"],
];

/**
 * @param {number[]} rows
 * @param {string} order
 * @param {Model} model
 * @param {Map<number, number> | null} similarity
 */
export function ordered(rows, order, model, similarity) {
  /** @param {number} row */
  const sureness = (row) => (model.predictedId(row) === null ? null : model.probability(row));
  /** @type {Record<string, (row: number) => number>} */
  const keys = {
    unsure: (row) => sureness(row) ?? 2,
    sure: (row) => -(sureness(row) ?? -2),
    disagreement: (row) => -model.doubt[row],
    distance: (row) => -(similarity?.get(row) ?? -2),
  };
  const key = keys[order];
  if (!key) return rows;
  const pairs = rows.map((row) => ({ row, key: key(row) }));
  return pairs.sort((a, b) => a.key - b.key).map(({ row }) => row);
}

/**
 * Images drawn at random that have no label yet, by their id, which is as good as chance: whoever labels
 * only some of them labels a random part.
 * @param {Model} model
 */
export const auditRows = (model) =>
  model.rowsWhere((row) => model.concealed(row)).sort((a, b) => (model.ids[a] < model.ids[b] ? -1 : 1));

/** The images that the filters leave. @param {Model} model */
export const filteredRows = (model) => model.rowsWhere((row) => model.mask !== null && model.matches(row));

/**
 * @param {Model} model
 * @param {number | string} [label] a class, "unsure", "reject" or "skipped"
 */
export function labelledRows(model, label) {
  if (label === "skipped") return model.rowsWhere((row) => model.isSkipped(row));
  const kind = label === "unsure" ? UNSURE : label === "reject" ? REJECT : FIRST_CLASS + Number(label);
  return model.rowsWhere((row) => model.kind(row) === kind);
}

/**
 * @param {Model} model
 * @param {number | string} [classId]
 */
export const predictedRows = (model, classId) =>
  model.rowsWhere((row) => !model.kind(row) && model.predictedId(row) === classId);
