"use strict";
const assert = require("node:assert");
const { test } = require("node:test");
const { drawn } = require("../../../editors/vscode/out/matches");

const marked = (said) => {
  const { label, highlights } = drawn({ path: "a", line: 1, ...said });
  return highlights.map(([from, to]) => label.slice(from, to));
};

test("the match is marked", () => {
  assert.deepStrictEqual(marked({ text: "class Model:", column: 7, length: 5 }), ["Model"]);
});

test("what leads the line is left out", () => {
  const said = { text: "\t  x = Model", column: 8, length: 5 };
  assert.strictEqual(drawn(said).label, "x = Model");
  assert.deepStrictEqual(marked(said), ["Model"]);
  assert.deepStrictEqual(marked({ text: "    a", column: 2, length: 2 }), ["  "]);
});

test("columns are characters", () => {
  assert.deepStrictEqual(marked({ text: "😀😀 Model 😀", column: 4, length: 5 }), ["Model"]);
});

test("a part of a long line", () => {
  assert.deepStrictEqual(marked({ text: "the Model", column: 5005, length: 5, from: 5001 }), ["Model"]);
  assert.deepStrictEqual(marked({ text: "cut here", column: 5, length: 900 }), ["here"]);
});

test("it is one line, and harmless", () => {
  const { label } = drawn({ text: "a\rb\u202ec\u2028d", column: 1, length: 1 });
  assert.strictEqual(label, "a b c d");
});
