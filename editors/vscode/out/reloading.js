"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.changed = changed;
exports.reload = reload;
// The host's text into a document that is open already.
const vscode = require("vscode");
const tabs = require("./tabs");
const READ = 10_000; // ms for the editor to read it
const AGAIN = 3;
const TAKE = 1000; // ms from there until it is shown; nothing tells where the text was the same after all
/** buffer/changed: whether the text could be taken; the daemon is told. */
async function changed(documents, files, doc, params) {
    const shown = doc.settling !== undefined && doc.read === params.base;
    if (shown) {
        documents.clean(doc, params.base); // also if something was typed since
    }
    const taken = shown || (await reload(documents, files, doc, params.base, params.size, params.force === true));
    try {
        await documents.link.ask("buffer/taken", { id: doc.id, base: params.base, taken });
    }
    catch {
        return taken; // not offered any more: another one follows, or the connection is gone
    }
    finally {
        doc.settle();
    }
    return taken;
}
/** Have the editor read the host's text again; not over what was changed here, unless `force`. */
async function reload(documents, files, doc, base, size, force) {
    await doc.asking; // a save that runs meanwhile would undo it
    const modified = documents.modified(doc);
    if ((modified || doc.saving) && !force) {
        return false;
    }
    const before = { stamp: doc.stamp, base: doc.base };
    doc.sent = undefined;
    documents.clean(doc, base, size ?? doc.stamp.size);
    if (!tabs.text(doc.uri) && tabs.showing(doc.uri).length === 0) {
        return true; // it reads it when it is shown
    }
    const start = () => (documents.modified(doc) ? revert(doc) : files.fire(doc.uri));
    let taken = await watch(doc, start);
    for (let left = AGAIN; force && !taken && left > 0; left--) {
        taken = await watch(doc, start); // it was saved or typed into at that moment
    }
    if (!taken) {
        doc.base = before.base;
        doc.stamp = before.stamp;
    }
    return taken;
}
/** Start it, and wait until the editor has read the file and shows what it read. */
async function watch(doc, start) {
    let served = false;
    let timer;
    const events = [];
    try {
        return await new Promise((resolve) => {
            const over = () => resolve(!tabs.modified(doc.uri));
            timer = setTimeout(over, READ);
            doc.reading = () => {
                served = true;
                clearTimeout(timer);
                timer = setTimeout(over, TAKE);
            };
            const key = doc.uri.toString();
            events.push(vscode.workspace.onDidChangeTextDocument((event) => {
                if (event.document.uri.toString() !== key || event.contentChanges.length === 0) {
                    return;
                }
                if (event.document.isDirty && !served) {
                    resolve(false); // the user was faster
                }
                else if (served) {
                    resolve(!event.document.isDirty);
                }
            }));
            void start();
        });
    }
    finally {
        clearTimeout(timer);
        doc.reading = undefined;
        events.forEach((event) => event.dispose());
    }
}
/** The user has chosen the host's text: there is no other way to give up a document's changes. */
async function revert(doc) {
    await vscode.commands.executeCommand("vscode.open", doc.uri, { preview: false });
    await vscode.commands.executeCommand("workbench.action.files.revert");
}
