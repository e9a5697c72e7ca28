// The last actions at the left, all of them in a panel; any row gives the labels as of that moment.

import { h, refill, clock, images, iconButton } from "./dom.js";
import { middled, whenFontsCome, widthIn } from "./names.js";
import { popover } from "./popover.js";

const SHOWN = 3;
// What is left of the panel for a sentence, in px, where the class list is narrow.
const NARROW = 184;
const VIEWS = {
  map: "map",
  grid: "grid",
  suggestion: "suggestion",
  neighbours: "neighbours",
  suspects: "review",
  class: "class",
  search: "search",
  import: "import",
  accept: "accepted",
  script: "script",
};

export class History {
  constructor({ model, api, labeller, workspace, toasts }) {
    Object.assign(this, { model, api, labeller, workspace, toasts });
    this.list = h("ol", { class: "ws-history" });
    this.all = h("button", { type: "button", class: "ws-link", onclick: () => this.open() }, "All");
    this.element = h(
      "section",
      { class: "ws-history-panel", "aria-label": "History" },
      h("header", {}, h("h2", {}, "History"), this.all),
      this.list,
    );
    model.on("overview", () => this.draw());
    whenFontsCome(this.element, () => {
      this.drawn = null;
      this.draw();
    });
  }

  draw() {
    const rows = this.model.overview?.history ?? [];
    const room = this.list.clientWidth || NARROW;
    const key = JSON.stringify([room, rows]);
    if (key === this.drawn) return;
    this.drawn = key;
    this.all.hidden = !rows.length;
    // How a sentence ends matters as much as how it begins: "… undone".
    const width = widthIn(`13px ${getComputedStyle(this.workspace).fontFamily}`);
    refill(
      this.list,
      rows.length
        ? rows
            .slice(0, SHOWN)
            .map((row) =>
              h(
                "li",
                { class: row.undone ? "ws-undone" : "" },
                h("span", { class: "ws-name", title: row.sentence }, middled(row.sentence, [room], width)),
                h("small", {}, when(row)),
              ),
            )
        : h("li", { class: "ws-quiet" }, "Nothing done yet."),
    );
  }

  open() {
    const body = h("ol", { class: "ws-history ws-history-long" });
    const more = h("button", { type: "button", class: "ws-link", onclick: () => load() }, "Older");
    let before = null;
    const load = async () => {
      try {
        const { rows } = await this.api.get("history", before === null ? {} : { before });
        for (const row of rows) body.append(this.line(row));
        before = rows.at(-1)?.id ?? before;
        more.hidden = rows.length < 50;
        made.arrange();
      } catch (error) {
        this.toasts.show(error.message, { tone: "warning" });
      }
    };
    const made = popover(
      this.all,
      h(
        "div",
        { class: "ws-drawer" },
        h(
          "header",
          {},
          h("h2", {}, "History"),
          h(
            "button",
            {
              type: "button",
              class: "ws-link",
              onclick: () => {
                this.labeller.undo();
                made.close();
              },
            },
            "Undo last",
          ),
          h(
            "button",
            {
              type: "button",
              class: "ws-link",
              onclick: () => {
                this.labeller.redo();
                made.close();
              },
            },
            "Redo",
          ),
          iconButton("close", "Close", () => made.close()),
        ),
        body,
        more,
      ),
      { place: "right", label: "History", within: this.workspace },
    );
    load();
  }

  line(row) {
    return h(
      "li",
      { class: row.undone ? "ws-undone" : "" },
      h(
        "div",
        { class: "ws-history-line" },
        h("span", {}, row.sentence, row.undone && h("small", {}, " (undone)")),
        h("small", {}, `${row.annotator} · ${when(row)}`),
        row.examples.length > 0 &&
          h(
            "div",
            { class: "ws-strip" },
            row.examples
              .slice(0, 4)
              .map((id) => h("img", { src: this.api.thumb(id), alt: "", width: 32, height: 32, loading: "lazy" })),
            row.n > 4 && h("small", {}, images(row.n)),
          ),
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
        h(
          "svg",
          { viewBox: "0 0 16 16", width: 16, height: 16, class: "ws-icon" },
          h("path", { d: "M8 2v8M4.5 7L8 10.5L11.5 7M2.5 13.5h11" }),
        ),
      ),
    );
  }
}

const when = (row) => `${row.view ? `${VIEWS[row.view] ?? row.view} · ` : ""}${clock(row.time)}`;
