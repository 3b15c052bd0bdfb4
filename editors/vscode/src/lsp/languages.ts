// Which language servers there are for the documents of this window: the daemon names them, clients are made.
import * as vscode from "vscode";
import { Documents, SCHEME } from "../documents";
import { say } from "../messages";
import { LOST, Params, RpcError } from "../peer";
import { Client, Server, Shared } from "./client";
import { Formatters } from "./formatters";
import { Targets } from "./targets";

const SETTING = "rbridge.languageServers";
const RUN = "rbridge.runOfLanguageServer";
const NOT_CONNECTED = -32010;
const AGAIN = 5000; // ms
const LINGER = 60_000; // ms that a server without documents is kept
const PAUSES = [1000, 2000, 4000, 8000, 16_000]; // ms before a connection that ended is made again
const WINDOW = 180_000; // ms in which they may end so often
/** Commands of the bridge's own that this extension does itself. */
const OWN = ["rbridge.overwrite", "rbridge.reload", "rbridge.compare"];

/** What was asked about one document. */
interface Entry {
  document: vscode.TextDocument;
  language: string;
}

export function enabled(): boolean {
  return vscode.workspace.getConfiguration().get(SETTING) !== false;
}

export class Languages implements vscode.Disposable {
  private readonly clients = new Map<string, Client>();
  private readonly entries = new Map<string, Entry>(); // by URI
  private readonly idle = new Map<Client, NodeJS.Timeout>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly ends = new Map<string, number[]>(); // when connections ended, by what they were for
  private readonly events: vscode.Disposable[] = [];
  private readonly shared: Shared;
  private over = false;

  constructor(
    private readonly documents: Documents,
    targets: Targets,
  ) {
    const log = vscode.window.createOutputChannel("rbridge: Language Servers", { log: true });
    this.shared = { documents, targets, formatters: new Formatters(), log, run: RUN };
    this.events.push(
      log,
      this.shared.formatters,
      documents.onDidChange(() => this.look()),
      vscode.workspace.onDidOpenTextDocument(() => this.look()),
      vscode.workspace.onDidCloseTextDocument((document) => this.closed(document)),
      vscode.workspace.onDidChangeConfiguration((event) => event.affectsConfiguration(SETTING) && this.switched()),
      vscode.commands.registerCommand(RUN, (key, command, given) => this.run(key, command, given)),
      vscode.commands.registerCommand("rbridge.restartLanguageServers", () => this.restart()),
    );
  }

  /** Ask about all documents that nobody has asked about yet. */
  private look(): void {
    if (!this.documents.link.ready) {
      this.forget();
      return;
    }
    if (this.over || !enabled()) {
      return;
    }
    for (const document of vscode.workspace.textDocuments) {
      const doc = this.documents.of(document.uri);
      const known = this.entries.has(document.uri.toString());
      if (document.uri.scheme === SCHEME && doc && !doc.lost && doc.connected && !known && !document.isClosed) {
        void this.ask(document, doc.id);
      }
    }
  }

  private async ask(document: vscode.TextDocument, id: string): Promise<void> {
    const key = document.uri.toString();
    const entry = { document, language: document.languageId };
    this.entries.set(key, entry);
    let said: Params;
    try {
      said = await this.documents.link.ask("lsp/servers", { id, language: document.languageId });
    } catch (error) {
      const code = error instanceof RpcError ? error.code : 0;
      if (this.entries.get(key) === entry && (code === NOT_CONNECTED || code === LOST)) {
        this.later(AGAIN, () => this.entries.get(key) === entry && this.entries.delete(key));
      } else {
        this.shared.log.info(`${document.uri.path}: ${(error as Error).message}`);
      }
      return;
    }
    if (this.entries.get(key) !== entry || document.isClosed || !enabled()) {
      return;
    }
    if (said.advice) {
      say("info", String(said.advice));
    }
    (said.servers ?? []).forEach((server: Server, at: number) => {
      this.client(server, document, at === 0)?.open(document);
    });
    this.rest();
  }

  /** The connection to a server, made where there is none. */
  private client(server: Server, document: vscode.TextDocument, primary: boolean): Client | undefined {
    const key = `${server.root}\n${server.name}`;
    const before = this.clients.get(key);
    if (before || (this.ends.get(key)?.length ?? 0) >= PAUSES.length) {
      return before;
    }
    const hello = { uri: document.uri.toString(), server: server.name, language: document.languageId, primary };
    const made = new Client(key, server, hello, this.shared, (client) => this.ended(client));
    this.clients.set(key, made);
    return made;
  }

  private closed(document: vscode.TextDocument): void {
    if (this.entries.delete(document.uri.toString())) {
      this.clients.forEach((client) => client.close(document));
      this.rest();
    }
  }

  /** Servers that have nothing to do for a while are ended. */
  private rest(): void {
    for (const client of this.clients.values()) {
      const timer = this.idle.get(client);
      if (client.isIdle && !timer) {
        this.idle.set(client, this.later(LINGER, () => this.drop(client)));
      } else if (!client.isIdle && timer) {
        clearTimeout(timer);
        this.idle.delete(client);
      }
    }
  }

  private drop(client: Client): void {
    if (this.clients.get(client.key) === client) {
      this.clients.delete(client.key);
    }
    clearTimeout(this.idle.get(client));
    this.idle.delete(client);
    void client.stop();
  }

  /** A connection has ended by itself: with the daemon, which comes back, or since it is not wanted there. */
  private ended(client: Client): void {
    const documents = client.documents();
    this.drop(client);
    const recent = (this.ends.get(client.key) ?? []).filter((at) => Date.now() - at < WINDOW);
    if (recent.length >= PAUSES.length) {
      const next = "rbridge: Restart Language Servers tries again";
      say("warning", `${client.label}: the connection ended ${recent.length + 1} times; ${next}`);
      return;
    }
    this.ends.set(client.key, [...recent, Date.now()]);
    this.later(PAUSES[recent.length] as number, () => {
      documents.forEach((document) => this.entries.delete(document.uri.toString()));
    });
  }

  /** The daemon is gone, or nobody wants servers any more. */
  private forget(): void {
    this.entries.clear();
    this.ends.clear();
    [...this.clients.values()].forEach((client) => this.drop(client));
  }

  private switched(): void {
    this.forget();
    if (enabled()) {
      void this.documents.link.offering().then(() => this.look());
    }
  }

  private restart(): void {
    this.forget();
    this.look();
  }

  /** A command of a server's: by that server, and by nothing else. */
  private async run(key: unknown, command: unknown, given: unknown): Promise<unknown> {
    const client = this.clients.get(String(key));
    if (!client || typeof command !== "string") {
      say("warning", "the language server that offered this has ended");
      return undefined;
    }
    const [first] = Array.isArray(given) ? given : [];
    if (OWN.includes(command) && typeof first === "string") {
      return vscode.commands.executeCommand(command, vscode.Uri.parse(first));
    }
    try {
      return await client.execute(command, Array.isArray(given) ? given : []);
    } catch (error) {
      say("error", (error as Error).message);
      return undefined;
    }
  }

  private later(after: number, work: () => unknown): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      work();
      this.look();
    }, after);
    this.timers.add(timer);
    return timer;
  }

  dispose(): void {
    this.over = true;
    this.forget();
    this.timers.forEach((timer) => clearTimeout(timer));
    this.events.forEach((one) => one.dispose());
  }
}
