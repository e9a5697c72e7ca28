// @ts-check
// Which images are unlike anything labelled: no prediction of one is shown where it is looked at alone, in the
// large view and under the pointer. The server reads all embeddings for it, so it is asked behind, and not with
// every refit.

/** @import { Api } from "./api.js" */
/** @import { Model } from "./model.js" */

const ASKED_EVERY = 20_000; // ms
const UNLIKE = "Unlike anything labelled: no prediction.";
const COMPARED = "Comparing it with the labelled images …";

export class UnlikeFlags {
  /**
   * @param {Model} model
   * @param {Api} api
   * @param {() => number} [now]
   */
  constructor(model, api, now = () => performance.now()) {
    this.model = model;
    this.api = api;
    this.listeners = /** @type {(() => void)[]} */ ([]);
    this.now = now;
    this.flags = /** @type {Uint32Array | null} */ (null);
    this.position = -1;
    this.askedAt = -Infinity;
    model.on("images", () => this.forget());
  }

  forget() {
    this.flags = null;
    this.position = -1;
    this.askedAt = -Infinity;
  }

  /**
   * Has `listener` called whenever the answer is another one.
   * @param {() => void} listener
   */
  onKnown(listener) {
    this.listeners.push(listener);
  }

  /**
   * What stands in place of an image's prediction; nothing where it may be shown.
   * @param {number} row
   */
  inPlaceOf(row) {
    const unlike = this.has(row);
    return unlike ? UNLIKE : unlike === null ? COMPARED : "";
  }

  /**
   * Whether an image is unlike anything labelled, by the newest answer; null until there is one.
   * @param {number} row
   */
  has(row) {
    return this.flags && Boolean(this.flags[row]);
  }

  /** Asks where the classifier is another one than last time. */
  async ask() {
    const { model } = this;
    const position = model.snapshot?.position ?? -1;
    if (!model.hasClassifier() || position === this.position || this.now() - this.askedAt < ASKED_EVERY) return;
    const asked = (this.askedAt = this.now());
    this.position = position;
    let flags = this.flags ?? new Uint32Array(model.n);
    try {
      flags = (await this.api.arrays("column", { name: "@unlike" })).arrays.values;
    } catch {
      this.position = -1; // asked again; until then predictions are shown
    }
    if (this.askedAt !== asked || flags.length !== model.n) return;
    this.flags = flags;
    for (const listener of this.listeners) listener();
  }
}
