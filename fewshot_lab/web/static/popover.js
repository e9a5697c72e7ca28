// @ts-check
// A panel over the page that closes by Escape or a click elsewhere and gives the focus back.

import { button, h, moveAlong } from "./dom.js";

/** @import { Child } from "./types.d.ts" */
/** @typedef {{ label: string, within: HTMLElement, place?: "below" | "above" | "right", onClose?: () => void }} Options */

let closeOpen = /** @type {(() => void) | null} */ (null);

export const closePopover = () => closeOpen?.();
export const popoverOpen = () => closeOpen !== null;

/**
 * Opens a panel beside its anchor, inside the page; returns what closes it.
 * @param {HTMLElement} anchor
 * @param {Child} content
 * @param {Options} options
 */
export function popover(anchor, content, { place = "below", label, within, onClose }) {
  closePopover();
  const panel = h("div", { class: "ws-popover", role: "dialog", "aria-label": label, tabindex: "-1" }, content);
  within.append(panel);
  anchor.setAttribute("aria-expanded", "true");
  const arrange = () => {
    // An anchor that was drawn anew leaves the panel where it stands.
    if (!anchor.isConnected) return;
    const a = anchor.getBoundingClientRect(),
      w = within.getBoundingClientRect(),
      p = panel.getBoundingClientRect();
    let left = a.left - w.left,
      top = a.bottom - w.top + 6;
    if (place === "above") top = a.top - w.top - p.height - 6;
    if (place === "right") {
      left = a.right - w.left + 8;
      top = a.top - w.top;
    }
    panel.style.left = `${Math.max(8, Math.min(left, w.width - p.width - 8))}px`;
    panel.style.top = `${Math.max(8, Math.min(top, w.height - p.height - 8))}px`;
  };
  arrange();
  const observer = new ResizeObserver(arrange);
  observer.observe(panel);
  /** @param {PointerEvent} event */
  const outside = ({ target }) => {
    if (!(target instanceof Node) || panel.contains(target) || anchor.contains(target)) return;
    if (within.contains(target)) close();
  };
  const close = () => {
    if (closeOpen !== close) return;
    closeOpen = null;
    observer.disconnect();
    document.removeEventListener("pointerdown", outside, true);
    const focused = panel.contains(document.activeElement);
    panel.remove();
    anchor.setAttribute("aria-expanded", "false");
    if (focused && anchor.isConnected) anchor.focus();
    onClose?.();
  };
  closeOpen = close;
  document.addEventListener("pointerdown", outside, true);
  const first = /** @type {HTMLElement | null} */ (panel.querySelector("[autofocus]"));
  (first ?? panel).focus({ preventScroll: true });
  return close;
}

/**
 * Escape in a field closes the panel; elsewhere in it the page's keys see to that.
 * @param {KeyboardEvent} event
 */
export function closeByEscape({ key, target }) {
  if (key === "Escape" && target instanceof HTMLInputElement && !(target.type === "search" && target.value)) {
    closePopover();
  }
}

/** @typedef {{ label: string, act: () => void, color?: string | null, key?: string, checked?: boolean }} Item */

/**
 * A menu of plain choices under a button; `null` draws a line.
 * @param {HTMLElement} anchor
 * @param {(Item | null)[]} items
 * @param {Options} options
 */
export function menu(anchor, items, options) {
  const choices = items.map(
    (item) =>
      item &&
      button(
        "ws-menu-item",
        {
          role: "menuitem",
          "aria-checked": item.checked,
          onclick: () => {
            closePopover();
            item.act();
          },
        },
        item.color && h("i", { class: "ws-swatch", style: { background: item.color } }),
        h("span", {}, item.label),
        item.key && h("kbd", {}, item.key),
      ),
  );
  const list = h(
    "div",
    { class: "ws-menu", role: "menu", onkeydown: moveAlong },
    choices.map((choice) => choice ?? h("hr")),
  );
  popover(anchor, list, options);
  list.querySelector("button")?.focus({ preventScroll: true });
}
