// The host's file is another one than the text here stands on: compare, overwrite, reload.
import * as vscode from "vscode";
import { Document, Documents, NO_CONFLICT, THEIRS } from "./documents";
import { Files } from "./files";
import { ask, say } from "./messages";
import { RpcError } from "./peer";
import { reload } from "./reloading";
import * as tabs from "./tabs";

const SETTLES = 10_000; // ms

/** The command's document: the one it was called for, else the one that the user looks at. */
export function of(documents: Documents, uri: unknown): Document | undefined {
  const doc = uri instanceof vscode.Uri ? documents.of(uri) : documents.active();
  if (!doc || doc.lost) {
    say("error", "this is no text of a host, or not connected any more");
    return undefined;
  }
  return doc;
}

export async function compare(doc: Document): Promise<void> {
  const theirs = doc.uri.with({ scheme: THEIRS });
  const title = `${doc.name}: on ${doc.host} ↔ here`;
  await vscode.commands.executeCommand("vscode.diff", theirs, doc.uri, title, { preview: false });
}

/** Say that both have changed, and what can be done; VS Code itself asks only when it is saved. */
export async function tell(documents: Documents, files: Files, doc: Document): Promise<void> {
  const acts: Record<string, () => Promise<void>> = {
    Compare: () => compare(doc),
    Overwrite: () => overwrite(doc),
    Reload: () => theirs(documents, files, doc),
  };
  const answer = await ask(`${doc.name} was changed on ${doc.host} and here`, ...Object.keys(acts));
  if (answer !== undefined && doc.state === "conflict" && !doc.lost) {
    await acts[answer]?.();
  }
}

/** This text goes to the host, whatever is there. */
export async function overwrite(doc: Document): Promise<void> {
  doc.force = true;
  try {
    await tabs.save(doc.uri);
  } finally {
    doc.force = false;
  }
}

/** The host's text comes here, this one is given up. It follows by buffer/changed. */
export async function theirs(documents: Documents, files: Files, doc: Document): Promise<void> {
  try {
    await documents.link.ask("buffer/resolve", { id: doc.id, choose: "theirs" });
  } catch (error) {
    if (!(error instanceof RpcError) || error.code !== NO_CONFLICT) {
      throw error;
    }
    const { base, bytes } = await documents.fetch(doc, "buffer/read");
    await reload(documents, files, doc, base, bytes.length, true);
  }
}

/**
 * VS Code's own ways out: "Revert File" and "Discard" read the host's text, and the document is unmodified then
 * without a save.
 */
export async function reverted(documents: Documents, doc: Document): Promise<void> {
  if (doc.state !== "conflict" || doc.saving || doc.reading || doc.lost || documents.modified(doc)) {
    return;
  }
  let timer: NodeJS.Timeout | undefined;
  doc.settling = new Promise<void>((done) => {
    doc.settle = done;
    timer = setTimeout(done, SETTLES);
  });
  documents.clean(doc, doc.base, doc.theirs?.size);
  try {
    await documents.link.ask("buffer/resolve", { id: doc.id, choose: "theirs" });
    await doc.settling; // what the editor shows already comes by buffer/changed
  } catch {
    // It was settled elsewhere, or is offered again when the connection is back.
  } finally {
    clearTimeout(timer);
    doc.settle();
    doc.settling = undefined;
    documents.changed();
  }
}
