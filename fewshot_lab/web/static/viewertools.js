// @ts-check
// The line above the picture: where one is, zoom, window and level, and the image to compare with.

import { button, count, h, iconButton, setText } from "./dom.js";
import { presets, scaleOf, within } from "./greywindow.js";
import { menu } from "./popover.js";
import { figure } from "./viewerpane.js";

/** @import { Viewer } from "./viewer.js" */

export class ViewerTools {
  /** @param {Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer;
    this.position = h("span", { class: "ws-position" });
    this.zoom = h("output", { class: "ws-zoom", "aria-label": "Size on the screen", title: "Of the image's own size" });
    this.centre = this.field("Level", "The value in the middle of the window");
    this.width = this.field("Width", "How many values lie between black and white");
    this.unit = h("span", { class: "ws-unit" });
    this.presets = button("ws-quiet-button", { "aria-haspopup": "menu", onclick: () => this.openPresets() }, "Presets");
    this.invert = button("ws-quiet-button", { "aria-pressed": "false", onclick: () => viewer.invert() }, "Invert");
    this.reset = button("ws-quiet-button", { onclick: () => viewer.resetWindow() }, "Reset");
    this.pin = button("ws-quiet-button", { "aria-pressed": "false", onclick: () => viewer.togglePin() }, "Compare");
    this.element = h(
      "div",
      { class: "ws-viewer-tools", role: "toolbar", "aria-label": "Position, zoom and window" },
      this.position,
      h(
        "div",
        {},
        iconButton("minus", "Zoom out (−)", () => viewer.zoomBy(1 / 1.5)),
        this.zoom,
        iconButton("plus", "Zoom in (+)", () => viewer.zoomBy(1.5)),
        iconButton("fit", "See the whole image (double click)", () => viewer.fit()),
      ),
      h("div", {}, this.centre.label, this.width.label, this.unit, this.presets, this.invert, this.reset),
      this.pin,
    );
  }

  /**
   * @param {string} name
   * @param {string} title
   */
  field(name, title) {
    const input = h("input", {
      type: "number",
      step: "any",
      class: "ws-field",
      title,
      oninput: () => this.typed(),
      onkeydown: (event) => {
        if (!["Enter", "Escape"].includes(event.key)) return;
        event.preventDefault();
        event.stopPropagation();
        this.viewer.takeKeys();
      },
      onblur: () => this.draw(),
    });
    return { input, label: h("label", {}, `${name} `, input) };
  }

  /** A figure that is none changes nothing, and gives way to the one in use when the field is left. */
  typed() {
    const { source } = this.viewer.pane;
    const [centre, width] = [this.centre, this.width].map(({ input }) => input.valueAsNumber);
    this.centre.input.setAttribute("aria-invalid", String(Number.isNaN(centre)));
    this.width.input.setAttribute("aria-invalid", String(!(width > 0)));
    if (source && Number.isFinite(centre) && width > 0) this.viewer.setWindow(within(source, { centre, width }));
  }

  openPresets() {
    const { viewer } = this;
    const { source } = viewer.pane;
    if (!source) return;
    const items = presets(source).map(({ name, window }) => ({
      label: `${name} ${figure(window.centre)} / ${figure(window.width)}`,
      act: () => {
        viewer.setWindow(window);
        viewer.takeKeys();
      },
    }));
    const within = /** @type {HTMLElement} */ (viewer.element.parentElement);
    menu(this.presets, items, { label: "Level and width", within });
  }

  draw() {
    const { grid, looks, pane, pinned } = this.viewer;
    const place = grid.places.get(pane.row);
    const n = grid.rows.length;
    setText(this.position, place === undefined ? "Not in this list" : `${count(place + 1)} of ${count(n)}`);
    const { scale, source } = pane;
    setText(this.zoom, scale === null ? "" : `${Math.round(100 * scale)}\u00a0%`);
    const window = pane.window ?? source?.windows[0];
    for (const { input, label } of [this.centre, this.width]) {
      input.disabled = !source;
      if (document.activeElement === input) continue;
      const value = label === this.centre.label ? window?.centre : window?.width;
      input.value = value === undefined ? "" : String(Number(value.toPrecision(6)));
      input.setAttribute("aria-invalid", "false");
    }
    setText(this.unit, source?.unit ?? "");
    this.presets.hidden = !source || presets(source).length < 2;
    this.invert.setAttribute("aria-pressed", String(looks.inverted));
    this.reset.disabled = !looks.inverted && !(source && looks.windows.has(scaleOf(source)));
    this.pin.setAttribute("aria-pressed", String(Boolean(pinned)));
    this.pin.title = pinned ? "Look at one image again" : "Keep this image in sight beside the next ones";
  }
}
