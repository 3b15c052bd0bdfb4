"use strict";
const fs = require("fs");
const net = require("net");
const path = require("path");
const vscode = require("vscode");
const { serve } = require("./calls");

// The extension's connections, so that a test can cut them.
const connections = new Set();
const connect = net.connect;
net.connect = (...args) => {
  const made = connect(...args);
  if (String(args[0]).endsWith("editor.sock")) {
    connections.add(made);
    made.once("close", () => connections.delete(made));
  }
  return made;
};

exports.activate = (context) => {
  const file = path.join(process.env.RBRIDGE_TESTS_CALLS, `window-${process.pid}.sock`);
  const extension = vscode.extensions.getExtension("rbridge.rbridge");
  const server = serve(file, { vscode, extension, connections });
  context.subscriptions.push({ dispose: () => server.close(() => fs.rmSync(file, { force: true })) });
};
