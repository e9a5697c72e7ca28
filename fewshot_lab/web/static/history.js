// @ts-check
// The last actions at the left, all of them in a panel; any row gives the labels as of that moment.

import { button, clock, h, icon, iconButton, images, refill } from "./dom.js";
import { elided, onFontsLoaded, widthIn } from "./names.js";
import { closePopover, popover } from "./popover.js";

/** @import { Api } from "./api.js" */
/** @import { Labeller } from "./labeller.js" */
/** @import { Model } from "./model.js" */
/** @import { Toasts } from "./toast.js" */
/** @import { HistoryRow } from "./types.d.ts" */

const SHOWN = 3;
const PAGE = 50;
// What is left of the panel for a sentence, in px, where the class list is narrow.
const NARROW = 184;
/** @type {Record<string, string>} */
const VIEWS = { suspects: "review", accept: "accepted" };

export class History {
  /** @param {{ model: Model, api: Api, labeller: Labeller, workspace: HTMLElement, toasts: Toasts }} parts */
  constructor({ model, api, labeller, workspace, toasts }) {
    this.model = model;
    this.api = api;
    this.labeller = labeller;
    this.workspace = workspace;
    this.toasts = toasts;
    this.drawn = "";
    this.list = h("ol", { class: "ws-history" });
    this.allButton = button("ws-link", { onclick: () => this.open() }, "All");
    this.element = h(
      "section",
      { class: "ws-history-panel", "aria-label": "History" },
      h("header", {}, h("h2", {}, "History"), this.allButton),
      this.list,
    );
    model.on("overview", () => this.draw());
    onFontsLoaded(this.element, () => {
      this.drawn = "";
      this.draw();
    });
  }

  draw() {
    const rows = this.model.overview?.history ?? [];
    const room = this.list.clientWidth || NARROW;
    const key = JSON.stringify([room, rows]);
    if (key === this.drawn) return;
    this.drawn = key;
    this.allButton.hidden = !rows.length;
    // How a sentence ends matters as much as how it begins: "… undone".
    const width = widthIn(`13px ${getComputedStyle(this.workspace).fontFamily}`);
    const lines = rows.slice(0, SHOWN).map((row) => {
      const sentence = h("span", { class: "ws-name", title: row.sentence }, elided(row.sentence, [room], width));
      return h("li", { class: row.undone ? "ws-undone" : "" }, sentence, h("small", {}, whenOf(row)));
    });
    refill(this.list, lines.length ? lines : h("li", { class: "ws-quiet" }, "Nothing done yet."));
  }

  open() {
    const body = h("ol", { class: "ws-history ws-history-long" });
    let before = /** @type {number | null} */ (null);
    const load = async () => {
      try {
        const answer = await this.api.get("history", before === null ? {} : { before });
        const rows = /** @type {HistoryRow[]} */ (answer.rows);
        for (const row of rows) body.append(this.line(row));
        before = rows.at(-1)?.id ?? before;
        more.hidden = rows.length < PAGE;
      } catch (error) {
        this.toasts.warn(error);
      }
    };
    const more = button("ws-link", { onclick: load }, "Older");
    /** @param {"undo" | "redo"} verb */
    const revert = (verb) => {
      this.labeller.revert(verb);
      closePopover();
    };
    const header = h(
      "header",
      {},
      h("h2", {}, "History"),
      button("ws-link", { onclick: () => revert("undo") }, "Undo last"),
      button("ws-link", { onclick: () => revert("redo") }, "Redo"),
      iconButton("close", "Close", closePopover),
    );
    const options = /** @type {const} */ ({ place: "right", label: "History", within: this.workspace });
    popover(this.allButton, h("div", { class: "ws-drawer" }, header, body, more), options);
    load();
  }

  /** @param {HistoryRow} row */
  line(row) {
    const examples = row.examples
      .slice(0, 4)
      .map((id) => h("img", { src: this.api.thumbnail(id), alt: "", width: 32, height: 32, loading: "lazy" }));
    return h(
      "li",
      { class: row.undone ? "ws-undone" : "" },
      h(
        "div",
        { class: "ws-history-line" },
        h("span", {}, row.sentence, row.undone && h("small", {}, " (undone)")),
        h("small", {}, `${row.annotator} · ${whenOf(row)}`),
        examples.length > 0 && h("div", { class: "ws-strip" }, examples, row.n > 4 && h("small", {}, images(row.n))),
      ),
      h(
        "a",
        {
          class: "ws-icon-button",
          href: this.api.url("labels.csv", { at: row.id }),
          download: "",
          title: "Labels as of this moment (CSV)",
          "aria-label": `Download the labels as of: ${row.sentence}`,
        },
        icon("download"),
      ),
    );
  }
}

/** @param {HistoryRow} row */
export const whenOf = ({ view, time }) => `${view ? `${VIEWS[view] ?? view} · ` : ""}${clock(time)}`;
