// @ts-check
// Short messages that say what changed, with the one act that takes it back.

import { button, h, iconButton } from "./dom.js";

const STAYS = 6000;

export class Toasts {
  constructor() {
    this.element = h("div", { class: "ws-toasts", role: "status", "aria-live": "polite" });
  }

  /**
   * @param {string} text
   * @param {{ action?: string, onAction?: () => void, tone?: "plain" | "warning", stays?: number }} [options]
   */
  show(text, { action, onAction, tone = "plain", stays = STAYS } = {}) {
    if (action) this.removeActions();
    // Said again, it is the same message: nobody dismisses it three times.
    for (const other of this.element.querySelectorAll(".ws-toast"))
      if (other.firstChild?.textContent === text) other.remove();
    while (this.element.children.length > 2) this.element.firstChild?.remove();
    const close = () => {
      clearTimeout(timer);
      toast.remove();
    };
    const act = () => {
      close();
      onAction?.();
    };
    const toast = h(
      "div",
      { class: `ws-toast ws-toast-${tone}`, "data-acts": action ? "1" : null },
      h("span", {}, text),
      action && button("ws-link", { onclick: act }, action),
      iconButton("close", "Dismiss", close),
    );
    let timer = setTimeout(close, stays);
    toast.addEventListener("pointerenter", () => clearTimeout(timer));
    toast.addEventListener("pointerleave", () => {
      timer = setTimeout(close, 2500);
    });
    this.element.append(toast);
  }

  /** @param {unknown} error */
  warn(error) {
    this.show(error instanceof Error ? error.message : String(error), { tone: "warning" });
  }

  /** "Undo" means the last act: once there is a newer one, what offers to take back an older one goes. */
  removeActions() {
    for (const toast of this.element.querySelectorAll("[data-acts]")) toast.remove();
  }
}
