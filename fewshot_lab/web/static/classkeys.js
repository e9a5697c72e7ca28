// @ts-check
// Which key a class has: 1 to 9, then the letters that are free, then those with Shift.

const RESERVED = "usx";
const LETTERS = [..."abcdefghijklmnopqrstuvwxyz"].filter((letter) => !RESERVED.includes(letter));
const KEYS = [
  ...[..."123456789"].map((digit) => ({ key: digit, shift: false, shown: digit })),
  ...LETTERS.map((letter) => ({ key: letter, shift: false, shown: letter.toUpperCase() })),
  ...LETTERS.map((letter) => ({ key: letter, shift: true, shown: `⇧${letter.toUpperCase()}` })),
];

/** @param {number} place of a class in the list */
export const keyOf = (place) => KEYS[place]?.shown ?? "";

/**
 * The place of the class that a key press names; -1 for none.
 * @param {Pick<KeyboardEvent, "key" | "code" | "shiftKey">} event
 */
export function placeOf(event) {
  const key = event.key.toLowerCase();
  const digit = /^(Digit|Numpad)([1-9])$/.exec(event.code)?.[2];
  return KEYS.findIndex(
    (k) => (k.key === key || k.key === digit) && (/[1-9]/.test(k.key) || k.shift === event.shiftKey),
  );
}
