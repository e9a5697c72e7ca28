import assert from "node:assert/strict";
import test from "node:test";

globalThis.document = Object.assign(new EventTarget(), { hidden: false });
const { Live } = await import("../../fewshot_lab/web/static/live.js");

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

test("a page that may come later asks at once when somebody does something", async () => {
  const asked = [];
  const api = {
    async arrays(_path, query) {
      asked.push(query.hold);
      return { head: { same: true }, arrays: {}, later: 600 };
    },
  };
  const live = new Live(api, { update() {} }, () => {});
  const listening = live.start();
  await turn();
  assert.deepEqual(asked, [0]);
  document.dispatchEvent(new Event("keydown"));
  await turn();
  assert.deepEqual(asked, [0, 2]);
  live.restart();
  await turn();
  assert.deepEqual(asked, [0, 2, 2]);
  live.stop();
  await listening;
  assert.equal(asked.length, 3);
});
