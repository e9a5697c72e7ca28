// The map: Plotly draws the points and zooms; selecting, pointing at and colouring them is done here,
// so that a click, a lasso and a hover all work with every tool and a refit never moves anything.

import { h, refill, iconButton, count, images, percent, afterPaint } from "./dom.js";
import { Bins, inside } from "./polygon.js";
import { CLEAR, colouring, paintAll, shades } from "./paint.js";

const REACH = 11;
const CLICK_SLACK = 4;
const DOUBLE = 400;
const SLIDE = 700;
const SLIDE_MOST = 30_000;

const HINTS = {
  lasso: "Draw around images to select them. Shift adds, alt takes away, wheel zooms.",
  box: "Drag a box to select images. Shift adds, alt takes away, wheel zooms.",
  pan: "Drag to move, wheel to zoom, click an image to look at it.",
};

export class MapView {
  constructor({ model, plotlyUrl, api, onOpen, prefs }) {
    this.model = model;
    this.plotlyUrl = plotlyUrl;
    this.api = api;
    this.onOpen = onOpen;
    this.prefs = prefs;
    this.tool = prefs.get("tool", "lasso");
    this.mode = prefs.get("colour", "prediction");
    this.columnName = prefs.get("column", null);
    if (this.mode === "column") this.mode = "prediction";
    this.column = null;
    this.hiddenValues = new Set();
    this.bins = null;
    this.plot = h("div", { class: "ws-plot" });
    this.overlay = h("svg", { class: "ws-map-lines", "aria-hidden": "true" });
    this.hint = h("div", { class: "ws-hint" });
    this.pill = h("div", { class: "ws-map-pill" });
    this.probe = h("i", { class: "ws-probe", "aria-hidden": "true" });
    this.card = new HoverCard(model, api);
    this.element = h(
      "div",
      {
        class: "ws-map",
        role: "application",
        tabindex: "0",
        "aria-label":
          "Map of all images: similar images lie close together. Plus and minus zoom, arrow keys move, 0 fits.",
      },
      this.probe,
      this.plot,
      this.overlay,
      this.pill,
      this.hint,
      h(
        "div",
        { class: "ws-map-buttons" },
        iconButton("plus", "Zoom in", () => this.zoomBy(0.7)),
        iconButton("minus", "Zoom out", () => this.zoomBy(1 / 0.7)),
        iconButton("fit", "Fit the map", () => this.fit()),
      ),
      this.card.element,
    );
    this.repaint = afterPaint(() => this.paint());
    this.listen();
    this.setTool(this.tool);
    model.on("labels scores classes", () => this.repaintSoon());
    model.on("hidden", () => this.repaint());
    model.on("selection", () => {
      this.drawSelection();
      this.repaint();
    });
    model.on("focus", () => this.drawSelection());
    model.on("map", () => this.place());
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(this.element);
  }

  // Several keys within a moment are one repaint of the map; the grid has shown them already.
  repaintSoon() {
    clearTimeout(this.later);
    this.later = setTimeout(this.repaint, 40);
  }

  // -- drawing ---------------------------------------------------------------------------------------

  async place() {
    const { model } = this;
    if (!model.map) return;
    const Plotly = await loadPlotly(this.plotlyUrl);
    if (this.gone) return;
    const before = this.bins;
    this.bins = new Bins(model.xy);
    if (!this.drawn) {
      await this.create(Plotly);
    } else {
      await this.slide(Plotly, before);
    }
    if (model.selection?.polygon && this.placedVersion !== model.mapVersion && before) {
      // The line was drawn on another map: the images stay selected, the line goes.
      model.selection.polygon = null;
    }
    this.placedVersion = model.mapVersion;
    this.drawSelection();
    this.element.dataset.version = model.mapVersion;
    this.element.dataset.method = model.map.method;
  }

  async create(Plotly) {
    this.Plotly = Plotly;
    const [x, y] = split(this.model.xy);
    const painted = this.painted();
    const traces = [
      { ...base, x, y, marker: { size: this.size(), color: painted.cloud.map((s) => s.css), line: { width: 0 } } },
      this.front(painted),
    ];
    await Plotly.newPlot(this.plot, traces, this.layout(), {
      displayModeBar: false,
      showSendToCloud: false,
      plotlyServerURL: "",
      scrollZoom: true,
      doubleClick: false,
      staticPlot: false,
      responsive: false,
      plotGlPixelRatio: Math.max(1, Math.min(2, devicePixelRatio)),
      showTips: false,
    });
    if (this.gone) return Plotly.purge(this.plot);
    this.drawn = true;
    this.plot.on("plotly_relayout", () => this.drawSelection());
    this.plot.on("plotly_relayouting", () => this.drawSelection());
    this.painted_ = painted;
    this.element.dataset.drawn = "1";
    this.element.dataset.painted = String(this.model.rev);
  }

  layout() {
    const [xr, yr] = this.fitted();
    const axis = { visible: false, fixedrange: false, zeroline: false, showgrid: false, autorange: false };
    return {
      margin: { l: 0, r: 0, t: 0, b: 0 },
      showlegend: false,
      hovermode: false,
      dragmode: this.tool === "pan" ? "pan" : false,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      xaxis: { ...axis, range: xr },
      yaxis: { ...axis, range: yr },
      uirevision: "keep",
    };
  }

  // Ends with a point that is nowhere: Plotly drops a trace without points, and its scene with it.
  front({ rows, colors, dimmed }, x, y) {
    const { xy } = this.model;
    const ink = this.edge(false),
      faint = this.edge(true);
    const nowhere = (array) => {
      array[rows.length] = NaN;
      return array;
    };
    return {
      ...base,
      x: nowhere(Float32Array.from({ length: rows.length + 1 }, (_, i) => (x ? x[rows[i]] : xy[2 * rows[i]]))),
      y: nowhere(Float32Array.from({ length: rows.length + 1 }, (_, i) => (y ? y[rows[i]] : xy[2 * rows[i] + 1]))),
      marker: {
        size: this.frontSize(),
        color: [...colors, CLEAR].map((s) => s.css),
        line: { width: 1, color: [...dimmed, false].map((d) => (d ? faint : ink).css) },
      },
    };
  }

  edge(faint) {
    return shades.get(this.ink(), faint ? 0.2 : 1);
  }

  size() {
    const n = this.bins?.placed ?? 0;
    if (n <= 1500) return 6.5;
    if (n <= 8000) return 4.5;
    return n <= 40_000 ? 3 : 2;
  }

  frontSize() {
    return Math.max(5.5, this.size() + 2.5);
  }

  // Custom properties come unresolved; a real colour property of a probe does not.
  ink() {
    return getComputedStyle(this.probe).color;
  }

  muted() {
    return getComputedStyle(this.probe).backgroundColor;
  }

  way() {
    return colouring(this.mode, this.model, this.column, this.muted());
  }

  visible(way = this.way()) {
    const hidden = this.mode === "column" ? this.hiddenValues : this.model.hidden;
    if (!hidden.size) return () => true;
    return (row) => !hidden.has(way.key(row));
  }

  painted() {
    const way = this.way();
    const { selection } = this.model;
    let chosen = null;
    if (selection && selection.rows.length) {
      chosen = new Uint8Array(this.model.n);
      for (const row of selection.rows) chosen[row] = 1;
    }
    return paintAll({ model: this.model, way, visible: this.visible(way), chosen, dim: 0.3 });
  }

  async paint() {
    if (!this.drawn || this.gone || this.sliding) return;
    const rev = this.model.rev;
    const painted = this.painted();
    this.painted_ = painted;
    const front = this.front(painted);
    const [back] = this.plot.data;
    // Plotly keeps the same arrays as we do; only the drawing takes the short way where it can.
    back.marker.color = painted.cloud.map((s) => s.css);
    Object.assign(this.plot.data[1], front);
    if (!this.paintScene(painted, front)) await this.Plotly.redraw(this.plot);
    this.element.dataset.painted = String(rev);
    this.element.dataset.paints = String(Number(this.element.dataset.paints ?? 0) + 1);
  }

  // Plotly.restyle computes axes, ranges and every trace anew, some 0.7 s for 20,000 points with
  // software GL. Its scene takes new colours as they are; where a later Plotly has none, redraw.
  paintScene(painted, front) {
    const full = this.plot._fullLayout;
    const scene = full?._plots?.xy?._scene;
    if (!scene?.scatter2d?.update || !scene.draw || scene.count !== 2 || !scene.markerOptions?.[1]) return false;
    try {
      const positions = new Float64Array(2 * front.x.length);
      for (let i = 0; i < front.x.length; i++) {
        positions[2 * i] = front.x[i];
        positions[2 * i + 1] = front.y[i];
      }
      const ink = this.edge(false).bytes,
        faint = this.edge(true).bytes;
      const labelled = {
        // Plotly told the scene how many points there were: it would not draw, or thin out, what is more.
        markers: null,
        snap: Number.MAX_SAFE_INTEGER,
        colors: [...painted.colors, CLEAR].map((s) => s.bytes),
        borderColors: [...painted.dimmed, false].map((d) => (d ? faint : ink)),
        positions,
      };
      scene.markerOptions[0].colors = painted.cloud.map((s) => s.bytes);
      Object.assign(scene.markerOptions[1], labelled);
      scene.scatter2d.update([{ colors: scene.markerOptions[0].colors }, labelled]);
      full._glcanvas.each((d) => d.regl?.clear({ color: [0, 0, 0, 0], depth: 1 }));
      scene.draw();
      return true;
    } catch (error) {
      console.warn("The map falls back to a full redraw", error);
      return false;
    }
  }

  async slide(Plotly, before) {
    const { model } = this;
    const to = model.xy;
    const from = this.plot.data[0];
    const [tx, ty] = split(to);
    const same = before && from.x.length === tx.length;
    const moving =
      same &&
      model.n <= SLIDE_MOST &&
      !matchMedia("(prefers-reduced-motion: reduce)").matches &&
      !document.hidden &&
      this.placedVersion;
    const whole = this.placedVersion !== model.mapVersion && this.movedFar(from, tx, ty);
    const [xr, yr] = this.fitted();
    const range0 = [...this.plot._fullLayout.xaxis.range, ...this.plot._fullLayout.yaxis.range];
    if (moving && whole) {
      this.sliding = true;
      const x0 = Float32Array.from(from.x),
        y0 = Float32Array.from(from.y);
      const began = performance.now();
      let share = 0;
      while (share < 1 && !this.gone) {
        await new Promise(requestAnimationFrame);
        share = Math.min(1, (performance.now() - began) / SLIDE);
        const e = share < 0.5 ? 4 * share ** 3 : 1 - (2 - 2 * share) ** 3 / 2;
        const at = (a, b) => a.map((v, i) => (v !== v ? b[i] : v + (b[i] - v) * e));
        await this.show(Plotly, at(x0, tx), at(y0, ty), [
          range0[0] + (xr[0] - range0[0]) * e,
          range0[1] + (xr[1] - range0[1]) * e,
          range0[2] + (yr[0] - range0[2]) * e,
          range0[3] + (yr[1] - range0[3]) * e,
        ]);
      }
      this.sliding = false;
    }
    await this.show(Plotly, tx, ty, whole || !before?.placed ? [...xr, ...yr] : range0);
    this.paint();
  }

  // New images on an unchanged map leave the view alone; another layout is fitted again.
  movedFar(from, x, y) {
    let moved = 0,
      seen = 0;
    const n = Math.min(x.length, from.x.length),
      step = Math.max(1, Math.floor(n / 500));
    for (let i = 0; i < n; i += step) {
      if (from.x[i] !== from.x[i] || x[i] !== x[i]) continue;
      seen++;
      if (Math.abs(from.x[i] - x[i]) + Math.abs(from.y[i] - y[i]) > 1e-4) moved++;
    }
    return !seen || moved / seen > 0.5;
  }

  async show(Plotly, x, y, [x0, x1, y0, y1]) {
    if (this.gone) return;
    const painted = this.painted();
    await Plotly.react(
      this.plot,
      [
        { ...base, x, y, marker: { size: this.size(), color: painted.cloud.map((s) => s.css), line: { width: 0 } } },
        this.front(painted, x, y),
      ],
      {
        ...this.layout(),
        xaxis: { ...this.layout().xaxis, range: [x0, x1] },
        yaxis: { ...this.layout().yaxis, range: [y0, y1] },
        uirevision: Math.random(),
      },
    );
  }

  fitted() {
    const [left, right, low, high] = this.bins?.box ?? [0, 1, 0, 1];
    const px = (right - left || 1) * 0.05,
      py = (high - low || 1) * 0.05;
    // Below, the hint has a line of its own.
    return [
      [left - px, right + px],
      [low - 1.8 * py, high + py],
    ];
  }

  fit() {
    if (!this.drawn) return;
    const [xr, yr] = this.fitted();
    this.move(xr, yr);
  }

  zoomBy(factor) {
    if (!this.drawn) return;
    const [xr, yr] = this.ranges();
    const about = ([a, b]) => [(a + b) / 2 - ((b - a) / 2) * factor, (a + b) / 2 + ((b - a) / 2) * factor];
    this.move(about(xr), about(yr));
  }

  shift(dx, dy) {
    if (!this.drawn) return;
    const [xr, yr] = this.ranges();
    const sx = (xr[1] - xr[0]) * dx,
      sy = (yr[1] - yr[0]) * dy;
    this.move([xr[0] + sx, xr[1] + sx], [yr[0] + sy, yr[1] + sy]);
  }

  ranges() {
    const { xaxis, yaxis } = this.plot._fullLayout;
    return [[...xaxis.range], [...yaxis.range]];
  }

  move(xr, yr) {
    this.Plotly.relayout(this.plot, { "xaxis.range": xr, "yaxis.range": yr });
  }

  resized() {
    if (!this.drawn || !this.element.clientWidth) return;
    clearTimeout(this.resizing);
    this.resizing = setTimeout(() => {
      if (!this.gone)
        this.Plotly.Plots.resize(this.plot).then(() => {
          this.drawSelection();
          this.repaint();
        });
    }, 80);
  }

  // A flip between light and dark.
  restyle() {
    if (this.drawn) this.slideless();
  }

  async slideless() {
    const [xr, yr] = this.ranges();
    const [x, y] = split(this.model.xy);
    await this.show(this.Plotly, x, y, [...xr, ...yr]);
    this.drawSelection();
  }

  // -- tools, colouring --------------------------------------------------------------------------------

  setTool(tool) {
    this.tool = tool;
    this.prefs.set("tool", tool);
    this.hint.textContent = HINTS[tool];
    this.element.dataset.tool = tool;
    if (this.drawn) this.Plotly.relayout(this.plot, { dragmode: tool === "pan" ? "pan" : false });
    this.model.tell("tool");
  }

  async setMode(mode, column = null, values = null) {
    this.mode = mode;
    this.columnName = column;
    this.column = values;
    this.hiddenValues.clear();
    this.prefs.set("colour", mode);
    this.model.tell("colour");
    this.paint();
  }

  // -- pointing and selecting ----------------------------------------------------------------------------

  // From pixels of the element to the map's own units.
  at(event) {
    const box = this.plot.getBoundingClientRect();
    const { xaxis, yaxis } = this.plot._fullLayout;
    const px = event.clientX - box.left,
      py = event.clientY - box.top;
    return { px, py, x: xaxis.p2d(px - xaxis._offset), y: yaxis.p2d(py - yaxis._offset) };
  }

  under(event) {
    if (!this.drawn || !this.bins) return -1;
    const { x, y } = this.at(event);
    const { xaxis, yaxis } = this.plot._fullLayout;
    const rx = Math.abs(xaxis.p2d(REACH) - xaxis.p2d(0)),
      ry = Math.abs(yaxis.p2d(REACH) - yaxis.p2d(0));
    return this.bins.nearest(x, y, rx, ry, this.visible());
  }

  listen() {
    const { element, plot } = this;
    plot.addEventListener("pointermove", (event) => {
      this.strayed(event);
      if (this.drawing) return this.extend(event);
      if (event.buttons) return this.card.hide();
      this.pointed = event;
      if (this.pointing) return;
      this.pointing = requestAnimationFrame(() => {
        this.pointing = 0;
        const row = this.under(this.pointed);
        if (row >= 0) this.card.show(row, this.pointed, element);
        else this.card.hide();
        this.model.tell("hover", row);
      });
    });
    plot.addEventListener("pointerleave", () => {
      cancelAnimationFrame(this.pointing);
      this.pointing = 0;
      this.card.hide();
    });
    plot.addEventListener(
      "pointerdown",
      (event) => {
        if (event.button !== 0 || !this.drawn) return;
        this.model.tell("touched");
        this.down = { x: event.clientX, y: event.clientY, still: true };
        // Plotly covers the page while it pans: letting go is heard by the window.
        window.addEventListener("pointerup", this.letGo, { capture: true, once: true });
        if (this.tool === "pan") return;
        event.preventDefault();
        plot.setPointerCapture(event.pointerId);
        const { x, y } = this.at(event);
        this.drawing = { points: [x, y], px: [event.clientX, event.clientY], moved: false };
        this.card.hide();
      },
      true,
    );
    this.letGo = (event) => {
      if (!this.down) return;
      this.strayed(event);
      const { still } = this.down;
      this.down = null;
      const drawing = this.drawing;
      this.drawing = null;
      if (still) {
        this.drawSelection();
        this.clicked(event);
      } else if (drawing) this.finish(drawing, event);
    };
    plot.addEventListener("pointercancel", () => {
      this.drawing = null;
      this.down = null;
      this.drawSelection();
    });
    element.addEventListener("keydown", (event) => {
      if (event.target !== element || event.ctrlKey || event.metaKey || event.altKey) return;
      const act = {
        "+": () => this.zoomBy(0.7),
        "=": () => this.zoomBy(0.7),
        "-": () => this.zoomBy(1 / 0.7),
        0: () => this.fit(),
        ArrowLeft: () => this.shift(-0.15, 0),
        ArrowRight: () => this.shift(0.15, 0),
        ArrowUp: () => this.shift(0, 0.15),
        ArrowDown: () => this.shift(0, -0.15),
      }[event.key];
      if (!act) return;
      event.preventDefault();
      event.stopPropagation();
      act();
    });
  }

  // A lasso that ends where it began is no click.
  strayed(event) {
    const { down } = this;
    if (down && Math.hypot(event.clientX - down.x, event.clientY - down.y) >= CLICK_SLACK) down.still = false;
  }

  extend(event) {
    const { points, px } = this.drawing;
    const { x, y } = this.at(event);
    this.drawing.moved = true;
    if (this.tool === "box") {
      const [x0, y0] = points;
      this.drawing.points = [x0, y0, x, y0, x, y, x0, y];
    } else if (Math.hypot(event.clientX - px[0], event.clientY - px[1]) >= 2) {
      points.push(x, y);
      this.drawing.px = [event.clientX, event.clientY];
    }
    this.drawSelection();
  }

  finish(drawing, event) {
    if (drawing.points.length < 6) return this.drawSelection();
    this.choose(drawing.points, this.tool, event);
  }

  choose(polygon, kind, event = {}) {
    const visible = this.visible();
    let rows = inside(this.model.xy, polygon).filter(visible);
    const before = this.model.selection;
    let shape = polygon;
    if (before && (event.shiftKey || event.altKey)) {
      const now = new Set(rows);
      const kept = Array.from(before.rows);
      rows = event.altKey
        ? kept.filter((row) => !now.has(row))
        : [...kept, ...rows.filter((row) => !before.set.has(row))];
      shape = null;
    }
    this.model.select(rows.length || shape ? { kind, rows, set: new Set(rows), polygon: shape } : null);
  }

  clicked(event) {
    const row = this.under(event);
    const twice = this.before && this.before.row === row && event.timeStamp - this.before.time < DOUBLE;
    this.before = twice ? null : { row, time: event.timeStamp };
    if (twice) {
      if (row >= 0) this.onOpen(row);
      else this.fit();
      return;
    }
    const before = this.model.selection;
    if (row < 0) {
      if (before) this.model.select(null);
      return;
    }
    if (before && (event.shiftKey || event.ctrlKey || event.metaKey)) {
      const set = new Set(before.rows);
      if (!set.delete(row)) set.add(row);
      this.model.select(set.size ? { kind: "points", rows: [...set], set, polygon: null } : null);
    } else this.model.select({ kind: "point", rows: [row], set: new Set([row]), polygon: null });
  }

  drawSelection() {
    const drawn = this.drawing?.moved ? this.drawing.points : this.model.selection?.polygon;
    const { selection } = this.model;
    const lines = [];
    if (this.drawn && drawn) {
      const { xaxis, yaxis } = this.plot._fullLayout;
      let d = "";
      for (let i = 0; i < drawn.length; i += 2) {
        const px = xaxis._offset + xaxis.d2p(drawn[i]),
          py = yaxis._offset + yaxis.d2p(drawn[i + 1]);
        d += `${i ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`;
      }
      lines.push(h("path", { d: `${d}Z`, class: "ws-lasso" }));
    }
    const { focusRow } = this.model;
    if (this.drawn && focusRow >= 0 && this.model.xy[2 * focusRow] === this.model.xy[2 * focusRow]) {
      const { xaxis, yaxis } = this.plot._fullLayout;
      const cx = xaxis._offset + xaxis.d2p(this.model.xy[2 * focusRow]);
      const cy = yaxis._offset + yaxis.d2p(this.model.xy[2 * focusRow + 1]);
      lines.push(h("circle", { cx, cy, r: 8, class: "ws-focus-ring" }));
    }
    refill(this.overlay, lines);
    if (selection && !this.drawing) {
      const kinds = {
        lasso: "Lasso",
        box: "Box",
        point: "Click",
        points: "Picked",
        cell: selection.title,
        class: selection.title,
      };
      refill(
        this.pill,
        h("span", {}, kinds[selection.kind] ?? "Selection"),
        h("b", {}, count(selection.rows.length)),
        iconButton("close", `Remove the selection of ${images(selection.rows.length)}`, () => this.model.select(null)),
      );
    } else refill(this.pill);
  }

  close() {
    this.gone = true;
    window.removeEventListener("pointerup", this.letGo, { capture: true });
    this.observer.disconnect();
    clearTimeout(this.later);
    clearTimeout(this.resizing);
    if (this.drawn) this.Plotly.purge(this.plot);
  }
}

const base = { type: "scattergl", mode: "markers", hoverinfo: "skip", showlegend: false };

function split(xy) {
  const n = xy.length >> 1;
  const x = new Float32Array(n),
    y = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    x[i] = xy[2 * i];
    y[i] = xy[2 * i + 1];
  }
  return [x, y];
}

// What is under the pointer, at once: the thumbnail is there before the pointer rests.
class HoverCard {
  constructor(model, api) {
    this.model = model;
    this.api = api;
    this.row = -1;
    this.picture = h("img", { alt: "", width: 104, height: 104, decoding: "async" });
    this.line = h("div", { class: "ws-card-line" });
    this.element = h("div", { class: "ws-card", hidden: true, "aria-hidden": "true" }, this.picture, this.line);
  }

  show(row, event, within) {
    if (row !== this.row) {
      this.row = row;
      this.picture.src = this.api.thumb(this.model.ids[row]);
      refill(this.line, describe(this.model, row));
    }
    const box = within.getBoundingClientRect();
    const left = event.clientX - box.left,
      top = event.clientY - box.top;
    this.element.hidden = false;
    const width = this.element.offsetWidth + 4,
      height = this.element.offsetHeight + 2;
    this.element.style.left = `${left + width + 18 > box.width ? Math.max(2, left - width - 12) : left + 14}px`;
    this.element.style.top = `${top + height + 14 > box.height ? Math.max(2, top - height - 10) : top + 12}px`;
  }

  hide() {
    this.row = -1;
    this.element.hidden = true;
  }
}

// Label, then prediction with its probability; in words as well as in colour.
export function describe(model, row) {
  const lines = [];
  const own = model.classId(row),
    kind = model.kind(row);
  if (own !== null) lines.push(swatchLine(model.color(own), model.name(own), "label"));
  else if (kind === 1) lines.push(swatchLine(null, "unsure", "label"));
  else if (kind === 2) lines.push(swatchLine(null, "unusable", "label"));
  const predicted = model.predictedId(row);
  if (predicted !== null) {
    lines.push(swatchLine(model.color(predicted), model.name(predicted), percent(model.probability(row))));
  } else if (model.concealed(row)) lines.push(h("div", { class: "ws-card-quiet" }, "audit: no prediction yet"));
  if (!lines.length) lines.push(h("div", { class: "ws-card-quiet" }, "no label yet"));
  return lines;
}

function swatchLine(color, name, figure) {
  return h(
    "div",
    {},
    color && h("i", { class: "ws-dot", style: { background: color } }),
    h("span", {}, name),
    h("b", {}, figure),
  );
}

let plotly = null;

function loadPlotly(url) {
  plotly ??= new Promise((resolve, reject) => {
    if (window.Plotly) return resolve(window.Plotly);
    const script = h("script", {
      src: url,
      onload: () => resolve(window.Plotly),
      onerror: () => {
        plotly = null;
        reject(new Error("Plotly could not be loaded."));
      },
    });
    document.head.append(script);
  });
  return plotly;
}
