"use strict";
const assert = require("node:assert");
const { Duplex } = require("node:stream");
const { test } = require("node:test");
const { Framing, frame } = require("../../../editors/vscode/out/framing");
const { Peer, RpcError, LOST } = require("../../../editors/vscode/out/peer");

/** A peer, and what it wrote. */
function pair(side = {}) {
  const sent = [];
  const framing = new Framing();
  const stream = new Duplex({
    read() {},
    write(bytes, _encoding, done) {
      sent.push(...framing.push(bytes));
      done();
    },
  });
  const ended = [];
  const peer = new Peer(stream, { requests: {}, notices: {}, ended: (why) => ended.push(why), ...side });
  const say = (message) => stream.push(frame({ jsonrpc: "2.0", ...message }));
  return { peer, stream, sent, ended, say };
}

const turn = () => new Promise((done) => setImmediate(done));

test("answers find their requests in any order", async () => {
  const { peer, say } = pair();
  const first = peer.request("a", {});
  const second = peer.request("b", {});
  say({ id: 2, result: "second" });
  say({ id: 1, result: "first" });
  assert.deepStrictEqual([await first, await second], ["first", "second"]);
});

test("what follows an answer is taken when that was", async () => {
  const heard = [];
  const opens = async () => heard.push("open");
  const { peer, stream } = pair({ requests: { opens } });
  const asked = peer.request("a", {}, undefined, (result) => heard.push(result));
  const both = [{ id: 1, result: "first" }, { id: 7, method: "opens" }];
  stream.push(Buffer.concat(both.map((message) => Buffer.from(frame({ jsonrpc: "2.0", ...message })))));
  assert.strictEqual(await asked, "first");
  assert.deepStrictEqual(heard, ["first", "open"]);
});

test("what is wrong with an answer ends the connection, and is said to who asked", async () => {
  const { peer, ended, say } = pair();
  const asked = peer.request("a", {}, undefined, (result) => result.no.such);
  say({ id: 1, result: {} });
  await assert.rejects(asked, { code: LOST });
  assert.strictEqual(ended.length, 1);
});

test("an error has its code and data", async () => {
  const { peer, say } = pair();
  const asked = peer.request("a", {});
  say({ id: 1, error: { code: -32011, message: "no", data: { base: "b" } } });
  await assert.rejects(asked, (error) => {
    assert.ok(error instanceof RpcError);
    assert.deepStrictEqual([error.code, error.message, error.data], [-32011, "no", { base: "b" }]);
    return true;
  });
});

test("what nobody wants any more is taken back, until it is answered", async () => {
  const { peer, sent, say } = pair();
  const one = new AbortController();
  const two = new AbortController();
  const first = peer.request("a", {}, one.signal);
  const second = peer.request("b", {}, two.signal);
  one.abort();
  say({ id: 1, error: { code: -32800, message: "cancelled" } });
  say({ id: 2, result: "done" });
  await assert.rejects(first, { code: -32800 });
  assert.strictEqual(await second, "done");
  two.abort();
  assert.deepStrictEqual(sent.slice(2).map(({ method, params }) => [method, params]), [["$/cancelRequest", { id: 1 }]]);
});

test("what is asked is answered, with errors too", async () => {
  const { sent, say } = pair({
    requests: {
      fine: async (params) => ({ got: params }),
      fails: async () => {
        throw new Error("broken");
      },
    },
  });
  say({ id: 7, method: "fine", params: { x: 1 } });
  say({ id: 8, method: "fails" });
  say({ id: 9, method: "unknown" });
  await turn();
  await turn();
  const by = Object.fromEntries(sent.map((one) => [one.id, one]));
  assert.deepStrictEqual(by[7].result, { got: { x: 1 } });
  assert.strictEqual(by[8].error.message, "broken");
  assert.strictEqual(by[9].error.code, -32601);
});

test("notices are heard, unknown ones and strange answers passed over", async () => {
  const heard = [];
  const { say, ended } = pair({ notices: { "buffer/state": (params) => heard.push(params) } });
  say({ method: "buffer/other", params: {} });
  say({ id: 99, result: {} });
  say({ method: "buffer/state", params: { id: "a" } });
  await turn();
  assert.deepStrictEqual(heard, [{ id: "a" }]);
  assert.deepStrictEqual(ended, []);
});

test("the end of the connection answers what waits, once", async () => {
  const { peer, stream, ended } = pair();
  const asked = peer.request("a", {});
  stream.destroy(new Error("cut"));
  await assert.rejects(asked, { code: LOST });
  await assert.rejects(peer.request("b", {}), { code: LOST });
  peer.end("again");
  assert.deepStrictEqual(ended, ["cut"]);
});

for (const bytes of ["Content-Length: 4\r\n\r\nnull", "Content-Length: x\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"]) {
  test(`what is no message ends the connection: ${JSON.stringify(bytes)}`, async () => {
    const { stream, ended } = pair();
    stream.push(Buffer.from(bytes));
    await turn();
    assert.strictEqual(ended.length, 1);
    assert.match(ended[0], /no message/);
  });
}
