// The class list: keys, counts, progress to the target. It is the map's legend too: a click hides a
// class there, a double click isolates it.

import { h, refill, say, count } from "./dom.js";
import { keyOf } from "./keynames.js";
import { openEditor } from "./classedit.js";
import { ShortNames, fits, sayName, whenFontsCome, widthIn } from "./names.js";

const DOUBLE = 230;
const COMPACT_FROM = 11;
// What a name has for itself in the narrow list and in the wide one; so many names may have two lines.
const NARROW = 104,
  WIDE = 142;
const TWO_LINES_TO = 13;

export class ClassPanel {
  constructor({ model, map, grid, changes, toasts, workspace }) {
    Object.assign(this, { model, map, grid, changes, toasts, workspace });
    this.rows = new Map();
    this.list = h("ul", {
      class: "ws-classes",
      onkeydown: (event) => this.moved(event),
      onfocusin: (event) => this.reach(event.target),
    });
    this.caption = h("span", { class: "ws-caption" });
    this.edit = h("button", { type: "button", class: "ws-link", onclick: () => openEditor(this) }, "Edit");
    this.field = h("input", {
      type: "text",
      class: "ws-field",
      placeholder: "Add a class",
      "aria-label": "Name of a new class",
      maxlength: 60,
      onkeydown: (event) => {
        if (event.key === "Enter") this.add(this.field);
        if (event.key === "Escape") {
          this.field.value = "";
          this.field.blur();
        }
      },
    });
    this.element = h(
      "section",
      { class: "ws-class-panel", "aria-label": "Classes" },
      h("header", {}, h("h2", {}, "Classes"), this.caption, this.edit),
      this.list,
      h("div", { class: "ws-add" }, this.field),
    );
    model.on("classes", () => this.build());
    whenFontsCome(this.element, () => {
      this.font = this.built = null;
      this.build();
    });
    model.on("labels scores selection colour hidden", () => this.count());
  }

  // The field stays in focus: a name typed before the answer comes would otherwise label images, letter by letter.
  async add(field) {
    const name = field.value.trim();
    if (!name) return;
    field.value = "";
    if (!(await this.changes.make({ do: "add", name })) && !field.value) field.value = name;
  }

  build() {
    const { model } = this;
    const key = JSON.stringify(model.classes);
    if (key === this.built) return this.count();
    this.built = key;
    this.rows.clear();
    this.element.classList.toggle("ws-compact", model.classes.length >= COMPACT_FROM);
    this.element.parentElement?.classList.toggle("ws-many", model.classes.length >= COMPACT_FROM);
    const { short, two } = this.shorten();
    const reached = model.classes.some((c) => c.id === this.reached) ? this.reached : model.classes[0]?.id;
    refill(
      this.list,
      model.classes.map((c, at) => {
        const parts = {
          count: h("span", { class: "ws-count" }),
          name: h("span", { class: "ws-name" }),
          bar: h("i", {}),
        };
        parts.button = h(
          "button",
          {
            type: "button",
            class: "ws-class",
            title: c.name,
            "aria-pressed": "true",
            tabindex: c.id === reached ? 0 : -1,
            "data-class": c.id,
            onclick: (event) => {
              if (event.shiftKey) this.alone(c.id);
              else this.clicked(c.id);
              // By mouse: the arrows belong to the images.
              if (event.detail) this.grid.scroller.focus({ preventScroll: true });
            },
          },
          h("kbd", {}, keyOf(at)?.shown ?? ""),
          h("i", { class: "ws-swatch", style: { background: c.color } }),
          parts.name,
          parts.count,
          h("span", { class: "ws-progress", style: { "--own": c.color } }, parts.bar),
        );
        (two ? sayName : say)(parts.name, short(c.name));
        this.rows.set(c.id, parts);
        return h("li", {}, parts.button);
      }),
    );
    this.edit.hidden = !model.classOf.size;
    this.field.placeholder = model.classes.length ? "Add a class" : "Name your first class";
    this.count();
  }

  // Long names make the list wider, and have two lines where there are few of them.
  shorten() {
    const font = `13px ${getComputedStyle(this.workspace).fontFamily}`;
    if (this.font !== font) this.shorts = new ShortNames(font);
    this.font = font;
    const names = this.model.classes.map((c) => c.name);
    const width = widthIn(font);
    const long = names.some((name) => !fits(name, [NARROW], width));
    this.workspace.classList.toggle("ws-long-names", long);
    const two = long && names.length <= TWO_LINES_TO;
    this.element.classList.toggle("ws-two-lines", two);
    return { short: this.shorts.in(names, long ? (two ? [WIDE, WIDE] : [WIDE]) : [NARROW]), two };
  }

  // One stop for the Tab key, however many classes there are; within the list the arrows go on.
  moved(event) {
    const buttons = [...this.list.querySelectorAll(".ws-class")];
    const at = buttons.indexOf(event.target);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    buttons[Math.max(0, Math.min(buttons.length - 1, to))].focus();
  }

  reach(button) {
    if (!button.matches(".ws-class")) return;
    for (const other of this.list.querySelectorAll(".ws-class[tabindex='0']")) other.tabIndex = -1;
    button.tabIndex = 0;
    this.reached = Number(button.dataset.class);
  }

  alone(id) {
    this.before = new Set(this.model.hidden);
    this.isolate(id);
  }

  // One click hides or shows, two isolate: the first waits a moment for a second one.
  clicked(id) {
    if (this.first === id) {
      clearTimeout(this.timer);
      this.first = null;
      return this.isolate(id);
    }
    clearTimeout(this.timer);
    this.first = id;
    this.toggle(id);
    this.timer = setTimeout(() => {
      this.first = null;
    }, DOUBLE);
    return undefined;
  }

  toggle(id) {
    this.before = new Set(this.model.hidden);
    if (!this.model.hidden.delete(id)) this.model.hidden.add(id);
    this.model.tell("hidden");
  }

  isolate(id) {
    const { hidden, classes } = this.model;
    const others = classes.map((c) => c.id).filter((other) => other !== id);
    const alone = this.before && others.every((other) => this.before.has(other)) && !this.before.has(id);
    hidden.clear();
    if (!alone) {
      for (const other of others) hidden.add(other);
      for (const other of [null, "unsure", "reject", "audit"]) hidden.add(other);
    }
    this.model.tell("hidden");
  }

  // Labels per class; with a selection, how many of the images shown as a class are in it.
  count() {
    const { model } = this;
    const { counts, accepted } = model.counts();
    const target = model.overview?.target ?? 100;
    const { selection } = model;
    let within = null,
      shown = null;
    if (selection?.rows.length) {
      const key = this.map.mode === "label" ? (row) => model.classId(row) : (row) => model.shownId(row);
      within = tally(selection.rows, key);
      shown = tally(model.ids.keys(), key);
    }
    say(this.caption, within ? "selected / shown" : "");
    for (const c of model.classes) {
      const parts = this.rows.get(c.id);
      if (!parts) continue;
      const n = counts.get(c.id) ?? 0;
      say(parts.count, within ? `${count(within.get(c.id) ?? 0)} / ${count(shown.get(c.id) ?? 0)}` : count(n));
      const bulk = accepted.get(c.id) ?? 0,
        given = n - bulk;
      const told = `${count(given)} of ${count(target)} labels${bulk ? ` and ${count(bulk)} accepted in bulk, which train nothing` : ""}`;
      parts.bar.style.width = `${Math.min(100, (100 * given) / target)}%`;
      const off = model.hidden.has(c.id);
      parts.button.setAttribute("aria-pressed", String(!off));
      parts.button.setAttribute("aria-label", `${c.name}: ${told}${off ? ", hidden on the map" : ""}`);
      parts.button.title = `${c.name}: ${told}. Click hides it on the map; double click, or shift and click, shows it alone.`;
    }
  }
}

function tally(rows, key) {
  const found = new Map();
  for (const row of rows) {
    const id = key(row);
    if (id !== null) found.set(id, (found.get(id) ?? 0) + 1);
  }
  return found;
}

// Changes of the classes go to the server at once, one after the other: they need its answer.
export class ClassChanges {
  constructor({ api, outbox, model, toasts, past }) {
    Object.assign(this, { api, outbox, model, toasts, past });
    this.last = Promise.resolve();
  }

  make(change) {
    this.last = this.last.then(() => this.send(change));
    return this.last;
  }

  async send(change) {
    await this.outbox.flushed();
    try {
      const by = this.outbox.next();
      const answer = await this.api.post("classes", { ...change, ...by });
      this.past.add(by.annotator, by);
      this.model.takeClasses(answer.classes);
      this.model.tell("classes");
      return answer;
    } catch (error) {
      this.toasts.show(error.message, { tone: "warning" });
      return null;
    }
  }
}
