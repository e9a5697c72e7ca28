// Label actions on their way to the server: kept in the browser until they are acknowledged.
//
// Each is named by (client, q). The server stores a name once, so sending again is harmless; that
// covers a dropped connection, a killed server and a page that was closed too early.

import { Refused } from "./api.js";

const BATCH_DELAY = 30;
const BATCH = 100;
const BATCH_LETTERS = 4_000_000;
const PATIENCE = 20_000;
const WAITS = [300, 700, 1500, 3000, 5000];

export class Outbox {
  constructor({ api, project, annotator, onAck, onState }) {
    this.api = api;
    this.project = project;
    this.annotator = annotator;
    this.onAck = onAck;
    this.onState = onState;
    this.client = newClient();
    this.q = 0;
    this.queue = [];
    this.failures = 0;
    this.refused = null;
    this.closed = false;
    this.waiters = [];
    this.disk = openDisk();
    this.wake = () => {
      this.failures = 0;
      this.pump();
    };
    addEventListener("online", this.wake);
  }

  // Take over what an earlier page could not deliver; returns it so that it can be shown.
  async restore() {
    const kept = await fromDisk(await this.disk, this.project);
    const known = new Set(this.queue.map((a) => `${a.client} ${a.q}`));
    const found = kept.filter((a) => !known.has(`${a.client} ${a.q}`)).sort((a, b) => a.at - b.at || a.q - b.q);
    this.queue.unshift(...found);
    if (found.length) this.pump();
    return found;
  }

  add(action) {
    const entry = {
      ...action,
      project: this.project,
      client: this.client,
      q: ++this.q,
      annotator: this.annotator(),
      at: Date.now(),
    };
    this.queue.push(entry);
    entry.saved = this.save(entry);
    this.tell();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.pump(), BATCH_DELAY);
    return entry;
  }

  holds(entry) {
    return this.queue.includes(entry);
  }

  // The number for a change that is asked for directly and answered at once.
  next() {
    return { client: this.client, q: ++this.q, annotator: this.annotator() };
  }

  async save(entry) {
    const { saved, ...plain } = entry;
    await toDisk(await this.disk, plain);
  }

  async pump() {
    if (this.busy || this.closed) return;
    this.busy = true;
    try {
      while (this.queue.length && !this.closed) {
        const batch = this.batch();
        try {
          const signal = AbortSignal.timeout(PATIENCE);
          const answer = await this.api.post("actions", { annotator: this.annotator(), actions: batch }, signal);
          this.failures = 0;
          this.refused = null;
          await this.acknowledge(answer.acks);
        } catch (error) {
          this.refused = error instanceof Refused ? error.message : null;
          this.failures++;
          this.tell();
          await this.pause(WAITS[Math.min(this.failures, WAITS.length) - 1]);
        }
      }
    } finally {
      this.busy = false;
    }
    this.tell();
    for (const resolve of this.waiters.splice(0)) resolve();
  }

  batch() {
    const batch = [];
    let letters = 0;
    for (const { saved, project, ...action } of this.queue) {
      letters += action.images?.length ?? 0;
      if (batch.length && (batch.length >= BATCH || letters > BATCH_LETTERS)) break;
      batch.push(action);
    }
    return batch;
  }

  async acknowledge(acks) {
    const disk = await this.disk;
    for (const ack of acks) {
      const at = this.queue.findIndex((a) => a.client === ack.client && a.q === ack.q);
      if (at < 0) continue;
      const [entry] = this.queue.splice(at, 1);
      await entry.saved;
      await offDisk(disk, entry);
      this.onAck(ack, entry);
    }
    this.tell();
  }

  pause(milliseconds) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  // Resolves once everything that was added before is stored.
  flushed() {
    if (!this.queue.length) return Promise.resolve();
    this.pump();
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  tell() {
    this.onState({ waiting: this.queue.length, failing: this.failures > 0, refused: this.refused });
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    removeEventListener("online", this.wake);
  }
}

export function newClient() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

// -- the browser's database; a browser that refuses one (private windows) keeps them in memory ------

function openDisk() {
  return new Promise((resolve) => {
    try {
      const request = indexedDB.open("fewshot-lab", 1);
      request.onupgradeneeded = () => {
        const store = request.result.createObjectStore("outbox", { keyPath: ["project", "client", "q"] });
        store.createIndex("project", "project");
      };
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
}

function transact(disk, mode, work) {
  if (!disk) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const transaction = disk.transaction("outbox", mode);
    const request = work(transaction.objectStore("outbox"));
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onerror = transaction.onabort = () => resolve(undefined);
  });
}

const toDisk = (disk, entry) => transact(disk, "readwrite", (store) => store.put(entry));
const offDisk = (disk, { project, client, q }) =>
  transact(disk, "readwrite", (store) => store.delete([project, client, q]));
const fromDisk = async (disk, project) =>
  (await transact(disk, "readonly", (store) => store.index("project").getAll(project))) ?? [];
