// @ts-check
// Words of the field. Where one stands in a sentence its meaning is shown while the mouse rests on it, and
// when the Tab key reaches it. What they mean comes from the app's glossary.

import { h } from "./dom.js";

/** @import { Child } from "./types.d.ts" */

const meanings = /** @type {Map<string, string>} */ (new Map());
let forms = /** @type {RegExp | null} */ (null);
let listening = false;

/** @param {Record<string, string>} terms every form of a word, in small letters, and its meaning */
export function learnTerms(terms) {
  for (const [word, meaning] of Object.entries(terms)) meanings.set(word, meaning);
  const longestFirst = [...meanings.keys()].sort((a, b) => b.length - a.length);
  const escaped = longestFirst.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  forms = new RegExp(`(?<![\\w-])(${escaped.join("|")})(?![\\w-])`, "gi");
  if (!listening) listen();
  listening = true;
}

/**
 * A sentence in which each word of the field can be asked for its meaning, once.
 * @param {string} text
 * @returns {Child[]}
 */
export function explained(text) {
  if (!forms) return [text];
  const linked = new Set();
  return text.split(forms).map((part, i) => {
    const meaning = i % 2 ? meanings.get(part.toLowerCase()) : undefined;
    if (!meaning || linked.has(meaning)) return part;
    linked.add(meaning);
    return h("abbr", { class: "fl-term", tabindex: 0, "data-term": part.toLowerCase() }, part);
  });
}

/** One listener for the whole document: pages write the words, in whatever way they are made. */
function listen() {
  const tip = h("div", { id: "fl-meaning", role: "tooltip", hidden: true });
  let shown = /** @type {HTMLElement | null} */ (null);
  const hide = () => {
    tip.hidden = true;
    shown?.removeAttribute("aria-describedby");
    shown = null;
  };
  /** @param {Event} event */
  const show = ({ target }) => {
    const word = target instanceof Element ? /** @type {HTMLElement | null} */ (target.closest("[data-term]")) : null;
    if (word === shown) return;
    hide();
    const meaning = word && meanings.get(word.dataset.term ?? "");
    if (!word || !meaning) return;
    shown = word;
    tip.textContent = meaning;
    tip.hidden = false;
    word.setAttribute("aria-describedby", tip.id);
    (word.closest(".stApp") ?? document.body).append(tip);
    const at = word.getBoundingClientRect(),
      size = tip.getBoundingClientRect();
    const below = at.bottom + 6 + size.height < innerHeight;
    tip.style.left = `${Math.max(8, Math.min(at.left, innerWidth - size.width - 8))}px`;
    tip.style.top = `${below ? at.bottom + 6 : at.top - size.height - 6}px`;
  };
  for (const name of ["pointerover", "focusin"]) document.addEventListener(name, show);
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", hide, true);
  document.addEventListener("keydown", ({ key }) => key === "Escape" && hide());
}
