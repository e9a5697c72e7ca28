// Listening: one bounded request after the other; each answer brings only what is new.

export class Live {
  constructor(api, model, { onState }) {
    this.api = api;
    this.model = model;
    this.onState = onState;
    this.controller = new AbortController();
  }

  have(hold) {
    const m = this.model;
    return { rev: m.rev, labels: m.labelsVersion, images: m.n, map: m.mapVersion, overview: m.overviewStamp, hold };
  }

  async start() {
    let failures = 0;
    let hold = 0;
    while (!this.controller.signal.aborted) {
      try {
        this.asking = new AbortController();
        const asking = this.asking.signal;
        const news = await this.api.arrays("live", this.have(hold), asking).catch((error) => {
          if (asking.aborted) return null;
          throw error;
        });
        if (this.controller.signal.aborted) return;
        if (!news) continue;
        if (!news.head.same) this.model.take(news);
        if (failures) this.onState({ lost: false });
        failures = 0;
        hold = 2;
        if (document.hidden) await visible(this.controller.signal);
      } catch (error) {
        if (this.controller.signal.aborted) return;
        failures++;
        this.onState({ lost: true, sentence: error.message });
        await new Promise((resolve) => setTimeout(resolve, Math.min(4000, 400 * failures)));
      }
    }
  }

  // Do not wait for the answer under way: ask anew.
  again() {
    this.asking?.abort();
  }

  stop() {
    this.controller.abort();
    this.asking?.abort();
  }
}

// A page in the background asks for nothing.
function visible(signal) {
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look);
    look();
  });
}
