"use strict";
const assert = require("node:assert");
const { test } = require("node:test");
const bytes = require("../../../editors/vscode/out/bytes");

const SAMPLES = {
  empty: Buffer.alloc(0),
  ASCII: Buffer.from("one\r\ntwo"),
  emoji: Buffer.from("a 🧑‍🚀 zwölf 日本\n".repeat(40)),
  "Latin-1": Buffer.from("café ÿ\n", "latin1"),
  "all bytes": Buffer.from(Array.from({ length: 512 }, (_, at) => at % 256)),
  "byte order mark": Buffer.from("\ufeffone\n"),
};

for (const [name, sample] of Object.entries(SAMPLES)) {
  for (const large of [1000, 64, 7, 5]) {
    test(`${name} travels unchanged, in chunks of ${large}`, () => {
      const parts = JSON.parse(JSON.stringify(bytes.pack(sample, large)));
      assert.deepStrictEqual(Buffer.concat(parts.map(bytes.unpack)), sample);
      if (parts.length > 1) {
        assert.deepStrictEqual(parts.map((part) => part.chunk), [...parts.keys()]);
        assert.ok(parts.every((part) => part.of === parts.length));
      }
      assert.ok(parts.every((part) => bytes.unpack(part).length <= large || parts.length === 1));
      assert.ok(parts.every((part) => (part.text === undefined) !== bytes.isUtf8(sample)));
    });
  }
}

test("a digest is that of the bytes", () => {
  const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  assert.strictEqual(bytes.digest(Buffer.alloc(0)), empty);
});

test("what VS Code takes for no text", () => {
  assert.ok(bytes.isBinary(Buffer.from("a\0b")));
  assert.ok(!bytes.isBinary(Buffer.concat([Buffer.alloc(600, 97), Buffer.from("\0")])));
  assert.ok(!bytes.isBinary(Buffer.from("\ufeffab", "utf16le")));
  assert.ok(!bytes.isBinary(SAMPLES["Latin-1"]));
});

test("a character that stands for lost bytes is found", () => {
  assert.ok(bytes.hasReplacement(Buffer.from("caf\ufffd")));
  assert.ok(!bytes.hasReplacement(SAMPLES["Latin-1"]));
});

for (const [text, line, column, expected] of [
  ["one\nzwölf\nthree\n", 2, 4, [1, 3]],
  ["a🧑b\n", 1, 3, [0, 3]],
  ["one\r\ntwo\r\n", 2, 9, [1, 3]],
  ["one\n", 9, 1, [1, 0]],
  ["\ufeffone\n", 1, 2, [0, 1]],
  ["one\n", 1, 0, [0, 0]],
]) {
  test(`line ${line}, column ${column} of ${JSON.stringify(text)}`, () => {
    const found = bytes.position(Buffer.from(text), line, column);
    assert.deepStrictEqual([found.line, found.character], expected);
  });
}

test("a column in bytes that are no UTF-8 counts bytes", () => {
  assert.strictEqual(bytes.position(Buffer.from("café x", "latin1"), 1, 6).character, 5);
});
