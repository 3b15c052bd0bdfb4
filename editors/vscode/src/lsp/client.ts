// One language server of a host: the connection to it, its life, and the documents that it is told of.
import * as net from "net";
import * as vscode from "vscode";
import { Documents } from "../documents";
import { Params, Peer } from "../peer";
import { socket } from "../place";
import { plain } from "../words";
import { CAPABILITIES, Sync, abilities, sync } from "./capabilities";
import { Edits } from "./edits";
import { isQuiet } from "./errors";
import { Formatters } from "./formatters";
import { Progress } from "./progress";
import { Reading, several } from "./reading";
import { Registrations } from "./registrations";
import { Targets } from "./targets";
import { Wishes } from "./wishes";

const LONGEST = 64 * 1024 * 1024; // bytes of one message
const STARTING = Symbol("starting"); // as progress: no server has such a token
const FAREWELL = 2000; // ms for a server to say that it is done

/** As `lsp/servers` names it. */
export interface Server {
  name: string;
  kind: string;
  root: string;
}

/** What all clients of this window share. */
export interface Shared {
  documents: Documents;
  targets: Targets;
  formatters: Formatters;
  log: vscode.LogOutputChannel;
  run: string; // our command that runs one of a server's
}

export class Client {
  readonly host: string;
  readonly label: string;
  readonly reading: Reading;
  readonly edits: Edits;
  readonly languages = new Set<string>();
  readonly diagnostics: vscode.DiagnosticCollection;
  readonly registrations: Registrations;
  private readonly opened = new Map<string, vscode.TextDocument>(); // by URI
  private readonly progress: Progress;
  private readonly events: vscode.Disposable[] = [];
  private peer: Peer | undefined;
  private running = false;
  private over = false;
  private sync: Sync = sync(undefined);

  /** `ended` is called once, when the connection has ended and nobody wanted it to. */
  constructor(
    readonly key: string,
    readonly server: Server,
    private readonly hello: object,
    readonly shared: Shared,
    private readonly ended: (client: Client) => void,
  ) {
    this.host = vscode.Uri.parse(server.root).authority;
    this.label = `${server.name} on ${this.host}`;
    this.reading = new Reading(shared.targets, (command) => this.runnable(command));
    this.edits = new Edits(shared.documents, shared.targets, this.reading, this.host);
    this.diagnostics = vscode.languages.createDiagnosticCollection(`rbridge ${this.label}`);
    this.registrations = new Registrations(this);
    this.progress = new Progress(this.label);
    this.events.push(
      vscode.workspace.onDidChangeTextDocument((event) => this.changed(event)),
      vscode.workspace.onDidSaveTextDocument((document) => this.saved(document)),
      vscode.workspace.onDidChangeConfiguration((event) => this.configured(event)),
    );
    this.connect();
  }

  // Documents

  get isIdle(): boolean {
    return this.opened.size === 0;
  }

  has(document: vscode.TextDocument): boolean {
    return this.opened.has(document.uri.toString());
  }

  documents(): vscode.TextDocument[] {
    return [...this.opened.values()];
  }

  open(document: vscode.TextDocument): void {
    const key = document.uri.toString();
    if (this.opened.has(key)) {
      return;
    }
    this.opened.set(key, document);
    if (!this.languages.has(document.languageId)) {
      this.languages.add(document.languageId);
      this.registrations.renew();
    }
    this.tell(document);
  }

  close(document: vscode.TextDocument): void {
    const uri = document.uri.toString();
    if (this.opened.delete(uri)) {
      this.diagnostics.delete(document.uri);
      if (this.sync.openClose) {
        this.notify("textDocument/didClose", { textDocument: { uri } });
      }
    }
  }

  private tell(document: vscode.TextDocument): void {
    if (this.sync.openClose) {
      const { uri, languageId, version } = document;
      const textDocument = { uri: uri.toString(), languageId, version, text: document.getText() };
      this.notify("textDocument/didOpen", { textDocument });
    }
  }

  private changed(event: vscode.TextDocumentChangeEvent): void {
    const { document } = event;
    if (!this.has(document) || event.contentChanges.length === 0 || this.sync.change === 0) {
      return;
    }
    const contentChanges =
      this.sync.change === 1
        ? [{ text: document.getText() }]
        : event.contentChanges.map(({ range, rangeLength, text }) => ({ range: range_(range), rangeLength, text }));
    const textDocument = { uri: document.uri.toString(), version: document.version };
    this.notify("textDocument/didChange", { textDocument, contentChanges });
  }

  private saved(document: vscode.TextDocument): void {
    if (this.has(document) && this.sync.save) {
      const text = this.sync.saveText ? { text: document.getText() } : {};
      this.notify("textDocument/didSave", { textDocument: { uri: document.uri.toString() }, ...text });
    }
  }

  private configured(event: vscode.ConfigurationChangeEvent): void {
    for (const section of this.registrations.sections()) {
      if (section === undefined || event.affectsConfiguration(section)) {
        this.notify("workspace/didChangeConfiguration", { settings: null });
        return;
      }
    }
  }

  // Requests

  /** Ask the server. Throws RpcError. */
  async ask(method: string, params: object | undefined, token?: vscode.CancellationToken): Promise<Params> {
    const giving = new AbortController();
    const listening = token?.onCancellationRequested(() => giving.abort());
    try {
      if (!this.peer || !this.running) {
        return null;
      }
      return await this.peer.request(method, params, giving.signal);
    } finally {
      listening?.dispose();
    }
  }

  notify(method: string, params: object): void {
    if (this.running) {
      this.peer?.notify(method, params);
    }
  }

  /** One of the server's commands. Throws with a line for the user. */
  async execute(command: string, given: unknown[]): Promise<unknown> {
    try {
      return await this.ask("workspace/executeCommand", { command, arguments: given });
    } catch (error) {
      if (isQuiet(error)) {
        return undefined;
      }
      throw new Error(`${this.label}: ${(error as Error).message}`);
    }
  }

  /** As VS Code can run it: by our own command, which leads back here. Two of VS Code's own do no more than ask. */
  private runnable(said: Params): vscode.Command | undefined {
    if (typeof said.command !== "string") {
      return undefined;
    }
    const title = String(said.title ?? "");
    if (/^editor\.action\.trigger(Suggest|ParameterHints)$/.test(said.command)) {
      return { title, command: said.command };
    }
    const given = Array.isArray(said.arguments) ? said.arguments : [];
    return { title, command: this.shared.run, arguments: [this.key, said.command, given] };
  }

  // Its life

  private connect(): void {
    const path = socket(process.env, "lsp.sock");
    if (!path) {
      setTimeout(() => this.gone("rbridge is not running on this machine"), 0);
      return;
    }
    const stream = net.connect(path);
    const wishes = new Wishes(this, this.progress);
    const peer = new Peer(
      stream,
      {
        requests: wishes.requests,
        notices: { ...wishes.notices, "textDocument/publishDiagnostics": (params) => this.publish(params) },
        ended: (why) => this.gone(why),
      },
      LONGEST,
    );
    this.peer = peer;
    stream.once("connect", () => void this.begin(peer));
  }

  private async begin(peer: Peer): Promise<void> {
    const { root } = this.server;
    this.progress.hear({ token: STARTING, value: { kind: "begin", title: "starting" } });
    try {
      const said = await peer.request("initialize", {
        processId: process.pid,
        clientInfo: { name: vscode.env.appName, version: vscode.version },
        locale: vscode.env.language,
        rootUri: root,
        workspaceFolders: [{ uri: root, name: root.slice(root.lastIndexOf("/") + 1) }],
        capabilities: CAPABILITIES,
        initializationOptions: { rbridge: this.hello },
      });
      if (this.over) {
        return;
      }
      this.running = true;
      this.sync = sync(said?.capabilities);
      peer.notify("initialized", {});
      this.settings();
      this.opened.forEach((document) => this.tell(document));
      abilities(said?.capabilities).forEach(({ method, options }) =>
        this.registrations.add(`announced ${method}`, method, options),
      );
    } catch (error) {
      peer.end(String((error as Error).message));
    } finally {
      this.progress.hear({ token: STARTING, value: { kind: "end" } });
    }
  }

  /** Some servers never ask for their settings: those that the user has made are said. */
  private settings(): void {
    const { name } = this.server;
    const own = vscode.workspace.getConfiguration().get(name);
    if (own !== undefined) {
      this.notify("workspace/didChangeConfiguration", { settings: { [name]: own } });
    }
  }

  private publish(params: Params): void {
    try {
      const uri = this.reading.uri(params.uri);
      if (uri.authority.toLowerCase() === this.host.toLowerCase()) {
        this.diagnostics.set(
          uri,
          several(params.diagnostics, (one) => this.reading.diagnostic(one)),
        );
      }
    } catch (error) {
      this.log(`diagnostics: ${(error as Error).message}`);
    }
  }

  private gone(why: string): void {
    if (!this.over) {
      this.log(`the connection ended: ${why}`);
      this.dispose();
      this.ended(this);
    }
  }

  /** Say good-bye, as the protocol has it; the server ends. */
  async stop(): Promise<void> {
    const { peer, running } = this;
    this.dispose();
    if (peer && running) {
      const late = new Promise((done) => setTimeout(done, FAREWELL));
      await Promise.race([peer.request("shutdown", undefined).catch(() => undefined), late]);
      peer.notify("exit");
    }
    peer?.end("it is not needed any more");
  }

  private dispose(): void {
    this.over = true;
    this.running = false;
    this.registrations.dispose();
    this.progress.dispose();
    this.diagnostics.dispose();
    this.events.forEach((one) => one.dispose());
  }

  log(line: string): void {
    this.shared.log.info(`${this.label}: ${plain(line)}`);
  }
}

function range_(range: vscode.Range): object {
  const at = ({ line, character }: vscode.Position): object => ({ line, character });
  return { start: at(range.start), end: at(range.end) };
}
