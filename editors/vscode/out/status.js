"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Status = void 0;
exports.list = list;
// The status bar, and the list behind it.
const vscode = require("vscode");
const messages_1 = require("./messages");
const words_1 = require("./words");
const WARN = new Set(["conflict", "not connected", "waiting", "closed", "no rbridge"]);
class Status {
    documents;
    item = vscode.window.createStatusBarItem("rbridge", vscode.StatusBarAlignment.Left, 50);
    constructor(documents) {
        this.documents = documents;
        this.item.name = "rbridge";
        this.item.command = "rbridge.status";
    }
    show() {
        const doc = this.documents.active();
        if (!doc) {
            this.item.hide();
            return;
        }
        const state = this.documents.status(doc);
        this.item.text = `$(remote) ${(0, words_1.plain)(doc.host)}: ${state}`;
        this.item.tooltip = [`${doc.path || doc.name} on ${doc.host}`, doc.message].filter(Boolean).join("\n");
        const warns = WARN.has(state);
        this.item.backgroundColor = warns ? new vscode.ThemeColor("statusBarItem.warningBackground") : undefined;
        this.item.show();
    }
    dispose() {
        this.item.dispose();
    }
}
exports.Status = Status;
/** rbridge.status: what is open, and how it stands. */
async function list(documents) {
    const { link } = documents;
    const items = [...documents.byId.values()].map((doc) => ({
        label: (0, words_1.plain)(doc.name),
        description: (0, words_1.plain)(`${doc.host}: ${documents.status(doc)}`),
        detail: (0, words_1.plain)(doc.message || doc.path),
        doc,
    }));
    const where = link.ready ? `attached to ${link.server}` : "rbridge is not running on this machine: rbridge serve";
    if (items.length === 0) {
        (0, messages_1.say)("info", `${where}; no text of a host is open`);
        return;
    }
    const chosen = await vscode.window.showQuickPick(items, { placeHolder: where, matchOnDescription: true });
    if (chosen) {
        await vscode.commands.executeCommand("vscode.open", chosen.doc.uri, { preview: false });
    }
}
