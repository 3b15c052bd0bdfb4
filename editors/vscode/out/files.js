"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Files = void 0;
// The file system of `rbridge:` and `rbridge-theirs:`: what VS Code's own editors read and write. A URI with an
// id is a document; one without is a file of a folder that is shown, for reading.
const vscode = require("vscode");
const bytes_1 = require("./bytes");
const documents_1 = require("./documents");
const inside = require("./inside");
const peer_1 = require("./peer");
const saving_1 = require("./saving");
const tabs = require("./tabs");
const words_1 = require("./words");
const ID = /^[0-9a-f]{24}$/;
const IN_THE_VIEW = "files and folders of a host are made, renamed and removed in the view of its folder";
const NOTHING = new vscode.Disposable(() => { });
class Files {
    documents;
    folders;
    emitter = new vscode.EventEmitter();
    onDidChangeFile = this.emitter.event;
    /** Somebody asked for a document that is not there any more. */
    missing = () => { };
    /** The files that language servers name. */
    targets;
    /** What a document is called from now on, which the host has moved already. */
    moved;
    constructor(documents, folders) {
        this.documents = documents;
        this.folders = folders;
    }
    /** Have the editor look at a file again. */
    fire(uri) {
        this.emitter.fire([{ type: vscode.FileChangeType.Changed, uri }]);
    }
    watch() {
        return NOTHING; // the daemon watches all that is open
    }
    async stat(uri) {
        if (this.isInside(uri)) {
            return this.named(uri)?.stat(uri) ?? inside.stat(this.folders, uri);
        }
        const doc = await this.wanted(uri);
        const inConflict = doc.state === "conflict" && !doc.force && uri.scheme !== documents_1.THEIRS;
        doc.conflictSeen = inConflict;
        const stamp = (inConflict && doc.theirs) || doc.stamp;
        const permissions = doc.readOnly || uri.scheme === documents_1.THEIRS ? vscode.FilePermission.Readonly : undefined;
        return { type: vscode.FileType.File, ctime: 0, ...stamp, permissions };
    }
    async readFile(uri) {
        if (this.isInside(uri)) {
            return this.named(uri)?.text(uri) ?? inside.read(this.folders, uri);
        }
        const doc = await this.wanted(uri);
        if (doc.fresh && uri.scheme !== documents_1.THEIRS) {
            const bytes = doc.fresh;
            doc.fresh = undefined;
            return bytes;
        }
        if (doc.lost) {
            throw this.notConnected(uri);
        }
        try {
            const theirs = uri.scheme === documents_1.THEIRS || (doc.state === "conflict" && !doc.reading);
            const bytes = await this.read(doc, theirs);
            if (uri.scheme !== documents_1.THEIRS) {
                doc.note(bytes);
                doc.read = theirs ? (0, bytes_1.digest)(bytes) : "";
                doc.reading?.();
            }
            return bytes;
        }
        catch (error) {
            throw vscode.FileSystemError.Unavailable((0, words_1.plain)(`${doc.where} cannot be read: ${error.message}`));
        }
    }
    async writeFile(uri, content, options) {
        const doc = this.documents.of(uri);
        if (!doc || uri.scheme === documents_1.THEIRS) {
            throw options.create
                ? vscode.FileSystemError.NoPermissions("files are made on the host: rbridge open NAME")
                : this.notConnected(uri);
        }
        await (0, saving_1.write)(this.documents, doc, Buffer.from(content.buffer, content.byteOffset, content.byteLength));
    }
    async readDirectory(uri) {
        return inside.list(this.folders, uri);
    }
    createDirectory() {
        throw vscode.FileSystemError.NoPermissions(IN_THE_VIEW);
    }
    delete() {
        throw vscode.FileSystemError.NoPermissions(IN_THE_VIEW);
    }
    /** What the view has moved gets its new name here; else it is moved now: a rename that is undone. */
    async rename(before, after) {
        const doc = this.documents.of(before);
        if (!doc || doc.lost || before.scheme === documents_1.THEIRS || before.query !== after.query) {
            throw vscode.FileSystemError.NoPermissions(IN_THE_VIEW);
        }
        if (this.moved?.toString() !== after.toString()) {
            await inside.move(this.folders, before, after);
        }
        doc.uri = after;
        doc.path = after.path;
        doc.name = after.path.slice(after.path.lastIndexOf("/") + 1);
    }
    /** What is no document: VS Code asks for a directory around one, too, with its id. */
    isInside(uri) {
        const doc = this.documents.of(uri);
        const other = doc !== undefined && doc.uri.path !== uri.path && this.moved?.path !== uri.path;
        return uri.query === "" || other;
    }
    /** What a language server has named, and no folder has. */
    named(uri) {
        return this.targets?.knows(uri) && !this.folders.holding(uri) ? this.targets : undefined;
    }
    async read(doc, theirs) {
        if (theirs) {
            try {
                return (await this.documents.fetch(doc, "buffer/theirs")).bytes;
            }
            catch (error) {
                if (!(error instanceof peer_1.RpcError) || error.code !== documents_1.NO_CONFLICT) {
                    throw error;
                }
            }
        }
        return (await this.documents.fetch(doc, "buffer/read")).bytes;
    }
    async wanted(uri) {
        if (!ID.test(uri.query)) {
            throw vscode.FileSystemError.FileNotFound(uri); // no document has such a name
        }
        if (this.documents.closed.has(uri.query) && tabs.showing(uri).length === 0) {
            throw vscode.FileSystemError.FileNotFound(uri); // VS Code asks for what was closed, too
        }
        const doc = this.documents.of(uri) ?? (await this.documents.seek(uri));
        if (doc && doc.uri.path !== uri.path) {
            throw vscode.FileSystemError.FileNotFound(uri); // it has another name now
        }
        if (!doc) {
            this.missing(uri);
            throw this.notConnected(uri);
        }
        return doc;
    }
    notConnected(uri) {
        const name = uri.path.slice(uri.path.lastIndexOf("/") + 1);
        const next = `run "rbridge: Reopen", or rbridge open ${uri.path} there`;
        return vscode.FileSystemError.Unavailable((0, words_1.plain)(`${name} on ${uri.authority} is not connected: ${next}`));
    }
}
exports.Files = Files;
