"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Search = exports.Hits = exports.Match = exports.RESULTS = void 0;
// Search in the files of a folder: a query with its options, and a view of what is found, as it is found.
const vscode = require("vscode");
const matches_1 = require("./matches");
const paths_1 = require("./paths");
exports.RESULTS = "rbridge.results";
const LIMIT = 2000; // matches
const REDRAW = 100; // ms
const BELOW = 10_000; // of all the folder, where those of one directory are picked out here: a glob would search
// what is ignored, too
const CANCELLED = -32800;
class Match {
    file;
    said;
    constructor(file, said) {
        this.file = file;
        this.said = said;
    }
}
exports.Match = Match;
/** A file with matches. */
class Hits {
    path;
    matches = [];
    constructor(path) {
        this.path = path;
    }
}
exports.Hits = Hits;
const OPTIONS = [
    { name: "case", icon: "case-sensitive", words: "match case" },
    { name: "word", icon: "whole-word", words: "whole words" },
    { name: "regex", icon: "regex", words: "regular expression" },
];
class Search {
    folders;
    acts;
    changes = new vscode.EventEmitter();
    onDidChangeTreeData = this.changes.event;
    view;
    on = new Set();
    files = new Map();
    folder;
    asked;
    timer;
    query = "";
    constructor(folders, acts) {
        this.folders = folders;
        this.acts = acts;
        this.view = vscode.window.createTreeView(exports.RESULTS, { treeDataProvider: this, showCollapseAll: true });
        folders.onDidChange(() => {
            if (this.folder && !folders.all.includes(this.folder)) {
                this.clear();
            }
        });
    }
    dispose() {
        this.cancel();
        clearTimeout(this.timer);
        this.view.dispose();
    }
    // What VS Code asks
    getParent(row) {
        return row instanceof Match ? row.file : undefined;
    }
    getChildren(row) {
        return row ? (row instanceof Hits ? row.matches : []) : [...this.files.values()];
    }
    getTreeItem(row) {
        if (row instanceof Hits) {
            const item = new vscode.TreeItem((0, paths_1.visible)(row.path.path), vscode.TreeItemCollapsibleState.Expanded);
            item.description = String(row.matches.length);
            item.resourceUri = this.folder?.at(row.path);
            item.iconPath = vscode.ThemeIcon.File;
            return item;
        }
        const { said } = row;
        const item = new vscode.TreeItem((0, matches_1.drawn)(said));
        item.description = `${said.line}`;
        item.tooltip = `${(0, paths_1.visible)(said.path)}:${said.line}:${said.column}`;
        item.command = { command: "rbridge.openMatch", title: "Open", arguments: [row] };
        return item;
    }
    // What the user does
    /** rbridge.search */
    async begin(given) {
        const found = await this.acts.where(given, false);
        if (found) {
            const at = given ? found[1] : paths_1.TOP; // without a directory that was clicked, all of it
            const query = await this.ask(found[0], at);
            await (query && this.run(found[0], at, query));
        }
    }
    async open(row) {
        const { line, column } = row.said;
        await (this.folder && this.acts.go(this.folder, row.file.path, { line, column }, true));
    }
    /** rbridge.cancelSearch */
    cancel() {
        this.asked?.abort();
    }
    /** rbridge.clearSearch */
    clear() {
        this.reset(undefined);
        void vscode.commands.executeCommand("setContext", exports.RESULTS, false);
        this.changes.fire(undefined);
    }
    reset(folder) {
        this.cancel();
        this.asked = undefined;
        this.files = new Map();
        this.folder = folder;
        void vscode.commands.executeCommand("setContext", "rbridge.searching", false);
    }
    /** The words, with buttons for how they are meant. */
    async ask(folder, at) {
        const box = vscode.window.createInputBox();
        const buttons = OPTIONS.map((option) => ({ option, button: { iconPath: new vscode.ThemeIcon(option.icon) } }));
        const draw = () => {
            const chosen = OPTIONS.filter(({ name }) => this.on.has(name)).map(({ words }) => words);
            box.prompt = chosen.length ? `With ${chosen.join(", ")}` : "Enter searches; the buttons say how";
            box.buttons = buttons.map(({ option, button }) => Object.assign(button, { tooltip: `${this.on.has(option.name) ? "Without" : "With"}: ${option.words}` }));
        };
        box.title = `Search in ${(0, paths_1.visible)(at.path ? `${at.path} of ${folder.where}` : folder.where)}`;
        box.value = this.query;
        draw();
        try {
            return await new Promise((done) => {
                box.onDidTriggerButton((button) => {
                    const name = buttons.find((one) => one.button === button)?.option.name;
                    if (name && !this.on.delete(name)) {
                        this.on.add(name);
                    }
                    draw();
                });
                box.onDidAccept(() => done(box.value));
                box.onDidHide(() => done(undefined));
                box.show();
            });
        }
        finally {
            box.dispose();
        }
    }
    async run(folder, at, query) {
        this.reset(folder);
        const asked = (this.asked = new AbortController());
        this.query = query;
        const params = {
            query,
            limit: at.path ? BELOW : LIMIT,
            regex: this.on.has("regex"),
            word: this.on.has("word"),
            case: this.on.has("case") ? "yes" : "smart",
        };
        this.say("searching");
        await vscode.commands.executeCommand("setContext", exports.RESULTS, true);
        void vscode.commands.executeCommand("setContext", "rbridge.searching", true);
        void vscode.commands.executeCommand(`${exports.RESULTS}.focus`);
        let end;
        try {
            const work = this.folders.stream(folder, "fs/search", params, asked.signal, (some) => {
                if (this.asked === asked) {
                    this.take(some.matches ?? [], at);
                }
            });
            void vscode.window.withProgress({ location: { viewId: exports.RESULTS } }, () => work.catch(() => undefined));
            const result = await work;
            this.take(result.matches ?? [], at);
            end = result.truncated ? `there are more: only the first ${this.count} are listed` : "";
        }
        catch (error) {
            const { code, message } = error;
            end = code === CANCELLED || asked.signal.aborted ? "cancelled" : message;
        }
        if (this.asked === asked) {
            this.say(end || (this.count ? "" : "nothing found"));
            void vscode.commands.executeCommand("setContext", "rbridge.searching", false);
            this.draw();
        }
    }
    get count() {
        return [...this.files.values()].reduce((sum, file) => sum + file.matches.length, 0);
    }
    say(words) {
        this.view.message = words ? (0, paths_1.visible)(`${this.folder?.where ?? ""}: ${words}`) : undefined;
        this.view.title = (0, paths_1.visible)(`Search: ${this.query}`);
    }
    take(matches, at) {
        for (const said of matches) {
            const path = { path: said.path, encoded: said.encoded === true };
            if ((0, paths_1.within)(path, at)) {
                const file = this.files.get((0, paths_1.key)(path)) ?? new Hits(path);
                file.matches.push(new Match(file, said));
                this.files.set((0, paths_1.key)(path), file);
            }
        }
        this.timer ??= setTimeout(() => this.draw(), REDRAW);
    }
    draw() {
        clearTimeout(this.timer);
        this.timer = undefined;
        this.view.description = this.count ? `${this.count} in ${this.files.size} files` : undefined;
        this.changes.fire(undefined);
    }
}
exports.Search = Search;
