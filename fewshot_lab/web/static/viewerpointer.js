// @ts-check
// The pointer in the large view: the wheel zooms where it points (in a volume it steps, and zooms with ctrl), a drag moves the picture, and with Shift or by
// the right button it sets the window.

import { closest } from "./dom.js";
import { dragged } from "./greywindow.js";

/** @import { GreyWindow } from "./greywindow.js" */
/** @import { Viewer } from "./viewer.js" */
/** @typedef {{ x: number, y: number, window: GreyWindow | null }} Drag */

const CLOSE_UP = 3;

export class ViewerPointer {
  /** @param {Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer;
    this.drag = /** @type {Drag | null} */ (null);
    this.frame = 0;
    const { stage } = viewer;
    stage.addEventListener("wheel", (event) => this.turn(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.press(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => this.release());
    stage.addEventListener("contextmenu", (event) => event.preventDefault());
    stage.addEventListener("dblclick", (event) => {
      if (viewer.looks.zoom.zoom > 1) viewer.fit();
      else viewer.zoomBy(CLOSE_UP, this.place(event));
    });
  }

  /** Where an event lies, from the middle of its pane. @param {MouseEvent} event */
  place(event) {
    const pane = closest(event, ".ws-pane") ?? this.viewer.pane.element;
    const box = pane.getBoundingClientRect();
    return { x: event.clientX - box.left - box.width / 2, y: event.clientY - box.top - box.height / 2 };
  }

  /** @param {WheelEvent} event */
  turn(event) {
    event.preventDefault();
    const turned = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1);
    const { sequence } = this.viewer;
    // Two fingers that spread on a trackpad come as a wheel with ctrl.
    if (sequence.steps && !event.ctrlKey && !event.metaKey) sequence.turn(turned);
    else this.viewer.zoomBy(Math.exp(-turned / 400), this.place(event));
  }

  /** @param {PointerEvent} event */
  press(event) {
    if (event.button > 2 || closest(event, "button")) return;
    const { pane, stage } = this.viewer;
    const windows = event.button === 2 || event.shiftKey;
    const window = (windows && (pane.window ?? pane.source?.windows[0])) || null;
    if (windows && !window) return;
    stage.setPointerCapture(event.pointerId);
    stage.classList.toggle("ws-windowing", Boolean(window));
    this.drag = { x: event.clientX, y: event.clientY, window };
  }

  /** @param {PointerEvent} event */
  move(event) {
    const { drag, viewer } = this;
    if (!drag || !event.buttons) return;
    const dx = event.clientX - drag.x,
      dy = event.clientY - drag.y;
    if (!drag.window) {
      viewer.pan(dx, dy, { glide: false });
      [drag.x, drag.y] = [event.clientX, event.clientY];
      return;
    }
    const { window } = drag;
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      const { source } = viewer.pane;
      if (source) viewer.setWindow(dragged(source, window, dx, dy));
    });
  }

  release() {
    this.drag = null;
    this.viewer.stage.classList.remove("ws-windowing");
  }
}
