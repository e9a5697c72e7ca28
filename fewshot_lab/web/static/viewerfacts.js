// @ts-check
// What is known of the image in the large view, and its nearest neighbours.

import { alikeness, button, clock, count, h, refill } from "./dom.js";
import { describe } from "./hovercard.js";

/** @import { Viewer } from "./viewer.js" */
/** @import { ImageFacts, Neighbours, Opinion } from "./types.d.ts" */

export class ViewerFacts {
  /** @param {Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer;
    this.model = viewer.model;
    this.missing = h(
      "p",
      { class: "ws-missing", role: "status", hidden: true },
      "The original cannot be read where it was imported from. Its small copy is shown.",
    );
    this.facts = h("dl", { class: "ws-facts" });
    this.state = h("div", { class: "ws-viewer-state" });
    this.neighbours = h("div", { class: "ws-near" });
    this.classesHidden = false;
    this.title = h("h2", { "aria-live": "polite" });
    const onSlide = () => this.viewer.showOnSlide();
    this.onSlide = button("ws-link ws-on-slide", { onclick: onSlide, hidden: true }, "Where on the slide");
    this.element = [this.missing, this.state, this.onSlide, this.facts, h("h3", {}, "Most similar"), this.neighbours];
  }

  get row() {
    return this.viewer.pane.row;
  }

  /** Asks what is known of the image that is shown now. */
  async load() {
    const { row } = this;
    const { api } = this.viewer;
    const id = this.model.ids[row];
    this.drawState();
    this.onSlide.hidden = true;
    refill(this.facts);
    refill(this.neighbours);
    this.title.textContent = id.slice(0, 8);
    const [facts, neighbours] = await Promise.allSettled([
      api.get(`image/${id}`),
      api.get(`image/${id}/neighbours`, { k: 8 }),
    ]);
    if (this.row !== row) return;
    if (facts.status === "fulfilled") this.drawFacts(facts.value);
    if (neighbours.status === "fulfilled") this.drawNeighbours(neighbours.value);
    else refill(this.neighbours, h("p", { class: "ws-quiet" }, neighbours.reason.message));
  }

  /** What a label of the image allows to be shown. */
  drawLabelled() {
    this.drawState();
    if (this.classesHidden && this.model.kind(this.row)) this.load();
  }

  drawState() {
    const audit = h("div", { class: "ws-card-quiet" }, "Audit image: never trains the classifier.");
    refill(this.state, describe(this.model, this.row), this.model.isAudit(this.row) && audit);
  }

  /** @param {ImageFacts} facts */
  drawFacts(facts) {
    // A senior who decides sees what others say; the grid has brought it along.
    const opinions = facts.opinions.length ? facts.opinions : this.viewer.grid.opinionsOf(this.row);
    this.title.textContent = facts.path.split("/").at(-1) ?? "";
    this.title.title = facts.path;
    this.viewer.setFacts(facts);
    this.onSlide.hidden = !facts.on_slide;
    const size = `${count(facts.width)} × ${count(facts.height)} px`;
    const kilobytes = facts.bytes === null ? "" : `, ${count(Math.max(1, Math.round(facts.bytes / 1024)))} kB`;
    const lines = [
      ["Path", facts.path.includes("/") && facts.path],
      ["Size", size + kilobytes],
      // Whoever labels an audit image must not be swayed by anything.
      ["Reference", this.model.concealed(this.row) ? null : facts.reference],
      ["Group", facts.group],
      ...Object.entries(facts.meta),
      ["Labelled by", !opinions.length && facts.annotator && `${facts.annotator}, ${clock(facts.labelled_at)}`],
      ...opinions.map((opinion) => [opinion.annotator, this.opinionText(opinion)]),
      ["Id", facts.id],
    ];
    const filled = lines.filter(([, value]) => !["", null, undefined, false].includes(/** @type {any} */ (value)));
    refill(
      this.facts,
      filled.map(([key, value]) => [h("dt", {}, String(key)), h("dd", {}, String(value))]),
    );
  }

  /** @param {Opinion} opinion */
  opinionText({ class_id, kind, decided, at }) {
    const label = class_id !== null ? this.model.name(class_id) : kind === "reject" ? "unusable" : kind;
    return `${label}${decided ? ", decided" : ""}, ${clock(at)}`;
  }

  /** @param {Neighbours} neighbours */
  drawNeighbours({ ids, similarity, classes_hidden }) {
    this.classesHidden = classes_hidden;
    const tiles = ids.map((id, i) => {
      const row = this.model.rowOf.get(id) ?? -1;
      const shown = classes_hidden ? null : this.model.shownId(row);
      const title = `similarity ${alikeness(similarity[i])}`;
      const attributes = {
        title,
        style: shown !== null ? { "--own": this.model.color(shown) } : {},
        "aria-label": `Similar image, ${title}${shown !== null ? `, ${this.model.name(shown)}` : ""}`,
        onclick: () => this.viewer.show(row),
      };
      return button(
        "",
        attributes,
        h("img", { src: this.viewer.api.thumbnail(id), alt: "" }),
        h("small", {}, alikeness(similarity[i])),
      );
    });
    const openAll = () => {
      const id = this.model.ids[this.row];
      this.viewer.close();
      this.viewer.grid.open({ name: "neighbours", id });
    };
    const more = classes_hidden
      ? h("p", { class: "ws-quiet" }, "Their classes are shown once this image has a label.")
      : button("ws-link", { onclick: openAll }, "Label its neighbours");
    refill(this.neighbours, tiles, more);
  }
}
