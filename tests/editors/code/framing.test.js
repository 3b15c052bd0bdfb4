"use strict";
const assert = require("node:assert");
const { test } = require("node:test");
const { Framing, frame, LONGEST } = require("../../../editors/vscode/out/framing");

const MESSAGES = [{ id: 1, method: "a" }, { id: 2, result: "zwölf 🧑‍🚀\r\n\r\n" }, { id: 3, result: "x".repeat(70000) }];
const BYTES = Buffer.concat(MESSAGES.map(frame));

for (const size of [1, 2, 3, 7, 4096, BYTES.length]) {
  test(`messages come whole out of pieces of ${size} bytes`, () => {
    const framing = new Framing();
    const found = [];
    for (let at = 0; at < BYTES.length; at += size) {
      found.push(...framing.push(BYTES.subarray(at, at + size)));
    }
    assert.deepStrictEqual(found, MESSAGES);
  });
}

test("a head may have other fields, and any case", () => {
  const head = "Content-Type: x\r\ncontent-length:  2\r\n\r\n";
  assert.deepStrictEqual(new Framing().push(Buffer.from(`${head}{}`)), [{}]);
});

for (const [what, bytes] of Object.entries({
  "a head without a length": "X: 1\r\n\r\n{}",
  "a length that is none": "Content-Length: two\r\n\r\n{}",
  "a length beyond the limit": `Content-Length: ${LONGEST + 1}\r\n\r\n`,
  "a body that is no JSON": "Content-Length: 2\r\n\r\n{{",
  "a head without an end": "x".repeat(5000),
})) {
  test(`${what} is refused`, () => {
    assert.throws(() => new Framing().push(Buffer.from(bytes)));
  });
}

test("who expects longer messages takes them, and no others", () => {
  const bytes = frame("x".repeat(100));
  assert.strictEqual(new Framing(102).push(bytes).length, 1);
  assert.throws(() => new Framing(101).push(bytes));
});

test("a long message is not joined again for each piece of it", () => {
  const bytes = frame({ id: 1, result: "x".repeat(12 * 1024 * 1024) });
  const framing = new Framing();
  const begin = process.hrtime.bigint();
  let found = [];
  for (let at = 0; at < bytes.length; at += 4096) {
    found = found.concat(framing.push(bytes.subarray(at, at + 4096)));
  }
  assert.strictEqual(found.length, 1);
  assert.ok(process.hrtime.bigint() - begin < 5_000_000_000n); // joined each time it takes a minute
});
