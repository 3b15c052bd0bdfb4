"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Client = void 0;
// One language server of a host: the connection to it, its life, and the documents that it is told of.
const net = require("net");
const vscode = require("vscode");
const peer_1 = require("../peer");
const place_1 = require("../place");
const words_1 = require("../words");
const capabilities_1 = require("./capabilities");
const edits_1 = require("./edits");
const errors_1 = require("./errors");
const progress_1 = require("./progress");
const reading_1 = require("./reading");
const registrations_1 = require("./registrations");
const wishes_1 = require("./wishes");
const LONGEST = 64 * 1024 * 1024; // bytes of one message
const STARTING = Symbol("starting"); // as progress: no server has such a token
const FAREWELL = 2000; // ms for a server to say that it is done
class Client {
    key;
    server;
    hello;
    shared;
    ended;
    host;
    label;
    reading;
    edits;
    languages = new Set();
    diagnostics;
    registrations;
    opened = new Map(); // by URI
    progress;
    events = [];
    peer;
    running = false;
    over = false;
    sync = (0, capabilities_1.sync)(undefined);
    /** `ended` is called once, when the connection has ended and nobody wanted it to. */
    constructor(key, server, hello, shared, ended) {
        this.key = key;
        this.server = server;
        this.hello = hello;
        this.shared = shared;
        this.ended = ended;
        this.host = vscode.Uri.parse(server.root).authority;
        this.label = `${server.name} on ${this.host}`;
        this.reading = new reading_1.Reading(shared.targets, (command) => this.runnable(command));
        this.edits = new edits_1.Edits(shared.documents, shared.targets, this.reading, this.host);
        this.diagnostics = vscode.languages.createDiagnosticCollection(`rbridge ${this.label}`);
        this.registrations = new registrations_1.Registrations(this);
        this.progress = new progress_1.Progress(this.label);
        this.events.push(vscode.workspace.onDidChangeTextDocument((event) => this.changed(event)), vscode.workspace.onDidSaveTextDocument((document) => this.saved(document)), vscode.workspace.onDidChangeConfiguration((event) => this.configured(event)));
        this.connect();
    }
    // Documents
    get isIdle() {
        return this.opened.size === 0;
    }
    has(document) {
        return this.opened.has(document.uri.toString());
    }
    documents() {
        return [...this.opened.values()];
    }
    open(document) {
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
    close(document) {
        const uri = document.uri.toString();
        if (this.opened.delete(uri)) {
            this.diagnostics.delete(document.uri);
            if (this.sync.openClose) {
                this.notify("textDocument/didClose", { textDocument: { uri } });
            }
        }
    }
    tell(document) {
        if (this.sync.openClose) {
            const { uri, languageId, version } = document;
            const textDocument = { uri: uri.toString(), languageId, version, text: document.getText() };
            this.notify("textDocument/didOpen", { textDocument });
        }
    }
    changed(event) {
        const { document } = event;
        if (!this.has(document) || event.contentChanges.length === 0 || this.sync.change === 0) {
            return;
        }
        const contentChanges = this.sync.change === 1
            ? [{ text: document.getText() }]
            : event.contentChanges.map(({ range, rangeLength, text }) => ({ range: range_(range), rangeLength, text }));
        const textDocument = { uri: document.uri.toString(), version: document.version };
        this.notify("textDocument/didChange", { textDocument, contentChanges });
    }
    saved(document) {
        if (this.has(document) && this.sync.save) {
            const text = this.sync.saveText ? { text: document.getText() } : {};
            this.notify("textDocument/didSave", { textDocument: { uri: document.uri.toString() }, ...text });
        }
    }
    configured(event) {
        for (const section of this.registrations.sections()) {
            if (section === undefined || event.affectsConfiguration(section)) {
                this.notify("workspace/didChangeConfiguration", { settings: null });
                return;
            }
        }
    }
    // Requests
    /** Ask the server. Throws RpcError. */
    async ask(method, params, token) {
        const giving = new AbortController();
        const listening = token?.onCancellationRequested(() => giving.abort());
        try {
            if (!this.peer || !this.running) {
                return null;
            }
            return await this.peer.request(method, params, giving.signal);
        }
        finally {
            listening?.dispose();
        }
    }
    notify(method, params) {
        if (this.running) {
            this.peer?.notify(method, params);
        }
    }
    /** One of the server's commands. Throws with a line for the user. */
    async execute(command, given) {
        try {
            return await this.ask("workspace/executeCommand", { command, arguments: given });
        }
        catch (error) {
            if ((0, errors_1.isQuiet)(error)) {
                return undefined;
            }
            throw new Error(`${this.label}: ${error.message}`);
        }
    }
    /** As VS Code can run it: by our own command, which leads back here. Two of VS Code's own do no more than ask. */
    runnable(said) {
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
    connect() {
        const path = (0, place_1.socket)(process.env, "lsp.sock");
        if (!path) {
            setTimeout(() => this.gone("rbridge is not running on this machine"), 0);
            return;
        }
        const stream = net.connect(path);
        const wishes = new wishes_1.Wishes(this, this.progress);
        const peer = new peer_1.Peer(stream, {
            requests: wishes.requests,
            notices: { ...wishes.notices, "textDocument/publishDiagnostics": (params) => this.publish(params) },
            ended: (why) => this.gone(why),
        }, LONGEST);
        this.peer = peer;
        stream.once("connect", () => void this.begin(peer));
    }
    async begin(peer) {
        const { root } = this.server;
        this.progress.hear({ token: STARTING, value: { kind: "begin", title: "starting" } });
        try {
            const said = await peer.request("initialize", {
                processId: process.pid,
                clientInfo: { name: vscode.env.appName, version: vscode.version },
                locale: vscode.env.language,
                rootUri: root,
                workspaceFolders: [{ uri: root, name: root.slice(root.lastIndexOf("/") + 1) }],
                capabilities: capabilities_1.CAPABILITIES,
                initializationOptions: { rbridge: this.hello },
            });
            if (this.over) {
                return;
            }
            this.running = true;
            this.sync = (0, capabilities_1.sync)(said?.capabilities);
            peer.notify("initialized", {});
            this.settings();
            this.opened.forEach((document) => this.tell(document));
            (0, capabilities_1.abilities)(said?.capabilities).forEach(({ method, options }) => this.registrations.add(`announced ${method}`, method, options));
        }
        catch (error) {
            peer.end(String(error.message));
        }
        finally {
            this.progress.hear({ token: STARTING, value: { kind: "end" } });
        }
    }
    /** Some servers never ask for their settings: those that the user has made are said. */
    settings() {
        const { name } = this.server;
        const own = vscode.workspace.getConfiguration().get(name);
        if (own !== undefined) {
            this.notify("workspace/didChangeConfiguration", { settings: { [name]: own } });
        }
    }
    publish(params) {
        try {
            const uri = this.reading.uri(params.uri);
            if (uri.authority.toLowerCase() === this.host.toLowerCase()) {
                this.diagnostics.set(uri, (0, reading_1.several)(params.diagnostics, (one) => this.reading.diagnostic(one)));
            }
        }
        catch (error) {
            this.log(`diagnostics: ${error.message}`);
        }
    }
    gone(why) {
        if (!this.over) {
            this.log(`the connection ended: ${why}`);
            this.dispose();
            this.ended(this);
        }
    }
    /** Say good-bye, as the protocol has it; the server ends. */
    async stop() {
        const { peer, running } = this;
        this.dispose();
        if (peer && running) {
            const late = new Promise((done) => setTimeout(done, FAREWELL));
            await Promise.race([peer.request("shutdown", undefined).catch(() => undefined), late]);
            peer.notify("exit");
        }
        peer?.end("it is not needed any more");
    }
    dispose() {
        this.over = true;
        this.running = false;
        this.registrations.dispose();
        this.progress.dispose();
        this.diagnostics.dispose();
        this.events.forEach((one) => one.dispose());
    }
    log(line) {
        this.shared.log.info(`${this.label}: ${(0, words_1.plain)(line)}`);
    }
}
exports.Client = Client;
function range_(range) {
    const at = ({ line, character }) => ({ line, character });
    return { start: at(range.start), end: at(range.end) };
}
