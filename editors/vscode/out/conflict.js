"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.of = of;
exports.compare = compare;
exports.tell = tell;
exports.overwrite = overwrite;
exports.theirs = theirs;
exports.reverted = reverted;
// The host's file is another one than the text here stands on: compare, overwrite, reload.
const vscode = require("vscode");
const documents_1 = require("./documents");
const messages_1 = require("./messages");
const peer_1 = require("./peer");
const reloading_1 = require("./reloading");
const tabs = require("./tabs");
const SETTLES = 10_000; // ms
/** The command's document: the one it was called for, else the one that the user looks at. */
function of(documents, uri) {
    const doc = uri instanceof vscode.Uri ? documents.of(uri) : documents.active();
    if (!doc || doc.lost) {
        (0, messages_1.say)("error", "this is no text of a host, or not connected any more");
        return undefined;
    }
    return doc;
}
async function compare(doc) {
    const theirs = doc.uri.with({ scheme: documents_1.THEIRS });
    const title = `${doc.name}: on ${doc.host} ↔ here`;
    await vscode.commands.executeCommand("vscode.diff", theirs, doc.uri, title, { preview: false });
}
/** Say that both have changed, and what can be done; VS Code itself asks only when it is saved. */
async function tell(documents, files, doc) {
    const acts = {
        Compare: () => compare(doc),
        Overwrite: () => overwrite(doc),
        Reload: () => theirs(documents, files, doc),
    };
    const answer = await (0, messages_1.ask)(`${doc.name} was changed on ${doc.host} and here`, ...Object.keys(acts));
    if (answer !== undefined && doc.state === "conflict" && !doc.lost) {
        await acts[answer]?.();
    }
}
/** This text goes to the host, whatever is there. */
async function overwrite(doc) {
    doc.force = true;
    try {
        await tabs.save(doc.uri);
    }
    finally {
        doc.force = false;
    }
}
/** The host's text comes here, this one is given up. It follows by buffer/changed. */
async function theirs(documents, files, doc) {
    try {
        await documents.link.ask("buffer/resolve", { id: doc.id, choose: "theirs" });
    }
    catch (error) {
        if (!(error instanceof peer_1.RpcError) || error.code !== documents_1.NO_CONFLICT) {
            throw error;
        }
        const { base, bytes } = await documents.fetch(doc, "buffer/read");
        await (0, reloading_1.reload)(documents, files, doc, base, bytes.length, true);
    }
}
/**
 * VS Code's own ways out: "Revert File" and "Discard" read the host's text, and the document is unmodified then
 * without a save.
 */
async function reverted(documents, doc) {
    if (doc.state !== "conflict" || doc.saving || doc.reading || doc.lost || documents.modified(doc)) {
        return;
    }
    let timer;
    doc.settling = new Promise((done) => {
        doc.settle = done;
        timer = setTimeout(done, SETTLES);
    });
    documents.clean(doc, doc.base, doc.theirs?.size);
    try {
        await documents.link.ask("buffer/resolve", { id: doc.id, choose: "theirs" });
        await doc.settling; // what the editor shows already comes by buffer/changed
    }
    catch {
        // It was settled elsewhere, or is offered again when the connection is back.
    }
    finally {
        clearTimeout(timer);
        doc.settle();
        doc.settling = undefined;
        documents.changed();
    }
}
