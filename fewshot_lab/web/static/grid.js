// The grid: any list of images, only the visible ones in the page, labelled by keys.

import { h, refill, say, count, images, iconButton, two } from "./dom.js";
import { Tile } from "./tile.js";
import { SORTS, Suggestions, auditRows, classRows, predictedRows, selectionSentence, sorted } from "./views.js";
import { menu } from "./popover.js";
import { keyOf } from "./keynames.js";
import { Accept } from "./accept.js";
import { ShortNames, fits, whenFontsCome, widthIn } from "./names.js";

const GAP = 8;
const LINE = 24;
const SECOND_LINE = 14;
const FIGURE = 31;
const DOT = 12;
const SPARE_LINES = 2;
const NEIGHBOURS = 60;

// Nobody sees a new image and chooses its key in less, in ms.
const SETTLES = 300;

export class Grid {
  constructor({ model, api, labeller, toasts, prefs, onOpen, workspace }) {
    Object.assign(this, { model, api, labeller, toasts, prefs, onOpen, workspace });
    this.suggestions = new Suggestions(model);
    this.accept = new Accept({ model, labeller, grid: this });
    this.view = { name: "suggestions", rows: [] };
    this.rows = [];
    this.places = new Map();
    this.marked = new Set();
    this.focusAt = -1;
    this.turnedAt = -Infinity;
    this.endRow = -1;
    this.anchor = -1;
    this.size = prefs.get("size", 98);
    this.sort = "listed";
    this.tiles = new Map();
    this.spare = [];
    this.reviewed = new Set();
    this.build();
    model.on("scores", () => this.rescored());
    model.on("labels", () => {
      this.paint();
      this.head();
    });
    model.on("classes", () => {
      this.layout();
      this.head();
    });
    model.on("selection", () => this.selected());
    model.on("images", () => this.layout());
    // Whoever points at the map has left the field they typed in: the keys label again.
    model.on("touched", () => this.scroller.focus({ preventScroll: true }));
    model.on("overview", () => {
      if (this.view.name === "suggestions" && !this.rows.length) this.rescored();
    });
  }

  // -- structure -----------------------------------------------------------------------------------

  build() {
    this.tabs = {};
    const tab = (name, text) => {
      this.tabs[name] = h(
        "button",
        {
          type: "button",
          role: "tab",
          "data-view": name,
          onclick: (event) => {
            this.open({ name });
            // By mouse: the keys belong to the images again. By keyboard the focus stays where it is.
            if (event.detail) this.scroller.focus({ preventScroll: true });
          },
        },
        text,
      );
      return this.tabs[name];
    };
    this.tabRow = h(
      "div",
      { class: "ws-segments", role: "tablist", "aria-label": "What the grid shows" },
      tab("suggestions", "Suggestions"),
      tab("selection", "Selection"),
      tab("neighbours", "Neighbours"),
      tab("suspects", "Suspects"),
      tab("conflicts", "Conflicts"),
    );
    this.searchField = h("input", {
      type: "search",
      class: "ws-field ws-search",
      placeholder: "File name",
      "aria-label": "Search images by name",
      hidden: true,
      oninput: () => {
        clearTimeout(this.searching);
        this.searching = setTimeout(() => this.search(this.searchField.value), 180);
      },
      onkeydown: (event) => {
        if (event.key === "Escape") this.closeSearch();
      },
    });
    this.acceptButton = h(
      "button",
      {
        type: "button",
        class: "ws-quiet-button",
        onclick: () => this.open({ name: "accept" }),
        title: "Accept the predictions above a confidence",
      },
      "Accept…",
    );
    const top = h(
      "div",
      { class: "ws-bar" },
      this.tabRow,
      h(
        "div",
        { class: "ws-bar-end" },
        this.searchField,
        this.acceptButton,
        iconButton("list", "Show all images of a class", (event) => this.classMenu(event.currentTarget)),
        iconButton("search", "Search images by name", () => this.openSearch()),
      ),
    );

    this.sentence = h("div", { class: "ws-sentence-text" });
    this.labelButton = h("button", {
      type: "button",
      class: "ws-button",
      "aria-haspopup": "menu",
      onclick: () => this.labelMenu(),
    });
    this.extra = h("div", { class: "ws-sentence-extra" });
    this.sentenceBox = h(
      "div",
      { class: "ws-sentence" },
      h("div", { class: "ws-sentence-line" }, this.sentence, this.labelButton),
      this.extra,
    );

    this.space = h("div", { class: "ws-space" });
    this.empty = h("div", { class: "ws-grid-empty" });
    this.scroller = h(
      "div",
      { class: "ws-grid", role: "listbox", tabindex: "0", "aria-multiselectable": "true", "aria-label": "Images" },
      this.space,
    );
    this.scroller.addEventListener("scroll", () => this.draw(), { passive: true });
    this.scroller.addEventListener("pointerdown", (event) => this.pressed(event));
    this.scroller.addEventListener("dblclick", (event) => {
      const tile = event.target.closest(".ws-tile")?.tile;
      if (tile) this.onOpen(tile.row);
    });

    this.sortField = h(
      "select",
      { class: "ws-select", "aria-label": "Order of the images", onchange: () => this.order(this.sortField.value) },
      SORTS.map(([value, text]) => h("option", { value }, text)),
    );
    this.sizeField = h("input", {
      type: "range",
      min: 56,
      max: 240,
      step: 2,
      value: this.size,
      class: "ws-range",
      "aria-label": "Size of the thumbnails",
      oninput: () => this.resize(Number(this.sizeField.value)),
    });
    this.total = h("span", { class: "ws-total" });
    const foot = h(
      "div",
      { class: "ws-grid-foot" },
      h("label", {}, "Order ", this.sortField),
      this.total,
      h("label", { class: "ws-size" }, "Size ", this.sizeField),
    );
    this.element = h(
      "section",
      { class: "ws-right", "aria-label": "Images to label" },
      top,
      this.sentenceBox,
      this.scroller,
      this.empty,
      foot,
    );
    this.observer = new ResizeObserver(() => this.layout());
    this.observer.observe(this.scroller);
    whenFontsCome(this.element, () => {
      this.font = null;
      this.layout();
    });
  }

  // -- views -----------------------------------------------------------------------------------------

  // `view.name` with what it needs: id (neighbours), classId (class), text (search), cell.
  async open(view) {
    const before = this.view;
    if (before.name === "accept" && view.name !== "accept") this.accept.leave();
    if (view.name === "neighbours" && !view.id) {
      const row = this.focusRow();
      const id = row >= 0 ? this.model.ids[row] : before.name === "neighbours" ? before.id : null;
      view = { ...view, id };
    }
    this.view = view;
    if (view.name !== "search") this.putSearchAway();
    this.sort = "listed";
    this.marked.clear();
    this.similarity = null;
    this.outOfFold = null;
    const ticket = (this.ticket = {});
    let rows = [];
    if (view.name === "suggestions") {
      this.suggestions.renew(-1);
      rows = this.suggestions.rows;
    } else if (view.name === "selection") {
      rows = this.model.selection?.rows ?? [];
      if (rows.length > 1) this.marked = new Set(rows);
    } else if (view.name === "neighbours") {
      if (view.id) {
        this.put([this.model.rowOf.get(view.id)], { top: true });
        rows = await this.neighbours(view);
      }
    } else if (view.name === "suspects") {
      this.rememberGuesses();
      rows = this.suspects();
    } else if (view.name === "class")
      rows = view.predicted ? predictedRows(this.model, view.classId) : classRows(this.model, view.classId);
    else if (view.name === "audit") rows = auditRows(this.model);
    else if (view.name === "search") rows = await this.found(view.text);
    else if (view.name === "cell") rows = this.model.rows(view.ids);
    else if (view.name === "conflicts" || view.name === "between")
      rows = await this.differing(view.query ?? { what: "conflicts" });
    else if (view.name === "accept") {
      this.accept.enter(this.extra);
      rows = this.accept.rows();
    }
    if (this.ticket !== ticket) return;
    this.put(rows, { top: true });
    const start = this.marked.size ? -1 : this.firstOpen();
    this.focus(start, { quiet: true });
  }

  // Neighbours keep the image itself first, so that it is clear what they are neighbours of.
  async neighbours({ id, unlabelled = true }) {
    const answer = await this.ask(() =>
      this.api.get(`image/${id}/neighbours`, { k: NEIGHBOURS, unlabelled: unlabelled ? 1 : 0 }),
    );
    if (!answer) return [];
    const own = this.model.rowOf.get(id);
    this.similarity = new Map([[own, 1]]);
    answer.ids.forEach((other, i) => this.similarity.set(this.model.rowOf.get(other), answer.similarity[i]));
    return [own, ...this.model.rows(answer.ids)];
  }

  async found(text) {
    const answer = await this.ask(() => this.api.get("search", { text }));
    return answer ? this.model.rows(answer.ids) : [];
  }

  // Images of which people say different things, with who says what; those not decided come first.
  async differing(query) {
    const answer = await this.ask(() => this.api.get("disagreement", query));
    this.opinions = new Map(
      Object.entries(answer?.opinions ?? {}).map(([id, said]) => [this.model.rowOf.get(id), said]),
    );
    this.decided = new Set(this.model.rows(answer?.decided ?? []));
    return answer ? this.model.rows(answer.ids) : [];
  }

  async ask(question) {
    try {
      return await question();
    } catch (error) {
      this.toasts.show(error.message, { tone: "warning" });
      return null;
    }
  }

  suspects() {
    return this.model
      .rows((this.model.model?.suspects ?? []).map(([id]) => id))
      .filter((row) => !this.reviewed.has(row));
  }

  // What a classifier says of the suspects that has not seen them.
  rememberGuesses() {
    this.outOfFold = new Map(
      (this.model.model?.suspects ?? []).map(([id, , predicted, probability]) => [
        this.model.rowOf.get(id),
        { id: predicted, probability },
      ]),
    );
  }

  selected() {
    const { selection } = this.model;
    if (selection) this.open({ name: "selection" });
    else if (this.view.name === "selection") this.open({ name: "suggestions" });
    else this.head();
  }

  rescored() {
    const { name } = this.view;
    if (this.guessing !== Boolean(this.model.model?.class_ids.length)) this.layout();
    const row = this.focusRow();
    if (name === "suggestions") {
      const turned = this.suggestions.renew(row);
      if (turned && this.rows.length) this.turnedAt = performance.now();
      this.put(this.suggestions.rows, { top: turned });
      if (turned || this.focusAt < 0) this.focus(this.firstOpen(), { quiet: true });
    } else if (name === "suspects") {
      this.rememberGuesses();
      const now = new Set(this.suspects());
      this.put([...this.rows.filter((r) => now.has(r)), ...[...now].filter((r) => !this.places.has(r))]);
    } else if (name === "accept") {
      this.accept.renew();
    } else this.paint();
    this.head();
    this.element.dataset.rev = String(this.model.rev);
  }

  put(rows, { top = false } = {}) {
    const focused = this.focusRow();
    this.rows = rows;
    this.places = new Map();
    for (let at = 0; at < rows.length; at++) this.places.set(rows[at], at);
    this.focusAt = this.places.get(focused) ?? -1;
    if (top) this.scroller.scrollTop = 0;
    this.layout();
    this.head();
    this.element.dataset.view = this.view.name;
    this.element.dataset.count = String(rows.length);
  }

  order(by) {
    this.sort = by;
    const focused = this.focusRow();
    this.rows = by === "listed" ? [...(this.listed ?? this.rows)] : sorted(this.rows, by, this.model, this.similarity);
    this.put(this.rows, { top: true });
    this.focus(this.places.get(focused) ?? -1, { quiet: true });
  }

  // -- the lines above and below ------------------------------------------------------------------------

  head() {
    const { view, model } = this;
    const n = model.selection?.rows.length ?? 0;
    const suspects = this.suspects().length;
    refill(this.tabs.selection, "Selection", n ? [" ", h("b", {}, count(n))] : null);
    refill(this.tabs.suspects, "Suspects", suspects ? [" ", h("b", {}, count(suspects))] : null);
    // For seniors alone, and while there is something to decide.
    const conflicts = model.overview?.conflicts ?? 0;
    refill(this.tabs.conflicts, "Conflicts", conflicts ? [" ", h("b", {}, count(conflicts))] : null);
    this.tabs.conflicts.hidden = !conflicts && view.name !== "conflicts";
    for (const [name, tab] of Object.entries(this.tabs)) tab.setAttribute("aria-selected", String(name === view.name));
    this.acceptButton.setAttribute("aria-pressed", String(view.name === "accept"));
    const parts = this.words();
    const key = parts.map((p) => (p instanceof Node ? `<${p.textContent}>` : p)).join("");
    if (this.said !== key) {
      this.said = key;
      refill(this.sentence, parts);
    }
    const target = this.target().length;
    this.labelButton.hidden = view.name === "accept" || !model.classes.length;
    this.labelButton.disabled = !target;
    say(this.labelButton, target ? `Label ${count(target)}` : "Label");
    this.extra.hidden = view.name !== "accept";
    if (view.name === "accept") this.accept.say();
    say(this.total, this.rows.length ? images(this.rows.length) : "");
    for (const option of this.sortField.options) {
      option.hidden = option.value === "distance" ? !this.similarity : false;
    }
    this.sortField.value = this.sort;
    this.sayEmpty();
  }

  // Where a view shows nothing, the sentence above says why; here is the way on.
  sayEmpty() {
    const { name } = this.view;
    const bare =
      !this.rows.length &&
      this.model.n > 0 &&
      !["suggestions", "selection"].includes(name) &&
      (name !== "search" || this.view.text);
    const key = bare ? `${name} ${name === "accept" ? this.accept.most() : ""}` : "";
    if (key === this.bare) return;
    this.bare = key;
    const [text, act] = (name === "accept" && this.accept.wayOut()) || [
      "Show suggestions",
      () => this.open({ name: "suggestions" }),
    ];
    refill(
      this.empty,
      bare &&
        h(
          "button",
          {
            type: "button",
            class: "ws-button",
            onclick: () => {
              act();
              this.scroller.focus({ preventScroll: true });
            },
          },
          text,
        ),
    );
    this.empty.hidden = !bare;
  }

  words() {
    const { view, model } = this;
    const n = this.rows.length;
    switch (view.name) {
      case "suggestions":
        return this.suggestions.sentence(this.focusRow());
      case "selection":
        return [selectionSentence(this.model, n, this.marked.size || (this.focusAt >= 0 ? 1 : n))];
      case "neighbours":
        if (!view.id) return ["Choose an image and press ", h("kbd", {}, "."), " to see the images most like it."];
        return [
          view.unlabelled === false
            ? "The nearest images to the first one. "
            : "The nearest unlabelled images to the first one. ",
          this.toggle(view.unlabelled === false ? "Unlabelled only" : "All images", () =>
            this.open({ ...view, unlabelled: view.unlabelled === false }),
          ),
        ];
      case "suspects":
        if (!n)
          return [
            model.model?.cv
              ? "No label is in doubt: the classifier agrees with all of them."
              : "Doubtful labels show up here once the classifier can be cross-validated.",
          ];
        return this.suspectWords();
      case "class": {
        const name =
          typeof view.classId === "number"
            ? model.name(view.classId)
            : { unsure: "unsure", reject: "unusable", skipped: "skipped" }[view.classId];
        return [
          view.predicted ? `Predicted as ${name}, no label yet: ${images(n)}. ` : `Labelled ${name}: ${images(n)}. `,
          typeof view.classId === "number" &&
            this.toggle(view.predicted ? "Labelled ones" : "Predicted ones", () =>
              this.open({ ...view, predicted: !view.predicted }),
            ),
        ].filter(Boolean);
      }
      case "search":
        return [
          view.text && !n
            ? `No image has “${view.text}” in its name.`
            : view.text
              ? `${n === 1000 ? "The first 1,000 images" : images(n)} with “${view.text}” in the name.`
              : "Type a part of a file name.",
        ];
      case "audit": {
        const waiting = this.rows.filter((row) => !model.kind(row)).length;
        return [
          waiting
            ? `Drawn at random to measure the accuracy: ${images(waiting)} without a label. No prediction is shown before yours; the order means nothing.`
            : "Every image drawn at random has a label.",
        ];
      }
      case "cell":
        return [view.title, n ? `: ${images(n)}.` : ": no image that you may see before your own label is stored."];
      case "between":
        return n ? [`${images(n)}: `, ...this.who()] : [view.title, ": no image."];
      case "conflicts": {
        if (!n) return ["Nobody contradicts anybody: there is nothing to decide."];
        const left = this.rows.filter((row) => !this.decided.has(row)).length;
        return [
          ...this.who(),
          left ? `A class key decides; ${count(left)} of ${images(n)} left.` : `All ${images(n)} decided.`,
        ];
      }
      case "accept":
        return this.accept.words();
      default:
        return [""];
    }
  }

  saidOf(row) {
    return ["conflicts", "between"].includes(this.view.name) ? (this.opinions?.get(row) ?? []) : [];
  }

  // Who says what of the image in focus.
  who() {
    const said = this.saidOf(this.focusRow());
    return said.flatMap(({ annotator, kind, class_id: id, decided }) => [
      h(
        "span",
        { class: "ws-opinion" },
        `${annotator}${decided ? " (decided)" : ""} `,
        id !== null && h("i", { class: "ws-dot", style: { background: this.model.color(id) } }),
        h("em", {}, id !== null ? this.model.name(id) : kind === "reject" ? "unusable" : kind),
      ),
      " ",
    ]);
  }

  suspectWords() {
    const { model } = this;
    const row = this.focusRow();
    const suspect = (model.model?.suspects ?? []).find(([id]) => model.rowOf.get(id) === row);
    const keys = [h("kbd", {}, "Enter"), " takes the prediction, ", h("kbd", {}, "0"), " keeps the label."];
    const { cv, suspects } = model.model;
    // Where the classifier errs often, most of what it doubts is right.
    const many =
      cv && suspects.length > 0.2 * cv.n
        ? [
            ` The classifier doubts ${count(suspects.length)} of ${count(cv.n)} labels, so most of these are probably its own errors; the likeliest wrong ones come first.`,
          ]
        : [];
    if (!suspect) return ["Labels the classifier does not agree with. ", ...keys, ...many];
    const [, label, predicted, probability] = suspect;
    return [
      "Labelled ",
      h("em", {}, model.name(label)),
      ", looks like ",
      h("em", {}, model.name(predicted)),
      ` (${two(probability)}). `,
      ...keys,
      ...many,
    ];
  }

  toggle(text, act) {
    return h("button", { type: "button", class: "ws-link", onclick: act }, text);
  }

  // -- laying out and drawing ----------------------------------------------------------------------------

  layout() {
    const width = this.scroller.clientWidth - 4;
    if (width <= 0) return;
    this.columns = Math.max(1, Math.floor((width + GAP) / (this.size + GAP)));
    this.width = Math.floor((width - GAP * (this.columns - 1)) / this.columns);
    // The line of the prediction has its room as soon as there is a classifier.
    this.guessing = Boolean(this.model.model?.class_ids.length);
    this.nameRoom();
    this.height = this.width + (this.width >= 72 && this.guessing ? LINE + (this.twoLines ? SECOND_LINE : 0) : 2);
    this.element.classList.toggle("ws-guessing", this.guessing);
    this.element.classList.toggle("ws-small-tiles", this.width < 72);
    const lines = Math.ceil(this.rows.length / this.columns);
    this.space.style.height = `${Math.max(0, lines * (this.height + GAP) - GAP + 4)}px`;
    this.draw(true);
    this.paint();
  }

  // How class names fit on a thumbnail and under it: on two lines where one is too short for any of them.
  nameRoom() {
    const { fontFamily } = getComputedStyle(this.scroller);
    const font = `11px ${fontFamily}`;
    if (font !== this.font) {
      this.font = font;
      this.shorts = {
        guess: new ShortNames(font),
        label: new ShortNames(`600 ${font}`),
        auto: new ShortNames(`600 ${font}`),
      };
    }
    const names = this.model.classes.map((c) => c.name);
    const under = this.width - 12,
      chip = this.width - (this.width < 72 ? 22 : 26);
    const one = [under - DOT - FIGURE];
    const width = widthIn(font);
    this.twoLines = this.width >= 72 && names.some((name) => !fits(name, one, width));
    this.short = {
      twoLines: this.twoLines,
      guess: this.shorts.guess.in(names, this.twoLines ? [under - DOT, under - FIGURE] : one),
      label: this.shorts.label.in(names, this.width < 72 ? [chip] : [chip, chip]),
      auto: this.shorts.auto.in(names, this.width < 72 ? [chip] : [chip, chip - 40]),
    };
    this.element.classList.toggle("ws-two-lines", this.twoLines);
  }

  draw(moved = false) {
    if (!this.columns) return;
    const step = this.height + GAP;
    const top = this.scroller.scrollTop;
    const first = Math.max(0, Math.floor(top / step) - SPARE_LINES) * this.columns;
    const last = Math.min(
      this.rows.length,
      (Math.ceil((top + this.scroller.clientHeight) / step) + SPARE_LINES) * this.columns,
    );
    const wanted = new Set();
    for (let at = first; at < last; at++) wanted.add(this.rows[at]);
    for (const [row, tile] of this.tiles) {
      if (wanted.has(row)) continue;
      this.tiles.delete(row);
      tile.element.remove();
      this.spare.push(tile);
    }
    for (let at = first; at < last; at++) {
      const row = this.rows[at];
      let tile = this.tiles.get(row);
      const fresh = !tile;
      if (fresh) {
        tile = this.spare.pop() ?? new Tile();
        const id = this.model.ids[row];
        tile.show(row, id, this.api.thumb(id));
        this.tiles.set(row, tile);
      }
      if (fresh || moved) {
        tile.place(
          2 + (at % this.columns) * (this.width + GAP),
          2 + Math.floor(at / this.columns) * step,
          this.width,
          this.height,
        );
        tile.element.setAttribute("aria-posinset", at + 1);
        tile.element.setAttribute("aria-setsize", this.rows.length);
      }
      if (fresh) {
        this.paintTile(tile, at);
        this.space.append(tile.element);
      }
    }
    this.spare.length = Math.min(this.spare.length, 60);
  }

  paint() {
    for (const [row, tile] of this.tiles) this.paintTile(tile, this.places.get(row));
  }

  paintTile(tile, at) {
    const similar = this.view.name === "neighbours" ? this.similarity?.get(tile.row) : undefined;
    tile.paint(this.model, {
      guess: this.outOfFold?.get(tile.row),
      short: this.short,
      focused: at === this.focusAt,
      marked: this.marked.has(tile.row),
      excluded: this.view.name === "accept" && this.accept.excluded.has(tile.row),
      accepting: this.view.name === "accept",
      note: similar !== undefined && this.model.predictedId(tile.row) === null ? two(similar) : null,
    });
    if (similar !== undefined) tile.element.title = `similarity ${two(similar)}`;
    else tile.element.removeAttribute("title");
  }

  resize(size) {
    const at = this.focusAt >= 0 ? this.focusAt : 0;
    this.size = size;
    this.prefs.set("size", size);
    this.layout();
    this.reveal(at);
  }

  // -- focus and marks -------------------------------------------------------------------------------------

  focusRow() {
    return this.focusAt >= 0 ? (this.rows[this.focusAt] ?? -1) : -1;
  }

  focus(at, { quiet = false } = {}) {
    this.endRow = -1;
    this.focusAt = at >= 0 && at < this.rows.length ? at : -1;
    this.anchor = this.focusAt;
    const row = this.focusRow();
    this.model.focus(row);
    if (row >= 0) this.scroller.setAttribute("aria-activedescendant", `ws-tile-${this.model.ids[row]}`);
    else this.scroller.removeAttribute("aria-activedescendant");
    if (row >= 0) this.reveal(this.focusAt);
    this.paint();
    this.head();
    if (!quiet && !this.element.contains(document.activeElement)) this.scroller.focus({ preventScroll: true });
  }

  reveal(at) {
    const step = this.height + GAP;
    const top = Math.floor(at / this.columns) * step;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = Math.max(0, top - GAP);
    else if (top + this.height > scrollTop + clientHeight)
      this.scroller.scrollTop = top + this.height - clientHeight + GAP;
  }

  firstOpen(from = 0) {
    for (let at = from; at < this.rows.length; at++) if (!this.isDone(this.rows[at])) return at;
    return from > 0 ? -1 : this.rows.length ? 0 : -1;
  }

  isDone(row) {
    if (this.view.name === "suspects") return this.reviewed.has(row);
    if (this.view.name === "conflicts") return this.decided.has(row);
    return this.model.kind(row) !== 0 || (this.view.name === "suggestions" && (this.model.codes[row] & 0x1000) !== 0);
  }

  move(dx, dy, extend) {
    if (!this.rows.length) return;
    const before = this.focusAt;
    const at = before < 0 ? 0 : Math.max(0, Math.min(this.rows.length - 1, before + dx + dy * this.columns));
    if (extend) {
      this.extendTo(at);
      return;
    }
    this.marked.clear();
    this.focus(at);
  }

  extendTo(at) {
    const anchor = this.anchor >= 0 ? this.anchor : Math.max(0, this.focusAt);
    this.marked = new Set(this.rows.slice(Math.min(anchor, at), Math.max(anchor, at) + 1));
    this.focusAt = at;
    const row = this.focusRow();
    this.model.focus(row);
    this.reveal(at);
    this.anchor = anchor;
    this.paint();
    this.head();
  }

  markAll() {
    this.marked = new Set(this.rows);
    this.paint();
    this.head();
  }

  unmark() {
    const had = this.marked.size > 0;
    this.marked.clear();
    this.paint();
    this.head();
    return had;
  }

  pressed(event) {
    const tile = event.target.closest(".ws-tile")?.tile;
    if (!tile || event.button !== 0) return;
    const at = this.places.get(tile.row);
    if (at === undefined) return;
    event.preventDefault();
    this.scroller.focus({ preventScroll: true });
    if (event.target.closest(".ws-check") && this.view.name === "accept") return this.accept.toggle(tile.row);
    if (event.shiftKey) return this.extendTo(at);
    if (event.ctrlKey || event.metaKey) {
      if (!this.marked.size && this.focusAt >= 0) this.marked.add(this.focusRow());
      if (!this.marked.delete(tile.row)) this.marked.add(tile.row);
      this.focusAt = at;
      this.anchor = at;
      this.model.focus(tile.row);
      this.paint();
      this.head();
      return;
    }
    this.marked.clear();
    this.focus(at);
  }

  // -- labelling -------------------------------------------------------------------------------------------

  // The images that the next key labels: the marked ones in their order, else the focused one.
  target() {
    if (this.marked.size)
      return this.marked.size === this.rows.length
        ? Array.from(this.rows)
        : this.rows.filter((row) => this.marked.has(row));
    const row = this.focusRow();
    return row >= 0 ? [row] : [];
  }

  context(rows) {
    const { name } = this.view;
    const view =
      {
        suggestions: "suggestion",
        selection: "map",
        neighbours: "neighbours",
        suspects: "suspects",
        class: "class",
        search: "search",
        cell: "suspects",
        accept: "grid",
        audit: "suggestion",
        conflicts: "adjudication",
      }[name] ?? "grid";
    const why = name === "suggestions" && rows.length === 1 ? this.suggestions.why.get(rows[0]) : null;
    return { view: name === "cell" ? "grid" : view, strategy: why?.strategy ?? (name === "audit" ? "audit" : null) };
  }

  // A key meant for an image that fresh suggestions have just replaced labels no other one.
  tooSoon() {
    if (performance.now() - this.turnedAt > SETTLES) return false;
    this.toasts.show("Nothing labelled: these images had only just come.");
    return true;
  }

  // One key more than there were images in the queue does not change the last one's label.
  afterTheEnd() {
    if (this.marked.size || this.endRow < 0 || this.endRow !== this.focusRow()) return false;
    this.toasts.show("All of these are labelled: click an image to change its label.");
    return true;
  }

  label(what, rows = null) {
    if (!rows && (this.tooSoon() || (what.kind !== "clear" && this.afterTheEnd()))) return;
    rows ??= this.target();
    if (!rows.length) return;
    const single = rows.length === 1 && rows[0] === this.focusRow();
    if (this.view.name === "suspects") for (const row of rows) this.reviewed.add(row);
    if (this.view.name === "conflicts")
      for (const row of rows) what.kind === "clear" ? this.decided.delete(row) : this.decided.add(row);
    this.labeller.label(rows, what, this.context(rows));
    if (single && what.kind !== "clear") this.advance();
    this.head();
  }

  advance() {
    const next = ["suggestions", "suspects", "audit", "conflicts"].includes(this.view.name)
      ? this.firstOpen(this.focusAt + 1)
      : this.focusAt + 1;
    if (next >= 0 && next < this.rows.length) this.focus(next);
    else {
      const open = this.view.name === "suggestions" ? this.firstOpen(0) : -1;
      if (open >= 0 && !this.isDone(this.rows[open])) this.focus(open);
      else {
        if (["suggestions", "audit"].includes(this.view.name)) this.endRow = this.focusRow();
        this.paint();
      }
    }
  }

  // Enter: the prediction becomes the label. Not for an audit image, whose prediction nobody sees.
  takePrediction() {
    if (this.tooSoon() || this.afterTheEnd()) return;
    const rows = this.target().filter((row) => this.model.predictedId(row) !== null);
    if (rows.length !== 1) return;
    const [row] = rows;
    let classId = this.model.predictedId(row);
    if (this.view.name === "suspects") {
      const suspect = (this.model.model?.suspects ?? []).find(([id]) => this.model.rowOf.get(id) === row);
      if (suspect) classId = suspect[2];
    }
    this.label({ kind: "class", classId }, rows);
  }

  // 0 among the suspects: the label is right after all; it is stored again, as reviewed.
  keep() {
    if (this.view.name === "accept") {
      for (const row of this.target()) this.accept.toggle(row);
      return;
    }
    if (this.view.name !== "suspects") return;
    for (const row of this.target()) {
      const classId = this.model.classId(row);
      if (classId !== null) this.label({ kind: "class", classId }, [row]);
    }
  }

  labelMenu() {
    const rows = this.target();
    if (!rows.length) return;
    menu(
      this.labelButton,
      [
        ...this.model.classes.map((c, at) => ({
          label: c.name,
          color: c.color,
          key: keyOf(at)?.shown,
          act: () => this.label({ kind: "class", classId: c.id }, rows),
        })),
        null,
        { label: "Unsure", key: "U", act: () => this.label({ kind: "unsure" }, rows) },
        { label: "Unusable image", key: "X", act: () => this.label({ kind: "reject" }, rows) },
        { label: "Skip", key: "S", act: () => this.label({ kind: "skip" }, rows) },
        { label: "Clear", key: "⌫", act: () => this.label({ kind: "clear" }, rows) },
      ],
      { label: `Label ${images(rows.length)}`, within: this.workspace },
    );
  }

  classMenu(anchor) {
    const { counts, unsure, reject, skipped } = this.model.counts();
    const item = (label, color, classId, n) => ({
      label: `${label} (${count(n)})`,
      color,
      act: () => this.open({ name: "class", classId }),
    });
    menu(
      anchor,
      [
        ...this.model.classes.map((c) => item(c.name, c.color, c.id, counts.get(c.id) ?? 0)),
        null,
        item("Unsure", null, "unsure", unsure),
        item("Unusable", null, "reject", reject),
        item("Skipped", null, "skipped", skipped),
      ],
      { label: "Show all images of a class", within: this.workspace },
    );
  }

  openSearch() {
    this.searchField.hidden = false;
    this.acceptButton.hidden = true;
    this.searchField.focus();
    this.open({ name: "search", text: this.searchField.value });
  }

  putSearchAway() {
    clearTimeout(this.searching);
    this.searchField.hidden = true;
    this.acceptButton.hidden = false;
    this.searchField.value = "";
  }

  closeSearch() {
    this.open({ name: "suggestions" });
    this.scroller.focus();
  }

  search(text) {
    this.open({ name: "search", text: text.trim() });
  }

  close() {
    this.observer.disconnect();
    clearTimeout(this.searching);
  }
}
