// The label page: its parts put together.

import { h } from "./dom.js";
import { Api } from "./api.js";
import { Model } from "./model.js";
import { Outbox } from "./outbox.js";
import { Live } from "./live.js";
import { Prefs } from "./prefs.js";
import { Toasts } from "./toast.js";
import { Labeller } from "./labeller.js";
import { MapView } from "./map.js";
import { MapBar } from "./mapbar.js";
import { ClassChanges, ClassPanel } from "./classes.js";
import { Grid } from "./grid.js";
import { Viewer } from "./viewer.js";
import { TruthLine } from "./truth.js";
import { Offer } from "./offer.js";
import { History } from "./history.js";
import { KeyHelp } from "./keyhelp.js";
import { Keys } from "./keys.js";
import { Emptiness } from "./empty.js";
import { closePopover } from "./popover.js";

export async function mount(root, data) {
  await stylesheet(data.css);
  return new Workspace(root, data);
}

class Workspace {
  constructor(root, data) {
    this.data = data;
    const element = (this.element = h("div", { class: "ws-workspace", "data-project": data.project }));
    const model = (this.model = new Model());
    const api = new Api(data.api, () => this.data.annotator);
    const prefs = new Prefs(data.project);
    const toasts = new Toasts();
    const outbox = (this.outbox = new Outbox({
      api,
      project: data.project,
      annotator: () => this.data.annotator,
      onAck: (ack, entry) => this.acknowledged(ack, entry),
      onState: (state) => {
        truth.told(state);
        element.dataset.waiting = String(state.waiting);
      },
    }));
    const labeller = new Labeller({ model, outbox, toasts });
    const map = (this.map = new MapView({
      model,
      plotlyUrl: data.plotly,
      api,
      prefs,
      onOpen: (row) => viewer.open(row),
    }));
    const bar = new MapBar({ model, map, api, toasts, workspace: element });
    const grid = (this.grid = new Grid({
      model,
      api,
      labeller,
      toasts,
      prefs,
      workspace: element,
      onOpen: (row) => viewer.open(row),
    }));
    const viewer = (this.viewer = new Viewer({ model, api, grid, toasts }));
    const changes = new ClassChanges({ api, outbox, model, toasts, past: labeller.past });
    const classes = new ClassPanel({ model, map, grid, changes, toasts, workspace: element });
    const history = new History({ model, api, labeller, workspace: element, toasts });
    const keyHelp = new KeyHelp({ workspace: element });
    const truth = (this.truth = new TruthLine({ model, grid, workspace: element }));
    const offer = new Offer({ model, api, toasts });
    const emptiness = new Emptiness({ model, api, pages: data.pages, toasts });
    Object.assign(this, { toasts, labeller });
    map.element.append(emptiness.element, emptiness.strip);
    element.append(
      h(
        "aside",
        { class: "ws-left", "aria-label": "Classes, keys and history" },
        classes.element,
        keyHelp.element,
        history.element,
      ),
      h("section", { class: "ws-middle", "aria-label": "Map" }, bar.top, map.element, bar.bottom),
      grid.element,
      offer.element,
      truth.element,
      viewer.element,
      toasts.element,
    );
    this.keys = new Keys({ model, grid, viewer, labeller, workspace: element, onHelp: () => keyHelp.open() });
    model.on("overview", () => this.firstClass(classes));
    root.replaceChildren(element);
    document.documentElement.classList.add("ws-has-workspace");
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.live = new Live(api, model, { onState: ({ lost }) => truth.reachable(lost) });
    this.parts = [map, grid, truth, outbox, this.keys];
    this.start();
  }

  async start() {
    const left = await this.outbox.restore();
    this.model.on("images", () => {
      // What an earlier page could not deliver is shown before the server has it; but not what it has got
      // meanwhile, whose acknowledgement will not come again.
      for (const entry of left.splice(0)) {
        if (!this.outbox.holds(entry)) continue;
        this.labeller.paint(entry, this.model.rows(entry.images?.match(/.{20}/g) ?? []));
      }
      this.element.dataset.images = String(this.model.n);
    });
    this.model.on("labels", () => {
      this.element.dataset.position = String(this.model.position);
    });
    this.model.on("scores", () => {
      this.element.dataset.rev = String(this.model.rev);
      this.openAsked();
      if (this.grid.view.name === "suggestions" && !this.grid.rows.length) this.grid.open({ name: "suggestions" });
    });
    this.live.start();
  }

  // Another page may have sent people here to look at something: audit, suspects, or cell-LABEL-PREDICTED.
  openAsked() {
    const asked = this.data.open ?? "";
    const { model } = this.model;
    if (!asked || this.opened || !model) return;
    const people = /^people\|(-?\d+)\|(-?\d+)(?:\|([^|]*)\|([^|]*))?$/.exec(asked);
    if (asked === "audit" || asked === "conflicts" || people) {
      this.opened = true;
      this.grid.open(people ? this.between(people) : { name: asked });
      return;
    }
    if (!model.cv?.cells) return;
    this.opened = true;
    const [, label, predicted] = /^cell-(\d+)-(\d+)$/.exec(asked) ?? [];
    if (label !== undefined) {
      const title = `${this.model.name(Number(label))} predicted as ${this.model.name(Number(predicted))}`;
      const ids = model.cv.cells[`${label},${predicted}`] ?? [];
      this.grid.open({ name: "cell", ids, title: title.charAt(0).toUpperCase() + title.slice(1) });
    } else if (asked === "suspects") this.grid.open({ name: "suspects" });
  }

  // Images that one person calls this and another that.
  between([, row, column, a, b]) {
    const name = (id) => (Number(id) < 0 ? "unusable" : this.model.name(Number(id)));
    const title = a
      ? `${a}: ${name(row)}, ${b}: ${name(column)}`
      : row === column
        ? `${name(row)} to two people`
        : `${name(row)} to one, ${name(column)} to another`;
    return {
      name: "between",
      title: title.charAt(0).toUpperCase() + title.slice(1),
      query: { what: "cell", row, column, ...(a ? { a, b } : {}) },
    };
  }

  // The first thing to do in a new project is to name a class: the field is ready for it.
  firstClass(classes) {
    if (this.greeted || !this.model.n) return;
    this.greeted = true;
    if (!this.model.classes.length && document.activeElement === document.body)
      classes.field.focus({ preventScroll: true });
  }

  acknowledged(ack, entry) {
    this.model.settle(ack.client, ack.q, ack.position, Boolean(ack.error));
    this.element.dataset.acked = `${ack.client} ${ack.q}`;
    if (ack.error) {
      this.labeller.past.refused(entry);
      this.toasts.show(ack.error, { tone: "warning", stays: 12_000 });
    } else if (entry.do !== "label") {
      const nothing = entry.do === "undo" ? "Nothing to undo." : "Nothing to redo.";
      this.toasts.show(
        ack.sentence ? ended(ack.sentence) : nothing,
        ack.sentence && entry.do === "undo" ? { action: "Redo", onAction: () => this.labeller.redo() } : {},
      );
    }
  }

  // A later script run: the same project, perhaps another annotator or theme.
  update(data) {
    const theme = this.data.theme !== data.theme;
    const other = this.data.annotator !== data.annotator;
    this.data = data;
    this.truth.draw();
    // Somebody else sits here now: what is theirs to label, and to see, may be another.
    if (other) {
      this.live.again();
      this.grid.suggestions.rows = [];
      this.grid.open({ name: "suggestions" });
    }
    if (theme) this.map.restyle();
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

const ended = (sentence) => (/[.!?]$/.test(sentence) ? sentence : `${sentence}.`);

function stylesheet(url) {
  const href = new URL(url, document.baseURI).href;
  const there = [...document.querySelectorAll("link[data-fewshot]")];
  if (there.some((link) => link.href === href)) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const link = h("link", {
      rel: "stylesheet",
      href,
      "data-fewshot": "1",
      onload: () => {
        for (const old of there) old.remove();
        resolve();
      },
      onerror: () => reject(new Error("The page's style could not be loaded.")),
    });
    document.head.append(link);
  });
}
