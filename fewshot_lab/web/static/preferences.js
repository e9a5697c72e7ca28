// @ts-check
// How this person likes this project's page: kept in the browser, never needed.

export class Preferences {
  /** @param {string} project */
  constructor(project) {
    this.key = `fewshot-lab:${project}`;
    try {
      this.values = JSON.parse(localStorage.getItem(this.key) ?? "null") ?? {};
    } catch {
      this.values = {};
    }
  }

  /**
   * @param {string} name
   * @param {any} otherwise
   */
  get(name, otherwise) {
    return this.values[name] ?? otherwise;
  }

  /**
   * @param {string} name
   * @param {unknown} value
   */
  set(name, value) {
    if (this.values[name] === value) return;
    this.values[name] = value;
    try {
      localStorage.setItem(this.key, JSON.stringify(this.values));
    } catch {
      /* a full or forbidden storage: the page works without */
    }
  }
}
