"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Documents = exports.Document = exports.NO_CONFLICT = exports.STALE = exports.THEIRS = exports.SCHEME = void 0;
exports.now = now;
// The documents of this window, and how each stands.
const vscode = require("vscode");
const bytes_1 = require("./bytes");
const ends_1 = require("./ends");
const peer_1 = require("./peer");
const tabs = require("./tabs");
exports.SCHEME = "rbridge";
exports.THEIRS = "rbridge-theirs";
exports.STALE = -32011; // of a read; of a write it is a conflict
exports.NO_CONFLICT = -32013;
class Document {
    id;
    uri;
    host;
    path;
    name;
    base;
    stamp;
    readOnly;
    state = "clean";
    message = "";
    connected = true;
    lost = false; // the daemon does not know it any more
    saving = false;
    force = false; // the next write goes over the host's text: the user said so
    sent;
    settled = ""; // digest of a text that the host has already: VS Code still has to be told by a save
    fresh; // what buffer/open read: for the editor's first look
    before; // the host's text, where it mixes line ends
    utf8 = true;
    reading; // the editor is being made to read it again; called when it has
    asking; // VS Code is being made to ask what to do about a conflict
    read = ""; // digest of the host's text that the editor read last in a conflict
    settling; // the host's text was chosen in VS Code; until the daemon has said so
    settle = () => { };
    typed = false; // it was modified when we looked last
    opening = false; // its tab is not there yet
    held = false; // a language server named it, and somebody may want to see it
    /** The stat of the host's text in a conflict: it differs in time and size, else VS Code would not see it. */
    theirs;
    conflictSeen = false; // VS Code got that stat last
    constructor(id, uri, host, path, name, base, stamp, readOnly) {
        this.id = id;
        this.uri = uri;
        this.host = host;
        this.path = path;
        this.name = name;
        this.base = base;
        this.stamp = stamp;
        this.readOnly = readOnly;
    }
    get where() {
        return `${this.name} on ${this.host}`;
    }
    /** The host's text is what these bytes are. */
    note(bytes) {
        this.utf8 = (0, bytes_1.isUtf8)(bytes);
        this.before = (0, ends_1.mixed)(bytes) ? bytes : undefined;
    }
}
exports.Document = Document;
const LOOK = 50; // ms
let last = 0;
/** A time that is later than all before. */
function now() {
    last = Math.max(Date.now(), last + 1);
    return last;
}
class Documents {
    link;
    byId = new Map();
    changes = new vscode.EventEmitter();
    /** How one of them stands has changed. */
    onDidChange = this.changes.event;
    closed = new Set(); // those that were closed in this window
    busy = 0; // how many things of the daemon's are under way
    gone = new Set(); // those of restored tabs that the daemon does not know
    sought = new Map(); // those that VS Code wants without a tab yet
    constructor(link) {
        this.link = link;
    }
    of(uri) {
        return uri?.scheme === exports.SCHEME || uri?.scheme === exports.THEIRS ? this.byId.get(uri.query) : undefined;
    }
    /** The one that the user looks at. */
    active() {
        return this.of(tabs.active());
    }
    add(doc) {
        this.byId.set(doc.id, doc);
        this.gone.delete(doc.id);
        this.closed.delete(doc.id);
        this.changed();
    }
    /** It was closed here: nothing is known of it any more. */
    drop(doc) {
        this.byId.delete(doc.id);
        this.gone.add(doc.id);
        this.closed.add(doc.id);
        this.changed();
    }
    /** The daemon does not know it any more; what the user has of it stays. */
    lose(doc) {
        doc.lost = true;
        this.changed();
    }
    changed() {
        this.changes.fire();
    }
    modified(doc) {
        return tabs.modified(doc.uri);
    }
    status(doc) {
        return doc.lost
            ? "closed"
            : !this.link.ready
                ? "no rbridge"
                : doc.state === "conflict"
                    ? "conflict"
                    : doc.saving || doc.settling
                        ? "saving"
                        : doc.sent
                            ? "waiting"
                            : !doc.connected
                                ? "not connected"
                                : this.modified(doc)
                                    ? "modified"
                                    : "saved";
    }
    conflict(doc, size) {
        if (doc.state !== "conflict") {
            doc.state = "conflict";
            doc.conflictSeen = false;
        }
        const other = size === undefined || size === doc.stamp.size ? doc.stamp.size + 1 : size;
        doc.theirs ??= { mtime: now(), size: other };
        this.changed();
    }
    /** The host's text is the one that the editor knows: `size` where it changed since the editor looked. */
    clean(doc, base, size) {
        doc.base = base;
        doc.state = "clean";
        doc.theirs = undefined;
        if (size !== undefined) {
            doc.stamp = { mtime: now(), size };
        }
        this.changed();
    }
    /** A document's text, from the daemon. */
    async fetch(doc, method) {
        for (;;) {
            const head = await this.link.ask(method, { id: doc.id });
            if (!head.chunks) {
                return { bytes: (0, bytes_1.unpack)(head), base: head.base };
            }
            try {
                const parts = [];
                while (parts.length < head.chunks) {
                    const chunk = { id: doc.id, base: head.base, chunk: parts.length };
                    parts.push((0, bytes_1.unpack)(await this.link.ask(method, chunk)));
                }
                return { bytes: Buffer.concat(parts), base: head.base };
            }
            catch (error) {
                if (!(error instanceof peer_1.RpcError) || error.code !== exports.STALE) {
                    throw error;
                }
            }
        }
    }
    // Over a reload of the window
    /** One of an earlier life of this window, or undefined where the daemon does not have it. */
    async seek(uri) {
        await this.link.met();
        if (!this.of(uri) && !this.gone.has(uri.query)) {
            this.sought.set(uri.query, uri);
            while (this.busy > 0 || [...this.byId.values()].some((doc) => doc.saving)) {
                await new Promise((done) => setTimeout(done, LOOK)); // a connection that ends would cut it short
            }
            if (!this.gone.has(uri.query) && !this.of(uri)) {
                await this.link.again();
            }
            this.sought.delete(uri.query);
        }
        return this.of(uri);
    }
    /**
     * Tabs of an earlier life of this window: documents that the daemon may still have. It knows what they stand
     * on; VS Code, which restores what was not saved, has to find them no newer than it remembers.
     */
    restored() {
        const found = new Map([...this.sought.values(), ...tabs.all()].map((uri) => [uri.query, uri]));
        return [...found.values()]
            .filter((uri) => uri.scheme === exports.SCHEME && !this.byId.has(uri.query) && !this.gone.has(uri.query))
            .map((uri) => {
            const name = uri.path.slice(uri.path.lastIndexOf("/") + 1);
            return new Document(uri.query, uri, uri.authority, uri.path, name, "", { mtime: 1, size: 0 }, false);
        });
    }
    forget(id) {
        this.gone.add(id);
    }
}
exports.Documents = Documents;
