"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.uris = uris;
exports.all = all;
exports.showing = showing;
exports.active = active;
exports.text = text;
exports.notebook = notebook;
exports.modified = modified;
exports.save = save;
exports.close = close;
// Where documents are shown. VS Code tells only of the tabs at once that one is closed, see README.md.
const vscode = require("vscode");
function uris(tab) {
    const input = tab.input;
    if (input instanceof vscode.TabInputText ||
        input instanceof vscode.TabInputCustom ||
        input instanceof vscode.TabInputNotebook) {
        return [input.uri];
    }
    if (input instanceof vscode.TabInputTextDiff || input instanceof vscode.TabInputNotebookDiff) {
        return [input.modified, input.original];
    }
    return [];
}
function tabs() {
    return vscode.window.tabGroups.all.flatMap((group) => group.tabs);
}
/** What all tabs show. */
function all() {
    const found = new Map(tabs().flatMap(uris).map((uri) => [uri.toString(), uri]));
    return [...found.values()];
}
function showing(uri) {
    const wanted = uri.toString();
    return tabs().filter((tab) => uris(tab).some((one) => one.toString() === wanted));
}
/** The file that the user looks at; of a comparison, the side that can be edited. */
function active() {
    const tab = vscode.window.tabGroups.activeTabGroup?.activeTab;
    return tab && uris(tab)[0];
}
function text(uri) {
    const wanted = uri.toString();
    return vscode.workspace.textDocuments.find((one) => one.uri.toString() === wanted);
}
function notebook(uri) {
    const wanted = uri.toString();
    return vscode.workspace.notebookDocuments.find((one) => one.uri.toString() === wanted);
}
function modified(uri) {
    const document = text(uri) ?? notebook(uri);
    return document?.isDirty || showing(uri).some((tab) => tab.isDirty);
}
async function save(uri) {
    const document = text(uri) ?? notebook(uri);
    if (document) {
        return document.save();
    }
    return (await vscode.workspace.save(uri)) !== undefined; // too large for us to see
}
async function close(uri) {
    await vscode.window.tabGroups.close(showing(uri), true);
}
