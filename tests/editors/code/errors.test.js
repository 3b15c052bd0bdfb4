"use strict";
const assert = require("node:assert");
const { test } = require("node:test");
const { isPassing, isQuiet } = require("../../../editors/vscode/out/lsp/errors");
const { LOST, RpcError } = require("../../../editors/vscode/out/peer");

const NO_METHOD = -32601;

test("what was given up, or is about another text, is said to nobody", () => {
  for (const code of [LOST, NO_METHOD, -32800, -32801, -32802]) {
    assert.ok(isQuiet(new RpcError(code, "over")), String(code));
  }
});

test("what failed is said", () => {
  for (const error of [new RpcError(-32803, "no such name"), new RpcError(-32603, "a fault"), new Error("ours")]) {
    assert.ok(!isQuiet(error), error.message);
    assert.ok(!isPassing(error), error.message);
  }
});

test("a method that is not there is not there in a moment either", () => {
  assert.ok(isPassing(new RpcError(-32801, "another text")));
  assert.ok(!isPassing(new RpcError(NO_METHOD, "no such method")));
});
