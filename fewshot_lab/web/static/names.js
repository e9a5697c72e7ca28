// @ts-check
// Class names where there is little room: broken between words, after "_" and "-" too, and shortened by the words
// that tell least, so that what tells one class from the others stays.

const PIECES = /(?<=[\s_\-/,;])(?=[^\s_\-/,;])/;
const CACHED = 2000;
let context = /** @type {CanvasRenderingContext2D | null} */ (null);

/** @typedef {(text: string) => number} Width in px */

/**
 * How wide a text is drawn.
 * @param {string} font as in CSS
 * @returns {Width}
 */
export function widthIn(font) {
  const pen = /** @type {CanvasRenderingContext2D} */ (context ??= document.createElement("canvas").getContext("2d"));
  return (text) => {
    pen.font = font;
    return pen.measureText(text).width;
  };
}

/** @param {string} piece */
const plain = (piece) => piece.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");

/**
 * Whether a text fits into lines of these widths, broken between its pieces.
 * @param {string} text
 * @param {number[]} lines
 * @param {Width} width
 */
export function fits(text, lines, width) {
  let line = 0,
    held = "";
  for (const piece of text.split(PIECES)) {
    while (width((held + piece).trimEnd()) > lines[line]) {
      if (++line >= lines.length) return false;
      held = "";
    }
    held += piece;
  }
  return true;
}

/**
 * `name` as it fits: whole, or without the words that it shares with most of the other `names`.
 * @param {string} name
 * @param {string[]} names
 * @param {number[]} lines
 * @param {Width} width
 */
export function shortened(name, names, lines, width) {
  if (fits(name, lines, width)) return name;
  const pieces = name.split(PIECES);
  const shared = /** @type {Map<string, number>} */ (new Map());
  for (const other of names)
    for (const word of new Set(other.split(PIECES).map(plain))) shared.set(word, (shared.get(word) ?? 0) + 1);
  // The rarest words first; "of" and "in" only before a word that is there.
  /** @param {string} piece */
  const small = (piece) => plain(piece).length < 4;
  /** @param {string} piece */
  const rank = (piece) => (small(piece) ? names.length : 0) + (shared.get(plain(piece)) ?? 1);
  const order = [...pieces.keys()].sort((a, b) => rank(pieces[a]) - rank(pieces[b]) || a - b);
  let whole = /** @type {Set<number>} */ (new Set());
  let best = "";
  for (const at of order) {
    if (small(pieces[at]) && at + 1 < pieces.length && !whole.has(at + 1)) continue;
    const more = new Set(whole).add(at);
    const text = joined(pieces, more);
    if (fits(text, lines, width)) [whole, best] = [more, text];
  }
  return best || elided(name, lines, width);
}

/**
 * @param {string[]} pieces
 * @param {Set<number>} whole
 */
function joined(pieces, whole) {
  let text = "",
    gap = false;
  pieces.forEach((piece, at) => {
    if (whole.has(at)) {
      text += (gap ? "… " : "") + piece;
      gap = false;
    } else if (!gap) {
      gap = true;
      text = text.replace(/[,;]?\s*$/, (end) => (end ? " " : ""));
    }
  });
  return gap ? `${text.trimEnd()}…` : text;
}

/**
 * A text as it fits: whole, or its first words and its last; no word is cut unless it alone is too long.
 * @param {string} name
 * @param {number[]} lines
 * @param {Width} width
 */
export function elided(name, lines, width) {
  if (fits(name, lines, width)) return name;
  const pieces = name.split(PIECES);
  for (let n = pieces.length - 2; n > 0; n--) {
    const text = `${pieces.slice(0, n).join("").trimEnd()}… ${pieces.at(-1)}`;
    if (fits(text, lines, width)) return text;
  }
  for (let n = name.length - 1; n > 3; n--) {
    const text = `${name.slice(0, n).trimEnd()}…`;
    if (fits(text, lines, width)) return text;
  }
  return `${name.slice(0, 3)}…`;
}

/**
 * Calls `work` again when a font has come after `element` was drawn in another one.
 * @param {Element} element
 * @param {() => void} work
 */
export function onFontsLoaded(element, work) {
  const loaded = () => {
    if (element.isConnected) work();
    else document.fonts.removeEventListener("loadingdone", loaded);
  };
  document.fonts.addEventListener("loadingdone", loaded);
}

/** The short forms of a list of names, made once for a list, a font and a room. */
export class ShortNames {
  /** @param {string} font */
  constructor(font) {
    this.width = widthIn(font);
    this.cache = /** @type {Map<string, string>} */ (new Map());
    this.key = "";
  }

  /**
   * @param {string[]} names
   * @param {number[]} lines
   */
  in(names, lines) {
    const key = `${lines.join()} ${names.join("\n")}`;
    if (key !== this.key) this.cache.clear();
    this.key = key;
    return (/** @type {string} */ name) => {
      let text = this.cache.get(name);
      if (text === undefined) {
        text = shortened(name, names, lines, this.width);
        if (this.cache.size < CACHED) this.cache.set(name, text);
      }
      return text;
    };
  }
}

/**
 * Writes a name into an element of several lines; the browser may break it where a reader would.
 * @param {Element} element
 * @param {string} name
 */
export function setName(element, name) {
  if (element.textContent === name) return;
  element.replaceChildren();
  for (const piece of name.split(PIECES)) {
    element.append(piece);
    if (!/\s$/.test(piece)) element.append(document.createElement("wbr"));
  }
}
