// @ts-check
// The map: every image as a point, coloured by prediction, label, confidence or a column of metadata. A refit
// never moves anything.

import { ClusterNames } from "./clusternames.js";
import { onDark } from "./colours.js";
import { afterPaint, button, count, h, iconButton, images, refill } from "./dom.js";
import { HoverCard } from "./hovercard.js";
import { MapPlot } from "./mapplot.js";
import { MapPointer } from "./mappointer.js";
import { MapThumbs } from "./mapthumbs.js";
import { colouring, pointColours } from "./pointcolours.js";
import { lookAround, zoomButtons } from "./stage.js";

/** @import { Api } from "./api.js" */
/** @import { Columns } from "./columns.js" */
/** @import { Model } from "./model.js" */
/** @import { Preferences } from "./preferences.js" */
/** @import { Moves } from "./stage.js" */
/** @typedef {keyof typeof HINTS} Tool */

const HINTS = {
  lasso: "Draw around images to select them. Shift adds, alt takes away, wheel zooms.",
  box: "Drag a box to select images. Shift adds, alt takes away, wheel zooms.",
  pan: "Drag to move, wheel to zoom, click an image to look at it.",
};
const SELECTIONS = { lasso: "Lasso", box: "Box", point: "Click", points: "Picked" };

export class MapView {
  /**
   * @param {{
   *   model: Model,
   *   plotlyUrl: string,
   *   api: Api,
   *   columns: Columns,
   *   onOpen: (row: number) => void,
   *   preferences: Preferences,
   * }} parts
   */
  constructor({ model, plotlyUrl, api, columns, onOpen, preferences }) {
    this.model = model;
    this.columns = columns;
    this.onOpen = onOpen;
    this.preferences = preferences;
    this.tool = /** @type {Tool} */ (preferences.get("tool", "lasso"));
    const mode = preferences.get("colour", "prediction");
    this.mode = mode === "column" ? "prediction" : mode;
    this.columnName = /** @type {string | null} */ (null);
    this.repaintTimer = this.resizeTimer = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);
    this.overlay = h("svg", { class: "ws-map-lines", "aria-hidden": "true" });
    this.hint = h("div", { class: "ws-hint", role: "status" });
    this.inEmptyPart = false;
    this.pill = h("div", { class: "ws-map-pill" });
    // Custom properties come unresolved; a real colour property of a probe does not.
    this.probe = h("i", { class: "ws-probe", "aria-hidden": "true" });
    this.card = new HoverCard(model, api);
    this.plot = new MapPlot({
      model,
      url: plotlyUrl,
      colours: () => pointColours(model, this.colouring(), this.visible(), this.muted),
      outline: () => getComputedStyle(this.probe).color,
      onMove: () => this.moved(),
    });
    this.thumbs = new MapThumbs({ model, api, plot: this.plot, visible: () => this.reachable() });
    this.names = new ClusterNames({ model, plot: this.plot });
    /** @type {Moves} */
    const moves = {
      zoom: (steps) => this.plot.zoomBy(0.7 ** steps),
      move: (right, down) => this.plot.shift(0.15 * right, -0.15 * down),
      fit: () => this.plot.fit(),
    };
    this.element = h(
      "div",
      {
        class: "ws-map",
        role: "application",
        tabindex: "0",
        "aria-label":
          "Map of all images: similar images lie close together. Plus and minus zoom, arrow keys move, 0 fits.",
        onkeydown: (event) => lookAround(event, moves),
      },
      this.probe,
      this.plot.element,
      this.names.element,
      this.thumbs.element,
      this.overlay,
      this.pill,
      this.hint,
      zoomButtons(moves, "Fit the map"),
      this.card.element,
    );
    this.pointer = new MapPointer(this);
    this.repaint = afterPaint(() => this.paint());
    this.setTool(this.tool);
    // Several keys within a moment are one repaint of the map; the grid has shown them already.
    model.on("labels scores classes filter", () => {
      clearTimeout(this.repaintTimer);
      this.repaintTimer = setTimeout(this.repaint, 40);
    });
    model.on("hidden columns", () => this.repaint());
    model.on("selection", () => {
      this.drawSelection();
      this.repaint();
    });
    model.on("focus filter", () => this.drawSelection());
    model.on("map", () => this.place());
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(this.element);
  }

  async place() {
    const { model, plot } = this;
    if (!model.map) return;
    await plot.place();
    if (plot.gone) return;
    this.element.dataset.drawn = "1";
    this.drawSelection();
    await this.paint();
  }

  async paint() {
    const { rev } = this.model;
    if (await this.plot.paint()) this.element.dataset.painted = rev;
    this.names.update();
    this.drawOver();
  }

  /** Zoomed, moved, or of another size. */
  moved() {
    this.drawSelection();
    this.drawOver();
  }

  /** Thumbnails where few images are in sight, else the names of the labelled clusters. */
  drawOver() {
    const { plot } = this;
    const inEmptyPart = plot.drawn && !plot.sliding && plot.showsNothing(this.visible());
    if (inEmptyPart !== this.inEmptyPart) {
      this.inEmptyPart = inEmptyPart;
      this.drawHint();
    }
    this.thumbs.draw();
    this.names.draw(!this.thumbs.shown && ["prediction", "label"].includes(this.mode));
  }

  /** The column that colours the map; null where there is none, or it is still to come. */
  get column() {
    return this.mode === "column" && this.columnName ? this.columns.get(this.columnName) : null;
  }

  get muted() {
    return getComputedStyle(this.probe).backgroundColor;
  }

  colouring() {
    // The outline of labelled points is nearly black, or white on a dark ground; so are points unlike all of them.
    const outline = getComputedStyle(this.probe).color;
    return colouring(this.mode, this.model, this.column, { muted: this.muted, unlike: outline, dark: onDark(outline) });
  }

  /** Which images are drawn: not those of a class that is hidden. @returns {(row: number) => boolean} */
  visible() {
    const { hidden } = this.model;
    if (!hidden.size) return () => true;
    const { key } = this.colouring();
    return (row) => !hidden.has(key(row));
  }

  /** What can be pointed at: what is drawn and matches the filters. @returns {(row: number) => boolean} */
  reachable() {
    const visible = this.visible();
    return (row) => visible(row) && this.model.matches(row);
  }

  resized() {
    if (!this.plot.drawn || !this.element.clientWidth) return;
    clearTimeout(this.resizeTimer);
    this.resizeTimer = setTimeout(async () => {
      await this.plot.resize();
      this.moved();
      this.repaint();
    }, 80);
  }

  /** After a flip between light and dark. */
  async restyle() {
    await this.plot.restyle();
    this.drawSelection();
  }

  /** What the tool does; where one has zoomed or moved away from all images, the way back. */
  drawHint() {
    const onclick = () => {
      this.plot.fit();
      this.element.focus({ preventScroll: true }); // the button goes
    };
    const back = button("ws-link", { onclick }, "Show the whole map");
    refill(this.hint, this.inEmptyPart ? ["No image lies in this part of the map. ", back] : HINTS[this.tool]);
  }

  /** @param {Tool} tool */
  setTool(tool) {
    this.tool = tool;
    this.preferences.set("tool", tool);
    this.drawHint();
    this.element.dataset.tool = tool;
    this.plot.setPanning(tool === "pan");
    this.model.emit("tool");
  }

  /**
   * @param {string} mode prediction, label, confidence or column
   * @param {string | null} [columnName]
   */
  setMode(mode, columnName = null) {
    this.mode = mode;
    this.columnName = columnName;
    this.preferences.set("colour", mode);
    this.model.emit("colour");
    this.paint();
  }

  /** The line of the selection, the ring around the image in focus, and how many images are selected. */
  drawSelection() {
    const { model, plot, pointer } = this;
    const { focusRow, selection, xy } = model;
    const lines = [];
    const polygon = pointer.line ?? selection?.polygon;
    if (plot.drawn && polygon) {
      let d = "";
      for (let i = 0; i < polygon.length; i += 2) {
        const [x, y] = plot.pixelsAt(polygon[i], polygon[i + 1]);
        d += `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
      }
      lines.push(h("path", { d: `${d}Z`, class: "ws-lasso" }));
    }
    if (plot.drawn && focusRow >= 0 && !Number.isNaN(xy[2 * focusRow])) {
      const [cx, cy] = plot.pixelsAt(xy[2 * focusRow], xy[2 * focusRow + 1]);
      lines.push(h("circle", { cx, cy, r: 8, class: "ws-focus-ring" }));
    }
    refill(this.overlay, lines);
    refill(this.pill);
    if (!selection || pointer.drawing) return;
    const title = `Remove the selection of ${images(selection.rows.length)}`;
    refill(
      this.pill,
      h("span", {}, SELECTIONS[selection.kind]),
      h("b", {}, count(selection.rows.length)),
      iconButton("close", title, () => model.select(null)),
    );
  }

  close() {
    this.plot.close();
    this.pointer.close();
    this.observer.disconnect();
    clearTimeout(this.repaintTimer);
    clearTimeout(this.resizeTimer);
  }
}
