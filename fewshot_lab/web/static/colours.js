// Colours: a class has one, everything else is quiet. Never the only sign of anything.

const parsed = new Map();

export function rgb(color) {
  let found = parsed.get(color);
  if (!found) {
    if (color.startsWith("#")) {
      const text = color.slice(1);
      const full = text.length === 3 ? [...text].map((c) => c + c).join("") : text;
      found = [0, 2, 4].map((at) => parseInt(full.slice(at, at + 2), 16) || 0);
    } else found = (color.match(/[\d.]+/g) ?? [0, 0, 0]).slice(0, 3).map((v) => Math.round(Number(v)));
    parsed.set(color, found);
  }
  return found;
}

function luminance([r, g, b]) {
  const linear = [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

// White where that is easy to read (WCAG AA for small text), else black.
export function inkOn(color) {
  const l = luminance(rgb(color));
  return 1.05 / (l + 0.05) >= 4.5 ? "#ffffff" : "#14191c";
}

// Perceptually even (cividis): reads the same with and without red-green vision, light or dark.
const EVEN = ["#00224e", "#1a386f", "#434e6c", "#5f656f", "#787877", "#948e77", "#b2a570", "#d3be62", "#fde737"];

export function scale(share) {
  const at = Math.min(0.9999, Math.max(0, share)) * (EVEN.length - 1);
  const low = Math.floor(at),
    part = at - low;
  const a = rgb(EVEN[low]),
    b = rgb(EVEN[low + 1]);
  const mixed = a.map((v, i) => Math.round(v + (b[i] - v) * part));
  return `#${mixed.map((v) => v.toString(16).padStart(2, "0")).join("")}`;
}
export const scaleCss = `linear-gradient(90deg, ${EVEN.join(",")})`;
