// @ts-check
// What the map and a slide have in common for whoever looks around on them: keys, and buttons to zoom.

import { h, iconButton } from "./dom.js";

/** `zoom` by steps, in or (negative) out; `move` the view by steps. */
/** @typedef {{ zoom: (steps: number) => void, move: (right: number, down: number) => void, fit: () => void }} Moves */

/**
 * Plus and minus, the arrows and 0, while the stage itself has the keyboard.
 * @param {KeyboardEvent} event
 * @param {Moves} moves
 */
export function lookAround(event, { zoom, move, fit }) {
  if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
  /** @type {Record<string, () => void>} */
  const acts = {
    "+": () => zoom(1),
    "=": () => zoom(1),
    "-": () => zoom(-1),
    0: fit,
    ArrowLeft: () => move(-1, 0),
    ArrowRight: () => move(1, 0),
    ArrowUp: () => move(0, -1),
    ArrowDown: () => move(0, 1),
  };
  const act = acts[event.key];
  if (!act) return;
  event.preventDefault();
  event.stopPropagation();
  act();
}

/**
 * @param {Moves} moves
 * @param {string} whole what the button that fits is called
 */
export const zoomButtons = ({ zoom, fit }, whole) =>
  h("div", { class: "ws-map-buttons" }, [
    iconButton("plus", "Zoom in", () => zoom(1)),
    iconButton("minus", "Zoom out", () => zoom(-1)),
    iconButton("fit", whole, fit),
  ]);
