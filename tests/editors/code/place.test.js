"use strict";
const assert = require("node:assert");
const fs = require("node:fs");
const net = require("node:net");
const os = require("node:os");
const path = require("node:path");
const { afterEach, beforeEach, test } = require("node:test");
const { candidates, socket } = require("../../../editors/vscode/out/place");

let root, directory, server;

beforeEach(async () => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "rb-place-"));
  directory = path.join(root, "run");
  fs.mkdirSync(directory, { mode: 0o700 });
  server = net.createServer();
  await new Promise((done) => server.listen(path.join(directory, "editor.sock"), done));
  fs.chmodSync(path.join(directory, "editor.sock"), 0o600);
});

afterEach(() => {
  server.close();
  fs.rmSync(root, { recursive: true });
});

const found = () => socket({ RBRIDGE_RUNTIME_DIR: directory });

test("the socket of a daemon of ours", () => {
  assert.strictEqual(found(), path.join(directory, "editor.sock"));
});

test("the socket beside it that language clients connect to", async () => {
  const env = { RBRIDGE_RUNTIME_DIR: directory };
  assert.strictEqual(socket(env, "lsp.sock"), undefined);
  const other = net.createServer();
  await new Promise((done) => other.listen(path.join(directory, "lsp.sock"), done));
  fs.chmodSync(path.join(directory, "lsp.sock"), 0o600);
  assert.strictEqual(socket(env, "lsp.sock"), path.join(directory, "lsp.sock"));
  other.close();
});

test("a directory that others may enter", () => {
  fs.chmodSync(directory, 0o755);
  assert.strictEqual(found(), undefined);
});

test("a socket that others may use", () => {
  fs.chmodSync(path.join(directory, "editor.sock"), 0o666);
  assert.strictEqual(found(), undefined);
});

test("a directory that is a link", () => {
  fs.symlinkSync(directory, path.join(root, "link"));
  assert.strictEqual(socket({ RBRIDGE_RUNTIME_DIR: path.join(root, "link") }), undefined);
});

test("a parent that everybody may write", () => {
  fs.chmodSync(root, 0o777);
  assert.strictEqual(found(), undefined);
  fs.chmodSync(root, 0o1777);
  assert.notStrictEqual(found(), undefined);
});

test("a file that is no socket", () => {
  const other = path.join(root, "other");
  fs.mkdirSync(other, { mode: 0o700 });
  fs.writeFileSync(path.join(other, "editor.sock"), "", { mode: 0o600 });
  assert.strictEqual(socket({ RBRIDGE_RUNTIME_DIR: other }), undefined);
});

test("no daemon at all", () => {
  assert.strictEqual(socket({ RBRIDGE_RUNTIME_DIR: path.join(root, "nowhere") }), undefined);
});

test("where it is looked for, in this order", () => {
  const own = `rbridge-${process.getuid()}`;
  const places = candidates({ XDG_RUNTIME_DIR: root, TMPDIR: "/elsewhere" });
  assert.deepStrictEqual(places.slice(0, 3), [`${root}/rbridge`, `/dev/shm/${own}`, `/elsewhere/${own}`]);
  assert.strictEqual(candidates({})[1], `/tmp/${own}`);
});
