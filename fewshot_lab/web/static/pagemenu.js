// @ts-check
// The menu at the right end of the top bar of every page: first steps, glossary, colours.

import { button, h } from "./dom.js";
import { showSteps } from "./firststeps.js";
import { popover } from "./popover.js";
import { learnTerms } from "./terms.js";
import { THEMES, chooseTheme, currentTheme } from "./theme.js";

/** @typedef {{ meanings: Record<string, string>, pages: Record<string, string> }} MenuData */

/**
 * @param {HTMLElement} root
 * @param {MenuData} data
 */
export function mount(root, data) {
  learnTerms(data.meanings);
  const open = button(
    "fl-menu-button",
    { "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => openMenu(open, data) },
    "Help",
  );
  root.replaceChildren(open);
}

/**
 * Where the app's colours hold.
 * @param {HTMLElement} element
 */
const appOf = (element) => /** @type {HTMLElement} */ (element.closest(".stApp") ?? document.body);

/**
 * @param {HTMLElement} anchor
 * @param {MenuData} data
 */
function openMenu(anchor, { pages }) {
  const theme = currentTheme();
  const colours = Object.entries(THEMES).map(([name, text]) =>
    h(
      "label",
      {},
      h("input", {
        type: "radio",
        name: "fl-theme",
        checked: name === theme,
        onchange: () => chooseTheme(name, Object.values(pages)),
      }),
      text,
    ),
  );
  const close = popover(
    anchor,
    h(
      "div",
      { class: "fl-menu" },
      button(
        "fl-menu-item",
        {
          onclick: () => {
            close();
            showSteps(pages.label);
          },
        },
        "First steps",
      ),
      h("a", { class: "fl-menu-item", href: pages.glossary, target: "_self" }, "Glossary"),
      h("fieldset", {}, h("legend", {}, "Colours"), colours),
    ),
    { label: "Help", within: appOf(anchor) },
  );
}
