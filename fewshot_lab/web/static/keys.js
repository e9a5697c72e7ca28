// @ts-check
// The keyboard. Nothing here listens while somebody types into a field.

import { placeOf } from "./classkeys.js";
import { closest, isTyping } from "./dom.js";
import { closePopover, popoverOpen } from "./popover.js";

/** @import { Grid } from "./grid.js" */
/** @import { Labeller } from "./labeller.js" */
/** @import { Model } from "./model.js" */
/** @import { LabelKind, LabelRequest } from "./types.d.ts" */
/** @import { Viewer } from "./viewer.js" */

/** @type {Record<string, LabelKind>} */
const LABEL_KEYS = { u: "unsure", x: "reject", s: "skip", Backspace: "clear", Delete: "clear" };

// In pixels of the large view.
/** @type {Record<string, [number, number]>} */
const PANS = { ArrowLeft: [120, 0], ArrowRight: [-120, 0], ArrowUp: [0, 120], ArrowDown: [0, -120] };

// Through the slices of a volume.
/** @type {Record<string, number>} */
const STEPS = { PageUp: -1, PageDown: 1 };

export class Keys {
  /**
   * @param {{
   *   model: Model,
   *   grid: Grid,
   *   viewer: Viewer,
   *   labeller: Labeller,
   *   workspace: HTMLElement,
   *   onHelp: () => void,
   * }} parts
   */
  constructor({ model, grid, viewer, labeller, workspace, onHelp }) {
    this.model = model;
    this.grid = grid;
    this.viewer = viewer;
    this.labeller = labeller;
    this.workspace = workspace;
    this.onHelp = onHelp;
    /** @param {KeyboardEvent} event */
    this.listener = (event) => this.pressed(event);
    // First in line, before Streamlit's own keys (r runs the script again, c clears its cache).
    window.addEventListener("keydown", this.listener, true);
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    if (event.isComposing || isTyping(event)) return;
    const target = /** @type {Node} */ (event.target);
    if (!this.workspace.contains(target) && target !== document.body && target !== document.documentElement) return;
    const act = this.actOf(event);
    if (act) {
      act();
      event.preventDefault();
      event.stopImmediatePropagation();
    } else if (/^[a-z]$/i.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
  }

  /**
   * What a key does here; null where it is left to the browser.
   * @param {KeyboardEvent} event
   * @returns {(() => void) | null}
   */
  actOf(event) {
    const { grid, viewer, labeller } = this;
    const { cursor, labelling, rows, tiles } = grid;
    const { shiftKey } = event;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey || event.metaKey) {
      if (key === "z") return () => labeller.revert(shiftKey ? "redo" : "undo");
      if (key === "y") return () => labeller.revert("redo");
      return key === "a" && !viewer.isOpen ? () => cursor.markAll() : null;
    }
    if (event.altKey) return null;
    if (key === "Escape") return this.escape();
    if (popoverOpen()) return null;
    const look = viewer.isOpen ? this.lookOf(event) : null;
    if (look) return look;
    const label = this.labelOf(event, key);
    const { span } = viewer.sequence;
    const context = viewer.isOpen && viewer.sequence.isContext && !span.isOpen;
    if (context && (label || key === "Enter" || key === "0")) return () => viewer.sequence.refuse();
    if (label) return label;
    if ((key === "Enter" || key === " ") && closest(event, "button, a, summary, [role=menuitem]")) return null;
    if (["ArrowUp", "ArrowDown", "Home", "End"].includes(key) && closest(event, ".ws-class")) return null;
    if ((key.startsWith("Arrow") || "+-=0".includes(key)) && closest(event, ".ws-map, .ws-slide-stage")) return null;
    /** @type {Record<string, () => void>} */
    const acts = {
      " ": () => (viewer.isOpen ? viewer.close() : this.enlarge()),
      Enter: () => {
        if (!viewer.isOpen || viewer.row === cursor.row) labelling.takePrediction();
      },
      0: () => labelling.keep(),
      ".": () => {
        if (viewer.isOpen) viewer.close();
        grid.open({ name: "neighbours" });
      },
      ",": () => {
        if (!viewer.isOpen) grid.piles.toggle();
      },
      "?": () => this.onHelp(),
      ArrowLeft: () => cursor.move(-1, 0, shiftKey),
      ArrowRight: () => cursor.move(1, 0, shiftKey),
      ArrowUp: () => (viewer.isOpen ? cursor.move(-1, 0) : cursor.move(0, -1, shiftKey)),
      ArrowDown: () => (viewer.isOpen ? cursor.move(1, 0) : cursor.move(0, 1, shiftKey)),
      PageDown: () => cursor.move(0, tiles.page, shiftKey),
      PageUp: () => cursor.move(0, -tiles.page, shiftKey),
      Home: () => cursor.move(-Infinity, 0, shiftKey),
      End: () => cursor.move(rows.length, 0, shiftKey),
    };
    return acts[key] ?? null;
  }

  /**
   * Zoom and pan of the large view; a digit key that writes a minus is still a class key.
   * @param {KeyboardEvent} event
   * @returns {(() => void) | null}
   */
  lookOf({ key, code, shiftKey }) {
    const { viewer } = this;
    if (key === "+" || key === "=") return () => viewer.zoomBy(1.5);
    if (key === "-" && !code.startsWith("Digit")) return () => viewer.zoomBy(1 / 1.5);
    if (key === "[" && viewer.sequence.steps) return () => viewer.sequence.span.turn();
    const step = viewer.sequence.steps ? STEPS[key] : 0;
    if (step) return () => viewer.sequence.step(step);
    const direction = shiftKey ? PANS[key] : null;
    return direction ? () => viewer.pan(direction[0], direction[1]) : null;
  }

  /**
   * Class keys and the reserved ones.
   * @param {KeyboardEvent} event
   * @param {string} key
   */
  labelOf(event, key) {
    // The large view may show an image that is not in the grid: what one sees is what is labelled.
    const rows = this.viewer.isOpen ? [this.viewer.row] : undefined;
    const { span } = this.viewer.sequence;
    /** @param {LabelRequest} request */
    const label = (request) =>
      this.viewer.isOpen && span.isOpen ? span.label(request) : this.grid.labelling.label(request, rows);
    const kind = event.shiftKey ? undefined : LABEL_KEYS[key];
    if (kind) return () => label({ kind });
    const row = key.length === 1 && key !== "0" ? this.model.classes[placeOf(event)] : null;
    if (!row) return null;
    return () => {
      if (!event.repeat) label({ kind: "class", classId: row.id });
    };
  }

  escape() {
    const { grid, model, viewer } = this;
    if (popoverOpen()) return closePopover;
    if (viewer.isOpen && viewer.sequence.span.isOpen) return () => viewer.sequence.span.turn();
    if (viewer.isOpen) return () => viewer.close();
    if (grid.view.name === "pile") return () => grid.piles.back();
    if (grid.cursor.marked.size && grid.view.name !== "selection") return () => grid.cursor.unmark();
    return model.selection ? () => model.select(null) : null;
  }

  enlarge() {
    const row = this.grid.cursor.row >= 0 ? this.grid.cursor.row : this.grid.rows[0];
    if (row !== undefined) this.viewer.open(row);
  }

  close() {
    window.removeEventListener("keydown", this.listener, true);
  }
}
