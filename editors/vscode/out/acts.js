"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Acts = void 0;
// What a user does with a folder: open, make, rename, remove.
const vscode = require("vscode");
const messages_1 = require("./messages");
const paths_1 = require("./paths");
const peer_1 = require("./peer");
const UNCONFIRMED = -32014;
const PINS = 500; // ms between two clicks that are one double click
class Acts {
    folders;
    tree;
    documents;
    files;
    show;
    /** Where in its folder a document was opened: its own path does not tell that of a name that is no text. */
    places = new WeakMap();
    last;
    constructor(folders, tree, documents, files, show) {
        this.folders = folders;
        this.tree = tree;
        this.documents = documents;
        this.files = files;
        this.show = show;
    }
    /** A row was clicked: once for a look, twice to keep it. */
    async open(node) {
        const before = this.last;
        const at = Date.now();
        if (before?.node === node && at - before.at < PINS && (await before.opened)) {
            await vscode.commands.executeCommand("workbench.action.keepEditor");
            return;
        }
        const work = this.go(node.folder, node.path, {}, true);
        const opened = work.then(() => true, () => false);
        this.last = { node, at, opened };
        await work;
    }
    /** Open a file, at a line and a column if there are any. */
    async go(folder, path, place = {}, preview = false) {
        try {
            const params = await this.folders.ask(folder, "fs/open", path, place);
            if (params.viewer) {
                (0, messages_1.say)("info", `${params.name} is shown by ${params.viewer}, for reading`);
            }
            else {
                await this.show(params, preview);
                const doc = this.documents.byId.get(params.id);
                if (doc) {
                    this.places.set(doc, path);
                }
            }
        }
        catch (error) {
            await this.tree.touched(folder, path); // what is shown of it may be stale
            throw error;
        }
    }
    async make(given, kind) {
        const found = await this.where(given, true);
        if (!found) {
            return;
        }
        const [folder, at] = found;
        const title = `New ${kind === "file" ? "File" : "Folder"} in ${(0, paths_1.visible)(folder.where)}`;
        const path = await this.ask(title, at.path && `${at.path}/`, at.encoded);
        if (!path) {
            return;
        }
        await this.folders.ask(folder, "fs/make", path, { kind });
        await this.tree.touched(folder, path);
        if (kind === "file") {
            await this.go(folder, path);
        }
    }
    async rename(given) {
        const node = this.entry(given);
        if (!node || !this.writable(node.folder)) {
            return;
        }
        const { folder, path } = node;
        const title = `Rename ${(0, paths_1.visible)(path.path)} in ${(0, paths_1.visible)(folder.where)}`;
        const start = path.path.length - (0, paths_1.base)(path).length;
        const dot = path.path.lastIndexOf(".");
        const stem = node.isDirectory || dot <= start ? path.path.length : dot;
        const to = await this.ask(title, path.path, path.encoded, [start, stem]);
        if (to && to.path !== path.path) {
            await this.folders.ask(folder, "fs/move", path, { to: to.path });
            try {
                await this.follow(folder, path, to);
            }
            finally {
                await this.tree.touched(folder, path, to);
            }
        }
    }
    /** Tabs of what was moved have its new name. */
    async follow(folder, path, to) {
        for (const doc of [...this.documents.byId.values()]) {
            const place = this.placeOf(folder, doc);
            if (place && !doc.lost && (0, paths_1.within)(place, path)) {
                const moved = { path: (0, paths_1.key)(to) + (0, paths_1.key)(place).slice((0, paths_1.key)(path).length), encoded: true };
                const head = await this.folders.ask(folder, "fs/open", moved); // it is open: this tells what it is called now
                if (head.id === doc.id) {
                    await this.rehouse(doc, vscode.Uri.parse(head.uri, true));
                    this.places.set(doc, moved);
                }
            }
        }
    }
    placeOf(folder, doc) {
        const around = doc.host === folder.host ? this.folders.below(folder, doc.path) : undefined;
        return around && (this.places.get(doc) ?? around);
    }
    /** VS Code itself takes along what is typed there, to a tab in the same place. */
    async rehouse(doc, uri) {
        if (uri.path === doc.uri.path) {
            return;
        }
        const edit = new vscode.WorkspaceEdit();
        edit.renameFile(doc.uri, uri);
        this.files.moved = uri;
        doc.opening = true; // one tab goes, another comes
        try {
            await vscode.workspace.applyEdit(edit);
        }
        finally {
            this.files.moved = undefined;
            doc.opening = false;
            this.documents.changed();
        }
    }
    async remove(given) {
        const node = this.entry(given);
        if (!node || !this.writable(node.folder)) {
            return;
        }
        const { folder, path } = node;
        let question;
        try {
            await this.folders.ask(folder, "fs/remove", path);
            return; // never without a question
        }
        catch (error) {
            if (!(error instanceof peer_1.RpcError) || error.code !== UNCONFIRMED) {
                throw error;
            }
            question = `${(0, paths_1.visible)(path.path)} on ${(0, paths_1.visible)(folder.host)}: remove ${what(error.data)}?`;
        }
        if (await this.sure(question, "Remove", "It is not moved to a trash.")) {
            await this.folders.ask(folder, "fs/remove", path, { recursive: node.isDirectory, confirmed: true });
            await this.tree.touched(folder, path);
        }
    }
    async refresh(given) {
        const node = this.tree.chosen(given);
        if (given && node) {
            await this.tree.refresh(node.isDirectory ? node : (node.parent ?? node));
            return;
        }
        this.some();
        await Promise.all(this.folders.all.map((folder) => this.tree.refreshAll(folder)));
    }
    async close(given) {
        const found = await this.where(given, false);
        await (found && this.folders.close(found[0]));
    }
    /** A folder, and the directory in it that the user means: by a row, the selection, or a choice. */
    async where(given, writes) {
        this.some();
        const node = this.tree.chosen(given);
        if (node) {
            const at = node.isDirectory ? node.path : (0, paths_1.above)(node.path);
            return writes && !this.writable(node.folder) ? undefined : [node.folder, at];
        }
        const [only, ...others] = this.folders.all;
        const items = this.folders.all.map((folder) => ({ label: `${folder.host}:${folder.name}`, folder }));
        const chosen = others.length ? (await vscode.window.showQuickPick(items))?.folder : only;
        return chosen && (!writes || this.writable(chosen)) ? [chosen, paths_1.TOP] : undefined;
    }
    some() {
        if (this.folders.all.length === 0) {
            throw new Error("no folder of a host is open: run rbridge open DIR there");
        }
    }
    entry(given) {
        this.some();
        const node = this.tree.chosen(given);
        if (!node?.parent) {
            (0, messages_1.say)("info", "choose a file or a directory in the view of the folder first");
            return undefined;
        }
        return node;
    }
    writable(folder) {
        if (folder.readOnly) {
            (0, messages_1.say)("error", `${folder.where} is read-only`);
        }
        return !folder.readOnly;
    }
    async ask(title, value, encoded, select) {
        const prompt = encoded ? "Path in the folder; %XX stands for a byte" : "Path in the folder";
        const valueSelection = select ?? [value.length, value.length];
        const typed = await vscode.window.showInputBox({ title, prompt, value, valueSelection });
        const path = typed?.replace(/^\/+|\/+$/g, "");
        return path ? { path, encoded } : undefined;
    }
    async sure(message, button, detail) {
        return (await vscode.window.showWarningMessage(message, { modal: true, detail }, button)) === button;
    }
}
exports.Acts = Acts;
/** What would be removed. */
function what(data) {
    if (data.type === "directory") {
        const count = data.entries ?? 0;
        const entries = count === 1 ? "1 entry" : `${count.toLocaleString("en")} entries`;
        return count ? `the directory with ${data.more ? "more than " : ""}${entries}` : "the empty directory";
    }
    return data.type === "link" ? "the link" : "the file";
}
