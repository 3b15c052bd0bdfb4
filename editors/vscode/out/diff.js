"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.prepare = prepare;
exports.compare = compare;
// buffer/diff: two documents beside each other, as `rbridge diff A B` on their host wants it.
const vscode = require("vscode");
const bytes_1 = require("./bytes");
const opening_1 = require("./opening");
const tabs = require("./tabs");
const LOOK = 50; // ms
const SHOWN = 8000; // ms in which the comparison has to be there
/** buffer/open of one that buffer/diff is going to show: its text is fetched, and no tab opened. */
async function prepare(documents, params) {
    const known = documents.byId.get(params.id);
    if (!known || known.lost) {
        const doc = await (0, opening_1.read)(documents, params);
        doc.opening = true;
        const bytes = doc.fresh;
        if (!(0, bytes_1.isBinary)(bytes) && !doc.utf8 && !(0, bytes_1.isUtf16)(bytes)) {
            await (0, opening_1.decoded)(doc);
        }
    }
    return {};
}
async function compare(documents, params) {
    const [left, right] = [params.left, params.right].map((id) => documents.byId.get(id));
    if (!left || !right || left.lost || right.lost) {
        throw new Error("one of them is not here any more");
    }
    const options = { preview: false, preserveFocus: params.keepFocus === true };
    await vscode.commands.executeCommand("vscode.diff", left.uri, right.uri, String(params.title), options);
    await shown(left, right);
    for (const doc of [left, right]) {
        doc.fresh = undefined;
        doc.opening = false;
    }
    documents.changed();
    return {};
}
/** The command is back before its tab is there, now and then. */
async function shown(left, right) {
    const end = Date.now() + SHOWN;
    while (tabs.showing(left.uri).length === 0 || tabs.showing(right.uri).length === 0) {
        if (Date.now() > end) {
            throw new Error("VS Code shows no comparison of them");
        }
        await new Promise((done) => setTimeout(done, LOOK));
    }
}
