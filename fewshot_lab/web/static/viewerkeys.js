// @ts-check
// The line below the picture: the class keys, and what the last of them did.

import { keyOf } from "./classkeys.js";
import { button, count, h, refill } from "./dom.js";
import { ShortNames } from "./names.js";

/** @import { LabelKind, LabelRequest } from "./types.d.ts" */
/** @import { Viewer } from "./viewer.js" */

const OTHERS = /** @type {[LabelKind, string, string][]} */ ([
  ["unsure", "U", "Unsure"],
  ["reject", "X", "Unusable"],
  ["skip", "S", "Skip"],
  ["clear", "⌫", "Clear"],
]);
// So many classes have short names: all keys are to be in sight. Of few, a name may take its share of the line, in pixels.
const MANY = 12,
  SHORT = 112,
  USUAL = 190,
  LINE = 760;
const DONE = { unsure: "Unsure", reject: "Unusable", skip: "Skipped", clear: "Label cleared" };

export class ViewerKeys {
  /** @param {Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer;
    this.drawn = "";
    this.explains = false;
    this.shorts = /** @type {ShortNames | null} */ (null);
    this.list = h("div", { class: "ws-viewer-classes", role: "group", "aria-label": "Label this image" });
    this.line = h("p", { class: "ws-confirm", role: "status", "aria-live": "polite" });
    this.element = h("div", { class: "ws-viewer-foot" }, this.line, this.list);
  }

  /** Before anything is labelled, how to go on. */
  explain() {
    this.explains = true;
    const { sequence, steps } = this.viewer.sequence;
    const wheel = steps
      ? `Wheel steps through the ${sequence?.kind}s, ctrl and wheel zooms, drag moves. `
      : "Wheel zooms, drag moves. ";
    const keys = [h("kbd", {}, "←"), " ", h("kbd", {}, "→"), " next image, ", h("kbd", {}, "space"), " closes. "];
    const mouse = [wheel, h("kbd", {}, "shift"), " and drag, or the right button, sets the window: "];
    refill(this.line, h("span", { class: "ws-quiet" }, keys, mouse, "up is brighter, right is softer."));
  }

  /** Once more, where nothing has been labelled yet: the wheel does something else now. */
  explainAnew() {
    if (this.explains) this.explain();
  }

  draw() {
    const { model, pane } = this.viewer;
    const kind = model.classId(pane.row);
    const key = JSON.stringify([model.classes, kind]);
    if (key === this.drawn) return;
    this.drawn = key;
    const names = model.classes.map((c) => c.name);
    this.shorts ??= new ShortNames(`600 13px ${getComputedStyle(this.list).fontFamily}`);
    const short = this.shorts.in(names, [names.length < MANY ? Math.max(USUAL, LINE / names.length) : SHORT]);
    const classes = model.classes.map((c, place) =>
      this.button(
        keyOf(place),
        short(c.name),
        { kind: "class", classId: c.id },
        {
          title: c.name,
          "aria-label": `${keyOf(place)} ${c.name}`.trim(),
          "aria-pressed": String(c.id === kind),
          style: { "--own": c.color },
        },
      ),
    );
    refill(
      this.list,
      classes,
      OTHERS.map(([label, shown, name]) =>
        this.button(shown, name, { kind: label }, { title: name, class: "ws-key ws-key-other" }),
      ),
    );
  }

  /**
   * @param {string} key
   * @param {string} name
   * @param {LabelRequest} request
   * @param {import("./types.d.ts").Attributes} attributes
   */
  button(key, name, request, attributes) {
    const { grid } = this.viewer;
    const onclick = () => {
      const { sequence } = this.viewer;
      if (sequence.span.isOpen) sequence.span.label(request);
      else if (sequence.isContext) sequence.refuse();
      else grid.labelling.label(request, [this.viewer.pane.row]);
      this.viewer.takeKeys();
    };
    const swatch = request.kind === "class" && h("i", { class: "ws-swatch", style: { background: "var(--own)" } });
    return button(
      "ws-key",
      { onclick, ...attributes },
      h("kbd", {}, key),
      swatch,
      h("span", { class: "ws-name" }, name),
    );
  }

  /**
   * "Polyp, 14 of 37": of which image that is said, as the next one stands there already.
   * @param {{ rows: number[], kind: LabelKind, classId: number | null }} labelled
   */
  confirm({ rows, kind, classId }) {
    this.explains = false;
    const { grid, model } = this.viewer;
    const place = grid.places.get(rows[0]);
    const color = classId === null ? null : model.color(classId);
    refill(
      this.line,
      color && h("i", { class: "ws-swatch", style: { background: color } }),
      h(
        "span",
        {},
        h("b", {}, kind === "class" ? model.name(classId) : DONE[kind]),
        place === undefined ? "" : `, ${count(place + 1)} of ${count(grid.rows.length)}`,
      ),
      h("span", { class: "ws-quiet" }, h("kbd", {}, "ctrl"), " ", h("kbd", {}, "Z"), " takes it back"),
    );
  }
}
