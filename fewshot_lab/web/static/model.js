// What the page knows, in arrays along the project's images; whoever shows something listens here.

export const UNSURE = 1,
  REJECT = 2,
  FIRST_CLASS = 16;
export const KIND = 0x0fff,
  SKIPPED = 0x1000,
  MACHINE = 0x2000,
  AUDIT = 0x4000;
export const NONE = 255;

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));
const ID_BYTES = 10;

// What a label action makes of an image's code; the same rule the server's answer will follow.
export function labelled(code, action) {
  const audit = code & AUDIT;
  if (action.kind === "class") return audit | (FIRST_CLASS + action.class_id) | (action.machine ? MACHINE : 0);
  if (action.kind === "unsure") return audit | UNSURE;
  if (action.kind === "reject") return audit | REJECT;
  if (action.kind === "skip") return code & KIND ? code : code | SKIPPED;
  return audit;
}

// Undo and redo: an image that has got another label since keeps it.
export function turned(code, from, to) {
  return (code & ~AUDIT) === (from & ~AUDIT) ? (code & AUDIT) | (to & ~AUDIT) : code;
}

export class Model {
  constructor() {
    this.n = 0;
    this.ids = [];
    this.rowOf = new Map();
    this.xy = new Float32Array(0);
    this.mapVersion = "";
    this.map = null;
    this.position = -1;
    this.labelsVersion = "";
    this.base = new Uint16Array(0);
    this.codes = new Uint16Array(0);
    this.pending = [];
    this.rev = "";
    this.model = null;
    this.predicted = new Uint8Array(0);
    this.confidence = new Uint16Array(0);
    this.doubt = new Uint8Array(0);
    this.overview = null;
    this.overviewStamp = "";
    this.classes = [];
    this.classOf = new Map();
    this.hidden = new Set();
    this.selection = null;
    this.focusRow = -1;
    this.listeners = new Map();
  }

  on(names, listener) {
    for (const name of names.split(" ")) {
      if (!this.listeners.has(name)) this.listeners.set(name, new Set());
      this.listeners.get(name).add(listener);
    }
  }

  tell(name, detail) {
    for (const listener of this.listeners.get(name) ?? []) listener(detail);
  }

  // -- what comes from the server ---------------------------------------------------------------

  take({ head, arrays }) {
    const told = new Set();
    if (head.images) this.takeIds(head.images, arrays.ids, told);
    if (head.map) {
      this.mapVersion = head.map.version;
      this.map = head.map.version ? head.map : null;
      this.xy = arrays.xy ?? new Float32Array(2 * this.n).fill(NaN);
      told.add("map");
    }
    if (head.overview) {
      this.overview = head.overview;
      this.overviewStamp = head.overview.stamp;
      this.takeClasses(head.overview.classes);
      told.add("overview").add("classes");
    }
    if (head.labels && this.takeCodes(head.labels, arrays)) told.add("labels");
    if (head.rev !== undefined) {
      this.rev = head.rev;
      this.model = head.model;
      if (arrays.predicted) {
        this.predicted = arrays.predicted;
        this.confidence = arrays.confidence;
        this.doubt = arrays.doubt;
      }
      told.add("scores");
    }
    for (const name of ["images", "classes", "map", "labels", "scores", "overview"]) {
      if (told.has(name)) this.tell(name);
    }
  }

  takeIds({ from, n }, bytes, told) {
    if (from === 0) {
      this.ids = [];
      this.rowOf.clear();
    }
    for (let at = 0; at + ID_BYTES <= bytes.length; at += ID_BYTES) {
      let id = "";
      for (let i = 0; i < ID_BYTES; i++) id += HEX[bytes[at + i]];
      this.rowOf.set(id, this.ids.length);
      this.ids.push(id);
    }
    this.n = n;
    this.predicted = grown(this.predicted, n, NONE);
    this.confidence = grown(this.confidence, n, 0);
    this.doubt = grown(this.doubt, n, 0);
    this.base = grown(this.base, n, 0);
    this.codes = grown(this.codes, n, 0);
    this.xy = grown(this.xy, 2 * n, NaN);
    told.add("images");
  }

  takeCodes({ version, position, from }, arrays) {
    if (arrays.codes) this.base = arrays.codes.slice();
    else {
      // Changes against a state that is no longer this one: the next answer brings them again.
      if (from !== this.labelsVersion) return false;
      for (let i = 0; i < arrays.changed_rows.length; i++) {
        this.base[arrays.changed_rows[i]] = arrays.changed_codes[i];
      }
    }
    this.labelsVersion = version;
    this.position = position;
    this.pending = this.pending.filter((p) => p.position === undefined || p.position > position);
    this.overlay();
    return true;
  }

  takeClasses(classes) {
    this.classes = classes.filter((c) => !c.retired).sort((a, b) => a.position - b.position);
    this.classOf = new Map(classes.map((c) => [c.id, c]));
    for (const id of this.hidden) if (typeof id === "number" && !this.classOf.has(id)) this.hidden.delete(id);
  }

  // -- what the person does, until the server has it -----------------------------------------------

  expect(client, q, action, rows) {
    const pending = { client, q, action, rows };
    this.pending.push(pending);
    this.applied(pending);
    this.tell("labels", rows);
  }

  // Undo and redo, as far as this page knows what they turn back.
  expectTurn(client, q, turn) {
    const pending = { client, q, turn, rows: turn.rows };
    this.pending.push(pending);
    this.applied(pending);
    this.tell("labels", turn.rows);
  }

  applied({ action, turn, rows }) {
    if (turn) {
      for (let i = 0; i < rows.length; i++) this.codes[rows[i]] = turned(this.codes[rows[i]], turn.from[i], turn.to[i]);
      return;
    }
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i];
      const one = action.class_of ? { ...action, class_id: action.class_of[i] } : action;
      this.codes[row] = labelled(this.codes[row], one);
    }
  }

  overlay() {
    this.codes = this.base.slice();
    for (const pending of this.pending) this.applied(pending);
  }

  settle(client, q, position, failed) {
    const at = this.pending.findIndex((p) => p.client === client && p.q === q);
    if (at < 0) return;
    if (failed || position <= this.position) {
      const [{ turn }] = this.pending.splice(at, 1);
      this.overlay();
      // What was shown may have been wrong: an action refused, another one undone than was thought.
      if (failed || turn) this.tell("labels");
    } else this.pending[at].position = position;
  }

  // -- reading -------------------------------------------------------------------------------------

  kind(row) {
    return this.codes[row] & KIND;
  }

  classId(row) {
    const kind = this.codes[row] & KIND;
    return kind >= FIRST_CLASS ? kind - FIRST_CLASS : null;
  }

  predictedId(row) {
    const place = this.predicted[row];
    if (place === NONE || this.concealed(row)) return null;
    return this.model?.class_ids[place] ?? null;
  }

  probability(row) {
    return this.confidence[row] / 65535;
  }

  // An audit image shows no prediction before it is labelled.
  concealed(row) {
    const code = this.codes[row];
    return (code & AUDIT) !== 0 && (code & KIND) === 0;
  }

  isAudit(row) {
    return (this.codes[row] & AUDIT) !== 0;
  }

  name(classId) {
    return this.classOf.get(classId)?.name ?? "a removed class";
  }

  color(classId) {
    return this.classOf.get(classId)?.color ?? "#8a949b";
  }

  // The label where there is one, else the prediction: what an image counts as.
  shownId(row) {
    return this.classId(row) ?? (this.kind(row) ? null : this.predictedId(row));
  }

  rows(ids) {
    const found = [];
    for (const id of ids) {
      const row = this.rowOf.get(id);
      if (row !== undefined) found.push(row);
    }
    return found;
  }

  counts() {
    const counts = new Map(),
      accepted = new Map();
    const add = (to, id) => to.set(id, (to.get(id) ?? 0) + 1);
    let unsure = 0,
      reject = 0,
      skipped = 0;
    for (let row = 0; row < this.n; row++) {
      const code = this.codes[row],
        kind = code & KIND;
      if (kind >= FIRST_CLASS) {
        add(counts, kind - FIRST_CLASS);
        if (code & MACHINE) add(accepted, kind - FIRST_CLASS);
      } else if (kind === UNSURE) unsure++;
      else if (kind === REJECT) reject++;
      if (code & SKIPPED) skipped++;
    }
    return { counts, accepted, unsure, reject, skipped };
  }

  focus(row) {
    if (row === this.focusRow) return;
    this.focusRow = row;
    this.tell("focus", row);
  }

  select(selection) {
    this.selection = selection;
    this.tell("selection");
  }
}

function grown(array, length, fill) {
  if (array.length === length) return array;
  const next = new array.constructor(length).fill(fill);
  next.set(array.subarray(0, Math.min(length, array.length)));
  return next;
}
