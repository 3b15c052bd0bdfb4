"use strict";
const assert = require("node:assert");
const { test } = require("node:test");
const paths = require("../../../editors/vscode/out/paths");

const plain = (path) => ({ path, encoded: false });
const coded = (path) => ({ path, encoded: true });

for (const [at, name, encoded, expected] of [
  [paths.TOP, "a", false, plain("a")],
  [paths.TOP, "a%0A", true, coded("a%0A")],
  [plain("src"), "a", false, plain("src/a")],
  [plain("100%"), "a%FF", true, coded("100%25/a%FF")],
  [coded("b%FF"), "50%", false, coded("b%FF/50%25")],
  [coded("b%FF"), "c%0A", true, coded("b%FF/c%0A")],
]) {
  test(`${JSON.stringify(name)} in ${JSON.stringify(at.path)}`, () => {
    assert.deepStrictEqual(paths.join(at, name, encoded), expected);
  });
}

test("what a request says", () => {
  assert.deepStrictEqual(paths.said(plain("100%/a")), { path: "100%/a" });
  assert.deepStrictEqual(paths.said(coded("a%FF")), { path: "a%FF", encoded: true });
});

test("the same path is the same, however it is said", () => {
  assert.strictEqual(paths.key(plain("50%/ü")), paths.key(coded("50%25/ü")));
  assert.notStrictEqual(paths.key(plain("%41")), paths.key(coded("%41")));
});

test("what it is called, and what it is in", () => {
  assert.strictEqual(paths.base(plain("src/model.py")), "model.py");
  assert.strictEqual(paths.base(plain("train.py")), "train.py");
  assert.deepStrictEqual(paths.above(plain("src/model.py")), plain("src"));
  assert.deepStrictEqual(paths.above(coded("src/a%FF")), coded("src"));
  assert.deepStrictEqual(paths.above(coded("a%FF")), paths.TOP);
});

test("what is in a directory", () => {
  assert.ok(paths.within(plain("src/a"), plain("src")));
  assert.ok(paths.within(plain("src"), plain("src")));
  assert.ok(paths.within(plain("src"), paths.TOP));
  assert.ok(paths.within(coded("50%25/a%FF"), plain("50%")));
  assert.ok(!paths.within(plain("src2/a"), plain("src")));
});

test("both lists of a message", () => {
  assert.deepStrictEqual(paths.several({ paths: ["a"], encoded: ["b%FF"] }), [plain("a"), coded("b%FF")]);
  assert.deepStrictEqual(paths.several({}), []);
});

test("what is not seen is spelled out", () => {
  assert.strictEqual(paths.visible("a\u202egpj.exe\u0007\u2028"), "a\\u{202e}gpj.exe\\u{7}\\u{2028}");
  assert.strictEqual(paths.visible("ü 日 😀 'x'"), "ü 日 😀 'x'");
});
