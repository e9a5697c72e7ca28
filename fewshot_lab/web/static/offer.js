// One sentence above the bottom line where another backbone would serve these labels better, or was just taken.
// Nothing switches by itself.

import { h, refill, say } from "./dom.js";

const ACTS = { switch: "Switch to it", stages: "Read them too", back: "Go back" };
const LEAVES = { switch: "No, thanks", stages: "No, thanks", back: "Keep it" };
const WORKING = "The images are being embedded. The switch comes at the end, and labels stay.";

export class Offer {
  constructor({ model, api, toasts }) {
    Object.assign(this, { model, api, toasts });
    this.sentence = h("span", { class: "ws-offer-sentence" });
    this.act = h("button", {
      type: "button",
      class: "ws-button",
      "data-act": "take-offer",
      onclick: () => this.answer("take"),
    });
    this.leave = h("button", {
      type: "button",
      class: "ws-quiet-button",
      "data-act": "decline-offer",
      onclick: () => this.answer("decline"),
    });
    this.element = h(
      "section",
      { class: "ws-offer", role: "status", "aria-label": "Another backbone", hidden: true },
      this.sentence,
      this.act,
      this.leave,
    );
    model.on("overview", () => this.draw());
  }

  draw() {
    const { offer, jobs } = this.model.overview ?? {};
    this.element.hidden = !offer;
    if (!offer) return;
    const embedding = (jobs ?? []).some((job) => job.verb === "prepare" && ["queued", "running"].includes(job.state));
    say(this.sentence, embedding && offer.kind !== "back" ? WORKING : offer.sentence);
    this.sentence.title = offer.sentence;
    say(this.act, ACTS[offer.kind]);
    say(this.leave, LEAVES[offer.kind]);
    this.act.hidden = this.leave.hidden = embedding;
  }

  async answer(what) {
    const { offer } = this.model.overview;
    this.act.disabled = this.leave.disabled = true;
    try {
      const { offer: left } = await this.api.post("backbone", { do: what, backbone: offer.backbone });
      this.model.overview.offer = left;
      if (what === "take" && left?.backbone === offer.backbone) refill(this.sentence, WORKING);
      else this.draw();
    } catch (error) {
      this.toasts.show(error.message, { tone: "warning" });
    } finally {
      this.act.disabled = this.leave.disabled = false;
    }
  }
}
