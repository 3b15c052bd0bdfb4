"use strict";
const assert = require("node:assert");
const { test } = require("node:test");
const { CAPABILITIES, abilities, sync } = require("../../../editors/vscode/out/lsp/capabilities");

test("what a server announces is offered, with options that are an object in any case", () => {
  const said = { hoverProvider: true, completionProvider: { triggerCharacters: ["."] }, renameProvider: false };
  assert.deepStrictEqual(abilities(said), [
    { method: "textDocument/completion", options: { triggerCharacters: ["."] } },
    { method: "textDocument/hover", options: {} },
  ]);
});

test("what is unknown, or nothing at all, offers nothing", () => {
  for (const said of [undefined, null, 7, {}, { fancyProvider: true, codeLensProvider: {} }]) {
    assert.deepStrictEqual(abilities(said), []);
  }
});

test("which events of a document a server wants", () => {
  const nothing = { openClose: false, change: 0, save: false, saveText: false };
  assert.deepStrictEqual(sync({}), nothing);
  assert.deepStrictEqual(sync(undefined), nothing);
  assert.deepStrictEqual(sync({ textDocumentSync: 1 }), { openClose: true, change: 1, save: true, saveText: false });
  assert.deepStrictEqual(sync({ textDocumentSync: 0 }), nothing);
  assert.deepStrictEqual(sync({ textDocumentSync: { openClose: true, change: 2, save: { includeText: true } } }), {
    openClose: true,
    change: 2,
    save: true,
    saveText: true,
  });
  assert.strictEqual(sync({ textDocumentSync: { openClose: true, change: 9 } }).change, 0);
});

test("no server is told of what it may not do here", () => {
  assert.deepStrictEqual(CAPABILITIES.workspace.workspaceEdit, { documentChanges: true });
  assert.deepStrictEqual(CAPABILITIES.general.positionEncodings, ["utf-16"]);
  for (const name of ["didChangeWatchedFiles", "fileOperations", "textDocumentContent"]) {
    assert.ok(!(name in CAPABILITIES.workspace), name);
  }
});
