// @ts-check
// One sentence above the bottom line where another backbone would serve these labels better, or was just taken.
// Nothing switches by itself.

import { button, h, setText } from "./dom.js";

/** @import { Api } from "./api.js" */
/** @import { Model } from "./model.js" */
/** @import { Toasts } from "./toast.js" */

const ACCEPT = { switch: "Switch to it", stages: "Read them too", back: "Go back" };
const DECLINE = { switch: "No, thanks", stages: "No, thanks", back: "Keep it" };
const WORKING = "The images are being embedded. The switch comes at the end, and labels stay.";

export class BackboneOffer {
  /** @param {{ model: Model, api: Api, toasts: Toasts, answerable: boolean }} parts: whoever may not switch sees none */
  constructor({ model, api, toasts, answerable }) {
    this.model = model;
    this.api = api;
    this.toasts = toasts;
    this.sentence = h("span", { class: "ws-offer-sentence" });
    this.acceptButton = button("ws-button", { onclick: () => this.answer("take") });
    this.declineButton = button("ws-quiet-button", { onclick: () => this.answer("decline") });
    this.element = h(
      "section",
      { class: "ws-offer", role: "status", "aria-label": "Another backbone", hidden: true },
      this.sentence,
      this.acceptButton,
      this.declineButton,
    );
    this.backSince = -1;
    if (!answerable) return;
    model.on("overview", () => this.draw());
    model.on("labels", () => this.labelled());
  }

  draw() {
    const { offer = null, jobs = [] } = this.model.overview ?? {};
    this.element.hidden = !offer;
    if (offer?.kind === "back" && this.backSince < 0) this.backSince = this.model.position;
    if (!offer) return;
    const embedding = jobs.some((job) => job.verb === "prepare" && ["queued", "running"].includes(job.state));
    setText(this.sentence, embedding && offer.kind !== "back" ? WORKING : offer.sentence);
    this.sentence.title = offer.sentence;
    setText(this.acceptButton, ACCEPT[offer.kind]);
    setText(this.declineButton, DECLINE[offer.kind]);
    this.acceptButton.hidden = this.declineButton.hidden = embedding;
  }

  /** Who labels on after a switch keeps it: the banner has said what it had to say. */
  labelled() {
    const { overview, position } = this.model;
    if (overview?.offer?.kind !== "back") this.backSince = -1;
    else if (this.backSince < 0) this.backSince = position;
    else if (position > this.backSince) {
      this.backSince = -1;
      this.answer("decline");
    }
  }

  /** @param {"take" | "decline"} verb */
  async answer(verb) {
    const { overview } = this.model;
    if (!overview?.offer) return;
    const { backbone } = overview.offer;
    this.acceptButton.disabled = this.declineButton.disabled = true;
    try {
      const { offer } = await this.api.post("backbone", { do: verb, backbone });
      if (this.model.overview) this.model.overview.offer = offer;
      if (verb === "take" && offer?.backbone === backbone) setText(this.sentence, WORKING);
      else this.draw();
    } catch (error) {
      this.toasts.warn(error);
    } finally {
      this.acceptButton.disabled = this.declineButton.disabled = false;
    }
  }
}
