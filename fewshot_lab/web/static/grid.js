// @ts-check
// The grid: any list of images, labelled by keys. Its parts draw the tiles and the lines around them, keep the
// focus, and label.

import { BulkAccept } from "./bulkaccept.js";
import { h } from "./dom.js";
import { GridCursor } from "./gridcursor.js";
import { GridHeader } from "./gridheader.js";
import { GridLabelling } from "./gridlabelling.js";
import { GridTiles } from "./gridtiles.js";
import { PairMenu } from "./pairmenu.js";
import { Piles } from "./piles.js";
import { RowPlaces, RowSet } from "./rowset.js";
import { Suggestions } from "./suggestions.js";
import { auditRows, filteredRows, labelledRows, ordered, predictedRows } from "./views.js";

/** @import { Api } from "./api.js" */
/** @import { FilterState } from "./filterstate.js" */
/** @import { Labeller } from "./labeller.js" */
/** @import { Model } from "./model.js" */
/** @import { Preferences } from "./preferences.js" */
/** @import { Toasts } from "./toast.js" */
/** @import { Opinion, View } from "./types.d.ts" */

const NEIGHBOURS = 60;

export class Grid {
  /**
   * @param {{
   *   model: Model,
   *   filters: FilterState,
   *   api: Api,
   *   labeller: Labeller,
   *   toasts: Toasts,
   *   preferences: Preferences,
   *   onOpen: (row: number) => void,
   *   workspace: HTMLElement,
   * }} parts
   */
  constructor({ model, filters, api, labeller, toasts, preferences, onOpen, workspace }) {
    this.model = model;
    this.filters = filters;
    this.api = api;
    this.labeller = labeller;
    this.toasts = toasts;
    this.preferences = preferences;
    this.onOpen = onOpen;
    this.workspace = workspace;
    this.view = /** @type {View} */ ({ name: "suggestions" });
    this.rows = /** @type {number[]} */ ([]);
    // The rows in the order in which they came.
    this.listed = this.rows;
    this.places = new RowPlaces();
    this.order = "listed";
    this.similarity = /** @type {Map<number, number> | null} */ (null);
    this.classesHidden = false;
    this.outOfFold = /** @type {Map<number, { id: number, probability: number }> | null} */ (null);
    this.opinions = /** @type {Map<number, Opinion[]>} */ (new Map());
    this.decided = /** @type {Set<number>} */ (new Set());
    this.pairMenu = new PairMenu({ model, api, toasts, workspace, onChosen: () => this.open({ name: "suggestions" }) });
    this.suggestions = new Suggestions(model, () => this.pairMenu.choose(null));
    this.piles = new Piles({ model, grid: this });
    this.accept = new BulkAccept({ model, labeller, grid: this });
    this.cursor = new GridCursor(this);
    this.labelling = new GridLabelling(this);
    this.tiles = new GridTiles(this);
    this.header = new GridHeader(this);
    const { top, empty, foot } = this.header;
    const attributes = { class: "ws-right", "aria-label": "Images to label" };
    this.element = h("section", attributes, top, this.tiles.scroller, empty.element, foot);
    model.on("scores", () => this.updateScores());
    model.on("labels", () => this.cursor.draw());
    model.on("classes", () => {
      this.tiles.layout();
      this.header.draw();
    });
    model.on("selection", () => {
      if (model.selection) this.open({ name: "selection" });
      else if (this.view.name === "selection") this.open({ name: "suggestions" });
      else this.header.draw();
    });
    model.on("filter", () => this.refilter());
    model.on("stale", () => this.header.draw());
    model.on("images", () => this.tiles.layout());
    // Whoever points at the map has left the field they typed in: the keys label again.
    model.on("touched", () => this.tiles.takeKeys());
    model.on("overview", () => {
      if (this.view.name === "suggestions" && !this.rows.length) this.updateScores();
    });
  }

  /** The filters are others: what they leave comes first, but whoever looks at a list keeps it. */
  async refilter() {
    const { model, order, view } = this;
    this.suggestions.rows = [];
    if (model.mask && view.name === "suggestions") await this.open({ name: "filtered" });
    else if (view.name === "pile") await this.open({ name: "piles" });
    else await this.open(!model.mask && view.name === "filtered" ? { name: "suggestions" } : view);
    if (model.mask && order !== "listed") this.reorder(order);
  }

  /** @param {View} view */
  async open(view) {
    const { model, view: before } = this;
    if (view.name === "neighbours" && !view.id) {
      const { row } = this.cursor;
      const id = row >= 0 ? model.ids[row] : before.name === "neighbours" ? before.id : null;
      view = { ...view, id };
    }
    this.view = view;
    if (view.name !== "search") this.header.closeSearch();
    this.order = "listed";
    this.cursor.marked.clear();
    this.similarity = null;
    this.classesHidden = false;
    this.outOfFold = null;
    const loading = this.load(view);
    const all = loading instanceof Promise ? await loading : loading;
    if (this.view !== view) return;
    // An image that others are compared with stays, whatever the filters.
    const { mask } = model;
    const rows = mask === null ? all : all.filter((row) => mask[row] === 1 || model.ids[row] === view.id);
    if (["selection", "pile"].includes(view.name) && rows.length > 1) this.cursor.marked = new RowSet(rows);
    this.put(rows, { top: true });
    this.cursor.focus(this.cursor.marked.size ? -1 : this.labelling.startPlace(), { quiet: true });
  }

  /**
   * @param {View} view
   * @returns {number[] | Promise<number[]>}
   */
  load(view) {
    const { model } = this;
    switch (view.name) {
      case "filtered":
        return this.filters.waiting.length ? [] : filteredRows(model);
      case "selection":
        return model.selection?.rows ?? [];
      case "neighbours":
        return view.id ? this.neighbours(view.id, view.unlabelled ?? true) : [];
      case "suspects":
        this.updateOutOfFold();
        return this.suspects();
      case "class":
        return (view.predicted ? predictedRows : labelledRows)(model, view.classId);
      case "audit":
        return auditRows(model);
      case "piles":
        return this.piles.load();
      case "pile":
        return this.piles.opened(view.id ?? "");
      case "search":
        return this.ask("search", { text: view.text ?? "" }).then((answer) => model.rows(answer?.ids ?? []));
      case "cell":
        return model.rows(view.ids ?? []);
      case "conflicts":
      case "between":
        return this.disagreement(view.query ?? { what: "conflicts" });
      case "accept":
        this.accept.open();
        return this.accept.rows();
      default:
        this.suggestions.renew(-1);
        return this.suggestions.rows;
    }
  }

  /**
   * Neighbours keep the image itself first, so that it is clear what they are neighbours of.
   * @param {string} id
   * @param {boolean} unlabelled
   */
  async neighbours(id, unlabelled) {
    const { view, model } = this;
    const own = model.rows([id]);
    this.put(own, { top: true });
    const answer = await this.ask(`image/${id}/neighbours`, { k: NEIGHBOURS, unlabelled: unlabelled ? 1 : 0 });
    if (!answer || this.view !== view) return [];
    this.classesHidden = answer.classes_hidden;
    if (this.classesHidden) return own;
    const ids = /** @type {string[]} */ ([id, ...answer.ids]);
    this.similarity = new Map(ids.map((other, i) => [model.rowOf.get(other) ?? -1, [1, ...answer.similarity][i]]));
    return model.rows(ids);
  }

  /**
   * Images of which people say different things, with who says what; those not decided come first.
   * @param {Record<string, string>} query
   */
  async disagreement(query) {
    const { model } = this;
    const answer = await this.ask("disagreement", query);
    const opinions = /** @type {[string, Opinion[]][]} */ (Object.entries(answer?.opinions ?? {}));
    this.opinions = new Map(opinions.map(([id, list]) => [model.rowOf.get(id) ?? -1, list]));
    this.decided = new Set(model.rows(answer?.decided ?? []));
    return model.rows(answer?.ids ?? []);
  }

  /**
   * @param {string} path
   * @param {Record<string, string | number>} query
   */
  ask(path, query) {
    return this.api.get(path, query).catch((error) => this.toasts.warn(error));
  }

  /** @param {number} row */
  opinionsOf(row) {
    return ["conflicts", "between"].includes(this.view.name) ? (this.opinions.get(row) ?? []) : [];
  }

  suspects() {
    const ids = (this.model.snapshot?.suspects ?? []).map(([id]) => id);
    return this.model.rows(ids).filter((row) => this.model.matches(row) && !this.labelling.reviewed.has(row));
  }

  /** @param {number} row */
  suspectOf(row) {
    return this.model.snapshot?.suspects.find(([id]) => this.model.rowOf.get(id) === row);
  }

  /** What a classifier says of the suspects that has not seen them. */
  updateOutOfFold() {
    const suspects = this.model.snapshot?.suspects ?? [];
    this.outOfFold = new Map(
      suspects.map(([id, , predicted, probability]) => [
        this.model.rowOf.get(id) ?? -1,
        { id: predicted, probability },
      ]),
    );
  }

  updateScores() {
    const { name } = this.view;
    if (this.tiles.hasPredictions !== this.model.hasClassifier()) this.tiles.layout();
    if (name === "suggestions") {
      const replaced = this.suggestions.renew(this.cursor.row);
      if (replaced && this.suggestions.rows.length) this.labelling.replacedAt = performance.now();
      this.put(this.suggestions.rows, { top: replaced });
      if (replaced || this.cursor.place < 0) this.cursor.focus(this.labelling.startPlace(), { quiet: true });
    } else if (name === "suspects") {
      this.updateOutOfFold();
      const now = new Set(this.suspects());
      this.put([...this.rows.filter((row) => now.has(row)), ...[...now].filter((row) => !this.places.has(row))]);
    } else if (name === "accept") this.accept.renew();
    else if (name === "piles" && !this.rows.length) this.piles.back();
    else this.tiles.paint();
    this.header.draw();
    this.element.dataset.rev = this.model.rev;
  }

  /**
   * @param {number[]} rows
   * @param {{ top?: boolean, listed?: number[] }} [options]
   */
  put(rows, { top = false, listed = rows } = {}) {
    const focused = this.cursor.row;
    this.rows = rows;
    this.listed = listed;
    this.places = new RowPlaces(rows);
    this.cursor.place = this.places.get(focused) ?? -1;
    if (top) {
      this.tiles.scroller.scrollTop = 0;
      this.tiles.batch = rows.length;
    }
    this.tiles.layout();
    this.header.draw();
    this.element.dataset.view = this.view.name;
    this.element.dataset.count = String(rows.length);
    this.model.emit("listed");
  }

  /** @param {string} order */
  reorder(order) {
    this.order = order;
    this.put(ordered(this.listed, order, this.model, this.similarity), { top: true, listed: this.listed });
    this.cursor.focus(this.cursor.place, { quiet: true });
  }

  close() {
    this.tiles.close();
    this.header.close();
  }
}
