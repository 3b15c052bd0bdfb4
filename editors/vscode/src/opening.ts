// buffer/open: a text of the host into a tab.
import * as vscode from "vscode";
import { isBinary, isUtf16, position } from "./bytes";
import { Document, Documents, now } from "./documents";
import { Params } from "./peer";
import * as tabs from "./tabs";

const NOT_UTF8 = "iso88591"; // each byte a character: nothing is lost

/** `preview`: in the tab that the next look at a file takes over. */
export async function open(documents: Documents, params: Params, preview = false): Promise<object> {
  let doc = documents.byId.get(params.id);
  let bytes: Buffer | undefined;
  if (!doc || doc.lost) {
    doc = await read(documents, params);
    bytes = doc.fresh as Buffer;
  }
  doc.opening = true;
  try {
    await show(doc, params, bytes, preview);
  } catch (error) {
    if (tabs.showing(doc.uri).length === 0) {
      documents.drop(doc);
    }
    throw error;
  } finally {
    doc.fresh = undefined;
    doc.opening = false;
  }
  await replaceStale(documents, doc);
  documents.changed();
  return {};
}

export async function read(documents: Documents, params: Params): Promise<Document> {
  const name = params.path ? params.path.slice(params.path.lastIndexOf("/") + 1) : params.name;
  const doc = new Document(
    params.id,
    vscode.Uri.parse(params.uri, true),
    params.host,
    params.path,
    name,
    params.base,
    { mtime: now(), size: params.size ?? 0 },
    params.readOnly === true,
  );
  const { bytes, base } = await documents.fetch(doc, "buffer/read");
  doc.base = base;
  doc.stamp.size = bytes.length;
  doc.fresh = bytes;
  doc.note(bytes);
  documents.add(doc);
  return doc;
}

async function show(doc: Document, params: Params, bytes: Buffer | undefined, preview: boolean): Promise<void> {
  const text = bytes !== undefined && !isBinary(bytes);
  if (text && !doc.utf8 && !isUtf16(bytes)) {
    await decoded(doc);
  }
  const place = where(doc, params, bytes);
  const options: vscode.TextDocumentShowOptions = {
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
export async function decoded(doc: Document): Promise<void> {
  try {
    await vscode.workspace.openTextDocument(doc.uri, { encoding: NOT_UTF8 });
  } catch {
    return; // no text for VS Code: it says so in the tab
  }
}

function where(doc: Document, params: Params, bytes: Buffer | undefined): vscode.Position | undefined {
  const line = Number(params.line ?? 0);
  if (line < 1) {
    return undefined;
  }
  const held = bytes ?? Buffer.from(tabs.text(doc.uri)?.getText() ?? "", "utf8");
  const found = position(held, line, Number(params.column ?? 0));
  return new vscode.Position(found.line, found.character);
}

async function languageOf(word: string): Promise<string | undefined> {
  const wanted = word.slice(word.lastIndexOf(".") + 1).toLowerCase(); // TextMate's source.python
  return (await vscode.languages.getLanguages()).find((one) => one.toLowerCase() === wanted);
}

/** Tabs of the same file whose document is gone, without changes, are what this one was opened for. */
async function replaceStale(documents: Documents, doc: Document): Promise<void> {
  for (const uri of tabs.all()) {
    const other = documents.of(uri);
    const same = uri.scheme === doc.uri.scheme && uri.authority === doc.uri.authority && uri.path === doc.uri.path;
    if (same && uri.query !== doc.uri.query && (!other || other.lost) && !tabs.modified(uri)) {
      await tabs.close(uri);
    }
  }
}
