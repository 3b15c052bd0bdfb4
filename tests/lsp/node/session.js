// One session of the language client that VS Code's extensions are made of, over any command's stdin and stdout:
//
//     node session.js URI LINE CHARACTER WORD COMMAND...
//
// It opens the document with a text from standard input and prints what it hears, a line of JSON for each thing.

const { spawn } = require('child_process');
const { readFileSync } = require('fs');
const rpc = require('vscode-languageserver-protocol/node');

const [uri, line, character, word, command, ...words] = process.argv.slice(2);
const text = readFileSync(0, 'utf8');
const server = spawn(command, words, { stdio: ['pipe', 'pipe', 'inherit'] });
const connection = rpc.createProtocolConnection(
  new rpc.StreamMessageReader(server.stdout),
  new rpc.StreamMessageWriter(server.stdin),
);
const say = (what, value) => console.log(JSON.stringify({ what, value }));
const at = (name) => {
  const offset = text.indexOf(name);
  const before = text.slice(0, offset).split('\n');
  return { line: before.length - 1, character: before[before.length - 1].length };
};

async function main() {
  connection.onRequest(rpc.ConfigurationRequest.type, (params) => params.items.map(() => null));
  connection.onRequest(rpc.RegistrationRequest.type, () => undefined);
  const wrong = new Promise((resolve) => {
    connection.onNotification(rpc.PublishDiagnosticsNotification.type, (params) => {
      const errors = params.diagnostics.filter((one) => one.severity === rpc.DiagnosticSeverity.Error);
      if (errors.length) resolve({ uri: params.uri, messages: errors.map((one) => one.message) });
    });
  });
  connection.listen();
  const initialized = await connection.sendRequest(rpc.InitializeRequest.type, {
    processId: process.pid,
    rootUri: null,
    workspaceFolders: null,
    capabilities: { textDocument: { publishDiagnostics: {} }, workspace: { configuration: true } },
  });
  say('capabilities', initialized.capabilities);
  await connection.sendNotification(rpc.InitializedNotification.type, {});
  await connection.sendNotification(rpc.DidOpenTextDocumentNotification.type, {
    textDocument: { uri, languageId: 'python', version: 1, text },
  });
  const textDocument = { uri };
  const place = { line: Number(line), character: Number(character) };
  const found = await connection.sendRequest(rpc.CompletionRequest.type, { textDocument, position: place });
  say('completion', (Array.isArray(found) ? found : found.items).map((one) => one.label));
  const position = at(word);
  say('hover', await connection.sendRequest(rpc.HoverRequest.type, { textDocument, position }));
  say('definition', await connection.sendRequest(rpc.DefinitionRequest.type, { textDocument, position }));
  await connection.sendNotification(rpc.DidChangeTextDocumentNotification.type, {
    textDocument: { uri, version: 2 },
    contentChanges: [{ text: `${text}\ndef broken(:\n` }],
  });
  say('diagnostics', await wrong);
  await connection.sendRequest(rpc.ShutdownRequest.type);
  await connection.sendNotification(rpc.ExitNotification.type);
  server.on('exit', (code) => say('exit', code));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
