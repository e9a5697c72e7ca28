// @ts-check
// What the page says while something is missing: a sentence and one button, and how far the work is.

import { ago, button, capitalised, count, h, images, refill, setText } from "./dom.js";

/** @import { Api } from "./api.js" */
/** @import { Model } from "./model.js" */
/** @import { Toasts } from "./toast.js" */
/** @import { Job } from "./types.d.ts" */

const ENDED = new Set(["finished", "failed", "stopped", "lost"]);
/** @type {Record<string, string>} */
const STAGES = {
  drawing: "Drawing",
  reading: "Reading",
  embedding: "Embedding",
  neighbours: "Finding neighbours",
  layout: "Laying out the map",
};
// Work beside labelling that changes nothing on the map: its name is enough.
const BESIDE = /** @type {Record<string, string>} */ ({
  "compare-backbones": "Comparing backbones",
  "try-backbone": "Trying a backbone",
  export: "Writing the bundle",
  "exchange-out": "Writing a file for another tool",
  "pacs-report": "Reports for the PACS",
  report: "Writing the report",
});
const STRONG = "ws-button ws-button-strong";

export class EmptyState {
  /** @param {{ model: Model, api: Api, toasts: Toasts, importPage: string }} parts */
  constructor({ model, api, toasts, importPage }) {
    this.model = model;
    this.api = api;
    this.toasts = toasts;
    this.importPage = importPage;
    this.drawn = "";
    this.sentence = h("p");
    this.act = h("div");
    this.bar = h("i");
    this.progressText = h("p", { class: "ws-quiet" });
    const bar = h("div", { class: "ws-job-bar" }, this.bar);
    this.progress = h("div", { class: "ws-job", hidden: true }, bar, this.progressText);
    this.element = h("div", { class: "ws-empty-map", hidden: true }, this.sentence, this.progress, this.act);
    this.strip = h("div", { class: "ws-job-strip", hidden: true, role: "status" });
    model.on("images overview map", () => this.draw());
  }

  draw() {
    const { map, n, overview } = this.model;
    if (!overview) return;
    const job = overview.jobs.findLast(({ state }) => !ENDED.has(state));
    this.element.hidden = map !== null;
    this.progress.hidden = map !== null || !job;
    this.strip.hidden = map === null || !job;
    if (job) this.drawProgress(job);
    const stage = job?.state === "queued" ? "queued" : n ? "images" : "none";
    const state = job ? `job ${job.id} ${stage}` : `${n} ${overview.embedded}`;
    if (map || state === this.drawn) return;
    this.drawn = state;
    if (job) {
      setText(this.sentence, promiseOf(job, stage));
      refill(this.act, button("ws-quiet-button", { onclick: () => this.post({ do: "stop", id: job.id }) }, "Stop"));
    } else if (!n) {
      setText(this.sentence, "This project has no images yet.");
      refill(this.act, h("a", { class: STRONG, href: this.importPage, target: "_self" }, "Bring in images"));
    } else {
      const last = overview.jobs.at(-1);
      const failure = last?.message ? `: ${last.message}` : ".";
      const why = last && ["failed", "lost"].includes(last.state) ? `The last run ended early${failure} ` : "";
      const ready = overview.embedded >= n;
      const what = ready
        ? "The images are embedded; the map is still to be made."
        : `${images(n)} are here. Embedding them gives the map, the suggestions and the classifier.`;
      setText(this.sentence, why + what);
      const text = ready ? "Make the map" : `Embed ${images(n)}`;
      refill(this.act, button(STRONG, { onclick: () => this.post({ do: "prepare" }) }, text));
    }
  }

  /** @param {Job} job */
  drawProgress(job) {
    const { done, seconds_left, stage, total } = job;
    this.bar.style.width = `${Math.round(total ? (100 * done) / total : 0)}%`;
    this.progress.classList.toggle("ws-unknown", !total);
    const title = STAGES[stage] ?? (capitalised(stage) || "Starting");
    const figures = total ? ` ${count(done)} of ${count(total)}` : done ? ` ${count(done)}` : "";
    const text = `${title}${figures}${seconds_left ? `, ${ago(seconds_left)} left` : ""}`;
    setText(this.progressText, text);
    setText(this.strip, BESIDE[job.verb] ?? text);
  }

  /** @param {object} body */
  post(body) {
    return this.api.post("jobs", body).catch((error) => this.toasts.warn(error));
  }
}

/**
 * @param {Job} job
 * @param {string} stage
 */
function promiseOf(job, stage) {
  if (stage === "queued") return "Waiting for other work on this computer.";
  const map = "The map appears by itself, as soon as the images are embedded.";
  if (stage === "images") return map;
  if (job.verb === "demo") {
    return `A demo project is being made: drawn blood cells of eight types, no patient's image. ${map}`;
  }
  return job.verb === "import" ? "The images are being imported." : map;
}
