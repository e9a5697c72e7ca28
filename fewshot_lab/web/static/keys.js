// The keyboard. Nothing here listens while somebody types into a field.

import { isTyping } from "./dom.js";
import { placeOf } from "./keynames.js";
import { closePopover, popoverOpen } from "./popover.js";

export class Keys {
  constructor({ model, grid, viewer, labeller, workspace, onHelp }) {
    Object.assign(this, { model, grid, viewer, labeller, workspace, onHelp });
    this.listener = (event) => this.pressed(event);
    // First in line, before Streamlit's own keys (r runs the script again, c clears its cache).
    window.addEventListener("keydown", this.listener, true);
  }

  pressed(event) {
    if (event.isComposing || isTyping(event)) return;
    const inside =
      this.workspace.contains(event.target) ||
      event.target === document.body ||
      event.target === document.documentElement;
    if (!inside) return;
    if (this.act(event)) {
      event.preventDefault();
      event.stopImmediatePropagation();
    } else if (
      event.key.length === 1 &&
      !event.ctrlKey &&
      !event.metaKey &&
      !event.altKey &&
      /[a-z]/i.test(event.key)
    ) {
      event.stopPropagation();
    }
  }

  act(event) {
    const { grid, viewer, labeller } = this;
    const command = event.ctrlKey || event.metaKey;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (command) {
      if (key === "z") return run(() => (event.shiftKey ? labeller.redo() : labeller.undo()));
      if (key === "y") return run(() => labeller.redo());
      if (key === "a" && !viewer.isOpen) return run(() => grid.markAll());
      return false;
    }
    if (event.altKey) return false;
    const onButton = event.target instanceof Element && event.target.closest("button, a, summary, [role=menuitem]");
    if (key === "Escape") return this.escape();
    if (popoverOpen()) return false;
    if (this.target(event, key)) return true;
    if (onButton && (key === "Enter" || key === " ")) return false;
    const onMap = event.target instanceof Element && event.target.closest(".ws-map");
    if (
      ["ArrowUp", "ArrowDown", "Home", "End"].includes(key) &&
      event.target instanceof Element &&
      event.target.closest(".ws-class")
    )
      return false;
    if (onMap && (key.startsWith("Arrow") || "+-=0".includes(key))) return false;
    switch (key) {
      case " ":
        return run(() => (viewer.isOpen ? viewer.close() : this.enlarge()));
      case "Enter":
        return run(() => {
          if (!viewer.isOpen || viewer.row === grid.focusRow()) grid.takePrediction();
        });
      case "0":
        return run(() => grid.keep());
      case ".":
        return run(() => {
          viewer.isOpen && viewer.close();
          grid.open({ name: "neighbours" });
        });
      case "?":
        return run(() => this.onHelp());
      case "ArrowLeft":
        return run(() => grid.move(-1, 0, event.shiftKey));
      case "ArrowRight":
        return run(() => grid.move(1, 0, event.shiftKey));
      case "ArrowUp":
        return run(() => (viewer.isOpen ? grid.move(-1, 0) : grid.move(0, -1, event.shiftKey)));
      case "ArrowDown":
        return run(() => (viewer.isOpen ? grid.move(1, 0) : grid.move(0, 1, event.shiftKey)));
      case "PageDown":
        return run(() =>
          grid.move(0, Math.max(1, Math.floor(grid.scroller.clientHeight / (grid.height + 8)) - 1), event.shiftKey),
        );
      case "PageUp":
        return run(() =>
          grid.move(0, -Math.max(1, Math.floor(grid.scroller.clientHeight / (grid.height + 8)) - 1), event.shiftKey),
        );
      case "Home":
        return run(() => grid.move(-Infinity, 0, event.shiftKey));
      case "End":
        return run(() => grid.move(grid.rows.length, 0, event.shiftKey));
      default:
        return false;
    }
  }

  // Class keys and the reserved ones.
  target(event, key) {
    // The large view may show an image that is not in the grid: what one sees is what is labelled.
    const rows = this.viewer.isOpen ? [this.viewer.row] : undefined;
    const what = { u: "unsure", x: "reject", s: "skip", Backspace: "clear", Delete: "clear" }[key];
    if (what && !event.shiftKey) return run(() => this.grid.label({ kind: what }, rows));
    if (key.length !== 1 || key === "0") return false;
    const found = this.model.classes[placeOf(event)];
    if (!found) return false;
    if (event.repeat) return true;
    return run(() => this.grid.label({ kind: "class", classId: found.id }, rows));
  }

  escape() {
    if (popoverOpen()) return run(closePopover);
    if (this.viewer.isOpen) return run(() => this.viewer.close());
    if (this.grid.marked.size && this.grid.view.name !== "selection") return run(() => this.grid.unmark());
    if (this.model.selection) return run(() => this.model.select(null));
    return false;
  }

  enlarge() {
    const row = this.grid.focusRow();
    if (row >= 0) this.viewer.open(row);
    else if (this.grid.rows.length) this.viewer.open(this.grid.rows[0]);
  }

  close() {
    window.removeEventListener("keydown", this.listener, true);
  }
}

function run(act) {
  act();
  return true;
}
