"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.open = open;
exports.read = read;
exports.decoded = decoded;
// buffer/open: a text of the host into a tab.
const vscode = require("vscode");
const bytes_1 = require("./bytes");
const documents_1 = require("./documents");
const tabs = require("./tabs");
const NOT_UTF8 = "iso88591"; // each byte a character: nothing is lost
/** `preview`: in the tab that the next look at a file takes over. */
async function open(documents, params, preview = false) {
    let doc = documents.byId.get(params.id);
    let bytes;
    if (!doc || doc.lost) {
        doc = await read(documents, params);
        bytes = doc.fresh;
    }
    doc.opening = true;
    try {
        await show(doc, params, bytes, preview);
    }
    catch (error) {
        if (tabs.showing(doc.uri).length === 0) {
            documents.drop(doc);
        }
        throw error;
    }
    finally {
        doc.fresh = undefined;
        doc.opening = false;
    }
    await replaceStale(documents, doc);
    documents.changed();
    return {};
}
async function read(documents, params) {
    const name = params.path ? params.path.slice(params.path.lastIndexOf("/") + 1) : params.name;
    const doc = new documents_1.Document(params.id, vscode.Uri.parse(params.uri, true), params.host, params.path, name, params.base, { mtime: (0, documents_1.now)(), size: params.size ?? 0 }, params.readOnly === true);
    const { bytes, base } = await documents.fetch(doc, "buffer/read");
    doc.base = base;
    doc.stamp.size = bytes.length;
    doc.fresh = bytes;
    doc.note(bytes);
    documents.add(doc);
    return doc;
}
async function show(doc, params, bytes, preview) {
    const text = bytes !== undefined && !(0, bytes_1.isBinary)(bytes);
    if (text && !doc.utf8 && !(0, bytes_1.isUtf16)(bytes)) {
        await decoded(doc);
    }
    const place = where(doc, params, bytes);
    const options = {
        preview,
        preserveFocus: params.keepFocus === true,
        viewColumn: params.newWindow === true ? vscode.ViewColumn.Beside : undefined,
        selection: place && new vscode.Range(place, place),
    };
    // Not showTextDocument: that fails without a word above 50 MB, and shows no picture and no notebook.
    await vscode.commands.executeCommand("vscode.open", doc.uri, options);
    const document = params.language ? tabs.text(doc.uri) : undefined;
    const language = document && (await languageOf(String(params.language)));
    if (document && language && document.languageId !== language) {
        await vscode.languages.setTextDocumentLanguage(document, language);
    }
}
/** Bytes that are no UTF-8 are read as Latin-1, where this VS Code can be told so (1.100 or later). */
async function decoded(doc) {
    try {
        await vscode.workspace.openTextDocument(doc.uri, { encoding: NOT_UTF8 });
    }
    catch {
        return; // no text for VS Code: it says so in the tab
    }
}
function where(doc, params, bytes) {
    const line = Number(params.line ?? 0);
    if (line < 1) {
        return undefined;
    }
    const held = bytes ?? Buffer.from(tabs.text(doc.uri)?.getText() ?? "", "utf8");
    const found = (0, bytes_1.position)(held, line, Number(params.column ?? 0));
    return new vscode.Position(found.line, found.character);
}
async function languageOf(word) {
    const wanted = word.slice(word.lastIndexOf(".") + 1).toLowerCase(); // TextMate's source.python
    return (await vscode.languages.getLanguages()).find((one) => one.toLowerCase() === wanted);
}
/** Tabs of the same file whose document is gone, without changes, are what this one was opened for. */
async function replaceStale(documents, doc) {
    for (const uri of tabs.all()) {
        const other = documents.of(uri);
        const same = uri.scheme === doc.uri.scheme && uri.authority === doc.uri.authority && uri.path === doc.uri.path;
        if (same && uri.query !== doc.uri.query && (!other || other.lost) && !tabs.modified(uri)) {
            await tabs.close(uri);
        }
    }
}
