// @ts-check
// Rows of images in byte arrays: a Set or a Map of a million of them takes a good part of a second to fill.

/** Some rows: what a Set of numbers can do, as far as it is used here. */
export class RowSet {
  /** @param {ArrayLike<number>} [rows] */
  constructor(rows = []) {
    let last = -1;
    for (let i = 0; i < rows.length; i++) if (rows[i] > last) last = rows[i];
    this.bytes = new Uint8Array(last + 1);
    this.size = 0;
    for (let i = 0; i < rows.length; i++) this.add(rows[i]);
  }

  /** @param {number} row */
  has(row) {
    return this.bytes[row] === 1;
  }

  /** @param {number} row */
  add(row) {
    if (row >= this.bytes.length) {
      const longer = new Uint8Array(Math.max(row + 1, 2 * this.bytes.length));
      longer.set(this.bytes);
      this.bytes = longer;
    }
    this.size += 1 - this.bytes[row];
    this.bytes[row] = 1;
    return this;
  }

  /** @param {number} row */
  delete(row) {
    const there = this.has(row);
    if (there) this.bytes[row] = 0;
    this.size -= Number(there);
    return there;
  }

  clear() {
    this.bytes.fill(0);
    this.size = 0;
  }

  /** The rows, ascending. */
  *[Symbol.iterator]() {
    for (let row = 0; row < this.bytes.length; row++) if (this.bytes[row]) yield row;
  }
}

/** The place of each row in a list. */
export class RowPlaces {
  /** @param {ArrayLike<number>} [rows] */
  constructor(rows = []) {
    let last = -1;
    for (let i = 0; i < rows.length; i++) if (rows[i] > last) last = rows[i];
    // From 1, so that 0 is none.
    this.from1 = new Uint32Array(last + 1);
    for (let i = 0; i < rows.length; i++) this.from1[rows[i]] = i + 1;
  }

  /** @param {number} row */
  has(row) {
    return this.from1[row] > 0;
  }

  /** @param {number} row @returns {number | undefined} */
  get(row) {
    const place = this.from1[row];
    return place ? place - 1 : undefined;
  }
}
