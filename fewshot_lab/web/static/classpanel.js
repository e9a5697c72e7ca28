// @ts-check
// The class list: keys, counts, progress to the target. It is the map's legend too: a click hides a
// class there, a double click isolates it.

import { openClassEditor } from "./classeditor.js";
import { keyOf } from "./classkeys.js";
import { button, count, h, refill, setText } from "./dom.js";
import { labelCounts } from "./labelcodes.js";
import { ShortNames, fits, onFontsLoaded, setName, widthIn } from "./names.js";

/** @import { ClassChanges } from "./classchanges.js" */
/** @import { Grid } from "./grid.js" */
/** @import { Labeller } from "./labeller.js" */
/** @import { MapView } from "./map.js" */
/** @import { Model } from "./model.js" */
/** @import { Toasts } from "./toast.js" */
/** @import { ClassRow, LegendKey } from "./types.d.ts" */

const DOUBLE = 230;
const COMPACT_FROM = 11;
// What a name has for itself in the narrow list and in the wide one; so many names may have two lines.
const NARROW = 104,
  WIDE = 142;
const TWO_LINES_TO = 13;
// As many as the server takes.
const MOST_CLASSES = 50;
const WHO_EDITS = "Seniors and owners change the classes.";

export class ClassPanel {
  /**
   * @param {{
   *   model: Model,
   *   map: MapView,
   *   grid: Grid,
   *   changes: ClassChanges,
   *   labeller: Labeller,
   *   toasts: Toasts,
   *   workspace: HTMLElement,
   *   editable: boolean,
   * }} parts
   */
  constructor({ model, map, grid, changes, labeller, toasts, workspace, editable }) {
    this.model = model;
    this.map = map;
    this.grid = grid;
    this.changes = changes;
    this.labeller = labeller;
    this.toasts = toasts;
    this.workspace = workspace;
    this.editable = editable;
    this.lines = /** @type {Map<number, ReturnType<ClassPanel["line"]>>} */ (new Map());
    this.drawn = this.font = "";
    this.reachedId = /** @type {number | undefined} */ (undefined);
    this.hiddenBefore = /** @type {Set<LegendKey>} */ (new Set());
    this.clickedId = /** @type {number | null} */ (null);
    this.clickTimer = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);
    this.list = h("ul", {
      class: "ws-classes",
      onkeydown: (event) => this.moveFocus(event),
      onfocusin: (event) => this.reach(/** @type {HTMLElement} */ (event.target)),
    });
    this.caption = h("span", { class: "ws-caption" });
    this.editButton = button("ws-link", { onclick: () => openClassEditor(this) }, "Edit");
    this.field = this.nameField();
    this.offer = button("ws-link", { hidden: true, onclick: () => this.addReferenceNames() });
    this.element = h(
      "section",
      { class: "ws-class-panel", "aria-label": "Classes" },
      h("header", {}, h("h2", {}, "Classes"), this.caption, this.editButton),
      this.list,
      h(
        "div",
        { class: "ws-add" },
        ...(editable ? [this.field, this.offer] : [h("span", { class: "ws-caption" }, WHO_EDITS)]),
      ),
    );
    model.on("classes", () => {
      this.draw();
      this.drawOffer();
    });
    onFontsLoaded(this.element, () => {
      this.font = this.drawn = "";
      this.draw();
    });
    model.on("labels scores selection filter colour hidden", () => this.drawCounts());
  }

  /** A field that adds a class. */
  nameField() {
    const field = h("input", {
      type: "text",
      class: "ws-field",
      placeholder: "Add a class",
      "aria-label": "Name of a new class",
      maxlength: 60,
      onkeydown: (event) => {
        if (event.key === "Enter") this.add(field);
        if (event.key !== "Escape") return;
        field.value = "";
        field.blur();
      },
    });
    return field;
  }

  /**
   * The field stays in focus: a name typed before the answer comes would otherwise label images, letter by letter.
   * @param {HTMLInputElement} field
   */
  async add(field) {
    const name = field.value.trim();
    if (!name) return;
    field.value = "";
    if (!(await this.changes.make({ do: "add", name })) && !field.value) field.value = name;
  }

  /** While there is no class: the names of the reference labels, which give no image a label. */
  drawOffer() {
    const { classes, overview } = this.model;
    const names = overview?.reference_names ?? [];
    this.offer.hidden = classes.length > 0 || names.length < 2 || names.length > MOST_CLASSES;
    setText(this.offer, `Use the ${names.length} imported names`);
    this.offer.title = `${names.join(", ")}. These become the classes. No image gets a label.`;
  }

  async addReferenceNames() {
    this.offer.hidden = true;
    for (const name of this.model.overview?.reference_names ?? []) await this.changes.make({ do: "add", name });
  }

  draw() {
    const { classes, classOf } = this.model;
    const key = JSON.stringify(classes);
    if (key === this.drawn) return this.drawCounts();
    this.drawn = key;
    const many = classes.length >= COMPACT_FROM;
    this.element.classList.toggle("ws-compact", many);
    this.element.parentElement?.classList.toggle("ws-many", many);
    const { short, twoLines } = this.shortForms();
    if (!classes.some((c) => c.id === this.reachedId)) this.reachedId = classes[0]?.id;
    const lines = classes.map((c, place) => this.line(c, place));
    this.lines = new Map(classes.map((c, place) => [c.id, lines[place]]));
    classes.forEach((c, place) => (twoLines ? setName : setText)(lines[place].name, short(c.name)));
    refill(
      this.list,
      lines.map((line) => h("li", {}, line.button)),
    );
    this.editButton.hidden = !this.editable || !classOf.size;
    this.field.placeholder = classes.length ? "Add a class" : "Name your first class";
    this.drawCounts();
  }

  /**
   * @param {ClassRow} row
   * @param {number} place
   */
  line({ id, color }, place) {
    const parts = {
      count: h("span", { class: "ws-count" }),
      among: h("span", { class: "ws-among" }),
      name: h("span", { class: "ws-name" }),
      bar: h("i"),
    };
    /** @param {MouseEvent} event */
    const onclick = (event) => {
      if (event.shiftKey) this.isolate(id, new Set(this.model.hidden));
      else this.clicked(id);
      // By mouse: the arrows belong to the images.
      if (event.detail) this.grid.tiles.takeKeys();
    };
    const element = button(
      "ws-class",
      { tabindex: id === this.reachedId ? 0 : -1, "data-class": id, onclick },
      h("kbd", {}, keyOf(place)),
      h("i", { class: "ws-swatch", style: { background: color } }),
      parts.name,
      parts.among,
      parts.count,
      h("span", { class: "ws-progress", style: { "--own": color } }, parts.bar),
    );
    return { ...parts, button: element };
  }

  /** Long names make the list wider, and have two lines where there are few of them. */
  shortForms() {
    const font = `13px ${getComputedStyle(this.workspace).fontFamily}`;
    if (this.font !== font || !this.shorts) this.shorts = new ShortNames(font);
    this.font = font;
    const names = this.model.classes.map((c) => c.name);
    const width = widthIn(font);
    const long = names.some((name) => !fits(name, [NARROW], width));
    const twoLines = long && names.length <= TWO_LINES_TO;
    this.workspace.classList.toggle("ws-long-names", long);
    this.element.classList.toggle("ws-two-lines", twoLines);
    return { short: this.shorts.in(names, twoLines ? [WIDE, WIDE] : [long ? WIDE : NARROW]), twoLines };
  }

  /**
   * One stop for the Tab key, however many classes there are; within the list the arrows go on.
   * @param {KeyboardEvent} event
   */
  moveFocus(event) {
    const buttons = [...this.lines.values()].map((line) => line.button);
    const at = buttons.findIndex((choice) => choice === event.target);
    /** @type {Record<string, number>} */
    const places = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: buttons.length - 1 };
    const to = places[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    buttons[Math.max(0, Math.min(buttons.length - 1, to))].focus();
  }

  /** @param {HTMLElement} choice */
  reach(choice) {
    for (const line of this.lines.values()) line.button.tabIndex = line.button === choice ? 0 : -1;
    this.reachedId = Number(choice.dataset.class);
  }

  /** One click hides or shows, two isolate: the first waits a moment for a second one. @param {number} id */
  clicked(id) {
    clearTimeout(this.clickTimer);
    if (this.clickedId === id) {
      this.clickedId = null;
      return this.isolate(id, this.hiddenBefore);
    }
    const { hidden } = this.model;
    this.clickedId = id;
    this.hiddenBefore = new Set(hidden);
    if (!hidden.delete(id)) hidden.add(id);
    this.model.emit("hidden");
    this.clickTimer = setTimeout(() => {
      this.clickedId = null;
    }, DOUBLE);
  }

  /**
   * Shows one class alone, or all again where it is alone already.
   * @param {number} id
   * @param {Set<LegendKey>} before what was hidden
   */
  isolate(id, before) {
    const { hidden, classes } = this.model;
    const others = classes.map((c) => c.id).filter((other) => other !== id);
    const alone = others.every((other) => before.has(other)) && !before.has(id);
    hidden.clear();
    if (!alone) for (const other of [...others, null, "unsure", "reject", "audit"]) hidden.add(other);
    this.model.emit("hidden");
  }

  /** Labels per class; before them, with a selection or filters, how many images shown as the class are in it. */
  drawCounts() {
    const { model } = this;
    const { counts, accepted } = labelCounts(model.codes);
    const target = model.overview?.target ?? 100;
    const rows = model.selection?.rows ?? (model.mask ? model.rowsWhere((row) => model.matches(row)) : null);
    /** @param {number} row */
    const classId = (row) => (this.map.mode === "label" ? model.classId(row) : model.shownId(row));
    const selected = rows && (rows.length || model.mask) ? tally(rows, classId) : null;
    const shown = tally(selected ? model.ids.keys() : [], classId);
    setText(this.caption, selected ? (model.selection ? "selected · labels" : "filtered · labels") : "");
    for (const { id, name } of model.classes) {
      const line = this.lines.get(id);
      if (!line) continue;
      const n = counts.get(id) ?? 0;
      setText(line.count, count(n));
      setText(line.among, selected ? count(selected.get(id) ?? 0) : "");
      const among = `${count(selected?.get(id) ?? 0)} of the ${count(shown.get(id) ?? 0)} images shown as ${name} are `;
      line.among.title = selected ? among + (model.selection ? "selected" : "among the filtered") : "";
      const bulk = accepted.get(id) ?? 0,
        byHand = n - bulk;
      const rest = bulk ? ` and ${count(bulk)} accepted in bulk, which train nothing` : "";
      const title = `${name}: ${count(byHand)} of ${count(target)} labels${rest}`;
      line.bar.style.width = `${Math.min(100, (100 * byHand) / target)}%`;
      const hidden = model.hidden.has(id);
      line.button.setAttribute("aria-pressed", String(!hidden));
      line.button.setAttribute("aria-label", `${title}${hidden ? ", hidden on the map" : ""}`);
      line.button.title = `${title}. Click hides it on the map; double click, or shift and click, shows it alone.`;
    }
  }
}

/**
 * @param {Iterable<number>} rows
 * @param {(row: number) => number | null} key
 */
function tally(rows, key) {
  // Class ids are small numbers: a list of counts takes a fraction of the time of a Map, for a million rows.
  const list = /** @type {number[]} */ ([]);
  for (const row of rows) {
    const id = key(row);
    if (id !== null) list[id] = (list[id] ?? 0) + 1;
  }
  const counts = /** @type {Map<number, number>} */ (new Map());
  list.forEach((n, id) => counts.set(id, n));
  return counts;
}
