// Making elements, and the few helpers that every part of the page needs.

export function h(tag, attributes = {}, ...children) {
  const svg = tag === "svg" || tag === "path" || tag === "circle" || tag === "rect" || tag === "line" || tag === "g";
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.setAttribute("class", value);
    else if (name === "style" && typeof value === "object") {
      for (const [key, v] of Object.entries(value)) element.style.setProperty(key, v);
    } else if (name === "value" || name === "checked" || name === "disabled" || name === "hidden") {
      element[name] = value;
    } else element.setAttribute(name, value === true ? "" : value);
  }
  put(element, ...children);
  return element;
}

export function put(element, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

export function refill(element, ...children) {
  element.replaceChildren();
  return put(element, ...children);
}

// A change of text only where it differs: a line that stands still is not touched by a refit.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const PATHS = {
  close: "M4 4l8 8M12 4l-8 8",
  search: "M7 2.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 0 1 0-9zM10.4 10.4L14 14",
  settings: "M2 5h5M11 5h3M2 11h2M8 11h6M9 3v4M6 9v4",
  fit: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  up: "M4 10l4-4l4 4",
  down: "M4 6l4 4l4-4",
  check: "M3 8.5l3.5 3.5L13 4.5",
  undo: "M5 3L2 6l3 3M2.5 6H10a4 4 0 0 1 0 8H6",
  hidden: "M2 8s2.2-4 6-4s6 4 6 4s-2.2 4-6 4s-6-4-6-4zM2.5 13.5l11-11",
  grip: "M6 4h.01M10 4h.01M6 8h.01M10 8h.01M6 12h.01M10 12h.01",
  list: "M2 4h12M2 8h12M2 12h12",
  large: "M9 2h5v5M7 14H2V9M14 2L9 7M2 14l5-5",
  near: "M8 6.2a1.8 1.8 0 1 1 0 3.6a1.8 1.8 0 0 1 0-3.6M8 1.5v2M8 12.5v2M1.5 8h2M12.5 8h2",
  minus: "M3 8h10",
  plus: "M8 3v10M3 8h10",
  download: "M8 2v8M4.5 7L8 10.5L11.5 7M2.5 13.5h11",
};

export function icon(name) {
  return h(
    "svg",
    {
      viewBox: "0 0 16 16",
      width: 16,
      height: 16,
      class: `ws-icon ws-icon-${name}`,
      "aria-hidden": "true",
      focusable: "false",
    },
    h("path", { d: PATHS[name] }),
  );
}

export function iconButton(name, label, onclick, attributes = {}) {
  return h(
    "button",
    { type: "button", class: "ws-icon-button", "aria-label": label, title: label, onclick, ...attributes },
    icon(name),
  );
}

const figures = new Intl.NumberFormat("en-US");
export const count = (n) => figures.format(n);
export const images = (n) => `${count(n)} ${n === 1 ? "image" : "images"}`;
export const percent = (p) => `${Math.round(p * 100)}\u00a0%`;
export const two = (x) => x.toFixed(2);

export function ago(seconds) {
  if (seconds < 1) return `${Math.max(0.1, seconds).toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

export function clock(time) {
  const date = new Date(time * 1000);
  const hours = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const today = new Date().toDateString() === date.toDateString();
  return today ? hours : `${date.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${hours}`;
}

export function isTyping(event) {
  const target = event.composedPath ? event.composedPath()[0] : event.target;
  if (!(target instanceof Element)) return false;
  if (target.isContentEditable) return true;
  if (target.tagName === "TEXTAREA" || target.tagName === "SELECT") return true;
  return target.tagName === "INPUT" && !["checkbox", "radio", "button"].includes(target.type);
}

// Runs at most once a frame, after the browser had the chance to paint what was asked before.
export function afterPaint(work) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() =>
      setTimeout(() => {
        waiting = false;
        work();
      }, 16),
    );
  };
}
