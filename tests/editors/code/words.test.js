"use strict";
const assert = require("node:assert");
const { test } = require("node:test");
const { plain } = require("../../../editors/vscode/out/words");

test("a link is no link", () => {
  assert.strictEqual(plain("[x](command:y) [z](https://w)"), "[x] (command:y) [z] (https://w)");
});

test("a picture is none", () => {
  assert.strictEqual(plain("$(alert) $(($("), "$ (alert) $ (($ (");
});

test("other words stay", () => {
  assert.strictEqual(plain("a[1] (b) costs $5"), "a[1] (b) costs $5");
});
