// @ts-check
// Plotly, loaded once, and what the map takes of its inside.

import { h } from "./dom.js";

/** @import { PlotElement, PlotlyApi } from "./types.d.ts" */
/** @import { Shade } from "./pointcolours.js" */
/** @typedef {{ range: number[], _offset: number, p2d(px: number): number, d2p(value: number): number }} Axis */

let loading = /** @type {Promise<PlotlyApi> | null} */ (null);

/** @param {string} url */
export function loadPlotly(url) {
  loading ??= new Promise((resolve, reject) => {
    const plotly = () => /** @type {any} */ (window).Plotly;
    if (plotly()) return resolve(plotly());
    const onerror = () => {
      loading = null;
      reject(new Error("Plotly could not be loaded."));
    };
    document.head.append(h("script", { src: url, onload: () => resolve(plotly()), onerror }));
  });
  return loading;
}

/**
 * The axes, which turn pixels of the element into units of the map and back.
 * @param {PlotElement} plot
 * @returns {{ xaxis: Axis, yaxis: Axis }}
 */
export const axesOf = (plot) => plot._fullLayout;

/**
 * Paints new colours, and other points above the cloud, without asking Plotly to lay out anew.
 *
 * Plotly.restyle computes axes, ranges and every trace anew, some 0.7 s for 20,000 points with software GL. Its
 * scene takes new colours as they are; where a later Plotly has none, redraw.
 * @param {PlotElement} plot
 * @param {Shade[]} cloud
 * @param {{ x: Float32Array, y: Float32Array, colors: Shade[], borders: Shade[] }} front
 * @returns {boolean} whether that was possible
 */
export function paintScene(plot, cloud, { x, y, colors, borders }) {
  const full = plot._fullLayout;
  const scene = full?._plots?.xy?._scene;
  if (!scene?.scatter2d?.update || !scene.draw || scene.count !== 2 || !scene.markerOptions?.[1]) return false;
  try {
    const positions = new Float64Array(2 * x.length);
    for (let i = 0; i < x.length; i++) {
      positions[2 * i] = x[i];
      positions[2 * i + 1] = y[i];
    }
    const front = {
      markers: null,
      // Plotly told the scene how many points there were: it would not draw, or thin out, what is more.
      snap: Number.MAX_SAFE_INTEGER,
      colors: colors.map((shade) => shade.bytes),
      borderColors: borders.map((shade) => shade.bytes),
      positions,
    };
    scene.markerOptions[0].colors = cloud.map((shade) => shade.bytes);
    Object.assign(scene.markerOptions[1], front);
    scene.scatter2d.update([{ colors: scene.markerOptions[0].colors }, front]);
    full._glcanvas.each((/** @type {any} */ layer) => layer.regl?.clear({ color: [0, 0, 0, 0], depth: 1 }));
    scene.draw();
    return true;
  } catch (error) {
    console.warn("The map falls back to a full redraw", error);
    return false;
  }
}
