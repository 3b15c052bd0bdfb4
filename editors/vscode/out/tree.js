"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Tree = exports.VIEW = void 0;
// The view of the opened folders, in the Explorer. A directory is listed when it is shown.
const vscode = require("vscode");
const listing_1 = require("./listing");
const paths_1 = require("./paths");
exports.VIEW = "rbridge.folders";
const WATCHED = 500; // paths, at most
const SETTLED = 50; // ms in which what is expanded may change further
const COMES = 100; // ms in which more of the same is told
const TRIES = 20; // a view that was just made is not there at once
class Tree {
    folders;
    changes = new vscode.EventEmitter();
    onDidChangeTreeData = this.changes.event;
    view;
    roots = new Map();
    expanded = new Map();
    timer;
    stale = new Set();
    looking;
    constructor(folders) {
        this.folders = folders;
        this.view = vscode.window.createTreeView(exports.VIEW, { treeDataProvider: this, showCollapseAll: true });
        this.view.onDidExpandElement(({ element }) => this.opened(element));
        this.view.onDidCollapseElement(({ element }) => this.collapsed(element));
        folders.onDidChange((folder) => this.update(folder));
        folders.reveal = (folder, focus) => this.reveal(folder, focus);
        folders.renewed = (folder, params) => this.changed(folder, params);
    }
    dispose() {
        clearTimeout(this.timer);
        clearTimeout(this.looking);
        this.view.dispose();
    }
    // What VS Code asks
    getParent(row) {
        return row.parent;
    }
    async getChildren(row) {
        if (!row) {
            return this.folders.all.map((folder) => this.root(folder));
        }
        if (!(row instanceof listing_1.Node) || !row.isDirectory) {
            return [];
        }
        row.directory ??= new listing_1.Listing(this.folders, row, (node) => this.changes.fire(node));
        await row.directory.first();
        return row.directory.lines;
    }
    getTreeItem(row) {
        return row instanceof listing_1.Line ? line(row) : row.parent ? this.entry(row) : this.top(row);
    }
    top(node) {
        const { folder } = node;
        const item = new vscode.TreeItem((0, paths_1.visible)(`${folder.host}:${folder.name}`), vscode.TreeItemCollapsibleState.Expanded);
        const status = this.folders.status(folder);
        const words = [status, folder.readOnly ? "read-only" : ""].filter(Boolean).join(", ");
        item.id = node.id;
        item.description = (words && `${words}: `) + (0, paths_1.visible)(folder.path); // what is cut off is the path
        item.tooltip = (0, paths_1.visible)(`${folder.path} on ${folder.host}`) + (words && `\n${words}`);
        item.iconPath = new vscode.ThemeIcon(status ? "debug-disconnect" : "remote");
        item.contextValue = folder.readOnly ? "folder readonly" : "folder";
        return item;
    }
    entry(node) {
        const { entry, folder } = node;
        const state = vscode.TreeItemCollapsibleState;
        const item = new vscode.TreeItem((0, paths_1.visible)(entry.name), node.isDirectory ? state.Collapsed : state.None);
        const link = entry.link === undefined ? "" : `→ ${(0, paths_1.visible)(entry.link)}`;
        const why = entry.outside ? "outside of the folder" : entry.dangling ? "leads nowhere" : "";
        item.id = node.id;
        item.description = [link, why && `(${why})`].filter(Boolean).join(" ") || undefined;
        if (link) {
            item.tooltip = `${(0, paths_1.visible)(folder.full(node.path))}\n${item.description}`; // of others it is their address
        }
        item.resourceUri = folder.at(node.path).with({ query: "" });
        item.iconPath = node.isDirectory
            ? vscode.ThemeIcon.Folder
            : entry.type === "link"
                ? new vscode.ThemeIcon("file-symlink-file")
                : vscode.ThemeIcon.File;
        item.contextValue = `${node.isDirectory ? "directory" : "file"}${folder.readOnly ? " readonly" : ""}`;
        if (!node.isDirectory) {
            item.command = { command: "rbridge.openEntry", title: "Open", arguments: [node] };
        }
        return item;
    }
    // What becomes of it
    /** Show it, and answer when it is seen. */
    async reveal(folder, focus) {
        const root = this.root(folder);
        for (let left = TRIES;; left--) {
            try {
                await this.view.reveal(root, { select: focus, focus, expand: true });
                return;
            }
            catch (error) {
                if (left === 0) {
                    throw error;
                }
                await new Promise((done) => setTimeout(done, SETTLED));
            }
        }
    }
    /** The node of a path, as far as it has been listed. */
    find(folder, path) {
        let node = this.root(folder);
        const wanted = (0, paths_1.key)(path);
        while (node && (0, paths_1.key)(node.path) !== wanted) {
            node = node.directory?.children.find((child) => wanted === (0, paths_1.key)(child.path) || wanted.startsWith(`${(0, paths_1.key)(child.path)}/`));
        }
        return node;
    }
    /** List again what a directory has. */
    async refresh(node) {
        await node.directory?.refresh();
    }
    /** The directory that a path is in has changed, and the one that it has come to. */
    async touched(folder, ...paths) {
        const nodes = new Set(paths.map((path) => this.find(folder, (0, paths_1.above)(path))));
        await Promise.all([...nodes].map((node) => node && this.refresh(node)));
    }
    /** Everything that is shown of it. */
    async refreshAll(folder) {
        const below = (node) => [
            node,
            ...(node.directory?.children ?? []).filter((child) => child.directory).flatMap(below),
        ];
        await Promise.all(below(this.root(folder)).map((node) => this.refresh(node)));
    }
    async more(row) {
        await (row.kind === "more" ? row.parent.directory?.more() : this.refresh(row.parent));
    }
    root(folder) {
        let node = this.roots.get(folder);
        if (!node) {
            node = listing_1.Node.root(folder);
            this.roots.set(folder, node);
            this.expanded.set(folder, new Set([node]));
        }
        return node;
    }
    update(folder) {
        const { all } = this.folders;
        for (const gone of [...this.roots.keys()].filter((one) => !all.includes(one))) {
            this.roots.delete(gone);
            this.expanded.delete(gone);
        }
        const [first] = all;
        this.view.title = first && all.length === 1 ? (0, paths_1.visible)(`rbridge: ${first.host}:${first.name}`) : "rbridge";
        void vscode.commands.executeCommand("setContext", exports.VIEW, all.length > 0);
        this.changes.fire(folder && this.root(folder));
        for (const one of folder ? [folder] : all) {
            if (one.connected && !this.folders.status(one)) {
                void this.refreshAll(one);
                this.watch();
            }
        }
    }
    opened(row) {
        if (row instanceof listing_1.Node) {
            const known = row.directory !== undefined;
            this.expanded.get(row.folder)?.add(row);
            this.watch();
            if (known) {
                void this.refresh(row); // it was not watched meanwhile
            }
        }
    }
    collapsed(row) {
        if (row instanceof listing_1.Node) {
            this.expanded.get(row.folder)?.delete(row);
            this.watch();
        }
    }
    /** Tell the daemon what is shown, once it is clear what that is. */
    watch() {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => {
            for (const folder of this.folders.all) {
                const expanded = [...(this.expanded.get(folder) ?? [])].filter((node) => this.find(folder, node.path) === node);
                const shown = expanded.slice(-WATCHED).map((node) => node.path);
                const params = {
                    paths: shown.filter((path) => !path.encoded).map((path) => path.path),
                    encoded: shown.filter((path) => path.encoded).map((path) => path.path),
                };
                this.folders.ask(folder, "fs/watch", undefined, params).catch(() => undefined); // asked again later
            }
        }, SETTLED);
    }
    changed(folder, params) {
        for (const path of (0, paths_1.several)(params)) {
            const node = this.find(folder, path);
            if (node) {
                this.stale.add(node);
            }
        }
        this.looking ??= setTimeout(() => {
            const nodes = [...this.stale];
            this.looking = undefined;
            this.stale.clear();
            nodes.forEach((node) => void this.refresh(node));
        }, COMES);
    }
    // What the user has chosen
    /** The row that a command was given for, else the one that is selected. */
    chosen(given) {
        const row = given instanceof listing_1.Node || given instanceof listing_1.Line ? given : this.view.selection[0];
        const node = row instanceof listing_1.Line ? row.parent : row;
        return node && this.folders.all.includes(node.folder) ? node : undefined;
    }
    /** Its name as a user reads it. */
    static named(node) {
        return (0, paths_1.visible)((0, paths_1.base)(node.path) || node.folder.name);
    }
}
exports.Tree = Tree;
function line(row) {
    const item = new vscode.TreeItem((0, paths_1.visible)(row.words), vscode.TreeItemCollapsibleState.None);
    item.id = `${row.parent.id}\n${row.kind}`;
    item.tooltip = (0, paths_1.visible)(row.words);
    item.iconPath = new vscode.ThemeIcon(row.kind === "error" ? "warning" : "ellipsis");
    item.contextValue = row.kind;
    item.command = { command: "rbridge.showMore", title: "Show More", arguments: [row] };
    return item;
}
