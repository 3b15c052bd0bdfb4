"use strict";
const assert = require("node:assert");
const { test } = require("node:test");
const { Line, Listing, Node, STEP } = require("../../../editors/vscode/out/listing");

/** A directory on a host; `asked` are the requests for it. */
function directory(names) {
  const host = { names: [...names].sort(), asked: [], refuse: undefined, hold: undefined };
  const entry = (name) => {
    const type = name.endsWith("/") ? "directory" : "file";
    return { name: name.replace("/", ""), type, size: 0, mtime: 0, mode: 0, encoded: name.includes("%FF") || undefined };
  };
  const folders = {
    async ask(_folder, method, path, params) {
      host.asked.push({ method, path: params.path ?? path.path, ...params });
      await host.hold;
      if (host.refuse) {
        throw new Error(host.refuse);
      }
      const names = host.names.filter((name) => name > (params.after ?? ""));
      const shown = names.slice(0, params.limit);
      const next = shown.length < names.length ? shown[shown.length - 1] : null;
      return { entries: shown.map(entry), next, ...(next?.includes("%FF") ? { encoded: true } : {}) };
    },
  };
  const drawn = [];
  const node = Node.root({ key: "gpu1:/p", name: "p" });
  const listing = new Listing(folders, node, () => drawn.push(listing.lines.length));
  const shown = () => listing.lines.map((one) => (one instanceof Line ? one.kind : one.path.path));
  return { host, listing, drawn, shown, node };
}

const many = (count) => Array.from({ length: count }, (_, at) => String(at).padStart(6, "0"));
const settled = async (condition) => {
  while (!condition()) {
    await new Promise((done) => setImmediate(done));
  }
};

test("directories first, then by name as a person counts", async () => {
  const { listing, shown } = directory(["a10", "a9", "B", "z/", "c/"]);
  await listing.first();
  assert.deepStrictEqual(shown(), ["c", "z", "a9", "a10", "B"]);
});

test("the first page is shown before the others are asked for", async () => {
  const { host, listing, shown, drawn } = directory(many(3000));
  await listing.first();
  assert.strictEqual(shown().length, 501);
  assert.strictEqual(shown().at(-1), "more");
  await settled(() => shown().length === 3000 && drawn.length);
  assert.ok(drawn.length <= 4, `drawn ${drawn}`);
  assert.strictEqual(host.asked[0].limit, 500);
  assert.ok(host.asked.length <= 4);
});

test("a directory with 100,000 entries ends with a line, and goes on when the user asks for it", async () => {
  const { host, listing, shown } = directory(many(100_000));
  await listing.first();
  await settled(() => shown().length > STEP);
  const asked = host.asked.length;
  assert.strictEqual(shown().at(-1), "more");
  assert.match(listing.line.words, /^10,000 shown/);
  await new Promise((done) => setImmediate(done));
  assert.strictEqual(host.asked.length, asked);
  await listing.more();
  assert.strictEqual(shown().length, 2 * STEP + 1);
  assert.strictEqual(shown().at(-1), "more");
});

test("what is shown stays the same object, and goes on being shown while it is listed again", async () => {
  const { host, listing, shown } = directory(["a", "b", "c/"]);
  await listing.first();
  const before = listing.children.find((one) => one.path.path === "b");
  host.names = ["b", "c", "d"];
  let go;
  host.hold = new Promise((done) => (go = done));
  const again = listing.refresh();
  assert.deepStrictEqual(shown(), ["c", "a", "b"]);
  go();
  await again;
  assert.deepStrictEqual(shown(), ["b", "c", "d"]);
  assert.strictEqual(listing.children[0], before);
  assert.strictEqual(listing.children[1].isDirectory, false);
});

test("what changes while it is listed is listed once more", async () => {
  const { host, listing, shown } = directory(["a"]);
  await listing.first();
  await listing.refresh();
  host.asked.length = 0;
  let go;
  host.hold = new Promise((done) => (go = done));
  const all = [listing.refresh(), listing.refresh(), listing.refresh()];
  go();
  await Promise.all(all);
  assert.strictEqual(host.asked.length, 2);
  assert.deepStrictEqual(shown(), ["a"]);
});

test("a directory that cannot be listed says why, and keeps what was shown", async () => {
  const { host, listing, shown } = directory(["a"]);
  host.refuse = "no permission";
  await listing.first();
  assert.deepStrictEqual([shown(), listing.line.words], [["error"], "no permission"]);
  host.refuse = undefined;
  await listing.refresh();
  assert.deepStrictEqual(shown(), ["a"]);
  host.refuse = "not connected";
  await listing.refresh();
  assert.deepStrictEqual(shown(), ["a", "error"]);
});

test("pages go on behind a name that is no text", async () => {
  const names = [...many(499), "1%FF", "2", "3"];
  const { host, listing, shown } = directory(names);
  await listing.first();
  await settled(() => shown().length === names.length);
  assert.deepStrictEqual(host.asked[1], { method: "fs/list", path: "", after: "1%FF", encoded: true, limit: 1000 });
});

test("what looks as before is not drawn again", async () => {
  const { host, listing, drawn } = directory(["a", "b/"]);
  await listing.first();
  await listing.refresh();
  assert.deepStrictEqual(drawn, []);
  host.names = ["a", "b"];
  await listing.refresh();
  assert.deepStrictEqual(drawn, [2]);
  host.refuse = "not connected";
  await listing.refresh();
  await listing.refresh();
  assert.deepStrictEqual(drawn, [2, 3]);
});

test("who asks while it is listed for the first time gets what is there, and so does who asks then", async () => {
  const { host, listing, drawn, shown } = directory(["a"]);
  let go;
  host.hold = new Promise((done) => (go = done));
  const first = listing.first();
  const seen = listing.first().then(() => shown());
  const again = listing.refresh();
  host.names = ["a", "b"];
  go();
  assert.deepStrictEqual(await seen, ["a", "b"]);
  await Promise.all([first, again]);
  assert.deepStrictEqual(drawn, []);
  assert.strictEqual(host.asked.length, 2);
});
