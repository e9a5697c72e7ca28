// @ts-check
// The filters that are on. What they take is settled when they change, and stays while people label: what is
// under their eyes does not vanish. What has changed since is counted, and taken in when they say so.

import { titleOf } from "./columns.js";
import { NONE, isEmpty, maskOf } from "./filters.js";
import { quoted } from "./viewstate.js";

/** @import { Columns } from "./columns.js" */
/** @import { Model } from "./model.js" */
/** @import { Filter } from "./types.d.ts" */

export class FilterState {
  /**
   * @param {Model} model
   * @param {Columns} columns
   */
  constructor(model, columns) {
    this.model = model;
    this.columns = columns;
    this.filters = /** @type {Filter[]} */ ([]);
    this.problems = /** @type {string[]} */ ([]);
    this.matching = 0;
    // Images that would match now and did not, or the other way round.
    this.changed = 0;
    this.settled = "";
    model.on("labels scores columns", () => this.look());
    model.on("forgotten", () => this.reload());
  }

  get on() {
    return this.filters.length > 0;
  }

  /** Filters whose column is still to come. */
  get waiting() {
    return this.filters.filter((filter) => !this.isReady(filter));
  }

  /** @param {Filter} filter */
  isReady({ column, values }) {
    return this.columns.has(column, values);
  }

  /** Sentences on values that no image has any more, as of an old view. */
  absent() {
    return this.filters.flatMap(({ column, values }) => {
      const fetched = this.columns.get(column);
      if (fetched?.kind !== "names") return [];
      const gone = values.filter((value) => value !== NONE && !fetched.names.includes(value));
      return gone.map((value) => `No image has ${quoted(value)} as ${quoted(titleOf(column))}.`);
    });
  }

  /** @param {string} column */
  of(column) {
    return this.filters.find((filter) => filter.column === column) ?? { column, values: [], from: "", to: "" };
  }

  /**
   * @param {Filter[]} filters
   * @param {string[]} [problems] what of an address or a saved view could not be used
   */
  set(filters, problems = []) {
    this.filters = filters.filter((filter) => !isEmpty(filter));
    this.problems = problems;
    for (const { column } of this.filters) this.fetch(column);
    this.settle();
  }

  /** @param {Filter} filter in place of the one of its column */
  put(filter) {
    const { filters } = this;
    const there = filters.some(({ column }) => column === filter.column);
    this.set(there ? filters.map((old) => (old.column === filter.column ? filter : old)) : [...filters, filter]);
  }

  /** @param {string} column */
  remove(column) {
    this.set(this.filters.filter((filter) => filter.column !== column));
  }

  clear() {
    this.set([]);
  }

  /** @param {string} column */
  async fetch(column) {
    try {
      await this.columns.load(column);
    } catch (error) {
      if (!this.filters.some((filter) => filter.column === column)) return;
      const why = error instanceof Error ? error.message : String(error);
      const problem = `${titleOf(column)} could not be filtered by: ${why}`;
      this.set(
        this.filters.filter((filter) => filter.column !== column),
        [...this.problems, problem],
      );
    }
  }

  /** More images, or somebody else looks: what was fetched is fetched again. */
  reload() {
    for (const { column } of this.filters) this.fetch(column);
    if (this.on) this.settle();
  }

  /** @param {string} [but] a column whose filter is left out */
  mask(but) {
    const ready = this.filters.filter((filter) => this.isReady(filter));
    const columns = new Map(ready.map(({ column }) => [column, this.columns.get(column)]));
    return maskOf(this.model.n, ready, (name) => columns.get(name) ?? null, but);
  }

  /** Takes in what has changed. */
  settle() {
    const { model } = this;
    this.settled = this.stage();
    this.changed = 0;
    const mask = this.on ? this.mask() : null;
    this.matching = mask ? mask.reduce((sum, one) => sum + one, 0) : model.n;
    model.setMask(mask);
  }

  /** What has to be there for the filters, and whether it is. */
  stage() {
    return `${this.model.n} ${this.filters.map((filter) => Number(this.isReady(filter))).join("")}`;
  }

  look() {
    if (!this.on) return;
    if (this.settled !== this.stage()) return this.settle();
    if (!this.filters.some(({ column }) => this.columns.isMoving(column))) return;
    const { mask } = this.model;
    const now = this.mask();
    let changed = 0;
    for (let row = 0; row < now.length; row++) if (now[row] !== mask?.[row]) changed++;
    if (changed === this.changed) return;
    this.changed = changed;
    this.model.emit("stale");
  }

  /** Takes in what people have labelled since, and what a refit says. */
  async renew() {
    this.settle();
    if (await this.columns.refresh()) this.settle();
  }
}
