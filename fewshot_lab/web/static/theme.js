// @ts-check
// Light, dark, or as the system says: kept in this browser. Streamlit reads its own choice before it draws
// anything, from a key for each page's path; so the page comes up in the right colours, without a flash.

import { store, stored } from "./storage.js";

export const THEMES = { System: "As the system", Light: "Light", Dark: "Dark" };

/** @param {string} pathname as Streamlit 1.67 names it */
const keyOf = (pathname) => `stActiveTheme-${pathname}-v2`;

/** @returns {string} */
export function currentTheme() {
  return JSON.parse(stored(keyOf(location.pathname)) ?? '"System"');
}

/**
 * @param {string} theme
 * @param {string[]} pages their addresses
 */
export function chooseTheme(theme, pages) {
  const paths = pages.map((page) => new URL(page, document.baseURI).pathname);
  const isStored = [location.pathname, ...paths].every((path) => store(keyOf(path), JSON.stringify(theme)));
  if (isStored) location.reload(); // else as the system
}
