// @ts-check
// The file names of the images in the grid, which screen readers say: asked for once they stand still.

/** @import { Api } from "./api.js" */
/** @import { Model } from "./model.js" */

const STILL = 250;
const MOST = 100;

export class FileNames {
  /** @param {{ model: Model, api: Api, onNames: () => void }} parts */
  constructor({ model, api, onNames }) {
    this.model = model;
    this.api = api;
    this.onNames = onNames;
    this.names = /** @type {Map<string, string>} */ (new Map());
    this.timer = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);
  }

  /** What an image is called, by its id where the name has not come yet. @param {number} row */
  of(row) {
    const id = this.model.ids[row];
    return this.names.get(id) ?? `Image ${id.slice(0, 6)}`;
  }

  /** @param {Iterable<number>} rows that are in sight */
  ask(rows) {
    clearTimeout(this.timer);
    const missing = Array.from(rows, (row) => this.model.ids[row]).filter((id) => !this.names.has(id));
    if (!missing.length) return;
    this.timer = setTimeout(async () => {
      try {
        const { names } = await this.api.get("names", { images: missing.slice(0, MOST).join("") });
        for (const [id, name] of Object.entries(names)) this.names.set(id, name);
        this.onNames();
      } catch {
        /* the ids must do */
      }
    }, STILL);
  }

  close() {
    clearTimeout(this.timer);
  }
}
