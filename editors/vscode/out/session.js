"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Session = void 0;
// What the daemon says: requests, notices, and what became of the documents after a lost connection.
const vscode = require("vscode");
const conflict_1 = require("./conflict");
const diff_1 = require("./diff");
const languages_1 = require("./lsp/languages");
const messages_1 = require("./messages");
const opening_1 = require("./opening");
const reloading_1 = require("./reloading");
const saving_1 = require("./saving");
const tabs = require("./tabs");
class Session {
    documents;
    files;
    shown;
    queues = new Map();
    asked = []; // those of an earlier life of this window that initialize asks for
    client;
    constructor(documents, files, shown, plugin) {
        this.documents = documents;
        this.files = files;
        this.shown = shown;
        this.client = { name: vscode.env.appName, version: vscode.version, plugin, pid: process.pid };
    }
    requests = {
        "buffer/open": (params) => this.open(params, false),
        "buffer/diff": (params) => this.after(params.left, () => (0, diff_1.compare)(this.documents, params)),
        "folder/open": (params) => this.shown.open(params),
        question: async (params) => {
            const answer = await (0, messages_1.ask)(String(params.message), ...params.answers);
            return answer === undefined ? {} : { answer };
        },
    };
    notices = {
        "buffer/changed": (params) => this.of(params, (doc) => this.changed(doc, params)),
        "buffer/state": (params) => this.of(params, (doc) => this.state(doc, params)),
        "buffer/closed": (params) => this.of(params, (doc) => this.closed(doc, params.message ?? "")),
        "window/show": (params) => (0, messages_1.say)(params.kind === "error" || params.kind === "warning" ? params.kind : "info", params.message ?? ""),
        "folder/focus": (params) => this.shown.focus(params),
        "folder/state": (params) => this.shown.state(params),
        "folder/closed": (params) => this.shown.closed(params),
        "fs/found": (params) => this.shown.found(params),
        "fs/changed": (params) => this.shown.changed(params),
    };
    /** A text into a tab: the daemon said so, or a folder's file was asked for. */
    open(params, preview) {
        return this.after(params.id, () => params.diff === true ? (0, diff_1.prepare)(this.documents, params) : (0, opening_1.open)(this.documents, params, preview));
    }
    /** Whether language servers are wanted. */
    lsp() {
        return (0, languages_1.enabled)();
    }
    folders() {
        return this.shown.names();
    }
    buffers() {
        this.asked = this.documents.restored();
        const known = [...this.documents.byId.values()].filter((doc) => !doc.lost);
        return [...known, ...this.asked].map((doc) => ({
            id: doc.id,
            base: doc.base,
            modified: this.documents.modified(doc),
        }));
    }
    /** Connected, for the first time or again: what became of each document meanwhile. */
    begun(result) {
        const back = new Map((result.buffers ?? []).map((one) => [one.id, one]));
        for (const doc of this.asked) {
            if (back.has(doc.id)) {
                doc.base = back.get(doc.id).base;
                this.documents.add(doc);
            }
            else {
                this.documents.forget(doc.id);
                if (this.documents.modified(doc)) {
                    this.files.missing(doc.uri);
                }
            }
        }
        this.asked = [];
        this.shown.begun(result);
        for (const doc of [...this.documents.byId.values()].filter((one) => !one.lost)) {
            const one = back.get(doc.id);
            if (one) {
                void this.after(doc.id, () => this.goOn(doc, one));
            }
            else if (doc.held && tabs.showing(doc.uri).length === 0) {
                this.documents.drop(doc); // nobody has seen it yet
            }
            else {
                this.documents.lose(doc);
                (0, messages_1.say)("warning", `${doc.name} is closed on ${doc.host}; the text stays here (Save As keeps it)`);
            }
        }
        this.documents.changed();
    }
    lost() {
        this.documents.changed();
        this.shown.lost();
        if (this.documents.byId.size > 0) {
            (0, messages_1.say)("warning", "connection lost, tried again; the texts stay");
        }
    }
    refused(message) {
        (0, messages_1.say)("error", `this extension was refused: ${message} (rbridge plugin install vscode)`);
    }
    /** One thing after the other for each document. */
    after(id, work) {
        this.documents.busy++;
        const run = (this.queues.get(id) ?? Promise.resolve()).then(work);
        const quiet = run
            .catch(() => undefined)
            .then(() => {
            this.documents.busy--;
            if (this.queues.get(id) === quiet) {
                this.queues.delete(id);
            }
        });
        this.queues.set(id, quiet);
        return run;
    }
    of(params, work) {
        void this.after(params.id, () => {
            const doc = this.documents.byId.get(params.id);
            return doc && !doc.lost ? work(doc) : undefined;
        }).catch((error) => (0, messages_1.say)("error", error.message));
    }
    /** Not while it is saved: the answer says it then. */
    conflict(doc, size) {
        const known = doc.state === "conflict" || doc.saving;
        this.documents.conflict(doc, size);
        if (!known) {
            void (0, conflict_1.tell)(this.documents, this.files, doc).catch((error) => (0, messages_1.say)("error", error.message));
        }
    }
    async changed(doc, params) {
        if (!(await (0, reloading_1.changed)(this.documents, this.files, doc, params))) {
            this.conflict(doc, params.size);
        }
    }
    async goOn(doc, one) {
        doc.connected = one.connected !== false;
        doc.message = one.message ?? "";
        if (one.state === "conflict") {
            this.conflict(doc);
        }
        if (doc.sent && one.state === "clean") {
            if (await (0, saving_1.arrived)(this.documents, doc, one.base)) {
                return;
            }
            doc.sent = undefined;
            (0, messages_1.say)("error", `${doc.name} is not saved on ${doc.host}: the connection was lost before`);
        }
        if (one.state !== "conflict" && one.base !== doc.base) {
            if (!(await (0, reloading_1.reload)(this.documents, this.files, doc, one.base, undefined, false))) {
                this.conflict(doc);
            }
        }
        this.documents.changed();
    }
    async state(doc, params) {
        doc.message = params.message ?? "";
        doc.connected = params.connected !== false;
        if (params.state === "conflict") {
            this.conflict(doc);
        }
        else if (params.state === "clean" && !(await (0, saving_1.arrived)(this.documents, doc, params.base))) {
            if (doc.state === "conflict" && !doc.saving && params.base === doc.base) {
                this.documents.clean(doc, doc.base); // it was settled elsewhere
            }
        }
        this.documents.changed();
    }
    async closed(doc, message) {
        const why = message ? `: ${message}` : "";
        this.documents.lose(doc);
        if (this.documents.modified(doc)) {
            (0, messages_1.say)("warning", `${doc.name} closed on ${doc.host}; the text stays here (Save As keeps it)${why}`);
        }
        else {
            await tabs.close(doc.uri);
            this.documents.drop(doc);
            (0, messages_1.say)("info", `${doc.name} closed on ${doc.host}${why}`);
        }
    }
}
exports.Session = Session;
