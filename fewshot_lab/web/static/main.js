// @ts-check
// The label page: its parts put together.

import { Address } from "./address.js";
import { Api } from "./api.js";
import { BackboneOffer } from "./backboneoffer.js";
import { ClassChanges } from "./classchanges.js";
import { ClassPanel } from "./classpanel.js";
import { Columns } from "./columns.js";
import { ConnectionDialog } from "./connectiondialog.js";
import { capitalised, h } from "./dom.js";
import { EmptyState } from "./emptystate.js";
import { FacetPanel } from "./facetpanel.js";
import { FilterBar } from "./filterbar.js";
import { FilterState } from "./filterstate.js";
import { FirstSteps } from "./firststeps.js";
import { Grid } from "./grid.js";
import { History } from "./history.js";
import { KeyHelp } from "./keyhelp.js";
import { Keys } from "./keys.js";
import { Labeller } from "./labeller.js";
import { Live } from "./live.js";
import { MapView } from "./map.js";
import { MapBar } from "./mapbar.js";
import { Model } from "./model.js";
import { Outbox } from "./outbox.js";
import { closePopover } from "./popover.js";
import { Preferences } from "./preferences.js";
import { SavedViews } from "./savedviews.js";
import { SlideView } from "./slideview.js";
import { StatusBar } from "./statusbar.js";
import { Toasts } from "./toast.js";
import { Viewer } from "./viewer.js";

/** @import { Ack, Entry, PageData, View } from "./types.d.ts" */

/**
 * @param {HTMLElement} root
 * @param {PageData} data
 */
export async function mount(root, data) {
  await loadStylesheet(data.css);
  return new Workspace(root, data);
}

class Workspace {
  /**
   * @param {HTMLElement} root
   * @param {PageData} data
   */
  constructor(root, data) {
    this.data = data;
    this.opened = false;
    const element = h("div", { class: "ws-workspace", "data-project": data.project });
    const annotator = () => this.data.annotator;
    const model = new Model();
    const api = new Api(data.api, annotator);
    const preferences = new Preferences(data.project);
    const toasts = new Toasts();
    const outbox = new Outbox({
      api,
      project: data.project,
      annotator,
      signedIn: data.signed_in,
      onAck: (ack, entry) => this.acknowledge(ack, entry),
      onState: (state) => {
        statusBar.setOutbox(state);
        element.dataset.waiting = String(state.waiting);
      },
    });
    const labeller = new Labeller({ model, outbox, toasts });
    /** @param {number} row */
    const onOpen = (row) => viewer.open(row);
    const columns = new Columns(model, api);
    const filters = new FilterState(model, columns);
    /** @type {SavedViews} */
    const views = new SavedViews({
      model,
      api,
      toasts,
      workspace: element,
      read: (text) => address.read(text),
      write: () => /** @type {string} */ (address.text()),
    });
    const facets = new FacetPanel({ model, state: filters, views, workspace: element });
    const filterBar = new FilterBar({ model, state: filters, facets, views });
    const map = new MapView({ model, plotlyUrl: data.plotly, api, columns, preferences, onOpen });
    const slides = new SlideView({ model, api, map, preferences, toasts, onOpen });
    const bar = new MapBar({ model, map, slides, columns, facets, api, toasts, workspace: element });
    const grid = new Grid({ model, filters, api, labeller, toasts, preferences, workspace: element, onOpen });
    /** @type {Address} */
    const address = new Address({ model, state: filters, bar, grid });
    const viewer = new Viewer({ model, api, grid, slides });
    const changes = new ClassChanges({ api, outbox, model, toasts, undoStack: labeller.undoStack });
    const classes = new ClassPanel({
      model,
      map,
      grid,
      changes,
      labeller,
      toasts,
      workspace: element,
      editable: data.edits_classes,
    });
    const history = new History({ model, api, labeller, workspace: element, toasts });
    const keyHelp = new KeyHelp(element);
    const statusBar = new StatusBar({ model, grid, workspace: element });
    const offer = new BackboneOffer({ model, api, toasts, answerable: data.changes_backbone });
    const empty = new EmptyState({ model, api, toasts, importPage: data.pages.import });
    const steps = new FirstSteps({ model, map: map.element });
    const keys = new Keys({ model, grid, viewer, labeller, workspace: element, onHelp: () => keyHelp.open() });
    map.element.append(empty.element, empty.strip);
    const left = [classes.element, keyHelp.element, history.element];
    element.append(
      filterBar.element,
      h("aside", { class: "ws-left", "aria-label": "Classes, keys and history" }, left),
      h("section", { class: "ws-middle", "aria-label": "Map" }, bar.top, map.element, slides.element, bar.bottom),
      grid.element,
      steps.element,
      offer.element,
      statusBar.element,
      viewer.element,
      toasts.element,
    );
    this.element = element;
    this.model = model;
    this.toasts = toasts;
    this.outbox = outbox;
    this.labeller = labeller;
    this.map = map;
    this.slides = slides;
    this.grid = grid;
    this.classField = classes.field;
    this.statusBar = statusBar;
    this.live = new Live(api, model, (lost, refused) => statusBar.setConnection(lost, refused));
    this.columns = columns;
    this.parts = [map, slides, grid, statusBar, outbox, keys, address, steps, new ConnectionDialog()];
    root.replaceChildren(element);
    document.documentElement.classList.add("ws-has-workspace");
    this.start();
  }

  async start() {
    const { element, grid, labeller, model, outbox } = this;
    const stop = model.on("overview", () => {
      // The first thing to do in a new project is to name a class: the field is ready for it.
      if (!model.n) return;
      stop();
      const idle = document.activeElement === document.body;
      if (!model.classes.length && idle) this.classField.focus({ preventScroll: true });
    });
    const left = await outbox.restore();
    for (const name of new Set(outbox.others.map((entry) => entry.annotator)))
      this.toasts.show(`Labels of ${name} are kept in this browser: they are stored when ${name} signs in here.`);
    model.on("images", () => {
      // What an earlier page could not deliver is shown before the server has it; but not what it has got
      // meanwhile, whose acknowledgement will not come again.
      for (const entry of left.splice(0)) {
        const ids = entry.do === "label" ? entry.images.match(/.{20}/g) : null;
        if (outbox.holds(entry)) labeller.paint(entry, model.rows(ids ?? []));
      }
    });
    model.on("scores", () => {
      element.dataset.rev = model.rev;
      const view = model.snapshot && this.askedView();
      if (view) grid.open(view);
      else if (grid.view.name === "suggestions" && !grid.rows.length) grid.open({ name: "suggestions" });
    });
    this.live.start();
  }

  /**
   * What another page has sent people here to look at: audit, conflicts, suspects, slide-KEY, image-ID,
   * cell-LABEL-PREDICTED, or people|LABEL|LABEL|ANNOTATOR|ANNOTATOR. Once only; null where nothing is asked for, or not there yet.
   * @returns {View | null}
   */
  askedView() {
    const { model } = this;
    const target = this.opened ? "" : this.data.open;
    const [, slide] = /^slide-([0-9a-f]+)$/.exec(target) ?? [];
    if (slide && model.n) {
      this.opened = true;
      this.slides.open(slide);
      return null;
    }
    const [, id] = /^image-([0-9a-f]+)$/.exec(target) ?? [];
    if (id && model.rowOf.get(id) !== undefined) {
      this.opened = true;
      return { name: "neighbours", id };
    }
    const people = /^people\|(-?\d+)\|(-?\d+)(?:\|([^|]*)\|([^|]*))?$/.exec(target);
    const cells = model.snapshot?.cv?.cells;
    if (!target || (!people && !["audit", "conflicts"].includes(target) && !cells)) return null;
    this.opened = true;
    if (people) return this.betweenView(people);
    const [, label, predicted] = /^cell-(\d+)-(\d+)$/.exec(target) ?? [];
    if (label === undefined) return ["audit", "conflicts", "suspects"].includes(target) ? { name: target } : null;
    const title = capitalised(`${model.name(Number(label))} predicted as ${model.name(Number(predicted))}`);
    return { name: "cell", ids: cells?.[`${label},${predicted}`] ?? [], title };
  }

  /**
   * Images that one person calls this and another that.
   * @param {string[]} match
   * @returns {View}
   */
  betweenView([, row, column, a, b]) {
    const [first, second] = [row, column].map((id) => (Number(id) < 0 ? "unusable" : this.model.name(Number(id))));
    const title = a
      ? `${a}: ${first}, ${b}: ${second}`
      : row === column
        ? `${first} to two people`
        : `${first} to one, ${second} to another`;
    return { name: "between", title: capitalised(title), query: { what: "cell", row, column, ...(a ? { a, b } : {}) } };
  }

  /**
   * @param {Ack} ack
   * @param {Entry} entry
   */
  acknowledge(ack, entry) {
    this.model.settle(ack.client, ack.q, ack.position, Boolean(ack.error));
    this.element.dataset.acked = `${ack.client} ${ack.q}`;
    if (ack.error) {
      this.labeller.undoStack.remove(entry);
      this.toasts.show(ack.error, { tone: "warning", stays: 12_000 });
    } else if (ack.left_out) this.toasts.show(ack.left_out);
    else if (entry.do !== "label") {
      if (!ack.sentence) return this.toasts.show(`Nothing to ${entry.do}.`);
      const redo = { action: "Redo", onAction: () => this.labeller.revert("redo") };
      const sentence = /[.!?]$/.test(ack.sentence) ? ack.sentence : `${ack.sentence}.`;
      this.toasts.show(sentence, entry.do === "undo" ? redo : {});
    }
  }

  /** A later script run: the same project, perhaps another annotator or theme. @param {PageData} data */
  update(data) {
    const { annotator, theme } = this.data;
    this.data = data;
    this.statusBar.draw();
    // Somebody else sits here now: what is theirs to label, and to see, may be another.
    if (data.annotator !== annotator) {
      this.columns.forget();
      this.live.restart();
      this.grid.suggestions.rows = [];
      this.grid.open({ name: "suggestions" });
    }
    if (data.theme !== theme) this.map.restyle();
  }

  close() {
    closePopover();
    this.live.stop();
    for (const part of this.parts) part.close();
    this.element.remove();
    // Another project's workspace may stand there already.
    if (!document.querySelector(".ws-workspace")) document.documentElement.classList.remove("ws-has-workspace");
  }
}

/**
 * @param {string} url
 * @returns {Promise<void>}
 */
function loadStylesheet(url) {
  const { href } = new URL(url, document.baseURI);
  const links = /** @type {HTMLLinkElement[]} */ ([...document.querySelectorAll("link[data-fewshot]")]);
  if (links.some((link) => link.href === href)) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const onload = () => {
      for (const link of links) link.remove();
      resolve();
    };
    const onerror = () => reject(new Error("The page's style could not be loaded."));
    document.head.append(h("link", { rel: "stylesheet", href, "data-fewshot": "1", onload, onerror }));
  });
}
