// buffer/diff: two documents beside each other, as `rbridge diff A B` on their host wants it.
import * as vscode from "vscode";
import { isBinary, isUtf16 } from "./bytes";
import { Document, Documents } from "./documents";
import { decoded, read } from "./opening";
import { Params } from "./peer";
import * as tabs from "./tabs";

const LOOK = 50; // ms
const SHOWN = 8000; // ms in which the comparison has to be there

/** buffer/open of one that buffer/diff is going to show: its text is fetched, and no tab opened. */
export async function prepare(documents: Documents, params: Params): Promise<object> {
  const known = documents.byId.get(params.id);
  if (!known || known.lost) {
    const doc = await read(documents, params);
    doc.opening = true;
    const bytes = doc.fresh as Buffer;
    if (!isBinary(bytes) && !doc.utf8 && !isUtf16(bytes)) {
      await decoded(doc);
    }
  }
  return {};
}

export async function compare(documents: Documents, params: Params): Promise<object> {
  const [left, right] = [params.left, params.right].map((id) => documents.byId.get(id));
  if (!left || !right || left.lost || right.lost) {
    throw new Error("one of them is not here any more");
  }
  const options: vscode.TextDocumentShowOptions = { preview: false, preserveFocus: params.keepFocus === true };
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
async function shown(left: Document, right: Document): Promise<void> {
  const end = Date.now() + SHOWN;
  while (tabs.showing(left.uri).length === 0 || tabs.showing(right.uri).length === 0) {
    if (Date.now() > end) {
      throw new Error("VS Code shows no comparison of them");
    }
    await new Promise((done) => setTimeout(done, LOOK));
  }
}
