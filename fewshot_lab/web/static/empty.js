// What the page says while something is missing: a sentence and one button, and how far the work is.

import { h, refill, say, count, images, ago } from "./dom.js";

const DONE = new Set(["finished", "failed", "stopped", "lost"]);
const STAGES = {
  drawing: "Drawing",
  reading: "Reading",
  embedding: "Embedding",
  neighbours: "Finding neighbours",
  layout: "Laying out the map",
};

export class Emptiness {
  constructor({ model, api, pages, toasts }) {
    Object.assign(this, { model, api, pages, toasts });
    this.sentence = h("p", {});
    this.place = h("div", {});
    this.bar = h("i", {});
    this.progress = h(
      "div",
      { class: "ws-job", hidden: true },
      h("div", { class: "ws-job-bar" }, this.bar),
      h("p", { class: "ws-quiet" }),
    );
    this.element = h("div", { class: "ws-empty-map", hidden: true }, this.sentence, this.progress, this.place);
    this.strip = h("div", { class: "ws-job-strip", hidden: true, role: "status" });
    model.on("images overview map", () => this.draw());
  }

  job() {
    return (this.model.overview?.jobs ?? []).filter((job) => !DONE.has(job.state)).at(-1) ?? null;
  }

  draw() {
    const { model } = this;
    if (!model.overview) return;
    const job = this.job();
    const bare = !model.map;
    this.element.hidden = !bare;
    const stage = job?.state === "queued" ? "queued" : model.n ? "images" : "none";
    const state = !bare
      ? "map"
      : job
        ? `job ${job.id} ${stage}`
        : !model.n
          ? "images"
          : `embed ${model.n} ${model.overview.embedded}`;
    if (state !== this.state) {
      this.state = state;
      if (state === "images") {
        say(this.sentence, "This project has no images yet.");
        refill(
          this.place,
          h("a", { class: "ws-button ws-button-strong", href: this.pages.import, target: "_self" }, "Bring in images"),
        );
      } else if (state.startsWith("embed")) {
        const failed = (model.overview.jobs ?? []).at(-1);
        const why =
          failed && ["failed", "lost"].includes(failed.state)
            ? `The last run ended early${failed.message ? `: ${failed.message}` : "."} `
            : "";
        const ready = model.overview.embedded >= model.n;
        const what = ready
          ? "The images are embedded; the map is still to be made."
          : `${images(model.n)} are here. Embedding them gives the map, the suggestions and the classifier.`;
        say(this.sentence, why + what);
        refill(
          this.place,
          h(
            "button",
            { type: "button", class: "ws-button ws-button-strong", "data-act": "embed", onclick: () => this.start() },
            ready ? "Make the map" : `Embed ${images(model.n)}`,
          ),
        );
      } else if (bare) {
        say(this.sentence, promise(job, stage));
        refill(
          this.place,
          h("button", { type: "button", class: "ws-quiet-button", onclick: () => this.stop(job) }, "Stop"),
        );
      }
    }
    this.progress.hidden = !(bare && job);
    if (job) {
      const share = job.total ? job.done / job.total : 0;
      this.bar.style.width = `${Math.round(share * 100)}%`;
      this.progress.classList.toggle("ws-unknown", !job.total);
      const words = wording(job);
      say(this.progress.lastChild, words);
      say(this.strip, words);
    }
    this.strip.hidden = !(job && !bare);
  }

  async start() {
    try {
      await this.api.post("jobs", { do: "prepare" });
    } catch (error) {
      this.toasts.show(error.message, { tone: "warning" });
    }
  }

  async stop(job) {
    try {
      await this.api.post("jobs", { do: "stop", id: job.id });
    } catch (error) {
      this.toasts.show(error.message, { tone: "warning" });
    }
  }
}

function promise(job, stage) {
  if (stage === "queued") return "Waiting for other work on this computer.";
  const alone = "by itself, as soon as the images are embedded.";
  if (stage === "images") return `The map appears ${alone}`;
  if (job.verb === "demo")
    return `A demo project is being made: drawn blood cells of eight types, no patient's image. The map appears ${alone}`;
  return job.verb === "import" ? "The images are being brought in." : `The map appears ${alone}`;
}

function wording(job) {
  const stage = STAGES[job.stage] || (job.stage ? job.stage[0].toUpperCase() + job.stage.slice(1) : "Starting");
  const figures = job.total ? ` ${count(job.done)} of ${count(job.total)}` : job.done ? ` ${count(job.done)}` : "";
  const left = job.seconds_left ? `, ${ago(job.seconds_left)} left` : "";
  return `${stage}${figures}${left}`;
}
