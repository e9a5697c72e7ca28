// @ts-check
// Streamlit's dialog of a lost server, closed as it comes: it lies over a page that goes on and says itself
// what is kept, and it tells people to restart a program in a terminal.

const TITLE = "Connection error";

export class ConnectionDialog {
  constructor() {
    this.observer = new MutationObserver((changes) => {
      for (const { addedNodes } of changes) for (const node of addedNodes) dismiss(node);
    });
    this.observer.observe(document.body, { childList: true });
  }

  close() {
    this.observer.disconnect();
  }
}

/** @param {Node} node */
function dismiss(node) {
  if (!(node instanceof HTMLElement) || node.querySelector("h2")?.textContent !== TITLE) return;
  /** @type {HTMLElement | null} */ (node.querySelector("button[aria-label=Close]"))?.click();
}
