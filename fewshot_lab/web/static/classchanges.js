// @ts-check
// Changes of the classes go to the server at once, one after the other: they need its answer.

/** @import { Api } from "./api.js" */
/** @import { Model } from "./model.js" */
/** @import { Outbox } from "./outbox.js" */
/** @import { Toasts } from "./toast.js" */
/** @import { UndoStack } from "./undostack.js" */

export class ClassChanges {
  /** @param {{ api: Api, outbox: Outbox, model: Model, toasts: Toasts, undoStack: UndoStack }} parts */
  constructor({ api, outbox, model, toasts, undoStack }) {
    this.api = api;
    this.outbox = outbox;
    this.model = model;
    this.toasts = toasts;
    this.undoStack = undoStack;
    this.last = Promise.resolve(false);
  }

  /**
   * @param {{ do: string, [detail: string]: unknown }} change
   * @returns {Promise<boolean>} whether it was made
   */
  make(change) {
    this.last = this.last.then(() => this.send(change));
    return this.last;
  }

  /** @param {object} change */
  async send(change) {
    await this.outbox.flushed();
    try {
      const name = this.outbox.next();
      const { classes } = await this.api.post("classes", { ...change, ...name });
      this.undoStack.push(name);
      this.model.updateClasses(classes);
      this.model.emit("classes");
      return true;
    } catch (error) {
      this.toasts.warn(error);
      return false;
    }
  }

  /** @param {number} target labels wanted per class */
  async setTarget(target) {
    await this.api.post("settings", { target }).catch((error) => this.toasts.warn(error));
  }
}
