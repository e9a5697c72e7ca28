// The large view: zoom, pan, what is known of the image, and its nearest neighbours.

import { h, refill, iconButton, clock, count, percent, two } from "./dom.js";
import { describe } from "./map.js";

const MOST_ZOOM = 16;
// Stands over the small copy without covering it.
const NOTHING = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>";

export class Viewer {
  constructor({ model, api, grid, toasts }) {
    Object.assign(this, { model, api, grid, toasts });
    this.row = -1;
    this.picture = h("img", { alt: "", draggable: "false", onerror: () => this.lost() });
    this.missing = h(
      "p",
      { class: "ws-missing", role: "status", hidden: true },
      "The original cannot be read where it was imported from. Shown is its small copy.",
    );
    this.stage = h("div", { class: "ws-stage", tabindex: "-1" }, this.picture);
    this.facts = h("dl", { class: "ws-facts" });
    this.state = h("div", { class: "ws-viewer-state" });
    this.near = h("div", { class: "ws-near" });
    this.title = h("h2", {});
    this.element = h(
      "div",
      {
        class: "ws-viewer",
        role: "dialog",
        "aria-modal": "true",
        "aria-label": "Large view",
        hidden: true,
        tabindex: "-1",
      },
      this.stage,
      h(
        "aside",
        { "aria-label": "About this image" },
        h(
          "header",
          {},
          this.title,
          iconButton("close", "Close (Escape)", () => this.close()),
        ),
        this.missing,
        this.state,
        this.facts,
        h("h3", {}, "Most similar"),
        this.near,
        h(
          "p",
          { class: "ws-quiet" },
          h("kbd", {}, "←"),
          h("kbd", {}, "→"),
          " next image, ",
          h("kbd", {}, "space"),
          " closes; class keys label.",
        ),
      ),
    );
    this.listen();
    model.on("labels scores", () => {
      if (this.row >= 0) this.tellState();
    });
    model.on("focus", (row) => {
      if (this.row >= 0 && row >= 0) this.show(row);
    });
  }

  get isOpen() {
    return this.row >= 0;
  }

  open(row) {
    const at = this.grid.places.get(row);
    if (at !== undefined && this.grid.focusAt !== at) {
      this.grid.marked.clear();
      this.grid.focus(at);
    }
    this.element.hidden = false;
    this.covered(true);
    this.show(row);
    this.element.focus({ preventScroll: true });
  }

  close() {
    this.row = -1;
    this.element.hidden = true;
    this.covered(false);
    this.grid.scroller.focus({ preventScroll: true });
  }

  // What lies behind is out of reach of the Tab key.
  covered(inert) {
    for (const part of this.element.parentElement?.children ?? []) {
      if (part !== this.element && !part.matches(".ws-toasts")) part.inert = inert;
    }
  }

  async show(row) {
    if (row === this.row) return;
    this.row = row;
    const id = this.model.ids[row];
    this.zoom = 1;
    this.x = this.y = 0;
    this.picture.style.backgroundImage = `url(${this.api.thumb(id)})`;
    this.picture.src = this.api.picture(id);
    this.missing.hidden = true;
    this.place();
    this.tellState();
    refill(this.facts);
    refill(this.near);
    this.title.textContent = id.slice(0, 8);
    const [facts, near] = await Promise.allSettled([
      this.api.get(`image/${id}`),
      this.api.get(`image/${id}/neighbours`, { k: 8 }),
    ]);
    if (this.row !== row) return;
    if (facts.status === "fulfilled") this.tellFacts(facts.value);
    if (near.status === "fulfilled") this.tellNear(near.value);
    else refill(this.near, h("p", { class: "ws-quiet" }, near.reason.message));
  }

  // Originals that are referenced in place may be moved or on a drive that was taken away.
  lost() {
    this.picture.src = NOTHING;
    this.missing.hidden = false;
  }

  tellState() {
    refill(
      this.state,
      describe(this.model, this.row),
      this.model.isAudit(this.row) && h("div", { class: "ws-card-quiet" }, "Audit image: never trains the classifier."),
    );
  }

  tellFacts(facts) {
    const name = facts.path.split("/").at(-1);
    // A senior who decides sees what others say; the grid has brought it along.
    const told = facts.opinions?.length ? facts.opinions : this.grid.saidOf(this.row);
    this.title.textContent = name;
    this.title.title = facts.path;
    const lines = [
      ["Path", facts.path],
      [
        "Size",
        `${count(facts.width)} × ${count(facts.height)} px, ${count(Math.max(1, Math.round(facts.bytes / 1024)))} kB`,
      ],
      // Whoever labels an audit image must not be swayed by anything.
      ["Reference", this.model.concealed(this.row) ? null : facts.reference],
      ["Group", facts.group],
      ...Object.entries(facts.meta),
      ["Labelled by", !told.length && facts.annotator && `${facts.annotator}, ${clock(facts.labelled_at)}`],
      ...told.map((o) => [
        o.annotator,
        `${o.class_id !== null ? this.model.name(o.class_id) : o.kind === "reject" ? "unusable" : o.kind}${o.decided ? ", decided" : ""}, ${clock(o.at)}`,
      ]),
      ["Id", facts.id],
    ];
    refill(
      this.facts,
      lines
        .filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false)
        .map(([key, value]) => [h("dt", {}, key), h("dd", {}, String(value))]),
    );
  }

  tellNear({ ids, similarity }) {
    refill(
      this.near,
      ids.map((id, i) => {
        const row = this.model.rowOf.get(id);
        const shown = this.model.shownId(row);
        return h(
          "button",
          {
            type: "button",
            title: `similarity ${two(similarity[i])}`,
            style: shown !== null ? { "--own": this.model.color(shown) } : {},
            "aria-label": `Similar image, similarity ${two(similarity[i])}${shown !== null ? `, ${this.model.name(shown)}` : ""}`,
            onclick: () => this.show(row),
          },
          h("img", { src: this.api.thumb(id), alt: "" }),
          h("small", {}, percent(similarity[i])),
        );
      }),
      h(
        "button",
        {
          type: "button",
          class: "ws-link",
          onclick: () => {
            const id = this.model.ids[this.row];
            this.close();
            this.grid.open({ name: "neighbours", id });
          },
        },
        "Label its neighbours",
      ),
    );
  }

  place() {
    this.picture.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.zoom})`;
    this.picture.style.imageRendering = this.zoom > 4 ? "pixelated" : "auto";
  }

  zoomTo(zoom, event) {
    const next = Math.max(1, Math.min(MOST_ZOOM, zoom));
    const box = this.stage.getBoundingClientRect();
    const px = event ? event.clientX - box.left - box.width / 2 : 0,
      py = event ? event.clientY - box.top - box.height / 2 : 0;
    this.x = px - ((px - this.x) * next) / this.zoom;
    this.y = py - ((py - this.y) * next) / this.zoom;
    this.zoom = next;
    if (next === 1) this.x = this.y = 0;
    this.place();
  }

  // The Tab key goes round in here, as in any dialog.
  round(event) {
    if (event.key !== "Tab") return;
    const stops = [...this.element.querySelectorAll("button:not(:disabled)")].filter((one) => one.offsetParent);
    const at = stops.indexOf(document.activeElement);
    const next = at < 0 ? (event.shiftKey ? stops.length - 1 : 0) : at + (event.shiftKey ? -1 : 1);
    event.preventDefault();
    stops[(next + stops.length) % stops.length]?.focus();
  }

  listen() {
    this.element.addEventListener("keydown", (event) => this.round(event));
    this.stage.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.zoomTo(this.zoom * Math.exp(-event.deltaY / 400), event);
      },
      { passive: false },
    );
    this.stage.addEventListener("pointerdown", (event) => {
      this.stage.setPointerCapture(event.pointerId);
      this.drag = { x: event.clientX - this.x, y: event.clientY - this.y };
    });
    this.stage.addEventListener("pointermove", (event) => {
      if (!this.drag || !event.buttons || this.zoom === 1) return;
      this.x = event.clientX - this.drag.x;
      this.y = event.clientY - this.drag.y;
      this.place();
    });
    this.stage.addEventListener("pointerup", () => {
      this.drag = null;
    });
    this.stage.addEventListener("dblclick", (event) => this.zoomTo(this.zoom > 1 ? 1 : 3, event));
  }
}
