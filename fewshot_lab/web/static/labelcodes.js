// @ts-check
// A label as 16 bits: what it is below, flags above. fewshot_lab/live/ packs them alike; tests/web/label_codes.json
// holds both to it.

/** @import { LabelAction } from "./types.d.ts" */

export const UNSURE = 1,
  REJECT = 2,
  FIRST_CLASS = 16;
export const KIND_MASK = 0x0fff,
  SKIPPED = 0x1000,
  MACHINE = 0x2000,
  AUDIT = 0x4000;
/** The place of a prediction where there is none, and where none is named: nothing labelled is like the image. */
export const NO_CLASS = 255,
  UNLIKE = 254;

/**
 * The code that a label action makes of an image's code; the server follows the same rule.
 * @param {number} code
 * @param {Pick<LabelAction, "kind" | "class_id" | "machine">} action
 */
export function labelledCode(code, { kind, class_id, machine }) {
  const audit = code & AUDIT;
  if (kind === "class") return audit | (FIRST_CLASS + Number(class_id)) | (machine ? MACHINE : 0);
  if (kind === "unsure") return audit | UNSURE;
  if (kind === "reject") return audit | REJECT;
  if (kind === "skip") return code & KIND_MASK ? code : code | SKIPPED;
  return audit;
}

/**
 * The code after undo or redo: an image that has got another label since keeps it.
 * @param {number} code
 * @param {number} from
 * @param {number} to
 */
export function revertedCode(code, from, to) {
  return (code & ~AUDIT) === (from & ~AUDIT) ? (code & AUDIT) | (to & ~AUDIT) : code;
}

/**
 * How many images have each class as label, how many of those were accepted in bulk, and how many are set aside.
 * @param {Uint16Array} codes
 */
export function labelCounts(codes) {
  const counts = /** @type {Map<number, number>} */ (new Map());
  const accepted = /** @type {Map<number, number>} */ (new Map());
  /** @param {Map<number, number>} to @param {number} id */
  const add = (to, id) => to.set(id, (to.get(id) ?? 0) + 1);
  let unsure = 0,
    reject = 0,
    skipped = 0;
  for (const code of codes) {
    const kind = code & KIND_MASK;
    if (kind >= FIRST_CLASS) {
      add(counts, kind - FIRST_CLASS);
      if (code & MACHINE) add(accepted, kind - FIRST_CLASS);
    } else if (kind === UNSURE) unsure++;
    else if (kind === REJECT) reject++;
    if (code & SKIPPED) skipped++;
  }
  return { counts, accepted, unsure, reject, skipped };
}
