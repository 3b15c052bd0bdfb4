"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Reopening = void 0;
// A restored tab, or a recent file, whose document is not there any more.
const vscode = require("vscode");
const documents_1 = require("./documents");
const messages_1 = require("./messages");
const tabs = require("./tabs");
const SHOWN = 500; // ms until a tab that asks for it is known
const REOPEN = "Reopen";
const COPY = "Copy Command";
function word(path) {
    return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replace(/'/g, "'\\''")}'`;
}
class Reopening {
    documents;
    files;
    told = new Set();
    constructor(documents, files) {
        this.documents = documents;
        this.files = files;
    }
    /** Say so where a tab shows it, once for each. */
    async missing(uri) {
        await new Promise((done) => setTimeout(done, SHOWN));
        if (this.told.has(uri.toString()) || tabs.showing(uri).length === 0) {
            return;
        }
        this.told.add(uri.toString());
        const name = uri.path.slice(uri.path.lastIndexOf("/") + 1);
        const answer = await (0, messages_1.ask)(`${name} on ${uri.authority} is not connected: Reopen`, REOPEN, COPY);
        if (answer === REOPEN) {
            await this.reopen(uri);
        }
        else if (answer === COPY) {
            await this.copy(uri);
        }
    }
    /** rbridge.reopen: the document itself, another one of the same file, or how to get it. */
    async reopen(given) {
        const uri = given instanceof vscode.Uri ? given : tabs.active();
        if (uri?.scheme !== documents_1.SCHEME) {
            (0, messages_1.say)("error", "this is no text of a host");
            return;
        }
        this.documents.link.hurry();
        await this.documents.link.met();
        const doc = this.documents.of(uri);
        if (doc && !doc.lost && this.documents.link.ready) {
            if (!tabs.modified(uri)) {
                this.files.fire(uri);
                await vscode.commands.executeCommand("vscode.open", uri, { preview: false });
            }
            return;
        }
        const same = [...this.documents.byId.values()].find((one) => !one.lost && one.uri.authority === uri.authority && one.uri.path === uri.path);
        if (same) {
            await vscode.commands.executeCommand("vscode.open", same.uri, { preview: false });
            return;
        }
        const why = this.documents.link.ready ? "" : "rbridge is not running on this machine; start it, then ";
        const answer = await (0, messages_1.ask)(`${why}run this on ${uri.authority}: rbridge open ${word(uri.path)}`, COPY);
        if (answer === COPY) {
            await this.copy(uri);
        }
    }
    async copy(uri) {
        await vscode.env.clipboard.writeText(`rbridge open ${word(uri.path)}`);
    }
}
exports.Reopening = Reopening;
