// @ts-check
// From an id to its row. A Map of a million texts takes seconds to fill; this is a table of numbers over the ids' bytes
// (open addressing, at most half full).

export const ID_BYTES = 10;

const HEX = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));

export class RowsById {
  constructor() {
    this.size = 0;
    this.bytes = new Uint8Array(0);
    this.table = new Uint32Array(16);
  }

  clear() {
    this.size = 0;
    this.bytes = new Uint8Array(0);
    this.table = new Uint32Array(16);
  }

  /**
   * Takes in ids behind those that are there.
   * @param {Uint8Array} more ten bytes each
   * @returns {string[]} them as texts
   */
  append(more) {
    const n = Math.floor(more.length / ID_BYTES);
    const bytes = new Uint8Array((this.size + n) * ID_BYTES);
    bytes.set(this.bytes);
    bytes.set(more.subarray(0, n * ID_BYTES), this.bytes.length);
    this.bytes = bytes;
    const first = this.size;
    this.size += n;
    let room = this.table.length;
    while (room < 2 * this.size) room *= 2;
    if (room > this.table.length) {
      this.table = new Uint32Array(room);
      for (let row = 0; row < first; row++) this.insert(row);
    }
    for (let row = first; row < this.size; row++) this.insert(row);
    return texts(more, n);
  }

  /** @param {number} row */
  insert(row) {
    const { table } = this;
    let slot = this.slot(this.bytes, row * ID_BYTES);
    // Of an id that comes twice, which does not happen, the first row stands.
    while (table[slot]) slot = (slot + 1) & (table.length - 1);
    table[slot] = row + 1;
  }

  /**
   * @param {Uint8Array} bytes
   * @param {number} at
   */
  slot(bytes, at) {
    let hash = 0x811c9dc5;
    for (let i = 0; i < ID_BYTES; i++) hash = Math.imul(hash ^ bytes[at + i], 0x01000193);
    return (hash ^ (hash >>> 15)) & (this.table.length - 1);
  }

  /** @param {string} id @returns {number | undefined} */
  get(id) {
    if (!/^[0-9a-f]{20}$/.test(id)) return undefined;
    const wanted = Uint8Array.from({ length: ID_BYTES }, (_, i) => parseInt(id.slice(2 * i, 2 * i + 2), 16));
    const { bytes, table } = this;
    for (let slot = this.slot(wanted, 0); table[slot]; slot = (slot + 1) & (table.length - 1)) {
      const row = table[slot] - 1;
      if (wanted.every((byte, i) => byte === bytes[row * ID_BYTES + i])) return row;
    }
    return undefined;
  }
}

/**
 * @param {Uint8Array} bytes
 * @param {number} n
 */
function texts(bytes, n) {
  const digits = new Uint8Array(2 * n * ID_BYTES);
  for (let i = 0; i < n * ID_BYTES; i++) {
    digits[2 * i] = HEX[bytes[i] >> 4];
    digits[2 * i + 1] = HEX[bytes[i] & 15];
  }
  const text = new TextDecoder("latin1").decode(digits);
  return Array.from({ length: n }, (_, row) => text.slice(2 * ID_BYTES * row, 2 * ID_BYTES * (row + 1)));
}
