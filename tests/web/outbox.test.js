import assert from "node:assert/strict";
import test from "node:test";

// A page in a private window: no database; the network comes back when the test says so.
globalThis.addEventListener ??= () => {};
globalThis.removeEventListener ??= () => {};

const { RequestError } = await import("../../fewshot_lab/web/static/api.js");
const { Outbox } = await import("../../fewshot_lab/web/static/outbox.js");

/** An outbox before a server that answers each request by the next of `answers`, else with success. */
function outboxBefore(...answers) {
  const requests = [],
    acks = [],
    states = [];
  const api = {
    async post(_path, body) {
      requests.push(structuredClone(body));
      const failure = answers.shift();
      if (failure) throw failure;
      return { acks: body.actions.map(({ client, q }) => ({ client, q, position: q })) };
    },
  };
  const outbox = new Outbox({
    api,
    project: "cells",
    annotator: () => "kim",
    signedIn: false,
    onAck: (ack, entry) => acks.push([ack.q, entry.images]),
    onState: (state) => states.push(state),
  });
  return { outbox, requests, acks, states };
}

const label = (images) => ({ do: "label", kind: "class", images });

test("actions of a moment go in one request, in order, without what is the browser's own", async () => {
  const { outbox, requests, acks, states } = outboxBefore();
  outbox.add(label("a"));
  outbox.add(label("b"));
  await outbox.flushed();
  assert.equal(requests.length, 1);
  const sent = requests[0].actions;
  assert.deepEqual(
    sent.map(({ q, images, annotator }) => [q, images, annotator]),
    [
      [1, "a", "kim"],
      [2, "b", "kim"],
    ],
  );
  assert.ok(sent.every((action) => !("project" in action) && !("saved" in action)));
  assert.deepEqual(acks, [
    [1, "a"],
    [2, "b"],
  ]);
  assert.deepEqual(states.at(-1), { waiting: 0, failing: false, refused: null });
  outbox.close();
});

test("what could not be delivered is sent again under the same name", async () => {
  const { outbox, requests, acks, states } = outboxBefore(new TypeError("no connection"));
  const entry = outbox.add(label("a"));
  await outbox.flushed();
  assert.equal(requests.length, 2);
  assert.deepEqual(requests[0], requests[1]);
  assert.equal(requests[0].actions[0].client, entry.client);
  assert.deepEqual(acks, [[1, "a"]]);
  assert.ok(states.some((state) => state.failing && state.waiting === 1 && state.refused === null));
  outbox.close();
});

test("why the server refuses is said while it does", async () => {
  const { outbox, states } = outboxBefore(new RequestError("There is no such project."));
  outbox.add(label("a"));
  await outbox.flushed();
  assert.ok(states.some((state) => state.refused === "There is no such project."));
  assert.equal(states.at(-1).refused, null);
  outbox.close();
});

test("a request holds at most a hundred actions, and a large one goes alone", () => {
  const { outbox } = outboxBefore();
  for (let n = 0; n < 120; n++) outbox.add(label("a"));
  assert.equal(outbox.batch().length, 100);
  outbox.queue[1].images = "a".repeat(5_000_000);
  assert.equal(outbox.batch().length, 1);
  outbox.queue.shift();
  assert.equal(outbox.batch().length, 1);
  outbox.close();
});

test("an action that is acknowledged is held no more", async () => {
  const { outbox } = outboxBefore();
  const entry = outbox.add(label("a"));
  assert.ok(outbox.holds(entry));
  await outbox.flushed();
  assert.ok(!outbox.holds(entry));
  assert.equal(outbox.next().q, 2);
  outbox.close();
});

test("where people sign in, what somebody else left here is not sent in another's name", async () => {
  const { outbox, requests } = outboxBefore();
  const kept = ["ann", "kim"].map((annotator, q) => ({
    ...label("a"),
    project: "cells",
    client: "c",
    q,
    at: 1,
    annotator,
  }));
  outbox.disk = Promise.resolve(diskOf(kept));
  outbox.signedIn = true;
  const left = await outbox.restore();
  await outbox.flushed();
  assert.deepEqual(
    left.map((entry) => entry.annotator),
    ["kim"],
  );
  assert.deepEqual(
    outbox.others.map((entry) => entry.annotator),
    ["ann"],
  );
  assert.deepEqual(
    requests.flatMap((request) => request.actions.map((action) => action.annotator)),
    ["kim"],
  );
  outbox.close();
});

/** As much of an IndexedDB as the outbox reads. */
function diskOf(entries) {
  const request = { result: entries };
  const store = { index: () => ({ getAll: () => request }), put: () => request, delete: () => request };
  return {
    transaction() {
      const transaction = { objectStore: () => store, commit: () => {} };
      setTimeout(() => transaction.oncomplete());
      return transaction;
    },
  };
}
