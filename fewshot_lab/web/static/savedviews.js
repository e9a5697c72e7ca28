// @ts-check
// Views saved by name: filters and colours as the address holds them, kept in the project for everybody.

import { button, h, iconButton, refill } from "./dom.js";
import { closeByEscape, closePopover, popover } from "./popover.js";

/** @import { Api } from "./api.js" */
/** @import { Model } from "./model.js" */
/** @import { Toasts } from "./toast.js" */
/** @import { SavedView } from "./types.d.ts" */

const LONGEST_NAME = 60;

export class SavedViews {
  /**
   * @param {{
   *   model: Model,
   *   api: Api,
   *   toasts: Toasts,
   *   workspace: HTMLElement,
   *   read: (state: string) => void,
   *   write: () => string,
   * }} parts `read` shows what a text says, `write` says what is shown
   */
  constructor({ model, api, toasts, workspace, read, write }) {
    this.model = model;
    this.api = api;
    this.toasts = toasts;
    this.workspace = workspace;
    this.read = read;
    this.write = write;
    this.element = h("div", {});
    model.on("overview", () => this.element.isConnected && !this.renaming && this.draw());
    this.renaming = "";
  }

  /** The list for a panel. @param {boolean} saves whether there is something to save */
  section(saves) {
    this.saves = saves;
    this.renaming = "";
    this.draw();
    return this.element;
  }

  draw() {
    const views = this.model.overview?.views ?? [];
    const save = button("ws-link", { onclick: () => this.openSave(save) }, "Save this view");
    refill(
      this.element,
      views.length > 0 && h("h3", {}, "Saved views, seen by everybody"),
      views.length > 0 &&
        h(
          "div",
          { class: "ws-menu ws-view-list" },
          views.map((view) => this.line(view)),
        ),
      this.saves && save,
    );
  }

  /** @param {SavedView} view */
  line(view) {
    if (this.renaming === view.name) return this.nameForm(view.name, "Rename", (name) => this.rename(view.name, name));
    const open = () => {
      closePopover();
      this.read(view.state);
    };
    const rename = () => {
      this.renaming = view.name;
      this.draw();
      this.element.querySelector("input")?.select();
    };
    return h(
      "div",
      { class: "ws-view" },
      button("ws-menu-item", { title: `Saved by ${view.annotator}`, onclick: open }, h("span", {}, view.name)),
      iconButton("edit", `Rename the view ${view.name}`, rename),
      iconButton("close", `Remove the view ${view.name}`, () => this.remove(view)),
    );
  }

  /** @param {HTMLElement} anchor */
  openSave(anchor) {
    const form = this.nameForm("", "Save", async (name) => {
      if (await this.change({ do: "save", name, state: this.write() })) {
        closePopover();
        this.toasts.show(`Saved the view “${name}”: it is under Filter, for everybody.`);
      }
    });
    const body = h("div", { class: "ws-save-view", onkeydown: closeByEscape }, h("h2", {}, "Save this view"), form);
    popover(anchor, body, { label: "Save this view", within: this.workspace });
    form.querySelector("input")?.focus();
  }

  /**
   * @param {string} value
   * @param {string} verb
   * @param {(name: string) => void} act
   */
  nameForm(value, verb, act) {
    /** @type {HTMLInputElement} */
    const field = h("input", {
      type: "text",
      class: "ws-field",
      value,
      maxlength: LONGEST_NAME,
      placeholder: "Name",
      "aria-label": "Name of the view",
      onkeydown: (event) => {
        if (event.key === "Enter") go();
      },
    });
    const go = () => field.value.trim() && act(field.value.trim());
    return h("div", { class: "ws-view ws-view-form" }, field, button("ws-button", { onclick: go }, verb));
  }

  /** @param {string} name @param {string} new_name */
  async rename(name, new_name) {
    if (name !== new_name && !(await this.change({ do: "rename", name, new_name }))) return;
    this.renaming = "";
    this.draw();
  }

  /** @param {SavedView} view */
  async remove({ name, state }) {
    if (!(await this.change({ do: "remove", name }))) return;
    const onAction = () => this.change({ do: "save", name, state });
    this.toasts.show(`Removed the view “${name}”.`, { action: "Undo", onAction });
  }

  /** @param {object} change */
  async change(change) {
    const { model } = this;
    try {
      const { views } = await this.api.post("views", { annotator: this.api.annotator(), ...change });
      if (model.overview) model.overview.views = views;
      if (this.element.isConnected) this.draw();
      return true;
    } catch (error) {
      this.toasts.warn(error);
      return false;
    }
  }
}
