// @ts-check
// How this person likes this project's page: kept in the browser, never needed.

import { store, stored } from "./storage.js";

export class Preferences {
  /** @param {string} project */
  constructor(project) {
    this.key = `fewshot-lab:${project}`;
    this.values = JSON.parse(stored(this.key) ?? "{}");
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
    store(this.key, JSON.stringify(this.values));
  }
}
