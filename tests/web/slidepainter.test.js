import assert from "node:assert/strict";
import test from "node:test";

import { FIRST_CLASS } from "../../fewshot_lab/web/static/labelcodes.js";
import { SlidePainter } from "../../fewshot_lab/web/static/slidepainter.js";

/** The widths of the lines that are drawn around tiles: row 0 is unlabelled, 1 predicted, 2 labelled. */
function outlines({ side = 40, opacity = "0.6", matches = true }) {
  const pen = { widths: [], fillRect: () => {}, strokeRect: () => pen.widths.push(pen.lineWidth) };
  const tiles = [0, 1, 2].map((row) => ({ row, x: row * side, y: 0, width: side, height: side }));
  const view = {
    tiles,
    opacity: { value: opacity },
    room: { width: 500, height: 400 },
    onScreen: ({ x, y, width, height }) => [x, y, width, height],
    map: { colouring: () => ({ look: () => ({ color: "#66727a", strength: 0.35 }) }), visible: () => () => true },
    model: {
      selection: null,
      matches: () => matches,
      kind: (row) => (row === 2 ? FIRST_CLASS : 0),
      shownId: (row) => (row === 0 ? null : 1),
    },
  };
  new SlidePainter(view).drawTiles(pen);
  return pen.widths;
}

test("a tile of which nothing is known has a hairline, a labelled one a line, a predicted one its colour", () => {
  assert.deepEqual(outlines({}), [1, 2]);
  assert.deepEqual(outlines({ side: 4 }), [1]); // a hairline would cover it
  assert.deepEqual(outlines({ opacity: "0" }), []);
  assert.deepEqual(outlines({ matches: false }), []);
});
