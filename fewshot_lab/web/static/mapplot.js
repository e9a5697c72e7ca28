// @ts-check
// The points of the map, which Plotly draws and zooms.

import { h } from "./dom.js";
import { cloudTrace, frontPoints, frontTrace, movedFar, split } from "./mappoints.js";
import { axesOf, loadPlotly, paintScene } from "./plotly.js";
import { Bins } from "./polygon.js";

/** @import { Model } from "./model.js" */
/** @import { PointColours } from "./pointcolours.js" */
/** @import { PlotElement, PlotlyApi, Trace } from "./types.d.ts" */
/** @typedef {[low: number, high: number]} Range */

const SLIDE_TIME = 700;
const MOST_SLIDING = 30_000;
const CONFIG = {
  displayModeBar: false,
  showSendToCloud: false,
  plotlyServerURL: "",
  scrollZoom: true,
  doubleClick: false,
  responsive: false,
  showTips: false,
};

export class MapPlot {
  /**
   * @param {{
   *   model: Model,
   *   url: string,
   *   colours: () => PointColours,
   *   outline: () => string,
   *   onMove: () => void,
   * }} parts
   */
  constructor({ model, url, colours, outline, onMove }) {
    this.model = model;
    this.url = url;
    this.colours = colours;
    this.outline = outline;
    this.onMove = onMove;
    this.element = /** @type {PlotElement} */ (h("div", { class: "ws-plot" }));
    this.plotly = /** @type {PlotlyApi | null} */ (null);
    this.bins = /** @type {Bins | null} */ (null);
    this.version = "";
    this.panning = false;
    this.drawn = false;
    this.sliding = false;
    this.gone = false;
  }

  /** Draws the map, or slides to a new one. */
  async place() {
    const { model } = this;
    const plotly = (this.plotly = await loadPlotly(this.url));
    if (this.gone) return;
    const before = this.bins;
    this.bins = new Bins(model.xy);
    if (this.drawn) await this.slide(plotly, before?.placed ?? 0);
    else await this.create(plotly);
    // The line was drawn on another map: the images stay selected, the line goes.
    if (before && model.selection && this.version !== model.mapVersion) model.selection.polygon = null;
    this.version = model.mapVersion;
  }

  /** @param {PlotlyApi} plotly */
  async create(plotly) {
    const plotGlPixelRatio = Math.max(1, Math.min(2, devicePixelRatio));
    const [xRange, yRange] = this.fittedRanges();
    const traces = this.traces(...split(this.model.xy));
    await plotly.newPlot(this.element, traces, this.layout(xRange, yRange), { ...CONFIG, plotGlPixelRatio });
    if (this.gone) return plotly.purge(this.element);
    this.drawn = true;
    this.element.on("plotly_relayout", this.onMove);
    this.element.on("plotly_relayouting", this.onMove);
  }

  /**
   * @param {Range} xRange
   * @param {Range} yRange
   */
  layout(xRange, yRange) {
    const axis = { visible: false, fixedrange: false, zeroline: false, showgrid: false, autorange: false };
    return {
      margin: { l: 0, r: 0, t: 0, b: 0 },
      showlegend: false,
      hovermode: false,
      dragmode: this.panning ? "pan" : false,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      xaxis: { ...axis, range: xRange },
      yaxis: { ...axis, range: yRange },
      uirevision: Math.random(),
    };
  }

  get placed() {
    return this.bins?.placed ?? 0;
  }

  /**
   * @param {Float32Array} x
   * @param {Float32Array} y
   */
  traces(x, y) {
    const colours = this.colours();
    const front = frontPoints(colours, x, y, this.placed, this.outline());
    return [cloudTrace(colours, x, y, this.placed), frontTrace(front)];
  }

  /** New colours, at the same places. */
  async paint() {
    if (!this.drawn || this.gone || this.sliding) return false;
    const colours = this.colours();
    const [x, y] = split(this.model.xy);
    const front = frontPoints(colours, x, y, this.placed, this.outline());
    // Plotly keeps the same arrays as we do; only the drawing takes the short way where it can.
    this.element.data[0].marker.color = cloudTrace(colours, x, y, this.placed).marker.color;
    Object.assign(this.element.data[1], frontTrace(front));
    if (!paintScene(this.element, colours.cloud, front)) await this.plotly?.redraw(this.element);
    return true;
  }

  /**
   * @param {PlotlyApi} plotly
   * @param {number} placed how many images the map had before
   */
  async slide(plotly, placed) {
    const { model } = this;
    const from = this.element.data[0];
    const [x, y] = split(model.xy);
    const another = this.version !== model.mapVersion && movedFar(from, x, y);
    const ranges = this.ranges();
    const target = this.fittedRanges();
    const calm = document.hidden || matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (another && from.x.length === x.length && model.n <= MOST_SLIDING && !calm && this.version) {
      this.sliding = true;
      const [x0, y0] = [Float32Array.from(from.x), Float32Array.from(from.y)];
      const began = performance.now();
      let share = 0;
      while (share < 1 && !this.gone) {
        await new Promise(requestAnimationFrame);
        share = Math.min(1, (performance.now() - began) / SLIDE_TIME);
        const eased = share < 0.5 ? 4 * share ** 3 : 1 - (2 - 2 * share) ** 3 / 2;
        /** @param {number} a @param {number} b */
        const between = (a, b) => a + (b - a) * eased;
        /** @param {Float32Array} a @param {Float32Array} b */
        const points = (a, b) => a.map((v, i) => (Number.isNaN(v) ? b[i] : between(v, b[i])));
        const [xRange, yRange] = ranges.map(([low, high], i) => [
          between(low, target[i][0]),
          between(high, target[i][1]),
        ]);
        await this.show(plotly, points(x0, x), points(y0, y), /** @type {[Range, Range]} */ ([xRange, yRange]));
      }
      this.sliding = false;
    }
    await this.show(plotly, x, y, another || !placed ? target : ranges);
  }

  /**
   * @param {PlotlyApi} plotly
   * @param {Float32Array} x
   * @param {Float32Array} y
   * @param {[Range, Range]} ranges
   */
  async show(plotly, x, y, ranges) {
    if (!this.gone) await plotly.react(this.element, this.traces(x, y), this.layout(...ranges));
  }

  /** After a flip between light and dark. */
  async restyle() {
    if (this.drawn && this.plotly) await this.show(this.plotly, ...split(this.model.xy), this.ranges());
  }

  /** @returns {[Range, Range]} */
  fittedRanges() {
    const [left, right, low, high] = this.bins?.box ?? [0, 1, 0, 1];
    const px = (right - left || 1) * 0.05,
      py = (high - low || 1) * 0.05;
    // Below, the hint has a line of its own.
    return [
      [left - px, right + px],
      [low - 1.8 * py, high + py],
    ];
  }

  /** @returns {[Range, Range]} */
  ranges() {
    const { xaxis, yaxis } = axesOf(this.element);
    return /** @type {[Range, Range]} */ ([[...xaxis.range], [...yaxis.range]]);
  }

  /**
   * Whether none of the images that are drawn is in sight.
   * @param {(row: number) => boolean} visible
   */
  showsNothing(visible) {
    const { bins } = this;
    if (!bins?.placed || bins.anyWithin(...this.ranges(), visible)) return false;
    const [left, right, low, high] = bins.box;
    return bins.anyWithin([left, right], [low, high], visible);
  }

  fit() {
    this.move(() => this.fittedRanges());
  }

  /** @param {number} factor */
  zoomBy(factor) {
    /** @param {Range} range @returns {Range} */
    const zoomed = ([a, b]) => [(a + b) / 2 - ((b - a) / 2) * factor, (a + b) / 2 + ((b - a) / 2) * factor];
    this.move(([x, y]) => [zoomed(x), zoomed(y)]);
  }

  /**
   * @param {number} dx as a share of what is in sight
   * @param {number} dy
   */
  shift(dx, dy) {
    /** @param {Range} range @param {number} share @returns {Range} */
    const shifted = ([a, b], share) => [a + (b - a) * share, b + (b - a) * share];
    this.move(([x, y]) => [shifted(x, dx), shifted(y, dy)]);
  }

  /** @param {(ranges: [Range, Range]) => [Range, Range]} change */
  move(change) {
    if (!this.drawn) return;
    const [x, y] = change(this.ranges());
    this.plotly?.relayout(this.element, { "xaxis.range": x, "yaxis.range": y });
  }

  /** @param {boolean} panning whether dragging moves the map */
  setPanning(panning) {
    this.panning = panning;
    if (this.drawn) this.plotly?.relayout(this.element, { dragmode: panning ? "pan" : false });
  }

  async resize() {
    if (!this.gone) await this.plotly?.Plots.resize(this.element);
  }

  /** From pixels of the page to the map's own units. @param {MouseEvent} event */
  unitsAt(event) {
    const box = this.element.getBoundingClientRect();
    const { xaxis, yaxis } = axesOf(this.element);
    return {
      x: xaxis.p2d(event.clientX - box.left - xaxis._offset),
      y: yaxis.p2d(event.clientY - box.top - yaxis._offset),
    };
  }

  /**
   * From the map's units to pixels of the element.
   * @param {number} x
   * @param {number} y
   */
  pixelsAt(x, y) {
    const { xaxis, yaxis } = axesOf(this.element);
    return [xaxis._offset + xaxis.d2p(x), yaxis._offset + yaxis.d2p(y)];
  }

  /**
   * The image under the pointer; -1 for none.
   * @param {MouseEvent} event
   * @param {number} reach in pixels
   * @param {(row: number) => boolean} accept
   */
  rowAt(event, reach, accept) {
    if (!this.drawn || !this.bins) return -1;
    const { x, y } = this.unitsAt(event);
    const { xaxis, yaxis } = axesOf(this.element);
    const [rx, ry] = [xaxis, yaxis].map((axis) => Math.abs(axis.p2d(reach) - axis.p2d(0)));
    return this.bins.nearest(x, y, rx, ry, accept);
  }

  close() {
    this.gone = true;
    if (this.drawn) this.plotly?.purge(this.element);
    this.drawn = false; // what still waits for a frame asks for axes that are gone
  }
}
