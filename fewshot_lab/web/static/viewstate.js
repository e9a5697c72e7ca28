// @ts-check
// What is shown, as text: in the page's address, and in saved views. Nothing is taken from it unchecked.

import { isEmpty, numberOf } from "./filters.js";
import { titleOf } from "./columns.js";

/** @import { Columns } from "./columns.js" */
/** @import { Model } from "./model.js" */
/** @import { Filter, ViewState } from "./types.d.ts" */

const COLOURS = ["prediction", "label", "confidence"];
const LISTS = ["filtered", "suggestions", "suspects", "audit"];
const ORDERS = ["unsure", "sure", "disagreement"];
const LONGEST_SHOWN = 40;

/** @param {ViewState} state */
export function formatted({ filters, colour, list, order }) {
  const query = new URLSearchParams();
  for (const filter of filters) {
    for (const value of filter.values) query.append(`is.${filter.column}`, value);
    if (filter.from !== "") query.append(`from.${filter.column}`, filter.from);
    if (filter.to !== "") query.append(`to.${filter.column}`, filter.to);
  }
  if (colour && (filters.length || colour !== "prediction")) query.append("colour", colour);
  if (filters.length && list && list !== "filtered" && LISTS.includes(list)) query.append("list", list);
  if (filters.length && order && ORDERS.includes(order)) query.append("order", order);
  return query.toString();
}

/**
 * What a text asks for, and a sentence for each part of it that nothing can be made of.
 * @param {string} text
 * @param {Model} model
 * @param {Columns} columns
 * @returns {ViewState & { problems: string[] }}
 */
export function parsed(text, model, columns) {
  const filters = /** @type {Map<string, Filter>} */ (new Map());
  const problems = /** @type {string[]} */ ([]);
  const names = columns.names();
  let colour = "",
    list = "",
    order = "";
  for (const [key, value] of new URLSearchParams(text)) {
    const [, verb, column] = /^(is|from|to)\.(.+)$/s.exec(key) ?? [];
    if (key === "colour" && (COLOURS.includes(value) || columns.stored().includes(value))) colour = value;
    else if (key === "list" && LISTS.includes(value)) list = value;
    else if (key === "order" && ORDERS.includes(value)) order = value;
    else if (key === "colour") problems.push(gone(value));
    else if (!verb) problems.push(`${quoted(key)} in the address or view means nothing here; it was left out.`);
    else if (!names.includes(column)) problems.push(gone(column));
    else {
      const filter = filters.get(column) ?? { column, values: [], from: "", to: "" };
      const problem = added(filter, verb, value, model);
      if (problem) problems.push(problem);
      if (!isEmpty(filter)) filters.set(column, filter);
    }
  }
  return { filters: [...filters.values()], colour, list, order, problems: [...new Set(problems)] };
}

/**
 * @param {Filter} filter
 * @param {string} verb
 * @param {string} value
 * @param {Model} model
 * @returns {string} what is wrong; "" for nothing
 */
function added(filter, verb, value, model) {
  if (verb !== "is") {
    const means = [numberOf(value, "number"), numberOf(value, "date")].some((number) => !Number.isNaN(number));
    if (!means)
      return `${quoted(value)} is no number and no date; it was left out of ${quoted(titleOf(filter.column))}.`;
    filter[verb === "from" ? "from" : "to"] = value;
    return "";
  }
  if (["@label", "@prediction"].includes(filter.column) && /^\d+$/.test(value)) {
    // A class that was merged into another is found under that one.
    let row = model.classOf.get(Number(value));
    for (let turns = 0; row && row.merged_into !== null && turns < 100; turns++)
      row = model.classOf.get(row.merged_into);
    if (!row) return "A class of this view is gone; it was left out.";
    if (row.retired) return `The class ${quoted(row.name)} is gone; it was left out.`;
    value = String(row.id);
  }
  if (!filter.values.includes(value)) filter.values.push(value);
  return "";
}

/** @param {string} column */
const gone = (column) => `This project has no column ${quoted(column)} any more; the rest of the view still holds.`;

/** @param {string | null} text */
export function quoted(text) {
  const shown = String(text);
  return `“${shown.length > LONGEST_SHOWN ? `${shown.slice(0, LONGEST_SHOWN)}…` : shown}”`;
}
