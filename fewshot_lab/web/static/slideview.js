// @ts-check
// A whole slide with its tiles in the colours of the map: pan and zoom, click a tile, and back to it.

import { afterPaint, h, refill, select, setText, slider } from "./dom.js";
import { HoverCard } from "./hovercard.js";
import { around, fitted, inBounds, zoomedTo } from "./slidegeometry.js";
import { SlidePainter } from "./slidepainter.js";
import { SlidePieces } from "./slidepieces.js";
import { SlidePointer } from "./slidepointer.js";
import { lookAround, zoomButtons } from "./stage.js";

/** @import { Api } from "./api.js" */
/** @import { MapView } from "./map.js" */
/** @import { Model } from "./model.js" */
/** @import { Preferences } from "./preferences.js" */
/** @import { Moves } from "./stage.js" */
/** @import { Toasts } from "./toast.js" */
/** @import { SlidePlace } from "./slidegeometry.js" */
/** @typedef {{ key: string, name: string, width: number, height: number, mpp: number | null, tiles: number }} SlideFacts */
/** One tile: the row of its image, and where it lies. @typedef {{ row: number, x: number, y: number, width: number, height: number }} Tile */

export const SLIDE_HINT = "Drag moves, wheel zooms, double-click enlarges a tile. Shift and drag selects several.";

export class SlideView {
  /**
   * @param {{
   *   model: Model,
   *   api: Api,
   *   map: MapView,
   *   preferences: Preferences,
   *   toasts: Toasts,
   *   onOpen: (row: number) => void,
   * }} parts
   */
  constructor({ model, api, map, preferences, toasts, onOpen }) {
    this.model = model;
    this.api = api;
    this.map = map;
    this.preferences = preferences;
    this.toasts = toasts;
    this.onOpen = onOpen;
    this.slides = /** @type {SlideFacts[]} */ ([]);
    this.slide = /** @type {SlideFacts | null} */ (null);
    this.tiles = /** @type {Tile[]} */ ([]);
    this.pieces = /** @type {SlidePieces | null} */ (null);
    this.place = /** @type {SlidePlace} */ ({ x: 0, y: 0, scale: 1 });
    this.isFitted = true;
    this.box = /** @type {number[] | null} */ (null);
    this.choice = select("Slide", (key) => this.openSlide(key));
    this.counts = h("span", { class: "ws-slide-count" });
    const setStrength = (/** @type {number} */ value) => {
      preferences.set("tile-strength", value);
      this.draw();
    };
    const stored = { value: preferences.get("tile-strength", 0.6) };
    this.opacity = slider("How strongly tiles are coloured", [0, 1, 0.05], setStrength, stored);
    this.canvas = h("canvas", {});
    this.status = h("p", { class: "ws-slide-status", role: "status", hidden: true });
    this.bar = h("div", { class: "ws-slide-bar" });
    this.card = new HoverCard(model, api);
    /** @type {Moves} */
    const moves = {
      zoom: (steps) => this.zoomBy(1.6 ** steps),
      move: (right, down) => this.pan(-80 * right, -80 * down),
      fit: () => this.fit(),
    };
    this.stage = h(
      "div",
      {
        class: "ws-slide-stage",
        role: "application",
        tabindex: "0",
        "aria-label": "The whole slide with its tiles. Plus and minus zoom, arrow keys move, 0 fits.",
        onkeydown: (event) => lookAround(event, moves),
      },
      this.canvas,
      this.status,
      this.bar,
      zoomButtons(moves, "See the whole slide"),
      this.card.element,
    );
    const strength = h("label", {}, "Colour ", this.opacity);
    const head = h("div", { class: "ws-slide-head" }, this.choice, this.counts, strength);
    this.element = h("div", { class: "ws-slide", hidden: true }, head, this.stage);
    this.pointer = new SlidePointer(this);
    this.painter = new SlidePainter(this);
    this.draw = afterPaint(() => this.painter.paint());
    model.on("labels scores classes filter hidden columns colour selection", () => this.draw());
    model.on("focus", () => this.followFocus());
    model.on("images", () => {
      if (this.isOpen && this.slide) this.openSlide(this.slide.key, { stay: true });
    });
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(this.stage);
  }

  get isOpen() {
    return !this.element.hidden;
  }

  get room() {
    return { width: this.stage.clientWidth, height: this.stage.clientHeight };
  }

  /**
   * Shows a slide, by default that of the image in focus, else the one last seen.
   * @param {string} [key]
   * @param {{ near?: boolean }} [options] near: the image in focus is enlarged
   */
  async open(key, { near = false } = {}) {
    this.element.hidden = false;
    this.map.element.hidden = true;
    this.model.emit("tool");
    try {
      const { slides } = await this.api.get("slides");
      this.slides = slides;
      refill(
        this.choice,
        slides.map((/** @type {SlideFacts} */ slide) => h("option", { value: slide.key }, slide.name)),
      );
      const row = this.model.focusRow;
      const [own] = key || row < 0 ? [] : await this.placesOf(row);
      const wanted = key ?? own?.slide ?? this.slide?.key;
      const slide = this.slides.find((each) => each.key === wanted) ?? this.slides[0];
      if (!slide) return this.tell("No image of this project is a tile of a slide.");
      await this.openSlide(slide.key, { stay: slide.key === this.slide?.key });
      if (near) this.followFocus({ near });
    } catch (error) {
      this.toasts.warn(error);
    }
  }

  /** Back to the map. */
  hide() {
    this.element.hidden = true;
    this.map.element.hidden = false;
    this.card.hide();
    this.model.emit("tool");
  }

  /** Where on which slides an image lies. @param {number} row @returns {Promise<{ slide: string }[]>} */
  async placesOf(row) {
    return (await this.api.get(`image/${this.model.ids[row]}/slides`)).places;
  }

  /** @param {string} key @param {{ stay?: boolean }} [options] stay: at the same place of the same slide */
  async openSlide(key, { stay = false } = {}) {
    const slide = this.slides.find((each) => each.key === key);
    if (!slide) return;
    const { head, arrays } = await this.api.arrays(`slide/${key}/tiles`, {});
    this.slide = slide;
    this.choice.value = key;
    const hex = [...arrays.ids].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    this.tiles = [];
    for (let k = 0; k < head.n; k++) {
      const row = this.model.rowOf.get(hex.slice(20 * k, 20 * k + 20));
      const [x, y, width, height] = arrays.boxes.subarray(4 * k, 4 * k + 4);
      if (row !== undefined) this.tiles.push({ row, x, y, width, height });
    }
    if (!stay || !this.pieces) {
      this.pieces?.close();
      const base = `slide/${key}/piece`;
      this.pieces = new SlidePieces(
        ({ level, column, row }) => `${this.api.base}/${base}/${level}/${column}_${row}`,
        () => this.draw(),
      );
      this.fit();
    }
    this.element.dataset.slide = slide.name;
    this.draw();
  }

  /** @param {string} sentence */
  tell(sentence) {
    setText(this.status, sentence);
    this.status.hidden = !sentence;
  }

  resized() {
    if (!this.slide || !this.stage.clientWidth) return;
    if (this.isFitted) this.place = fitted(this.slide, this.room);
    this.draw();
  }

  fit() {
    if (!this.slide) return;
    this.place = fitted(this.slide, this.room);
    this.isFitted = true;
    this.draw();
  }

  /** @param {SlidePlace} place */
  moveTo(place) {
    this.place = place;
    this.isFitted = false;
    this.draw();
  }

  /** @param {number} factor @param {{ x: number, y: number }} [at] on the screen */
  zoomBy(factor, at = { x: this.room.width / 2, y: this.room.height / 2 }) {
    if (this.slide) this.moveTo(zoomedTo(this.place, factor, at.x, at.y, this.slide, this.room));
  }

  /** @param {number} dx of the screen @param {number} dy */
  pan(dx, dy) {
    const { scale, x, y } = this.place;
    if (this.slide) this.moveTo(inBounds({ x: x - dx / scale, y: y - dy / scale, scale }, this.slide, this.room));
  }

  /** The image in focus is ringed, and brought into sight. @param {{ near?: boolean }} [options] near: enlarged */
  followFocus({ near = false } = {}) {
    if (!this.isOpen || !this.slide) return;
    const tile = this.tiles.find((each) => each.row === this.model.focusRow);
    if (tile) {
      const [x, y, width, height] = this.onScreen(tile);
      const { room, place, slide } = this;
      const [cx, cy] = [x + width / 2, y + height / 2];
      const inSight = cx >= 0 && cy >= 0 && cx <= room.width && cy <= room.height;
      if (near) this.moveTo(around(tile, room, slide));
      else if (!inSight) {
        const shift = {
          x: place.x + (cx - room.width / 2) / place.scale,
          y: place.y + (cy - room.height / 2) / place.scale,
        };
        this.moveTo(inBounds({ ...shift, scale: place.scale }, slide, room));
      }
    }
    this.draw();
  }

  /** @param {{ x: number, y: number, width: number, height: number }} area */
  onScreen({ x, y, width, height }) {
    const { place } = this;
    return [(x - place.x) * place.scale, (y - place.y) * place.scale, width * place.scale, height * place.scale];
  }

  /** The tile at a place of the screen; of several that overlap, the one whose middle is nearest. @param {MouseEvent} event */
  tileAt(event) {
    const box = this.stage.getBoundingClientRect();
    const x = this.place.x + (event.clientX - box.left) / this.place.scale;
    const y = this.place.y + (event.clientY - box.top) / this.place.scale;
    const visible = this.map.reachable();
    /** @param {Tile} tile */
    const far = (tile) => Math.hypot(tile.x + tile.width / 2 - x, tile.y + tile.height / 2 - y);
    let best = /** @type {Tile | null} */ (null);
    for (const tile of this.tiles) {
      if (x < tile.x || y < tile.y || x >= tile.x + tile.width || y >= tile.y + tile.height) continue;
      if (visible(tile.row) && (!best || far(tile) < far(best))) best = tile;
    }
    return best;
  }

  close() {
    this.pieces?.close();
    this.observer.disconnect();
  }
}
