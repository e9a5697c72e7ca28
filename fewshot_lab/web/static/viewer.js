// @ts-check
// The large view: one image, or two side by side, with the class keys in sight.

import { closest, h, iconButton } from "./dom.js";
import { scaleOf } from "./greywindow.js";
import { ViewerFacts } from "./viewerfacts.js";
import { ViewerKeys } from "./viewerkeys.js";
import { ViewerPane } from "./viewerpane.js";
import { ViewerPointer } from "./viewerpointer.js";
import { ViewerSequence } from "./viewersequence.js";
import { ViewerTools } from "./viewertools.js";
import { FITTED, panned, zoomedAt } from "./viewerzoom.js";

/** @import { Api } from "./api.js" */
/** @import { Grid } from "./grid.js" */
/** @import { GreyWindow } from "./greywindow.js" */
/** @import { Model } from "./model.js" */
/** @import { SlideView } from "./slideview.js" */
/** @import { ImageFacts } from "./types.d.ts" */
/** @import { Looks } from "./viewerpane.js" */
/** @import { Zoom } from "./viewerzoom.js" */

export class Viewer {
  /** @param {{ model: Model, api: Api, grid: Grid, slides: SlideView }} parts */
  constructor({ model, api, grid, slides }) {
    this.slides = slides;
    this.model = model;
    this.api = api;
    this.grid = grid;
    /** @type {Looks} */
    this.looks = { zoom: FITTED, inverted: false, windows: new Map() };
    this.pane = this.newPane();
    this.pinned = /** @type {ViewerPane | null} */ (null);
    this.ahead = new Image();
    this.stage = h("div", { class: "ws-stage" }, this.pane.element);
    this.tools = new ViewerTools(this);
    this.keys = new ViewerKeys(this);
    this.facts = new ViewerFacts(this);
    this.sequence = new ViewerSequence(this);
    this.stage.append(this.sequence.note);
    this.pointer = new ViewerPointer(this);
    this.element = h(
      "div",
      {
        class: "ws-viewer",
        role: "dialog",
        "aria-modal": "true",
        "aria-label": "Large view",
        hidden: true,
        tabindex: "-1",
        onkeydown: (event) => this.cycleFocus(event),
      },
      h("div", { class: "ws-viewer-main" }, this.tools.element, this.stage, this.sequence.element, this.keys.element),
      h(
        "aside",
        { "aria-label": "About this image" },
        h(
          "header",
          {},
          this.facts.title,
          iconButton("close", "Close (Escape)", () => this.close()),
        ),
        this.facts.element,
      ),
    );
    model.on("labels scores classes", () => {
      if (!this.isOpen) return;
      this.facts.drawLabelled();
      this.keys.draw();
      this.drawCaptions();
    });
    model.on("labelled", (labelled) => {
      if (this.isOpen) this.keys.confirm(labelled);
    });
    model.on("reverted", () => this.keys.explain());
    model.on("focus", (row) => {
      if (this.isOpen && row >= 0) this.show(row);
    });
    this.observer = new ResizeObserver(() => this.tools.draw());
    this.observer.observe(this.stage);
  }

  newPane() {
    const { model, api, looks } = this;
    const parts = { model, api, looks, onChange: () => this.changed(), onReset: () => this.resetWindow() };
    return new ViewerPane(parts);
  }

  get row() {
    return this.pane.row;
  }

  get isOpen() {
    return !this.element.hidden;
  }

  /** @param {number} row */
  open(row) {
    const { cursor, places } = this.grid;
    const place = places.get(row);
    if (place !== undefined && cursor.place !== place) cursor.focusAlone(place);
    this.element.hidden = false;
    this.coverPage(true);
    this.keys.explain();
    this.show(row);
    this.takeKeys();
  }

  close() {
    this.element.hidden = true;
    if (this.pinned) this.togglePin();
    this.pane.close();
    this.sequence.forget();
    this.coverPage(false);
    this.grid.tiles.takeKeys();
  }

  /** The image on its slide, with the tiles around it. */
  async showOnSlide() {
    const { model, row } = this;
    this.close();
    model.focus(row);
    await this.slides.open(undefined, { near: true });
    this.slides.stage.focus({ preventScroll: true });
  }

  takeKeys() {
    this.element.focus({ preventScroll: true });
  }

  /** What lies behind is out of reach of the Tab key. @param {boolean} inert */
  coverPage(inert) {
    for (const part of this.element.parentElement?.children ?? []) {
      if (part !== this.element && !part.matches(".ws-toasts")) part.toggleAttribute("inert", inert);
    }
  }

  /** @param {number} row */
  show(row) {
    if (row === this.row && this.pane.number === null) return;
    // With two images one looks at the same place of each; alone, each begins as a whole.
    if (!this.pinned) this.looks.zoom = FITTED;
    this.pane.show(row);
    this.keys.draw();
    this.facts.missing.hidden = true;
    this.facts.load();
    this.sequence.load();
    this.changed();
  }

  // -- slices of a volume --------------------------------------------------------------------------

  /** Another image of the same volume, at the same place of it. @param {number} row */
  showSlice(row) {
    this.pane.show(row);
    this.keys.draw();
    this.facts.missing.hidden = true;
    this.changed();
  }

  /** A slice that is no image of the project. @param {number} number of the slice in its volume */
  showContext(number) {
    this.pane.show(this.row, number);
    this.changed();
  }

  /** What is known of the image follows when one no longer steps on. */
  settle() {
    if (!this.isOpen) return;
    this.facts.load();
    this.changed();
  }

  /** @param {ImageFacts} facts */
  setFacts({ width }) {
    this.pane.fullWidth = width;
    this.changed();
  }

  /** The next picture is there before one asks for it. */
  fetchAhead() {
    const { api, grid, model, row } = this;
    const next = grid.rows[(grid.places.get(row) ?? -2) + 1];
    if (next !== undefined) this.ahead.src = api.picture(model.ids[next]);
  }

  changed() {
    if (this.pane.source) this.fetchAhead();
    this.facts.missing.hidden = !this.pane.missing;
    this.drawCaptions();
    this.tools.draw();
  }

  // -- two images ----------------------------------------------------------------------------------

  togglePin() {
    if (this.pinned) {
      this.pinned.close();
      this.pinned.element.remove();
      this.pinned = null;
    } else {
      this.pinned = this.newPane();
      this.stage.prepend(this.pinned.element);
      this.pinned.show(this.row);
      this.pinnedTitle = this.facts.title.textContent;
    }
    this.stage.classList.toggle("ws-two", Boolean(this.pinned));
    this.changed();
  }

  drawCaptions() {
    const { model, pane, pinned } = this;
    for (const each of [pane, pinned]) {
      if (!each) continue;
      each.caption.hidden = !pinned;
      const own = model.classId(each.row);
      const name = each === pane ? this.facts.title.textContent : this.pinnedTitle;
      each.caption.textContent = [each === pinned && "Pinned", name, own !== null && model.name(own)]
        .filter(Boolean)
        .join(", ");
    }
  }

  // -- zoom ----------------------------------------------------------------------------------------

  /**
   * @param {Zoom} zoom
   * @param {{ glide?: boolean }} [options] glide: the picture moves there smoothly
   */
  setZoom(zoom, { glide = true } = {}) {
    this.looks.zoom = zoom;
    this.stage.classList.toggle("ws-glide", glide);
    this.pane.place();
    this.pinned?.place();
    this.tools.draw();
  }

  /**
   * @param {number} factor
   * @param {{ x: number, y: number }} [at] what keeps its place, from the middle of its pane
   */
  zoomBy(factor, at = { x: 0, y: 0 }) {
    const { zoom } = this.looks;
    this.setZoom(zoomedAt(zoom, zoom.zoom * factor, at.x, at.y));
  }

  fit() {
    this.setZoom(FITTED);
  }

  /**
   * @param {number} dx in pixels
   * @param {number} dy
   * @param {{ glide?: boolean }} [options]
   */
  pan(dx, dy, options) {
    const { clientWidth: width, clientHeight: height } = this.pane.element;
    this.setZoom(panned(this.looks.zoom, dx, dy, { width, height }), options);
  }

  // -- window and level ----------------------------------------------------------------------------

  /** @param {GreyWindow} window for all images of this one's scale, until it is reset */
  setWindow(window) {
    const { source } = this.pane;
    if (source) this.looks.windows.set(scaleOf(source), window);
    this.redraw();
  }

  resetWindow() {
    this.looks.windows.clear();
    this.looks.inverted = false;
    this.redraw();
    this.takeKeys();
  }

  invert() {
    this.looks.inverted = !this.looks.inverted;
    this.redraw();
  }

  redraw() {
    this.pane.draw();
    this.pinned?.draw();
    this.tools.draw();
  }

  /** The Tab key goes round in here, as in any dialog. @param {KeyboardEvent} event */
  cycleFocus(event) {
    if (event.key !== "Tab" || closest(event, ".ws-popover")) return;
    const all = /** @type {NodeListOf<HTMLElement>} */ (this.element.querySelectorAll("button, input"));
    const stops = [...all].filter((stop) => stop.offsetParent && !stop.matches(":disabled"));
    const at = stops.findIndex((stop) => stop === document.activeElement);
    const next = at < 0 ? (event.shiftKey ? stops.length - 1 : 0) : at + (event.shiftKey ? -1 : 1);
    event.preventDefault();
    stops[(next + stops.length) % stops.length]?.focus();
  }
}
