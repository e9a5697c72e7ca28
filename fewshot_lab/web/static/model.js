// @ts-check
// What the page knows, in arrays along the project's images; whoever shows something listens here.

import { AUDIT, FIRST_CLASS, KIND_MASK, NO_CLASS, SKIPPED, UNLIKE, labelledCode, revertedCode } from "./labelcodes.js";
import { RowsById } from "./rowsbyid.js";
import { RowSet } from "./rowset.js";
import { resized } from "./typedarrays.js";

/** @import { ClassRow, LabelAction, LegendKey, Overview, Reversion, Selection, Snapshot, Update } from "./types.d.ts" */
/** @typedef {{ client: string, q: number, rows: number[], action?: LabelAction, reversion?: Reversion, position?: number }} Pending */

export class Model {
  constructor() {
    this.n = 0;
    this.ids = /** @type {string[]} */ ([]);
    this.rowOf = new RowsById();
    this.xy = new Float32Array(0);
    this.mapVersion = "";
    this.map = /** @type {{ version: string, method: string } | null} */ (null);
    this.position = -1;
    this.labelsVersion = "";
    this.storedCodes = new Uint16Array(0);
    this.codes = new Uint16Array(0);
    this.pending = /** @type {Pending[]} */ ([]);
    this.rev = "";
    this.snapshot = /** @type {Snapshot | null} */ (null);
    this.predicted = new Uint8Array(0);
    this.confidence = new Uint16Array(0);
    this.doubt = new Uint8Array(0);
    this.overview = /** @type {Overview | null} */ (null);
    this.classes = /** @type {ClassRow[]} */ ([]);
    this.classOf = /** @type {Map<number, ClassRow>} */ (new Map());
    this.hidden = /** @type {Set<LegendKey>} */ (new Set());
    this.selection = /** @type {Selection | null} */ (null);
    this.mask = /** @type {Uint8Array | null} */ (null);
    this.focusRow = -1;
    this.listeners = /** @type {Map<string, Set<(detail?: any) => void>>} */ (new Map());
  }

  /**
   * @param {string} names
   * @param {(detail?: any) => void} listener
   * @returns {() => void} stops listening
   */
  on(names, listener) {
    for (const name of names.split(" ")) {
      if (!this.listeners.has(name)) this.listeners.set(name, new Set());
      this.listeners.get(name)?.add(listener);
    }
    return () => this.listeners.forEach((listeners) => listeners.delete(listener));
  }

  /**
   * @param {string} name
   * @param {any} [detail]
   */
  emit(name, detail) {
    for (const listener of this.listeners.get(name) ?? []) listener(detail);
  }

  // -- what comes from the server ---------------------------------------------------------------

  /** @param {Update} update */
  update({ head, arrays }) {
    const changed = new Set();
    if (head.images) {
      this.updateIds(head.images, arrays.ids);
      changed.add("images");
    }
    if (head.map) {
      this.mapVersion = head.map.version;
      this.map = head.map.version ? head.map : null;
      this.xy = arrays.xy ?? new Float32Array(2 * this.n).fill(NaN);
      changed.add("map");
    }
    if (head.overview) {
      this.overview = head.overview;
      this.updateClasses(head.overview.classes);
      changed.add("overview").add("classes");
    }
    if (head.labels && this.updateCodes(head.labels, arrays)) changed.add("labels");
    if (head.rev !== undefined) {
      this.rev = head.rev;
      this.snapshot = head.model ?? null;
      if (arrays.predicted) {
        this.predicted = arrays.predicted;
        this.confidence = arrays.confidence;
        this.doubt = arrays.doubt;
      }
      changed.add("scores");
    }
    for (const name of ["images", "classes", "map", "labels", "scores", "overview"]) {
      if (changed.has(name)) this.emit(name);
    }
  }

  /**
   * @param {{ from: number, n: number }} range
   * @param {Uint8Array} bytes
   */
  updateIds({ from, n }, bytes) {
    if (from === 0) {
      this.ids = [];
      this.rowOf.clear();
    }
    const more = this.rowOf.append(bytes);
    this.ids = this.ids.length ? this.ids.concat(more) : more;
    this.n = n;
    this.predicted = resized(this.predicted, n, NO_CLASS);
    this.confidence = resized(this.confidence, n, 0);
    this.doubt = resized(this.doubt, n, 0);
    this.storedCodes = resized(this.storedCodes, n, 0);
    this.codes = resized(this.codes, n, 0);
    this.xy = resized(this.xy, 2 * n, NaN);
  }

  /**
   * @param {{ version: string, position: number, from?: string }} labels
   * @param {Record<string, any>} arrays
   */
  updateCodes({ version, position, from }, arrays) {
    if (arrays.codes) this.storedCodes = arrays.codes.slice();
    else {
      // Changes against a state that is no longer this one: the next answer brings them again.
      if (from !== this.labelsVersion) return false;
      for (const [i, row] of arrays.changed_rows.entries()) this.storedCodes[row] = arrays.changed_codes[i];
    }
    this.labelsVersion = version;
    this.position = position;
    this.pending = this.pending.filter((p) => p.position === undefined || p.position > position);
    this.rebuildCodes();
    return true;
  }

  /** @param {ClassRow[]} classes */
  updateClasses(classes) {
    this.classes = classes.filter((c) => !c.retired).sort((a, b) => a.position - b.position);
    this.classOf = new Map(classes.map((c) => [c.id, c]));
    for (const id of this.hidden) if (typeof id === "number" && !this.classOf.has(id)) this.hidden.delete(id);
  }

  // -- what the person does, until the server has it -----------------------------------------------

  /** @param {Pending} pending a label action, or undo and redo as far as this page knows what they revert */
  addPending(pending) {
    this.pending.push(pending);
    this.applyPending(pending);
    this.emit("labels");
  }

  /** @param {Pending} pending */
  applyPending({ action, reversion, rows }) {
    rows.forEach((row, i) => {
      if (reversion) this.codes[row] = revertedCode(this.codes[row], reversion.from[i], reversion.to[i]);
      else if (action) {
        const class_id = action.class_of ? action.class_of[i] : action.class_id;
        this.codes[row] = labelledCode(this.codes[row], { ...action, class_id });
      }
    });
  }

  rebuildCodes() {
    this.codes = this.storedCodes.slice();
    for (const pending of this.pending) this.applyPending(pending);
  }

  /**
   * @param {string} client
   * @param {number} q
   * @param {number} position
   * @param {boolean} failed
   */
  settle(client, q, position, failed) {
    const at = this.pending.findIndex((p) => p.client === client && p.q === q);
    if (at < 0) return;
    if (failed || position <= this.position) {
      const [{ reversion }] = this.pending.splice(at, 1);
      this.rebuildCodes();
      // What was shown may have been wrong: an action refused, another one undone than was thought.
      if (failed || reversion) this.emit("labels");
    } else this.pending[at].position = position;
  }

  // -- reading -------------------------------------------------------------------------------------

  /** @param {number} row */
  kind(row) {
    return this.codes[row] & KIND_MASK;
  }

  /** @param {number} row */
  classId(row) {
    const kind = this.kind(row);
    return kind >= FIRST_CLASS ? kind - FIRST_CLASS : null;
  }

  /** @param {number} row */
  predictedId(row) {
    const place = this.predicted[row];
    if (place === NO_CLASS || place === UNLIKE || this.concealed(row)) return null;
    return this.snapshot?.class_ids[place] ?? null;
  }

  /** Whether it is unlike anything labelled, so that no class is named for it. @param {number} row */
  isUnlike(row) {
    return this.predicted[row] === UNLIKE && this.classId(row) === null;
  }

  /** @param {number} row */
  probability(row) {
    return this.confidence[row] / 65535;
  }

  /** An audit image shows no prediction before it is labelled. @param {number} row */
  concealed(row) {
    return this.isAudit(row) && !this.kind(row);
  }

  /** @param {number} row */
  isAudit(row) {
    return (this.codes[row] & AUDIT) !== 0;
  }

  /** @param {number} row */
  isSkipped(row) {
    return (this.codes[row] & SKIPPED) !== 0;
  }

  /** Whether an image matches the filters. @param {number} row */
  matches(row) {
    return this.mask === null || this.mask[row] === 1;
  }

  hasClassifier() {
    return Boolean(this.snapshot?.class_ids.length);
  }

  /** @param {number | null} classId */
  name(classId) {
    return this.classOf.get(Number(classId))?.name ?? "a removed class";
  }

  /** @param {number} classId */
  color(classId) {
    return this.classOf.get(classId)?.color ?? "#8a949b";
  }

  /** The label where there is one, else the prediction: what an image counts as. @param {number} row */
  shownId(row) {
    return this.classId(row) ?? (this.kind(row) ? null : this.predictedId(row));
  }

  /**
   * @param {Iterable<string>} ids
   * @returns {number[]} rows of those that are here
   */
  rows(ids) {
    return Array.from(ids, (id) => this.rowOf.get(id) ?? -1).filter((row) => row >= 0);
  }

  /**
   * @param {(row: number) => boolean} test
   * @returns {number[]}
   */
  rowsWhere(test) {
    const rows = [];
    for (let row = 0; row < this.n; row++) if (test(row)) rows.push(row);
    return rows;
  }

  /** @param {number} row */
  focus(row) {
    if (row === this.focusRow) return;
    this.focusRow = row;
    this.emit("focus", row);
  }

  /** @param {Selection | null} selection rows of it that the filters leave out come back with them */
  select(selection) {
    this.selection = selection && this.narrowed(selection);
    this.emit("selection");
  }

  /**
   * Selects single images; none is no selection.
   * @param {Selection["kind"]} kind
   * @param {number[]} rows
   */
  pick(kind, rows) {
    this.select(rows.length ? { kind, rows, polygon: null } : null);
  }

  /** @param {Uint8Array | null} mask 1 for each image that matches the filters; null without any */
  setMask(mask) {
    this.mask = mask;
    if (this.selection) this.selection = this.narrowed(this.selection);
    this.emit("filter");
  }

  /**
   * @param {Selection} selection
   * @returns {Selection}
   */
  narrowed(selection) {
    const all = selection.all ?? selection.rows;
    const rows = this.mask === null ? all : all.filter((row) => this.matches(row));
    return { ...selection, all, rows, set: new RowSet(rows) };
  }
}
