// @ts-check
// Which points lie inside a drawn line.

/**
 * Even-odd rule; NaN points are outside.
 * @param {ArrayLike<number>} xy x0, y0, x1, y1, ...
 * @param {number[]} polygon likewise
 * @returns {number[]} rows of the points inside
 */
export function inside(xy, polygon) {
  const [left, right, low, high] = boxOf(polygon).box;
  const rows = [];
  const n = polygon.length;
  for (let p = 0; p < xy.length; p += 2) {
    const x = xy[p],
      y = xy[p + 1];
    if (!(x >= left && x <= right && y >= low && y <= high)) continue;
    let within = false;
    for (let i = 0, j = n - 2; i < n; j = i, i += 2) {
      const yi = polygon[i + 1],
        yj = polygon[j + 1];
      if (yi > y !== yj > y && x < ((polygon[j] - polygon[i]) * (y - yi)) / (yj - yi) + polygon[i]) within = !within;
    }
    if (within) rows.push(p >> 1);
  }
  return rows;
}

/**
 * How many points have a place, and left, right, low and high of these.
 * @param {ArrayLike<number>} xy
 */
function boxOf(xy) {
  let [placed, left, right, low, high] = [0, Infinity, -Infinity, Infinity, -Infinity];
  for (let p = 0; p < xy.length; p += 2) {
    const x = xy[p],
      y = xy[p + 1];
    if (x !== x) continue;
    placed++;
    if (x < left) left = x;
    if (x > right) right = x;
    if (y < low) low = y;
    if (y > high) high = y;
  }
  return { placed, box: [left, right, low, high] };
}

/** Points in square bins, so that the one under the pointer is found without looking at all. */
export class Bins {
  /** @param {Float32Array} xy */
  constructor(xy) {
    this.xy = xy;
    const n = xy.length >> 1;
    const { placed, box } = boxOf(xy);
    this.placed = placed;
    this.box = placed ? box : [0, 1, 0, 1];
    this.side = Math.max(1, Math.min(512, Math.round(Math.sqrt(placed / 4))));
    this.starts = new Uint32Array(this.side * this.side + 1);
    const bin = new Int32Array(n);
    for (let i = 0; i < n; i++) {
      bin[i] = xy[2 * i] === xy[2 * i] ? this.column(xy[2 * i]) + this.side * this.line(xy[2 * i + 1]) : -1;
      if (bin[i] >= 0) this.starts[bin[i] + 1]++;
    }
    for (let b = 0; b < this.side * this.side; b++) this.starts[b + 1] += this.starts[b];
    this.rows = new Uint32Array(placed);
    const at = this.starts.slice();
    for (let i = 0; i < n; i++) if (bin[i] >= 0) this.rows[at[bin[i]]++] = i;
  }

  /** @param {number} x */
  column(x) {
    const [left, right] = this.box;
    return Math.max(0, Math.min(this.side - 1, Math.floor(((x - left) / (right - left || 1)) * this.side)));
  }

  /** @param {number} y */
  line(y) {
    const [, , low, high] = this.box;
    return Math.max(0, Math.min(this.side - 1, Math.floor(((y - low) / (high - low || 1)) * this.side)));
  }

  /**
   * The nearest accepted point within an ellipse of half axes rx, ry; -1 for none.
   * @param {number} x
   * @param {number} y
   * @param {number} rx
   * @param {number} ry
   * @param {(row: number) => boolean} accept
   */
  nearest(x, y, rx, ry, accept) {
    let best = -1,
      least = 1;
    const c1 = this.column(x + rx),
      l0 = this.line(y - ry),
      l1 = this.line(y + ry);
    for (let l = l0; l <= l1; l++) {
      for (let c = this.column(x - rx); c <= c1; c++) {
        const b = c + this.side * l;
        for (let k = this.starts[b]; k < this.starts[b + 1]; k++) {
          const row = this.rows[k];
          const dx = (this.xy[2 * row] - x) / rx,
            dy = (this.xy[2 * row + 1] - y) / ry;
          const d = dx * dx + dy * dy;
          if (d < least && accept(row)) {
            least = d;
            best = row;
          }
        }
      }
    }
    return best;
  }

  /**
   * Whether an accepted point lies within a rectangle.
   * @param {number[]} xRange low, high
   * @param {number[]} yRange
   * @param {(row: number) => boolean} accept
   */
  anyWithin([x0, x1], [y0, y1], accept) {
    const [left, right, low, high] = this.box;
    if (!(x0 <= right && x1 >= left && y0 <= high && y1 >= low)) return false;
    for (let l = this.line(y0); l <= this.line(y1); l++) {
      for (let c = this.column(x0); c <= this.column(x1); c++) {
        const b = c + this.side * l;
        for (let k = this.starts[b]; k < this.starts[b + 1]; k++) {
          const row = this.rows[k];
          const x = this.xy[2 * row],
            y = this.xy[2 * row + 1];
          if (x >= x0 && x <= x1 && y >= y0 && y <= y1 && accept(row)) return true;
        }
      }
    }
    return false;
  }
}
