// @ts-check
// Label actions on their way to the server: kept in the browser until they are acknowledged.
//
// Each is named by (client, q). The server stores a name once, so sending again is harmless; that
// covers a dropped connection, a killed server and a page that was closed too early.

import { RequestError } from "./api.js";

/** @import { Ack, Action, Entry } from "./types.d.ts" */
/** @typedef {{ waiting: number, failing: boolean, refused: string | null }} OutboxState */

const BATCH_DELAY = 30;
const BATCH = 100;
const BATCH_LETTERS = 4_000_000;
const PATIENCE = 20_000;
const WAITS = [300, 700, 1500, 3000, 5000];

/** @param {{ client: string, q: number }} entry */
const nameOf = ({ client, q }) => `${client} ${q}`;

export class Outbox {
  /**
   * @param {{
   *   api: { post(path: string, body: object, signal?: AbortSignal): Promise<any> },
   *   project: string,
   *   annotator: () => string,
   *   signedIn: boolean,
   *   onAck: (ack: Ack, entry: Entry) => void,
   *   onState: (state: OutboxState) => void,
   * }} parts
   */
  constructor({ api, project, annotator, signedIn, onAck, onState }) {
    this.api = api;
    this.project = project;
    this.annotator = annotator;
    this.signedIn = signedIn;
    this.others = /** @type {Entry[]} */ ([]);
    this.onAck = onAck;
    this.onState = onState;
    const bytes = crypto.getRandomValues(new Uint8Array(12));
    this.client = Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
    this.q = 0;
    this.queue = /** @type {Entry[]} */ ([]);
    this.failures = 0;
    this.refused = /** @type {string | null} */ (null);
    this.busy = false;
    this.closed = false;
    this.waiters = /** @type {(() => void)[]} */ ([]);
    this.disk = openDisk();
    this.timer = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);
    this.wake = () => {
      this.failures = 0;
      this.send();
    };
    addEventListener("online", this.wake);
  }

  /** Take over what an earlier page could not deliver; returns it so that it can be shown. */
  async restore() {
    const entries = await fromDisk(await this.disk, this.project);
    const queued = new Set(this.queue.map(nameOf));
    // Where people sign in, what somebody else did here waits for them: the server takes it from nobody else.
    /** @param {Entry} entry */
    const own = (entry) => !this.signedIn || entry.annotator === this.annotator();
    this.others = entries.filter((entry) => !own(entry));
    const left = entries
      .filter((entry) => own(entry) && !queued.has(nameOf(entry)))
      .sort((a, b) => a.at - b.at || a.q - b.q);
    this.queue.unshift(...left);
    if (left.length) this.send();
    return left;
  }

  /** @param {Action} action */
  add(action) {
    /** @type {Entry} */
    const entry = { ...action, project: this.project, ...this.next(), at: Date.now() };
    this.queue.push(entry);
    entry.saved = this.save({ ...entry });
    this.emitState();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send(), BATCH_DELAY);
    return entry;
  }

  /** @param {Entry} entry */
  holds(entry) {
    return this.queue.includes(entry);
  }

  /** The name of a new action; a change that is asked for directly has one too. */
  next() {
    return { client: this.client, q: ++this.q, annotator: this.annotator() };
  }

  /** @param {Entry} entry */
  async save(entry) {
    await toDisk(await this.disk, entry);
  }

  async send() {
    if (this.busy || this.closed) return;
    this.busy = true;
    try {
      while (this.queue.length && !this.closed) {
        try {
          const body = { annotator: this.annotator(), actions: this.batch() };
          const answer = await this.api.post("actions", body, AbortSignal.timeout(PATIENCE));
          this.failures = 0;
          this.refused = null;
          await this.acknowledge(answer.acks);
        } catch (error) {
          this.refused = error instanceof RequestError ? error.message : null;
          this.failures++;
          this.emitState();
          const wait = WAITS[Math.min(this.failures, WAITS.length) - 1];
          await new Promise((resolve) => setTimeout(resolve, wait));
        }
      }
    } finally {
      this.busy = false;
    }
    this.emitState();
    for (const resolve of this.waiters.splice(0)) resolve();
  }

  batch() {
    const batch = [];
    let letters = 0;
    for (const { saved, project, ...action } of this.queue) {
      letters += action.do === "label" ? action.images.length : 0;
      if (batch.length && (batch.length >= BATCH || letters > BATCH_LETTERS)) break;
      batch.push(action);
    }
    return batch;
  }

  /** @param {Ack[]} acks */
  async acknowledge(acks) {
    const disk = await this.disk;
    for (const ack of acks) {
      const at = this.queue.findIndex((entry) => nameOf(entry) === nameOf(ack));
      if (at < 0) continue;
      const [entry] = this.queue.splice(at, 1);
      await entry.saved;
      await offDisk(disk, entry);
      this.onAck(ack, entry);
    }
    this.emitState();
  }

  /**
   * Resolves once everything that was added before is stored.
   * @returns {Promise<void>}
   */
  flushed() {
    if (!this.queue.length) return Promise.resolve();
    this.send();
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  emitState() {
    this.onState({ waiting: this.queue.length, failing: this.failures > 0, refused: this.refused });
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    removeEventListener("online", this.wake);
  }
}

// -- the browser's database; a browser that refuses one (private windows) keeps them in memory ------

/** @returns {Promise<IDBDatabase | null>} */
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

/**
 * @param {IDBDatabase | null} disk
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest} work
 * @returns {Promise<any>}
 */
function transact(disk, mode, work) {
  if (!disk) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const transaction = disk.transaction("outbox", mode);
    const request = work(transaction.objectStore("outbox"));
    transaction.commit(); // at once: a page that is closed meanwhile would abort it
    transaction.oncomplete = () => resolve(request.result);
    transaction.onerror = transaction.onabort = () => resolve(undefined);
  });
}

/** @param {IDBDatabase | null} disk @param {Entry} entry */
const toDisk = (disk, entry) => transact(disk, "readwrite", (store) => store.put(entry));
/** @param {IDBDatabase | null} disk @param {Entry} entry */
const offDisk = (disk, { project, client, q }) =>
  transact(disk, "readwrite", (store) => store.delete([project, client, q]));
/** @param {IDBDatabase | null} disk @param {string} project @returns {Promise<Entry[]>} */
const fromDisk = async (disk, project) =>
  (await transact(disk, "readonly", (store) => store.index("project").getAll(project))) ?? [];
