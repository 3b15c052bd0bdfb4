"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Languages = void 0;
exports.enabled = enabled;
// Which language servers there are for the documents of this window: the daemon names them, clients are made.
const vscode = require("vscode");
const documents_1 = require("../documents");
const messages_1 = require("../messages");
const peer_1 = require("../peer");
const client_1 = require("./client");
const formatters_1 = require("./formatters");
const SETTING = "rbridge.languageServers";
const RUN = "rbridge.runOfLanguageServer";
const NOT_CONNECTED = -32010;
const AGAIN = 5000; // ms
const LINGER = 60_000; // ms that a server without documents is kept
const PAUSES = [1000, 2000, 4000, 8000, 16_000]; // ms before a connection that ended is made again
const WINDOW = 180_000; // ms in which they may end so often
/** Commands of the bridge's own that this extension does itself. */
const OWN = ["rbridge.overwrite", "rbridge.reload", "rbridge.compare"];
function enabled() {
    return vscode.workspace.getConfiguration().get(SETTING) !== false;
}
class Languages {
    documents;
    clients = new Map();
    entries = new Map(); // by URI
    idle = new Map();
    timers = new Set();
    ends = new Map(); // when connections ended, by what they were for
    events = [];
    shared;
    over = false;
    constructor(documents, targets) {
        this.documents = documents;
        const log = vscode.window.createOutputChannel("rbridge: Language Servers", { log: true });
        this.shared = { documents, targets, formatters: new formatters_1.Formatters(), log, run: RUN };
        this.events.push(log, this.shared.formatters, documents.onDidChange(() => this.look()), vscode.workspace.onDidOpenTextDocument(() => this.look()), vscode.workspace.onDidCloseTextDocument((document) => this.closed(document)), vscode.workspace.onDidChangeConfiguration((event) => event.affectsConfiguration(SETTING) && this.switched()), vscode.commands.registerCommand(RUN, (key, command, given) => this.run(key, command, given)), vscode.commands.registerCommand("rbridge.restartLanguageServers", () => this.restart()));
    }
    /** Ask about all documents that nobody has asked about yet. */
    look() {
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
            if (document.uri.scheme === documents_1.SCHEME && doc && !doc.lost && doc.connected && !known && !document.isClosed) {
                void this.ask(document, doc.id);
            }
        }
    }
    async ask(document, id) {
        const key = document.uri.toString();
        const entry = { document, language: document.languageId };
        this.entries.set(key, entry);
        let said;
        try {
            said = await this.documents.link.ask("lsp/servers", { id, language: document.languageId });
        }
        catch (error) {
            const code = error instanceof peer_1.RpcError ? error.code : 0;
            if (this.entries.get(key) === entry && (code === NOT_CONNECTED || code === peer_1.LOST)) {
                this.later(AGAIN, () => this.entries.get(key) === entry && this.entries.delete(key));
            }
            else {
                this.shared.log.info(`${document.uri.path}: ${error.message}`);
            }
            return;
        }
        if (this.entries.get(key) !== entry || document.isClosed || !enabled()) {
            return;
        }
        if (said.advice) {
            (0, messages_1.say)("info", String(said.advice));
        }
        (said.servers ?? []).forEach((server, at) => {
            this.client(server, document, at === 0)?.open(document);
        });
        this.rest();
    }
    /** The connection to a server, made where there is none. */
    client(server, document, primary) {
        const key = `${server.root}\n${server.name}`;
        const before = this.clients.get(key);
        if (before || (this.ends.get(key)?.length ?? 0) >= PAUSES.length) {
            return before;
        }
        const hello = { uri: document.uri.toString(), server: server.name, language: document.languageId, primary };
        const made = new client_1.Client(key, server, hello, this.shared, (client) => this.ended(client));
        this.clients.set(key, made);
        return made;
    }
    closed(document) {
        if (this.entries.delete(document.uri.toString())) {
            this.clients.forEach((client) => client.close(document));
            this.rest();
        }
    }
    /** Servers that have nothing to do for a while are ended. */
    rest() {
        for (const client of this.clients.values()) {
            const timer = this.idle.get(client);
            if (client.isIdle && !timer) {
                this.idle.set(client, this.later(LINGER, () => this.drop(client)));
            }
            else if (!client.isIdle && timer) {
                clearTimeout(timer);
                this.idle.delete(client);
            }
        }
    }
    drop(client) {
        if (this.clients.get(client.key) === client) {
            this.clients.delete(client.key);
        }
        clearTimeout(this.idle.get(client));
        this.idle.delete(client);
        void client.stop();
    }
    /** A connection has ended by itself: with the daemon, which comes back, or since it is not wanted there. */
    ended(client) {
        const documents = client.documents();
        this.drop(client);
        const recent = (this.ends.get(client.key) ?? []).filter((at) => Date.now() - at < WINDOW);
        if (recent.length >= PAUSES.length) {
            const next = "rbridge: Restart Language Servers tries again";
            (0, messages_1.say)("warning", `${client.label}: the connection ended ${recent.length + 1} times; ${next}`);
            return;
        }
        this.ends.set(client.key, [...recent, Date.now()]);
        this.later(PAUSES[recent.length], () => {
            documents.forEach((document) => this.entries.delete(document.uri.toString()));
        });
    }
    /** The daemon is gone, or nobody wants servers any more. */
    forget() {
        this.entries.clear();
        this.ends.clear();
        [...this.clients.values()].forEach((client) => this.drop(client));
    }
    switched() {
        this.forget();
        if (enabled()) {
            void this.documents.link.offering().then(() => this.look());
        }
    }
    restart() {
        this.forget();
        this.look();
    }
    /** A command of a server's: by that server, and by nothing else. */
    async run(key, command, given) {
        const client = this.clients.get(String(key));
        if (!client || typeof command !== "string") {
            (0, messages_1.say)("warning", "the language server that offered this has ended");
            return undefined;
        }
        const [first] = Array.isArray(given) ? given : [];
        if (OWN.includes(command) && typeof first === "string") {
            return vscode.commands.executeCommand(command, vscode.Uri.parse(first));
        }
        try {
            return await client.execute(command, Array.isArray(given) ? given : []);
        }
        catch (error) {
            (0, messages_1.say)("error", error.message);
            return undefined;
        }
    }
    later(after, work) {
        const timer = setTimeout(() => {
            this.timers.delete(timer);
            work();
            this.look();
        }, after);
        this.timers.add(timer);
        return timer;
    }
    dispose() {
        this.over = true;
        this.forget();
        this.timers.forEach((timer) => clearTimeout(timer));
        this.events.forEach((one) => one.dispose());
    }
}
exports.Languages = Languages;
