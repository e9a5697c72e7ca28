// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  around,
  barLength,
  fitted,
  inBounds,
  pieces,
  topLevel,
  zoomedTo,
} from "../../fewshot_lab/web/static/slidegeometry.js";

const slide = { width: 20_000, height: 12_000 };
const room = { width: 800, height: 600 };

test("the whole slide is one piece on the highest level", () => {
  assert.equal(topLevel({ width: 200, height: 256 }), 0);
  assert.equal(topLevel(slide), 7);
  const place = fitted(slide, room);
  const [piece, ...others] = pieces({ ...place, scale: 1 / 200, x: -1e4, y: -1e4 }, slide, room, 1);
  assert.deepEqual([piece.level, others.length], [7, 0]);
});

test("fitted, the slide lies in the middle with a margin", () => {
  const { x, y, scale } = fitted(slide, room);
  assert.ok(Math.abs((0 - x) * scale - 12) < 1e-9);
  assert.ok(Math.abs((slide.width - x) * scale - (room.width - 12)) < 1e-9);
  assert.ok(Math.abs((slide.height / 2 - y) * scale - room.height / 2) < 1e-9);
});

test("zooming keeps what is under the pointer, and goes no further out than the whole slide", () => {
  let place = fitted(slide, room);
  const before = { x: place.x + 300 / place.scale, y: place.y + 250 / place.scale };
  place = zoomedTo(place, 5, 300, 250, slide, room);
  assert.ok(Math.abs(place.x + 300 / place.scale - before.x) < 1e-6);
  assert.ok(Math.abs(place.y + 250 / place.scale - before.y) < 1e-6);
  assert.equal(zoomedTo(place, 1e-6, 0, 0, slide, room).scale, fitted(slide, room).scale);
  assert.equal(zoomedTo(place, 1e6, 0, 0, slide, room).scale, 4);
});

test("the slide cannot be lost: its edge reaches the middle of the screen at most", () => {
  const place = inBounds({ x: 1e6, y: -1e6, scale: 0.5 }, slide, room);
  assert.equal((slide.width - place.x) * 0.5, 400);
  assert.equal((0 - place.y) * 0.5, 300);
});

test("pieces cover the screen without a gap, of a level as fine as the screen and no finer than double", () => {
  for (const [scale, density] of [
    [0.04, 1],
    [0.3, 1],
    [0.3, 2],
    [1, 1],
    [4, 1],
  ]) {
    const place = { x: 3_000, y: 2_000, scale };
    const seen = pieces(place, slide, room, density);
    const { level, side } = seen[0];
    const perPixel = 2 ** level * scale * density;
    assert.ok(level === 0 || (perPixel > 0.5 && perPixel <= 1.08), `${scale}: ${perPixel}`);
    for (const [px, py] of [
      [0, 0],
      [799, 0],
      [0, 599],
      [799, 599],
    ]) {
      const [x, y] = [place.x + px / scale, place.y + py / scale];
      const within = seen.filter((p) => x >= p.x && x < p.x + side && y >= p.y && y < p.y + side);
      assert.equal(within.length, x < slide.width && y < slide.height ? 1 : 0);
    }
    assert.equal(new Set(seen.map((p) => `${p.column} ${p.row}`)).size, seen.length);
  }
});

test("a tile is shown with its surroundings, and the bar is a round length", () => {
  const place = around({ x: 9_000, y: 5_000, width: 512, height: 512 }, room, slide);
  assert.ok(Math.abs((9_256 - place.x) * place.scale - 400) < 1e-9);
  assert.ok(512 * place.scale < 130);
  assert.equal(barLength(0.5, 800), 100);
  assert.equal(barLength(12, 800), 2_000);
});
