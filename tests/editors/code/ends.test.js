"use strict";
const assert = require("node:assert");
const { test } = require("node:test");
const { mixed, restore } = require("../../../editors/vscode/out/ends");

/** What VS Code makes of a text when it saves it: one and the same end everywhere. */
function uniform(text) {
  const ends = text.match(/\r\n|\n|\r/g) ?? [];
  const returns = ends.filter((end) => end !== "\n").length;
  return text.replace(/\r\n|\n|\r/g, returns > ends.length / 2 ? "\r\n" : "\n");
}

const MIXED = "one\r\ntwo\nthree\r\n";
const check = (before, edit, expected) => {
  const saved = Buffer.from(edit(uniform(before)), "latin1");
  assert.strictEqual(restore(Buffer.from(before, "latin1"), saved).toString("latin1"), expected);
};

test("which texts mix their ends", () => {
  for (const text of [MIXED, "a\rb\r", "a\r\r\n", "a\r\nb\n"]) {
    assert.ok(mixed(Buffer.from(text)), JSON.stringify(text));
  }
  for (const text of ["", "a", "a\nb\n", "a\r\nb\r\n", "a\r\nb"]) {
    assert.ok(!mixed(Buffer.from(text)), JSON.stringify(text));
  }
  assert.ok(!mixed(Buffer.from("\ufeffa\rb\n", "utf16le")));
});

for (const [what, before, edit, expected] of [
  ["nothing", MIXED, (text) => text, MIXED],
  ["the first line", MIXED, (text) => `X${text}`, "Xone\r\ntwo\nthree\r\n"],
  ["the last line", MIXED, (text) => text.replace("three", "3"), "one\r\ntwo\n3\r\n"],
  ["a line more", MIXED, (text) => text.replace("two", "two\r\nnew"), "one\r\ntwo\nnew\r\nthree\r\n"],
  ["a line less", MIXED, (text) => text.replace("one\r\n", ""), "two\nthree\r\n"],
  ["both ends", "a\nb\rc\r\nd\n", (text) => `X${text.replace("d", "D")}`, "Xa\nb\rc\r\nD\n"],
  ["old Mac ends", "a\rb\rc\r", (text) => text.replace("b", "B"), "a\rB\r\nc\r"],
  ["lone returns", "a\r\r\nb\n", (text) => text.replace("b", "b!"), "a\r\r\nb!\r\n"],
  ["the last end", "a\r\nb\nc\r\n", (text) => text.replace(/\r\n$/, ""), "a\r\nb\nc"],
  ["a last end that was not there", "a\r\nb\nc", (text) => `${text}\n`, "a\r\nb\nc\n"],
  ["bytes beyond ASCII", "\xe9\r\n\xff\n\xe8\r\n", (text) => `\xe0${text}`, "\xe0\xe9\r\n\xff\n\xe8\r\n"],
]) {
  test(`${what} changed`, () => check(before, edit, expected));
}

test("other ends that the user chose stay", () => {
  const saved = Buffer.from("one\ntwo\nthree\n");
  assert.strictEqual(restore(Buffer.from(MIXED), saved), saved);
});

test("a large text with changes everywhere takes no minute", () => {
  const lines = Array.from({ length: 50_000 }, (_, at) => `line ${at}${at % 2 ? "\n" : "\r\n"}`);
  const saved = uniform(lines.join("")).replace(/0/g, "Z");
  assert.ok(restore(Buffer.from(lines.join("")), Buffer.from(saved)).length >= saved.length);
});
