"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Folders = exports.Folder = exports.ELSEWHERE = void 0;
// The folders of hosts that this window shows. What is in them is asked for when it is shown, and never kept.
const vscode = require("vscode");
const messages_1 = require("./messages");
const paths_1 = require("./paths");
const peer_1 = require("./peer");
exports.ELSEWHERE = -32016;
const UNKNOWN = -32017;
class Folder {
    key;
    id;
    uri;
    host;
    path;
    name;
    readOnly;
    connected = true;
    known = true; // the daemon has it, as far as we have heard
    constructor(key, // what names it in the view, also when the daemon calls it otherwise
    id, uri, host, path, name, readOnly) {
        this.key = key;
        this.id = id;
        this.uri = uri;
        this.host = host;
        this.path = path;
        this.name = name;
        this.readOnly = readOnly;
    }
    get where() {
        return `${this.name} on ${this.host}`;
    }
    /** The path on its host, as documents have it. */
    full(path) {
        const top = this.path.replace(/\/$/, "");
        return path.path === "" ? this.path : `${top}/${path.path}`;
    }
    /** A file of it, for VS Code's own viewers. */
    at(path) {
        return this.uri.with({ path: this.full(path) });
    }
}
exports.Folder = Folder;
class Folders {
    link;
    all = [];
    shown = new vscode.EventEmitter();
    /** One of them is another one now, or is connected or not; undefined: one came or went. */
    onDidChange = this.shown.event;
    /** Called for what is found, by the name that the request gave it. */
    streams = new Map();
    serial = 0;
    named = []; // the ids that initialize has named: others came since
    /** Have the user see one. */
    reveal = async () => { };
    /** Of what is watched, this changed. */
    renewed = () => { };
    constructor(link) {
        this.link = link;
    }
    byId(id) {
        return this.all.find((folder) => folder.id === id);
    }
    /** The innermost one that a path of a host is in, and where in it that is. */
    holding(uri) {
        const found = this.all.filter((one) => one.host === uri.authority && this.below(one, uri.path));
        const inner = found.sort((a, b) => b.path.length - a.path.length)[0];
        return inner && [inner, this.below(inner, uri.path)];
    }
    /** Where a path of the host is in a folder, undefined outside of it. */
    below(folder, path) {
        const top = folder.path.replace(/\/$/, "");
        const inside = path === folder.path || path.startsWith(`${top}/`);
        return inside ? { path: path.slice(top.length).replace(/^\/|\/$/g, ""), encoded: false } : undefined;
    }
    // What the daemon says
    async open(params) {
        const { id, host, path, name } = params;
        const before = this.all.find((one) => one.host === host && one.path === path && !(one.connected && one.known));
        if (before) {
            const { known } = before;
            if (known && before.id !== id) {
                this.link.ask("folder/close", { id: before.id }).catch(() => undefined); // the host opened it anew
            }
            before.id = id;
            before.connected = before.known = true;
            this.shown.fire(before);
            await (known && this.reveal(before, params.keepFocus !== true)); // else it came back by itself
            return {};
        }
        const uri = vscode.Uri.parse(params.uri, true);
        const folder = new Folder(`folder ${++this.serial}`, id, uri, host, path, name, params.readOnly === true);
        this.all.push(folder);
        this.shown.fire(undefined);
        await this.reveal(folder, params.keepFocus !== true);
        return {};
    }
    focus(params) {
        const folder = this.byId(params.id);
        if (folder) {
            void this.reveal(folder, true);
        }
    }
    state(params) {
        const folder = this.byId(params.id);
        if (folder) {
            folder.connected = params.connected !== false;
            this.shown.fire(folder);
        }
    }
    closed(params) {
        const folder = this.byId(params.id);
        if (folder) {
            this.drop(folder);
            (0, messages_1.say)("info", `${folder.where} was closed there${params.message ? `: ${params.message}` : ""}`);
        }
    }
    changed(params) {
        const folder = this.byId(params.folder);
        if (folder) {
            this.renewed(folder, params);
        }
    }
    found(params) {
        this.streams.get(String(params.stream))?.(params);
    }
    // After a lost connection
    names() {
        this.named = this.all.map(({ id }) => id);
        return this.all.map(({ id, host, path }) => ({ id, host, path }));
    }
    /** Those that are missing may come back as others: of a daemon that was started anew. */
    begun(result) {
        const back = new Map((result.folders ?? []).map((one) => [one.id, one]));
        for (const folder of this.all.filter((one) => this.named.includes(one.id))) {
            folder.known = back.has(folder.id);
            folder.connected = folder.known && back.get(folder.id).connected !== false;
            this.shown.fire(folder);
        }
    }
    lost() {
        for (const folder of this.all) {
            folder.connected = folder.known = false;
            this.shown.fire(folder);
        }
    }
    /** How it stands, empty where there is nothing to say. */
    status(folder) {
        return !this.link.ready ? "no rbridge" : folder.connected && folder.known ? "" : "not connected";
    }
    // What the user does
    async close(folder) {
        this.drop(folder);
        await this.link.ask("folder/close", { id: folder.id }).catch(() => undefined);
    }
    /** Ask for something in a folder. Throws with a line for the user. */
    async ask(folder, method, path = paths_1.TOP, more = {}) {
        const { signal, ...params } = more;
        return this.request(folder, method, { ...(0, paths_1.said)(path), ...params }, signal);
    }
    /** The same, for what is found little by little. */
    async stream(folder, method, params, signal, found) {
        const stream = `${method}-${++this.serial}`;
        this.streams.set(stream, found);
        try {
            return await this.request(folder, method, { ...params, stream }, signal);
        }
        finally {
            this.streams.delete(stream);
        }
    }
    async request(folder, method, params, signal) {
        try {
            return await this.link.ask(method, { folder: folder.id, ...params }, signal);
        }
        catch (error) {
            if (error instanceof peer_1.RpcError && (error.code === UNKNOWN || (error.code === peer_1.LOST && this.link.ready))) {
                throw new peer_1.RpcError(error.code, `${folder.where} is not connected`, error.data);
            }
            throw error;
        }
    }
    drop(folder) {
        this.all.splice(this.all.indexOf(folder), 1);
        this.shown.fire(undefined);
    }
}
exports.Folders = Folders;
