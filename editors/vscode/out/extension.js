"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.activate = activate;
// rbridge: files of remote hosts as documents, with no file on this machine. See README.md.
const vscode = require("vscode");
const acts_1 = require("./acts");
const conflict_1 = require("./conflict");
const documents_1 = require("./documents");
const files_1 = require("./files");
const finding_1 = require("./finding");
const folders_1 = require("./folders");
const listing_1 = require("./listing");
const link_1 = require("./link");
const languages_1 = require("./lsp/languages");
const targets_1 = require("./lsp/targets");
const messages_1 = require("./messages");
const reopening_1 = require("./reopening");
const searching_1 = require("./searching");
const session_1 = require("./session");
const status_1 = require("./status");
const tabs = require("./tabs");
const tree_1 = require("./tree");
const MOVED = 150; // ms in which a tab that moves to another group is closed and opened again
function activate(context) {
    const link = new link_1.Link();
    const documents = new documents_1.Documents(link);
    const folders = new folders_1.Folders(link);
    const files = new files_1.Files(documents, folders);
    const reopening = new reopening_1.Reopening(documents, files);
    const status = new status_1.Status(documents);
    const session = new session_1.Session(documents, files, folders, context.extension.packageJSON.version);
    const tree = new tree_1.Tree(folders);
    const acts = new acts_1.Acts(folders, tree, documents, files, (params, preview) => session.open(params, preview));
    const search = new searching_1.Search(folders, acts);
    const targets = new targets_1.Targets(documents, () => release(documents));
    files.targets = targets;
    files.missing = (uri) => void reopening.missing(uri);
    const on = (...disposables) => context.subscriptions.push(...disposables);
    const command = (name, run) => on(vscode.commands.registerCommand(`rbridge.${name}`, run));
    const settling = (act) => async (uri) => {
        const doc = (0, conflict_1.of)(documents, uri);
        try {
            await (doc && act(doc));
        }
        catch (error) {
            (0, messages_1.say)("error", error.message);
        }
    };
    on(vscode.workspace.registerFileSystemProvider(documents_1.SCHEME, files, { isCaseSensitive: true }), vscode.workspace.registerFileSystemProvider(documents_1.THEIRS, files, { isCaseSensitive: true, isReadonly: true }));
    const acting = (name, run) => command(name, (given) => run(given).catch((error) => (0, messages_1.say)("error", error.message)));
    // The menu of a row gives that row, but nothing while it is drawn anew: then what is selected is not meant.
    const onRow = (name, run) => command(name, (...given) => given.length > 0 && given[0] === undefined
        ? (0, messages_1.say)("info", "what is in the folder has just changed: choose it again")
        : run(given[0]).catch((error) => (0, messages_1.say)("error", error.message)));
    acting("openEntry", async (given) => (given instanceof listing_1.Node ? acts.open(given) : undefined));
    acting("showMore", async (given) => (given instanceof listing_1.Line ? tree.more(given) : undefined));
    acting("openMatch", async (given) => (given instanceof searching_1.Match ? search.open(given) : undefined));
    onRow("newFile", (given) => acts.make(given, "file"));
    onRow("newFolder", (given) => acts.make(given, "directory"));
    onRow("rename", (given) => acts.rename(given));
    onRow("remove", (given) => acts.remove(given));
    acting("refresh", (given) => acts.refresh(given));
    acting("findFile", (given) => (0, finding_1.find)(folders, acts, given));
    acting("search", (given) => search.begin(given));
    acting("cancelSearch", async () => search.cancel());
    acting("clearSearch", async () => search.clear());
    onRow("closeFolder", (given) => acts.close(given));
    command("status", () => (0, status_1.list)(documents));
    command("reopen", (uri) => reopening.reopen(uri));
    command("compare", settling(conflict_1.compare));
    command("overwrite", settling(conflict_1.overwrite));
    command("reload", settling((doc) => (0, conflict_1.theirs)(documents, files, doc)));
    const focus = () => {
        status.show();
        if (vscode.window.state.focused) {
            const doc = documents.active();
            link.notify("buffer/focus", doc && !doc.lost ? { id: doc.id } : {});
        }
    };
    const look = (uri) => {
        const doc = documents.of(uri);
        if (doc && uri.scheme === documents_1.SCHEME) {
            const typed = doc.typed;
            doc.typed = documents.modified(doc);
            if (typed !== doc.typed) {
                status.show();
            }
            if (typed && !doc.typed) {
                void (0, conflict_1.reverted)(documents, doc);
            }
        }
    };
    on(status, tree, search, documents.onDidChange(() => status.show()), vscode.window.onDidChangeWindowState(focus), vscode.window.onDidChangeActiveTextEditor(focus), vscode.workspace.onDidChangeTextDocument((event) => look(event.document.uri)), vscode.workspace.onDidChangeNotebookDocument((event) => look(event.notebook.uri)), vscode.workspace.onDidSaveTextDocument((document) => look(document.uri)), vscode.window.tabGroups.onDidChangeTabGroups(focus), vscode.window.tabGroups.onDidChangeTabs((event) => {
        focus();
        [...documents.byId.values()].forEach((doc) => look(doc.uri));
        for (const tab of [...event.opened, ...event.changed]) {
            // Restored, maybe with unsaved text: that VS Code does not read from here.
            const missing = (uri) => uri.scheme === documents_1.SCHEME && !documents.of(uri) && !targets.knows(uri);
            const unknown = tabs.uris(tab).filter(missing);
            const redirected = targets.redirect(tab);
            redirected.catch((error) => (0, messages_1.say)("error", error.message));
            unknown.forEach((uri) => void restore(documents, reopening, uri, tab.isDirty));
        }
        if (event.closed.length > 0) {
            setTimeout(() => release(documents), MOVED);
        }
    }), new languages_1.Languages(documents, targets), targets, { dispose: () => link.stop() });
    link.start(session);
    return { attached: () => link.ready };
}
/** A tab of an earlier life of this window. One without changes is told of when VS Code reads it. */
async function restore(documents, reopening, uri, dirty) {
    if (!(await documents.seek(uri)) && dirty) {
        await reopening.missing(uri);
    }
}
/** The documents that are shown nowhere any more are closed on their hosts. */
function release(documents) {
    for (const doc of [...documents.byId.values()]) {
        if (!doc.opening && !doc.held && tabs.showing(doc.uri).length === 0) {
            documents.drop(doc);
            if (!doc.lost) {
                documents.link.ask("buffer/close", { id: doc.id }).catch(() => undefined);
            }
        }
    }
}
