// @ts-check
// Where a slide lies on the screen, and which pieces of its pyramid cover it.

/** x, y: the slide's pixel in the upper left corner; scale: screen pixels for one of the slide's. */
/** @typedef {{ x: number, y: number, scale: number }} SlidePlace */
/** @typedef {{ width: number, height: number }} Size */
/** @typedef {{ level: number, column: number, row: number, x: number, y: number, side: number }} Piece */

export const PIECE = 256;
const CLOSEST = 4;
const MARGIN = 12;

/** The highest level of the pyramid: there the whole slide is one piece. @param {Size} slide */
export const topLevel = (slide) => Math.max(0, Math.ceil(Math.log2(Math.max(slide.width, slide.height) / PIECE)));

/**
 * The whole slide, in the middle.
 * @param {Size} slide
 * @param {Size} room
 * @returns {SlidePlace}
 */
export function fitted(slide, room) {
  const scale = fittedScale(slide, room);
  return { x: (slide.width - room.width / scale) / 2, y: (slide.height - room.height / scale) / 2, scale };
}

/** @param {Size} slide @param {Size} room */
function fittedScale(slide, room) {
  const wide = Math.max(1, room.width - 2 * MARGIN) / slide.width;
  return Math.min(wide, Math.max(1, room.height - 2 * MARGIN) / slide.height);
}

/**
 * Zooms so that what lies at (px, py) of the screen keeps its place.
 * @param {SlidePlace} place
 * @param {number} factor
 * @param {number} px
 * @param {number} py
 * @param {Size} slide
 * @param {Size} room
 * @returns {SlidePlace}
 */
export function zoomedTo(place, factor, px, py, slide, room) {
  const least = Math.min(CLOSEST, fittedScale(slide, room));
  const scale = Math.max(least, Math.min(CLOSEST, place.scale * factor));
  const x = place.x + px / place.scale - px / scale;
  const y = place.y + py / place.scale - py / scale;
  return inBounds({ x, y, scale }, slide, room);
}

/**
 * Never so far that the middle of the screen leaves the slide.
 * @param {SlidePlace} place
 * @param {Size} slide
 * @param {Size} room
 * @returns {SlidePlace}
 */
export function inBounds({ x, y, scale }, slide, room) {
  const halfWide = room.width / scale / 2,
    halfHigh = room.height / scale / 2;
  return {
    x: Math.max(-halfWide, Math.min(slide.width - halfWide, x)),
    y: Math.max(-halfHigh, Math.min(slide.height - halfHigh, y)),
    scale,
  };
}

/**
 * A place in which an area is seen with what lies around it.
 * @param {{ x: number, y: number, width: number, height: number }} area
 * @param {Size} room
 * @param {Size} slide
 * @returns {SlidePlace}
 */
export function around(area, room, slide) {
  const scale = Math.min(CLOSEST, Math.min(room.width, room.height) / (5 * Math.max(area.width, area.height)));
  const x = area.x + area.width / 2 - room.width / scale / 2;
  const y = area.y + area.height / 2 - room.height / scale / 2;
  return inBounds({ x, y, scale }, slide, room);
}

/**
 * The pieces that cover the screen, of the level that has a pixel for each of the screen's.
 * @param {SlidePlace} place
 * @param {Size} slide
 * @param {Size} room
 * @param {number} density pixels of the device for one of the screen
 * @returns {Piece[]} from the middle outwards
 */
export function pieces(place, slide, room, density) {
  const wanted = Math.floor(Math.log2(1 / (place.scale * density)) + 0.1);
  const level = Math.max(0, Math.min(topLevel(slide), wanted));
  const side = PIECE * 2 ** level;
  const first = [Math.max(0, Math.floor(place.x / side)), Math.max(0, Math.floor(place.y / side))];
  const right = Math.min(slide.width, place.x + room.width / place.scale);
  const bottom = Math.min(slide.height, place.y + room.height / place.scale);
  const inView = [];
  for (let row = first[1]; row * side < bottom; row++) {
    for (let column = first[0]; column * side < right; column++) {
      inView.push({ level, column, row, x: column * side, y: row * side, side });
    }
  }
  const middle = [place.x + room.width / place.scale / 2, place.y + room.height / place.scale / 2];
  /** @param {Piece} piece */
  const far = (piece) => Math.hypot(piece.x + side / 2 - middle[0], piece.y + side / 2 - middle[1]);
  return inView.sort((a, b) => far(a) - far(b));
}

/**
 * A length for the scale bar: 1, 2 or 5 of a power of ten, at most a quarter of the screen.
 * @param {number} unitsPerPixel of the screen
 * @param {number} width of the screen
 */
export function barLength(unitsPerPixel, width) {
  const most = (unitsPerPixel * width) / 4;
  const power = 10 ** Math.floor(Math.log10(most));
  return [5, 2, 1].map((step) => step * power).find((length) => length <= most) ?? power;
}
