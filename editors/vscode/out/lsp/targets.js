"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Targets = void 0;
// Files that a language server names and that are no documents yet. `rbridge://HOST/PATH` without an id stands for
// one; it becomes a document like any other when somebody wants to see it.
const vscode = require("vscode");
const bytes_1 = require("../bytes");
const documents_1 = require("../documents");
const opening_1 = require("../opening");
const tabs = require("../tabs");
const MOST = 20_000; // names that are remembered
const EAGER = 3; // files that are opened before somebody chooses one
const HELD = 60_000; // ms that a document is kept for somebody to look at
const PLACED = 200; // ms until a tab's cursor is where it was to be
class Targets {
    documents;
    release;
    spelled = new Map(); // as the server did, by VS Code's spelling
    under = new Map();
    opened = new Map();
    timers = new Map();
    /** `release` closes what is shown nowhere. */
    constructor(documents, release) {
        this.documents = documents;
        this.release = release;
    }
    dispose() {
        this.timers.forEach((timer) => clearTimeout(timer));
    }
    name(uri, spelled) {
        if (uri.scheme === documents_1.SCHEME && uri.query === "") {
            const key = bare(uri);
            this.spelled.delete(key); // the one named last is forgotten last
            this.spelled.set(key, spelled);
            if (this.spelled.size > MOST) {
                this.spelled.delete(this.spelled.keys().next().value);
            }
        }
    }
    /** Whether a server has named it. Nothing else is asked for. */
    knows(uri) {
        return uri.scheme === documents_1.SCHEME && uri.query === "" && this.spelled.has(bare(uri));
    }
    /** The document of a file that was named. Throws with a line for the user. */
    async open(uri) {
        const key = bare(uri);
        const before = this.opened.get(key);
        if (before && !before.lost && this.documents.byId.get(before.id) === before) {
            this.hold(before);
            return before;
        }
        const run = this.under.get(key) ?? this.ask(key);
        this.under.set(key, run);
        try {
            return await run;
        }
        finally {
            this.under.delete(key);
        }
    }
    async ask(key) {
        const params = await this.documents.link.ask("lsp/open", { uri: this.spelled.get(key) ?? key });
        if (params.viewer) {
            throw new Error(`${params.name} is shown by ${params.viewer}, for reading`);
        }
        let doc = this.documents.byId.get(params.id);
        if (!doc || doc.lost) {
            doc = await (0, opening_1.read)(this.documents, params);
            const bytes = doc.fresh;
            if (!doc.utf8 && !(0, bytes_1.isBinary)(bytes) && !(0, bytes_1.isUtf16)(bytes)) {
                await (0, opening_1.decoded)(doc);
            }
        }
        this.opened.set(key, doc);
        this.hold(doc);
        return doc;
    }
    /** Not closed before somebody could look at it. */
    hold(doc) {
        doc.held = true;
        clearTimeout(this.timers.get(doc));
        const timer = setTimeout(() => {
            this.timers.delete(doc);
            if (tabs.text(doc.uri) && tabs.showing(doc.uri).length === 0) {
                this.hold(doc); // looked at without a tab
                return;
            }
            doc.held = false;
            this.release();
        }, HELD);
        this.timers.set(doc, timer);
    }
    // As a file: what lists of places show
    async stat(uri) {
        const doc = await this.reached(uri);
        const { size } = doc.stamp;
        return { type: vscode.FileType.File, ctime: 0, mtime: (0, documents_1.now)(), size, permissions: vscode.FilePermission.Readonly };
    }
    async text(uri) {
        const doc = await this.reached(uri);
        return doc.fresh ?? (await this.documents.fetch(doc, "buffer/read")).bytes;
    }
    async reached(uri) {
        try {
            return await this.open(uri);
        }
        catch (error) {
            throw vscode.FileSystemError.Unavailable(error.message);
        }
    }
    // As a place to go to
    /** The places in the documents themselves, where they are few: a jump gets there at once. */
    async opening(places) {
        const files = new Map(places.map(({ targetUri }) => [bare(targetUri), targetUri]));
        const missing = [...files.values()].filter((uri) => this.knows(uri));
        if (missing.length > EAGER) {
            return places;
        }
        const found = new Map();
        for (const uri of missing) {
            try {
                found.set(uri.toString(), (await this.open(uri)).uri);
            }
            catch {
                continue; // it is said when somebody goes there
            }
        }
        return places.map((one) => ({ ...one, targetUri: found.get(one.targetUri.toString()) ?? one.targetUri }));
    }
    /** A tab shows such a file: the document takes its place. */
    async redirect(tab) {
        const uri = tab.input instanceof vscode.TabInputText ? tab.input.uri : undefined;
        if (!uri || !this.knows(uri)) {
            return;
        }
        const { viewColumn } = tab.group;
        const { isPreview: preview, isActive } = tab;
        const doc = await this.open(uri);
        const selection = await placed(uri);
        await vscode.commands.executeCommand("vscode.open", doc.uri, {
            viewColumn,
            preview,
            preserveFocus: !isActive,
            selection,
        });
        await tabs.close(uri);
    }
}
exports.Targets = Targets;
/** Where the cursor is to be in what is just being shown. */
async function placed(uri) {
    const key = uri.toString();
    const found = () => vscode.window.visibleTextEditors.find((one) => one.document.uri.toString() === key);
    for (const end = Date.now() + PLACED; Date.now() < end && (found()?.selection.end.line ?? 0) === 0;) {
        await new Promise((done) => setTimeout(done, 20));
    }
    return found()?.selection;
}
function bare(uri) {
    return uri.with({ fragment: "" }).toString();
}
