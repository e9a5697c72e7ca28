// @ts-check
// Making elements, and the few helpers that every part of the page needs.

/** @import { Attributes, Child } from "./types.d.ts" */

const SVG_TAGS = new Set(["svg", "path", "circle", "line"]);
const PROPERTIES = new Set(["value", "checked", "disabled", "hidden"]);

/**
 * A new element; an attribute that is undefined, null or false is left out.
 * @template {string} K
 * @param {K} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {K extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[K] : SVGElement}
 */
export function h(tag, attributes = {}, ...children) {
  const element = /** @type {any} */ (
    SVG_TAGS.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag)
  );
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, v] of Object.entries(value)) element.style.setProperty(key, v);
    else if (PROPERTIES.has(name)) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

/**
 * @param {string} className
 * @param {Attributes} attributes
 * @param {...Child} children
 */
export function button(className, attributes, ...children) {
  return h("button", { type: "button", class: className, ...attributes }, ...children);
}

/**
 * @param {Element} element
 * @param {readonly Child[]} children
 */
function append(element, children) {
  for (const child of /** @type {any} */ (children).flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/**
 * @param {Element} element
 * @param {...Child} children
 */
export function refill(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

/**
 * A change of text only where it differs: a line that stands still is not touched by a refit.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {Event} event
 * @param {string} selector
 */
export const closest = (event, selector) =>
  event.target instanceof Element ? /** @type {HTMLElement | null} */ (event.target.closest(selector)) : null;

const PATHS = {
  close: "M4 4l8 8M12 4l-8 8",
  search: "M7 2.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 0 1 0-9zM10.4 10.4L14 14",
  edit: "M10.5 3l2.5 2.5L6 12.5l-3 .5l.5-3z",
  filter: "M2 3.5h12L9.5 9v4.5l-3-1.5V9z",
  next: "M6 4l4 4l-4 4",
  back: "M10 4l-4 4l4 4",
  settings: "M2 5h5M11 5h3M2 11h2M8 11h6M9 3v4M6 9v4",
  fit: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  up: "M4 10l4-4l4 4",
  down: "M4 6l4 4l4-4",
  grip: "M6 4h.01M10 4h.01M6 8h.01M10 8h.01M6 12h.01M10 12h.01",
  list: "M2 4h12M2 8h12M2 12h12",
  pile: "M2 6h9v8H2zM4.5 6V4h9v8H11M7 4V2h7v8h-.5",
  pair: "M6 4a4 4 0 1 0 0 8a4 4 0 1 0 0-8M10 4a4 4 0 1 0 0 8a4 4 0 1 0 0-8",
  minus: "M3 8h10",
  plus: "M8 3v10M3 8h10",
  download: "M8 2v8M4.5 7L8 10.5L11.5 7M2.5 13.5h11",
};

/** @param {keyof typeof PATHS} name */
export function icon(name) {
  const attributes = { width: 16, height: 16, class: `ws-icon ws-icon-${name}`, "aria-hidden": "true" };
  return h("svg", { viewBox: "0 0 16 16", focusable: "false", ...attributes }, h("path", { d: PATHS[name] }));
}

/**
 * @param {keyof typeof PATHS} name
 * @param {string} label
 * @param {Attributes["onclick"]} onclick
 * @param {Attributes} [attributes]
 */
export function iconButton(name, label, onclick, attributes = {}) {
  return button("ws-icon-button", { "aria-label": label, title: label, onclick, ...attributes }, icon(name));
}

/**
 * @param {string} label
 * @param {[min: number, max: number, step: number]} range
 * @param {(value: number) => void} act
 * @param {Attributes} [attributes]
 */
export function slider(label, [min, max, step], act, attributes = {}) {
  const oninput = () => act(field.valueAsNumber);
  // A value comes after the limits: before, it would be rounded to others.
  const limits = { type: "range", class: "ws-range", min, max, step };
  /** @type {HTMLInputElement} */
  const field = h("input", { ...limits, "aria-label": label, oninput, ...attributes });
  return field;
}

/**
 * @param {string} label
 * @param {(value: string) => void} act
 * @param {HTMLElement[]} [options]
 */
export function select(label, act, options = []) {
  /** @type {HTMLSelectElement} */
  const field = h("select", { class: "ws-select", "aria-label": label, onchange: () => act(field.value) }, options);
  return field;
}

const figures = new Intl.NumberFormat("en-US");
/** @param {number} n */
export const count = (n) => figures.format(n);
/** @param {number} n */
export const images = (n) => `${count(n)} ${n === 1 ? "image" : "images"}`;
/** @param {number} p */
export const percent = (p) => `${Math.round(p * 100)}\u00a0%`;
/** A cosine as people read it: what points away from an image is not like it at all. @param {number} cosine */
export const alikeness = (cosine) => percent(Math.max(0, cosine));
/** @param {string} text */
export const capitalised = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** @param {number} seconds */
export function ago(seconds) {
  if (seconds < 1) return `${Math.max(0.1, seconds).toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

/** @param {number} time seconds since 1970 */
export function clock(time) {
  const date = new Date(time * 1000);
  const hours = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const today = new Date().toDateString() === date.toDateString();
  return today ? hours : `${date.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${hours}`;
}

/**
 * The up and down arrows go along the buttons of a list, from its end to its beginning too.
 * @param {KeyboardEvent & { currentTarget: HTMLElement }} event
 */
export function moveAlong(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const buttons = [...event.currentTarget.querySelectorAll("button")];
  const at = buttons.findIndex((choice) => choice === document.activeElement);
  if (!step || at < 0) return;
  event.preventDefault();
  event.stopPropagation();
  buttons[(at + step + buttons.length) % buttons.length].focus();
}

/** @param {Event} event */
export function isTyping(event) {
  const [target] = event.composedPath();
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "button"].includes(target.type);
  return target.isContentEditable || target.tagName === "TEXTAREA" || target.tagName === "SELECT";
}

/**
 * Runs at most once a frame, after the browser had the chance to paint what was asked before.
 * @param {() => void} work
 */
export function afterPaint(work) {
  let waiting = false;
  const run = () => {
    waiting = false;
    work();
  };
  return () => {
    if (!waiting) requestAnimationFrame(() => setTimeout(run, 16));
    waiting = true;
  };
}
