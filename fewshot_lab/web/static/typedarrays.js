// @ts-check
// Arrays along the project's images, which grow as images come.

/**
 * Return an array of another length: itself where it fits, else a copy filled up.
 *
 * @template {Uint8Array | Uint16Array | Float32Array} T
 * @param {T} array
 * @param {number} length
 * @param {number} fill
 * @returns {T}
 */
export function resized(array, length, fill) {
  if (array.length === length) return array;
  const next = new /** @type {any} */ (array.constructor)(length).fill(fill);
  next.set(array.subarray(0, Math.min(length, array.length)));
  return next;
}
