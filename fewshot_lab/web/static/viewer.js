// @ts-check
// The large view: zoom, pan, what is known of the image, and its nearest neighbours.

import { button, clock, count, h, iconButton, percent, refill } from "./dom.js";
import { describe } from "./hovercard.js";

/** @import { Api } from "./api.js" */
/** @import { Grid } from "./grid.js" */
/** @import { Model } from "./model.js" */
/** @import { ImageFacts, Opinion } from "./types.d.ts" */

const HIGHEST_ZOOM = 16;
// Stands over the small copy without covering it.
const TRANSPARENT = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>";

export class Viewer {
  /** @param {{ model: Model, api: Api, grid: Grid }} parts */
  constructor({ model, api, grid }) {
    this.model = model;
    this.api = api;
    this.grid = grid;
    this.row = -1;
    this.zoom = 1;
    this.x = this.y = 0;
    this.picture = h("img", { alt: "", draggable: "false", onerror: () => this.showMissing() });
    this.missing = h(
      "p",
      { class: "ws-missing", role: "status", hidden: true },
      "The original cannot be read where it was imported from. Shown is its small copy.",
    );
    this.stage = h("div", { class: "ws-stage", tabindex: "-1" }, this.picture);
    this.facts = h("dl", { class: "ws-facts" });
    this.state = h("div", { class: "ws-viewer-state" });
    this.neighbours = h("div", { class: "ws-near" });
    this.title = h("h2");
    const keys = [h("kbd", {}, "←"), h("kbd", {}, "→"), " next image, ", h("kbd", {}, "space")];
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
        this.neighbours,
        h("p", { class: "ws-quiet" }, keys, " closes; class keys label."),
      ),
    );
    this.listen();
    model.on("labels scores", () => {
      if (this.isOpen) this.drawState();
    });
    model.on("focus", (row) => {
      if (this.isOpen && row >= 0) this.show(row);
    });
  }

  get isOpen() {
    return this.row >= 0;
  }

  /** @param {number} row */
  open(row) {
    const { cursor, places } = this.grid;
    const place = places.get(row);
    if (place !== undefined && cursor.place !== place) cursor.focusAlone(place);
    this.element.hidden = false;
    this.coverPage(true);
    this.show(row);
    this.element.focus({ preventScroll: true });
  }

  close() {
    this.row = -1;
    this.element.hidden = true;
    this.coverPage(false);
    this.grid.tiles.takeKeys();
  }

  /** What lies behind is out of reach of the Tab key. @param {boolean} inert */
  coverPage(inert) {
    for (const part of this.element.parentElement?.children ?? []) {
      if (part !== this.element && !part.matches(".ws-toasts")) part.toggleAttribute("inert", inert);
    }
  }

  /** @param {number} row */
  async show(row) {
    if (row === this.row) return;
    this.row = row;
    const id = this.model.ids[row];
    this.zoom = 1;
    this.x = this.y = 0;
    this.picture.style.backgroundImage = `url(${this.api.thumbnail(id)})`;
    this.picture.src = this.api.picture(id);
    this.missing.hidden = true;
    this.place();
    this.drawState();
    refill(this.facts);
    refill(this.neighbours);
    this.title.textContent = id.slice(0, 8);
    const [facts, neighbours] = await Promise.allSettled([
      this.api.get(`image/${id}`),
      this.api.get(`image/${id}/neighbours`, { k: 8 }),
    ]);
    if (this.row !== row) return;
    if (facts.status === "fulfilled") this.drawFacts(facts.value);
    if (neighbours.status === "fulfilled") this.drawNeighbours(neighbours.value);
    else refill(this.neighbours, h("p", { class: "ws-quiet" }, neighbours.reason.message));
  }

  /** Originals that are referenced in place may be moved or on a drive that was taken away. */
  showMissing() {
    this.picture.src = TRANSPARENT;
    this.missing.hidden = false;
  }

  drawState() {
    const audit = h("div", { class: "ws-card-quiet" }, "Audit image: never trains the classifier.");
    refill(this.state, describe(this.model, this.row), this.model.isAudit(this.row) && audit);
  }

  /** @param {ImageFacts} facts */
  drawFacts(facts) {
    // A senior who decides sees what others say; the grid has brought it along.
    const opinions = facts.opinions.length ? facts.opinions : this.grid.opinionsOf(this.row);
    this.title.textContent = facts.path.split("/").at(-1) ?? "";
    this.title.title = facts.path;
    const kilobytes = count(Math.max(1, Math.round(facts.bytes / 1024)));
    const lines = [
      ["Path", facts.path],
      ["Size", `${count(facts.width)} × ${count(facts.height)} px, ${kilobytes} kB`],
      // Whoever labels an audit image must not be swayed by anything.
      ["Reference", this.model.concealed(this.row) ? null : facts.reference],
      ["Group", facts.group],
      ...Object.entries(facts.meta),
      ["Labelled by", !opinions.length && facts.annotator && `${facts.annotator}, ${clock(facts.labelled_at)}`],
      ...opinions.map((opinion) => [opinion.annotator, this.opinionText(opinion)]),
      ["Id", facts.id],
    ];
    const known = lines.filter(([, value]) => !["", null, undefined, false].includes(/** @type {any} */ (value)));
    refill(
      this.facts,
      known.map(([key, value]) => [h("dt", {}, String(key)), h("dd", {}, String(value))]),
    );
  }

  /** @param {Opinion} opinion */
  opinionText({ class_id, kind, decided, at }) {
    const label = class_id !== null ? this.model.name(class_id) : kind === "reject" ? "unusable" : kind;
    return `${label}${decided ? ", decided" : ""}, ${clock(at)}`;
  }

  /** @param {{ ids: string[], similarity: number[] }} neighbours */
  drawNeighbours({ ids, similarity }) {
    const tiles = ids.map((id, i) => {
      const row = this.model.rowOf.get(id) ?? -1;
      const shown = this.model.shownId(row);
      const title = `similarity ${percent(similarity[i])}`;
      const attributes = {
        title,
        style: shown !== null ? { "--own": this.model.color(shown) } : {},
        "aria-label": `Similar image, ${title}${shown !== null ? `, ${this.model.name(shown)}` : ""}`,
        onclick: () => this.show(row),
      };
      return button(
        "",
        attributes,
        h("img", { src: this.api.thumbnail(id), alt: "" }),
        h("small", {}, percent(similarity[i])),
      );
    });
    const openAll = () => {
      const id = this.model.ids[this.row];
      this.close();
      this.grid.open({ name: "neighbours", id });
    };
    refill(this.neighbours, tiles, button("ws-link", { onclick: openAll }, "Label its neighbours"));
  }

  place() {
    this.picture.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.zoom})`;
    this.picture.style.imageRendering = this.zoom > 4 ? "pixelated" : "auto";
  }

  /**
   * @param {number} zoom
   * @param {MouseEvent} event at the point that keeps its place
   */
  zoomTo(zoom, event) {
    const next = Math.max(1, Math.min(HIGHEST_ZOOM, zoom));
    const box = this.stage.getBoundingClientRect();
    const px = event.clientX - box.left - box.width / 2,
      py = event.clientY - box.top - box.height / 2;
    this.x = px - ((px - this.x) * next) / this.zoom;
    this.y = py - ((py - this.y) * next) / this.zoom;
    this.zoom = next;
    if (next === 1) this.x = this.y = 0;
    this.place();
  }

  /** The Tab key goes round in here, as in any dialog. @param {KeyboardEvent} event */
  cycleFocus(event) {
    if (event.key !== "Tab") return;
    const buttons = /** @type {NodeListOf<HTMLElement>} */ (this.element.querySelectorAll("button:not(:disabled)"));
    const stops = [...buttons].filter((stop) => stop.offsetParent);
    const at = stops.findIndex((stop) => stop === document.activeElement);
    const next = at < 0 ? (event.shiftKey ? stops.length - 1 : 0) : at + (event.shiftKey ? -1 : 1);
    event.preventDefault();
    stops[(next + stops.length) % stops.length]?.focus();
  }

  listen() {
    const { stage } = this;
    let drag = /** @type {{ x: number, y: number } | null} */ (null);
    this.element.addEventListener("keydown", (event) => this.cycleFocus(event));
    stage.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.zoomTo(this.zoom * Math.exp(-event.deltaY / 400), event);
      },
      { passive: false },
    );
    stage.addEventListener("pointerdown", (event) => {
      stage.setPointerCapture(event.pointerId);
      drag = { x: event.clientX - this.x, y: event.clientY - this.y };
    });
    stage.addEventListener("pointermove", (event) => {
      if (!drag || !event.buttons || this.zoom === 1) return;
      this.x = event.clientX - drag.x;
      this.y = event.clientY - drag.y;
      this.place();
    });
    stage.addEventListener("pointerup", () => {
      drag = null;
    });
    stage.addEventListener("dblclick", (event) => this.zoomTo(this.zoom > 1 ? 1 : 3, event));
  }
}
