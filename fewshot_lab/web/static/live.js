// @ts-check
// Listening: one bounded request after the other; each answer brings only what is new.

import { RequestError } from "./api.js";

/** @import { Api } from "./api.js" */
/** @import { Model } from "./model.js" */

export class Live {
  /**
   * @param {Api} api
   * @param {Model} model
   * @param {(lost: boolean, refused?: string) => void} onConnection
   */
  constructor(api, model, onConnection) {
    this.api = api;
    this.model = model;
    this.onConnection = onConnection;
    this.controller = new AbortController();
    this.request = new AbortController();
  }

  /** @param {number} hold for how long the server may wait for news, in seconds */
  query(hold) {
    const { rev, labelsVersion, n, mapVersion, overview } = this.model;
    return { rev, labels: labelsVersion, images: n, map: mapVersion, overview: overview?.stamp ?? "", hold };
  }

  async start() {
    const { signal } = this.controller;
    let failures = 0;
    let hold = 0;
    while (!signal.aborted) {
      const request = (this.request = new AbortController());
      try {
        const update = await this.api.arrays("live", this.query(hold), request.signal);
        if (signal.aborted) return;
        if (!update.head.same) this.model.update(update);
        if (failures) this.onConnection(false);
        failures = 0;
        hold = 2;
        if (update.later) await leisure(update.later, request.signal);
        if (document.hidden) await pageVisible(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (request.signal.aborted) continue;
        failures++;
        this.onConnection(true, error instanceof RequestError ? error.message : undefined);
        await new Promise((resolve) => setTimeout(resolve, Math.min(4000, 400 * failures)));
      }
    }
  }

  /** Do not wait for the answer under way: ask anew. */
  restart() {
    this.request.abort();
  }

  stop() {
    this.controller.abort();
    this.request.abort();
  }
}

const ACTIVITY = ["keydown", "pointermove", "pointerdown", "visibilitychange"];

/**
 * Where many listen, a page on which nobody does anything asks again later.
 * @param {number} seconds
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function leisure(seconds, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      for (const name of ACTIVITY) document.removeEventListener(name, end, true);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, 1000 * seconds);
    for (const name of ACTIVITY) document.addEventListener(name, end, true);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}

/**
 * A page in the background asks for nothing.
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function pageVisible(signal) {
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
