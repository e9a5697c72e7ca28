// @ts-check
// One picture of the large view: as it comes, or drawn through a window, under the zoom that all panes share.

import { button, h, refill } from "./dom.js";
import { colourSource, greySource, missesAll, paintThrough, scaleOf } from "./greywindow.js";

/** @import { Api } from "./api.js" */
/** @import { GreyWindow, Source } from "./greywindow.js" */
/** @import { Model } from "./model.js" */
/** @import { Zoom } from "./viewerzoom.js" */
/** What is chosen for every pane. @typedef {{ zoom: Zoom, inverted: boolean, windows: Map<string, GreyWindow> }} Looks */

export class ViewerPane {
  /** @param {{ model: Model, api: Api, looks: Looks, onChange: () => void, onReset: () => void }} parts */
  constructor({ model, api, looks, onChange, onReset }) {
    this.model = model;
    this.api = api;
    this.looks = looks;
    this.onChange = onChange;
    this.row = -1;
    // Of a slice that is no image of the project, its place in the volume.
    this.number = /** @type {number | null} */ (null);
    this.missing = false;
    this.source = /** @type {Source | null} */ (null);
    // The picture's own width in pixels, which may be more than what is shown of it.
    this.fullWidth = 0;
    this.asking = new AbortController();
    this.picture = h("img", { alt: "", draggable: "false", onload: () => this.loaded(), onerror: () => this.failed() });
    this.canvas = h("canvas", { hidden: true });
    this.layer = h("div", { class: "ws-layer" }, this.picture, this.canvas);
    this.caption = h("p", { class: "ws-pane-caption", hidden: true });
    this.outside = h("p", { class: "ws-outside", role: "status", hidden: true });
    this.reset = button("ws-link", { onclick: onReset }, "Reset the window");
    this.element = h("div", { class: "ws-pane" }, this.layer, this.caption, this.outside);
  }

  /**
   * @param {number} row
   * @param {number | null} [number] of a slice of this image's volume that is shown in its stead
   */
  show(row, number = null) {
    this.row = row;
    this.number = number;
    const id = this.model.ids[row];
    this.asking.abort();
    this.asking = new AbortController();
    this.source = null;
    this.missing = false;
    this.fullWidth = 0;
    this.canvas.hidden = true;
    this.outside.hidden = true;
    // Nothing of another window is seen while one pages with one's own.
    this.layer.classList.toggle("ws-waiting", this.looks.windows.size > 0);
    this.picture.style.backgroundImage = number === null ? `url(${this.api.thumbnail(id)})` : "";
    this.picture.src = number === null ? this.api.picture(id) : this.api.slice(id, number);
    this.draw();
  }

  /** Originals that are referenced in place may be moved or on a drive that was taken away. */
  failed() {
    if (this.missing || this.number !== null) return;
    this.missing = true;
    this.picture.src = this.api.thumbnail(this.model.ids[this.row]);
    this.onChange();
  }

  /** The file's own values are asked for once the picture is there; they are its own colours where it has no more. */
  async loaded() {
    const { asking, number, row } = this;
    const id = this.model.ids[row];
    const path = number === null ? `grey/${id}` : `image/${id}/sequence/${number}/grey`;
    let grey = null;
    if (!this.missing) {
      try {
        grey = await this.api.arrays(path, {}, asking.signal);
      } catch {
        /* paged on, or away meanwhile: the picture is there */
      }
    }
    if (asking.signal.aborted || row !== this.row || number !== this.number) return;
    this.source = grey?.head.grey ? greySource(grey.head, grey.arrays) : colourSource(this.colours());
    this.draw();
    this.onChange();
  }

  colours() {
    const { naturalWidth: width, naturalHeight: height } = this.picture;
    const pen = pencil(h("canvas", { width: Math.max(1, width), height: Math.max(1, height) }));
    pen.drawImage(this.picture, 0, 0);
    return pen.getImageData(0, 0, pen.canvas.width, pen.canvas.height);
  }

  /** The window chosen for such pictures; null for the picture as it comes. */
  get window() {
    return (this.source && this.looks.windows.get(scaleOf(this.source))) ?? null;
  }

  draw() {
    const { source, window, canvas, layer, looks } = this;
    layer.classList.toggle("ws-inverted", looks.inverted);
    canvas.hidden = !window;
    if (source) layer.classList.remove("ws-waiting");
    this.place();
    const misses = Boolean(source && window && missesAll(source, window));
    if (misses !== !this.outside.hidden) this.tellOutside(misses);
    if (!source || !window) return;
    if (canvas.width !== source.width || canvas.height !== source.height) {
      [canvas.width, canvas.height] = [source.width, source.height];
    }
    const pen = pencil(canvas);
    const image = pen.createImageData(source.width, source.height);
    paintThrough(source, window, image.data);
    pen.putImageData(image, 0, 0);
  }

  /** @param {boolean} misses */
  tellOutside(misses) {
    this.outside.hidden = !misses;
    if (!misses || !this.source) return;
    const { low, high, unit } = this.source;
    const values = [low, high].map((value) => figure(value)).join(" to ");
    const sentence = `The window lies outside this image's values (${values}${unit && ` ${unit}`}). `;
    refill(this.outside, sentence, this.reset);
  }

  place() {
    const { zoom, x, y } = this.looks.zoom;
    this.layer.style.transform = `translate(${x}px, ${y}px) scale(${zoom})`;
    this.layer.style.imageRendering = zoom > 4 ? "pixelated" : "auto";
  }

  /** Pixels of the screen for one of the picture; null while that is not known. */
  get scale() {
    const { naturalWidth: width, naturalHeight: height } = this.picture;
    if (!width || this.layer.classList.contains("ws-waiting")) return null;
    const shown = Math.min(this.layer.offsetWidth, (this.layer.offsetHeight * width) / height);
    return (this.looks.zoom.zoom * shown) / (this.fullWidth || width);
  }

  close() {
    this.asking.abort();
    this.row = -1;
    this.number = null;
    this.source = null;
    this.picture.removeAttribute("src");
    this.picture.style.backgroundImage = "";
  }
}

/** @param {HTMLCanvasElement} canvas */
const pencil = (canvas) =>
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));

/** @param {number} value */
export const figure = (value) =>
  new Intl.NumberFormat("en-US", { maximumSignificantDigits: 6 }).format(value).replace("-", "−");
