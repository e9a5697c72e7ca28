// @ts-check
// Light, dark, or as the system says: kept in this browser. Streamlit reads its own choice before it draws
// anything, from a key for each page's path; so the page comes up in the right colours, without a flash.

export const THEMES = { System: "As the system", Light: "Light", Dark: "Dark" };

/** @param {string} pathname as Streamlit 1.67 names it */
const keyOf = (pathname) => `stActiveTheme-${pathname}-v2`;

/** @returns {string} */
export function currentTheme() {
  try {
    return JSON.parse(localStorage.getItem(keyOf(location.pathname)) ?? '"System"');
  } catch {
    return "System";
  }
}

/**
 * @param {string} theme
 * @param {string[]} pages their addresses
 */
export function chooseTheme(theme, pages) {
  const paths = pages.map((page) => new URL(page, document.baseURI).pathname);
  try {
    for (const path of new Set([location.pathname, ...paths])) {
      localStorage.setItem(keyOf(path), JSON.stringify(theme));
    }
  } catch {
    return; // a forbidden storage: as the system
  }
  location.reload();
}
