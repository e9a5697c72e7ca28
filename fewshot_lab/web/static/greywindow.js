// @ts-check
// Which grey values are shown from black to white: the window, as DICOM says it (PS3.3 C.11.2.1.2). It is in
// the eye of whoever looks; no pixel that is stored or classified changes.

/** @typedef {{ centre: number, width: number }} GreyWindow */
/**
 * What a window works on: the file's own grey values, or the colours of the picture of 8 bit.
 * @typedef {object} Source
 * @property {number} width in pixels
 * @property {number} height
 * @property {Uint16Array | null} pixels the file's own: `slope * pixel + intercept` is the value
 * @property {Uint8Array | null} blank 1 where a pixel is no part of the picture
 * @property {Uint8ClampedArray | null} rgba
 * @property {number} slope
 * @property {number} intercept
 * @property {number} low the smallest value
 * @property {number} high the largest one
 * @property {string} unit "HU" or ""
 * @property {boolean} inverted whether small values are shown bright
 * @property {string} shape LINEAR, LINEAR_EXACT or SIGMOID
 * @property {GreyWindow[]} windows the file's own; the first is that of the picture as it comes
 */

// Pixels are written as whole words, alpha first.
const OPAQUE = 255 << 24;

/** What radiologists use where a file brings no more than one. */
const HOUNSFIELD = /** @type {[string, number, number][]} */ ([
  ["Soft tissue", 50, 400],
  ["Lung", -600, 1500],
  ["Bone", 400, 1800],
  ["Brain", 40, 80],
]);

/** @param {ImageData} image of the picture of 8 bit @returns {Source} */
export function colourSource({ data, width, height }) {
  const windows = [{ centre: 128, width: 256 }];
  const range = { slope: 1, intercept: 0, low: 0, high: 255, unit: "", inverted: false, shape: "LINEAR" };
  return { width, height, pixels: null, blank: null, rgba: data, ...range, windows };
}

/**
 * @param {any} head
 * @param {Record<string, any>} arrays
 * @returns {Source}
 */
export function greySource({ windows, ...head }, { pixels, blank = null }) {
  const named = windows.map((/** @type {[number, number, string]} */ [centre, width]) => ({ centre, width }));
  return { ...head, pixels, blank, rgba: null, shape: windows[0][2], windows: named };
}

/** Images of one scale share a window while one pages. @param {Source} source */
export const scaleOf = ({ pixels, unit }) => unit || (pixels ? "deep" : "8 bit");

/** @param {Source} source */
const narrowest = ({ shape, low, high }) => (shape === "LINEAR" ? 1 : (high - low || 1) / 1000);

/**
 * @param {Source} source
 * @param {GreyWindow} window
 * @returns {[black: number, white: number]} the values at its ends
 */
export function ends({ shape }, { centre, width }) {
  const [middle, half] = shape === "LINEAR" ? [centre - 0.5, (width - 1) / 2] : [centre, width / 2];
  return [middle - half, middle + half];
}

/**
 * @param {Source} source
 * @param {GreyWindow} window
 * @returns {Uint8Array} what each stored pixel is shown as, 0 to 255
 */
export function lookup(source, window) {
  const { pixels, slope, intercept, inverted, shape } = source;
  const table = new Uint8ClampedArray(pixels ? 65536 : 256);
  const [black, white] = ends(source, window);
  for (let pixel = 0; pixel < table.length; pixel++) {
    const value = slope * pixel + intercept;
    const share =
      shape === "SIGMOID"
        ? 1 / (1 + Math.exp((-4 * (value - window.centre)) / window.width))
        : white > black
          ? (value - black) / (white - black)
          : Number(value > black);
    table[pixel] = 255 * (inverted ? 1 - share : share);
  }
  return new Uint8Array(table.buffer);
}

/**
 * Draws a picture through a window, opaque.
 * @param {Source} source
 * @param {GreyWindow} window
 * @param {Uint8ClampedArray} out RGBA, row by row
 */
export function paintThrough(source, window, out) {
  const { pixels, blank, rgba } = source;
  const table = lookup(source, window);
  const words = new Uint32Array(out.buffer);
  const colours = rgba ? new Uint32Array(rgba.buffer) : null;
  for (let i = 0; i < words.length; i++) {
    const c = colours ? colours[i] : 0;
    const grey = pixels && !blank?.[i] ? table[pixels[i]] : 0;
    words[i] = colours
      ? OPAQUE | (table[(c >>> 16) & 255] << 16) | (table[(c >>> 8) & 255] << 8) | table[c & 255]
      : OPAQUE | (grey << 16) | (grey << 8) | grey;
  }
}

/**
 * The window after a drag: upwards is brighter, to the right softer.
 * @param {Source} source
 * @param {GreyWindow} window where the drag began
 * @param {number} dx in pixels
 * @param {number} dy downwards
 */
export function dragged(source, { centre, width }, dx, dy) {
  const next = width * Math.exp(dx / 200);
  const brighter = source.inverted ? -1 : 1;
  return within(source, { centre: centre + (brighter * dy * Math.max(width, narrowest(source))) / 300, width: next });
}

/**
 * A window that can be drawn, in figures that can be read.
 * @param {Source} source
 * @param {GreyWindow} window
 */
export function within(source, { centre, width }) {
  const least = narrowest(source);
  const step = source.shape === "LINEAR" ? 1 : 10 ** Math.floor(Math.log10(least));
  /** @param {number} x */
  const rounded = (x) => Number((Math.round(x / step) * step).toPrecision(7));
  return { centre: rounded(centre), width: Math.max(least, rounded(width)) };
}

/** Whether a window leaves nothing to be seen of a picture. @param {Source} source @param {GreyWindow} window */
export function missesAll(source, window) {
  const [black, white] = ends(source, window);
  return source.high > source.low && (source.high <= black || source.low >= white);
}

/**
 * Windows to choose from: the file's own, and for Hounsfield units the usual ones.
 * @param {Source} source
 * @returns {{ name: string, window: GreyWindow }[]}
 */
export function presets({ unit, windows }) {
  const own = windows.map((window, i) => ({ name: i ? `From the file (${i + 1})` : "As in the file", window }));
  if (unit !== "HU") return own;
  return [...own, ...HOUNSFIELD.map(([name, centre, width]) => ({ name, window: { centre, width } }))];
}
