"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.write = write;
exports.arrived = arrived;
// Saving: from the editor's write to the host's word.
const vscode = require("vscode");
const bytes_1 = require("./bytes");
const documents_1 = require("./documents");
const ends_1 = require("./ends");
const peer_1 = require("./peer");
const tabs = require("./tabs");
const words_1 = require("./words");
const CONFLICT = documents_1.STALE;
const UNCERTAIN = -32012;
const AGAIN = 20;
const PAUSE = 50; // ms
const queues = new WeakMap();
function failed(message) {
    return vscode.FileSystemError.Unavailable((0, words_1.plain)(message));
}
/** Returns once the host has it. Throws FileSystemError else: the tab stays modified, its user reads why. */
async function write(documents, doc, given) {
    const run = (queues.get(doc) ?? Promise.resolve()).then(() => send(documents, doc, given));
    queues.set(doc, run.catch(() => undefined));
    await run;
}
async function send(documents, doc, given) {
    await doc.settling;
    const bytes = doc.before ? (0, ends_1.restore)(doc.before, given) : given;
    const sum = (0, bytes_1.digest)(bytes);
    if (doc.settled === sum && doc.base === sum) {
        doc.settled = "";
        return done(documents, doc, sum, bytes); // it has arrived meanwhile
    }
    doc.settled = "";
    if (doc.lost) {
        throw failed(`${doc.where} is not open there any more: Save As keeps the text here`);
    }
    if (!documents.link.ready) {
        throw failed(`${doc.where} is not saved: rbridge is not running on this machine; the text stays here`);
    }
    if (!doc.utf8 && isLossy(doc, bytes)) {
        throw failed(`${doc.where} is not saved: it has bytes that are no UTF-8, which are lost where \ufffd is shown; ` +
            'run "Change File Encoding: Reopen with Encoding" first');
    }
    const force = doc.force || (doc.state === "conflict" && doc.conflictSeen);
    const version = tabs.text(doc.uri)?.version;
    doc.force = false;
    doc.saving = true;
    doc.sent = { digest: sum, version };
    documents.changed();
    let result;
    try {
        for (const part of (0, bytes_1.pack)(bytes)) {
            const forced = force ? { force: true } : {};
            result = await documents.link.ask("buffer/write", { id: doc.id, base: doc.base, ...forced, ...part });
        }
    }
    catch (error) {
        throw refused(documents, doc, error);
    }
    finally {
        doc.saving = false;
        documents.changed();
    }
    if (result.outcome === "kept") {
        throw failed(result.message || `${doc.where} is kept on this laptop until its host is back`);
    }
    done(documents, doc, result.base, bytes);
}
/** Whether bytes that are no UTF-8 were read as if they were. */
function isLossy(doc, bytes) {
    return (tabs.text(doc.uri)?.encoding ?? "utf8") === "utf8" && (0, bytes_1.hasReplacement)(bytes);
}
function done(documents, doc, base, bytes) {
    doc.sent = undefined;
    doc.note(bytes);
    documents.clean(doc, base, bytes.length);
}
function refused(documents, doc, error) {
    const code = error instanceof peer_1.RpcError ? error.code : 0;
    if (code === peer_1.LOST || code === UNCERTAIN) {
        return failed(`not known yet whether ${doc.host} has ${doc.name}: ${error.message}`);
    }
    doc.sent = undefined;
    if (code === CONFLICT) {
        documents.conflict(doc);
        doc.asking = askAgain(doc).catch(() => undefined);
    }
    return failed(error.message);
}
/** One more attempt finds what stat says now: VS Code asks then whether to compare or to overwrite. */
async function askAgain(doc) {
    for (let left = AGAIN; left > 0 && doc.state === "conflict" && !doc.conflictSeen; left--) {
        await new Promise((done) => setTimeout(done, PAUSE)); // the one that failed has to be over for VS Code
        await tabs.save(doc.uri);
    }
}
/** The host is known to have `base`: is it what was sent last, and does the editor still show that? */
async function arrived(documents, doc, base) {
    const sent = doc.sent;
    if (!sent || doc.saving || sent.digest !== base) {
        return false;
    }
    doc.sent = undefined;
    documents.clean(doc, base);
    if (sent.version === undefined || tabs.text(doc.uri)?.version === sent.version) {
        doc.settled = base;
        await tabs.save(doc.uri);
    }
    return true;
}
