// A panel over the page that closes by Escape or a click elsewhere and gives the focus back.

import { h } from "./dom.js";

let open = null;

export function closePopover() {
  open?.();
}

export const popoverOpen = () => open !== null;

// `place` is "below", "above" or "right" of the anchor; the panel is kept inside the page.
export function popover(anchor, content, { place = "below", label, within, className = "", onClose } = {}) {
  closePopover();
  const panel = h(
    "div",
    { class: `ws-popover ${className}`, role: "dialog", "aria-label": label, tabindex: "-1" },
    content,
  );
  within.append(panel);
  anchor.setAttribute("aria-expanded", "true");
  const arrange = () => {
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
  const outside = (event) => {
    if (!panel.contains(event.target) && !anchor.contains(event.target) && within.contains(event.target)) close();
  };
  const close = () => {
    if (open !== close) return;
    open = null;
    observer.disconnect();
    document.removeEventListener("pointerdown", outside, true);
    const had = panel.contains(document.activeElement);
    panel.remove();
    anchor.setAttribute("aria-expanded", "false");
    if (had && anchor.isConnected) anchor.focus();
    onClose?.();
  };
  open = close;
  document.addEventListener("pointerdown", outside, true);
  (panel.querySelector("[autofocus]") ?? panel).focus({ preventScroll: true });
  return { panel, close, arrange };
}

// A menu of plain choices under a button; `null` draws a line.
export function menu(anchor, items, options) {
  let made = null;
  const buttons = items.map((item) =>
    item === null
      ? h("hr", {})
      : h(
          "button",
          {
            type: "button",
            role: "menuitem",
            class: "ws-menu-item",
            disabled: item.disabled,
            "aria-checked": item.checked,
            onclick: () => {
              made.close();
              item.act();
            },
          },
          item.color && h("i", { class: "ws-swatch", style: { background: item.color } }),
          h("span", {}, item.label),
          item.key && h("kbd", {}, item.key),
        ),
  );
  const list = h("div", { class: "ws-menu", role: "menu" }, buttons);
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const choices = [...list.querySelectorAll("button:not(:disabled)")];
    const at = choices.indexOf(document.activeElement);
    choices[(at + step + choices.length) % choices.length]?.focus();
  });
  made = popover(anchor, list, options);
  list.querySelector("button:not(:disabled)")?.focus({ preventScroll: true });
  return made;
}
