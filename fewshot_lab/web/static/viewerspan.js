// @ts-check
// "Label from here to there": a mark on one frame of a video (or slice of a volume), and the next class key labels
// every image of the project between it and the one that one has stepped to. One action, one undo.

import { button, count, h, setText } from "./dom.js";

/** @import { LabelRequest } from "./types.d.ts" */
/** @import { Viewer } from "./viewer.js" */

/**
 * The images between two places of a sequence, both included. Those of the audit are asked about one by one.
 * @param {string[]} ids of the sequence; "" for what is no image of the project
 * @param {number} from
 * @param {number} to
 * @param {(id: string) => number | undefined} rowOf
 * @param {(row: number) => boolean} isAudit
 */
export function between(ids, from, to, rowOf, isAudit) {
  const all = new Set(
    ids
      .slice(Math.min(from, to), Math.max(from, to) + 1)
      .map((id) => (id ? rowOf(id) : undefined))
      .filter((row) => row !== undefined),
  );
  const rows = [...all].filter((row) => !isAudit(row));
  return { rows, audit: all.size - rows.length };
}

export class ViewerSpan {
  /** @param {Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer;
    this.from = /** @type {number | null} */ (null);
    this.text = h("output", { class: "ws-span-text", "aria-live": "polite" });
    this.toggle = button("ws-quiet-button", { "aria-pressed": "false", onclick: () => this.turn() });
    this.mark = h("i", { class: "ws-span-mark", hidden: true });
    this.element = h("div", { class: "ws-span" }, this.text, this.toggle);
  }

  get isOpen() {
    return this.from !== null;
  }

  /** Marks the frame at hand, or takes the mark away. */
  turn() {
    this.from = this.isOpen ? null : this.viewer.sequence.at;
    this.viewer.sequence.draw();
    this.viewer.takeKeys();
  }

  close() {
    this.from = null;
  }

  get images() {
    const { model, sequence } = this.viewer;
    const ids = sequence.sequence?.ids ?? [];
    return between(
      ids,
      this.from ?? sequence.at,
      sequence.at,
      (id) => model.rowOf.get(id),
      (row) => model.isAudit(row),
    );
  }

  /** @param {LabelRequest} request */
  label(request) {
    const { grid, sequence } = this.viewer;
    const { rows } = this.images;
    if (!rows.length) return;
    this.from = null;
    grid.labelling.label(request, rows);
    sequence.draw();
  }

  draw() {
    const { sequence } = this.viewer.sequence;
    const what = sequence?.kind === "frame" ? "frame" : "slice";
    setText(this.toggle, this.isOpen ? "Cancel" : "From here");
    this.toggle.title = `Label from this ${what} to another: step there, then press a class key ([)`;
    this.toggle.setAttribute("aria-pressed", String(this.isOpen));
    const { rows, audit } = this.images;
    const rest = audit ? ` (${count(audit)} of the audit left out)` : "";
    setText(
      this.text,
      this.isOpen ? `${count(rows.length)} ${what}${rows.length === 1 ? "" : "s"}${rest}: press a class key` : "",
    );
    this.mark.hidden = !this.isOpen;
    if (this.from === null || !sequence) return;
    const [first, last] = [this.from, this.viewer.sequence.at].sort((a, b) => a - b);
    const n = sequence.ids.length;
    this.mark.style.left = `${(100 * first) / n}%`;
    this.mark.style.width = `max(3px, ${(100 * (last - first + 1)) / n}%)`;
  }
}
