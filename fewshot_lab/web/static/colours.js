// @ts-check
// Colours: a class has one, everything else is quiet. Never the only sign of anything.

const parsed = /** @type {Map<string, number[]>} */ (new Map());

/**
 * @param {string} color as CSS writes it: #rgb, #rrggbb or rgb(…)
 * @returns {number[]} red, green, blue
 */
export function rgb(color) {
  let channels = parsed.get(color);
  if (!channels) {
    if (color.startsWith("#")) {
      const text = color.slice(1);
      const full = text.length === 3 ? [...text].map((c) => c + c).join("") : text;
      channels = [0, 2, 4].map((at) => parseInt(full.slice(at, at + 2), 16) || 0);
    } else channels = (color.match(/[\d.]+/g) ?? [0, 0, 0]).slice(0, 3).map((v) => Math.round(Number(v)));
    parsed.set(color, channels);
  }
  return channels;
}

/** @param {number[]} color */
function luminance([r, g, b]) {
  const linear = [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

/** White where that is easy to read (WCAG AA for small text), else black. @param {string} color */
export function textColour(color) {
  return 1.05 / (luminance(rgb(color)) + 0.05) >= 4.5 ? "#ffffff" : "#14191c";
}

// Perceptually even: reads the same with and without red-green vision, light or dark.
const CIVIDIS = ["#00224e", "#1a386f", "#434e6c", "#5f656f", "#787877", "#948e77", "#b2a570", "#d3be62", "#fde737"];

// Its dark end is lost on a dark ground, its light end on a light one: each theme has the part that shows.
const PARTS = { light: [0, 0.8], dark: [0.28, 1] };

/**
 * @param {number} share
 * @param {boolean} dark the ground
 */
export function scale(share, dark) {
  const [low, high] = dark ? PARTS.dark : PARTS.light;
  const place = low + (high - low) * Math.min(1, Math.max(0, share));
  const at = Math.min(0.9999, place) * (CIVIDIS.length - 1);
  const first = Math.floor(at),
    part = at - first;
  const a = rgb(CIVIDIS[first]),
    b = rgb(CIVIDIS[first + 1]);
  const mixed = a.map((v, i) => Math.round(v + (b[i] - v) * part));
  return `#${mixed.map((v) => v.toString(16).padStart(2, "0")).join("")}`;
}

const STOPS = Array.from({ length: 9 }, (_, at) => `light-dark(${scale(at / 8, false)}, ${scale(at / 8, true)})`);
export const scaleCss = `linear-gradient(90deg, ${STOPS.join(",")})`;

/** Whether text of this colour stands on a dark ground. @param {string} outline */
export const onDark = (outline) => luminance(rgb(outline)) > 0.4;
