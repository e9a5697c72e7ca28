// @ts-check
// How large the tiles are: a list that can be seen as a whole fills the room there is.

// Thumbnails have no more pixels.
const LARGEST = 256;
export const GAP = 8;
const WIDEST_GAP = 24;

/**
 * @param {number} columns
 * @param {number} width of the room, in pixels
 */
const sideOf = (columns, width) => Math.floor((width - GAP * (columns - 1)) / columns);

/**
 * @param {{ width: number, height: number }} room in pixels
 * @param {number} size what a tile is wide at least
 */
const columnsOf = ({ width }, size) => Math.max(1, Math.floor((width + GAP) / (size + GAP)));

/**
 * Columns for tiles of one size.
 * @param {{ width: number, height: number }} room in pixels
 * @param {number} size
 */
export function tilesOf(room, size) {
  const columns = columnsOf(room, size);
  return { columns, side: sideOf(columns, room.width) };
}

/**
 * The largest tiles with which all are in sight; those of the usual size where that cannot be.
 * @param {number} n how many
 * @param {{ width: number, height: number }} room in pixels
 * @param {number} size the usual one
 * @param {(side: number) => number} heightOf a tile of that width
 */
export function filling(n, room, size, heightOf) {
  const best = { columns: 0, side: 0 };
  for (let columns = columnsOf(room, LARGEST); n && columns <= columnsOf(room, size); columns++) {
    const lines = Math.ceil(n / columns);
    let side = Math.min(LARGEST, sideOf(columns, room.width));
    while (side >= size && lines * (heightOf(side) + GAP) - GAP > room.height) side--;
    if (side >= size && side > best.side) Object.assign(best, { columns, side });
  }
  return best.side ? best : tilesOf(room, size);
}

/**
 * From one tile to the next: what is left of the width lies between them, as far as that looks like a grid.
 * @param {{ columns: number, side: number }} layout
 * @param {number} width of the room
 */
export function stepOf({ columns, side }, width) {
  const gap = columns > 1 ? Math.floor((width - columns * side) / (columns - 1)) : GAP;
  return side + Math.max(GAP, Math.min(WIDEST_GAP, gap));
}
