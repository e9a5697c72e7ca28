// @ts-check
// The pieces of a slide's pyramid, fetched when they are seen; the newest are kept.

/** @import { Piece } from "./slidegeometry.js" */

const AT_ONCE = 6;
const MOST_PIECES = 400;

export class SlidePieces {
  /**
   * @param {(piece: Piece) => string} url
   * @param {() => void} onChange
   */
  constructor(url, onChange) {
    this.url = url;
    this.onChange = onChange;
    this.images = /** @type {Map<string, HTMLImageElement>} */ (new Map());
    this.wanted = /** @type {Piece[]} */ ([]);
    this.loading = new Set();
    this.failed = new Set();
    this.closed = false;
  }

  /** The picture of a piece; null while it is not there. @param {Piece} piece */
  get(piece) {
    const key = keyOf(piece);
    const image = this.images.get(key);
    if (!image) return null;
    this.images.delete(key);
    this.images.set(key, image);
    return image;
  }

  /** Whether nothing of the slide could be fetched. */
  get isMissing() {
    return this.failed.size > 0 && !this.images.size && !this.loading.size;
  }

  /** What is seen now, the most wanted first; what was asked for before and is not begun is dropped. @param {Piece[]} pieces */
  want(pieces) {
    this.wanted = pieces;
    this.next();
  }

  next() {
    while (!this.closed && this.loading.size < AT_ONCE) {
      const piece = this.wanted.find((each) => {
        const key = keyOf(each);
        return !this.images.has(key) && !this.loading.has(key) && !this.failed.has(key);
      });
      if (!piece) return;
      this.load(piece);
    }
  }

  /** @param {Piece} piece */
  async load(piece) {
    const key = keyOf(piece);
    this.loading.add(key);
    const image = new Image();
    image.src = this.url(piece);
    try {
      await image.decode();
      this.images.set(key, image);
      for (const old of this.images.keys()) {
        if (this.images.size <= MOST_PIECES) break;
        this.images.delete(old);
      }
    } catch {
      this.failed.add(key);
    }
    this.loading.delete(key);
    if (this.closed) return;
    this.next();
    this.onChange();
  }

  close() {
    this.closed = true;
  }
}

/** @param {Piece} piece */
const keyOf = ({ level, column, row }) => `${level}/${column}_${row}`;
