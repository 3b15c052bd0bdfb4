// Files that a language server names and that are no documents yet. `rbridge://HOST/PATH` without an id stands for
// one; it becomes a document like any other when somebody wants to see it.
import * as vscode from "vscode";
import { isBinary, isUtf16 } from "../bytes";
import { Document, Documents, SCHEME, now } from "../documents";
import { decoded, read } from "../opening";
import * as tabs from "../tabs";
import { Names } from "./reading";

const MOST = 20_000; // names that are remembered
const EAGER = 3; // files that are opened before somebody chooses one
const HELD = 60_000; // ms that a document is kept for somebody to look at
const PLACED = 200; // ms until a tab's cursor is where it was to be

export class Targets implements Names, vscode.Disposable {
  private readonly spelled = new Map<string, string>(); // as the server did, by VS Code's spelling
  private readonly under = new Map<string, Promise<Document>>();
  private readonly opened = new Map<string, Document>();
  private readonly timers = new Map<Document, NodeJS.Timeout>();

  /** `release` closes what is shown nowhere. */
  constructor(
    private readonly documents: Documents,
    private readonly release: () => void,
  ) {}

  dispose(): void {
    this.timers.forEach((timer) => clearTimeout(timer));
  }

  name(uri: vscode.Uri, spelled: string): void {
    if (uri.scheme === SCHEME && uri.query === "") {
      const key = bare(uri);
      this.spelled.delete(key); // the one named last is forgotten last
      this.spelled.set(key, spelled);
      if (this.spelled.size > MOST) {
        this.spelled.delete(this.spelled.keys().next().value as string);
      }
    }
  }

  /** Whether a server has named it. Nothing else is asked for. */
  knows(uri: vscode.Uri): boolean {
    return uri.scheme === SCHEME && uri.query === "" && this.spelled.has(bare(uri));
  }

  /** The document of a file that was named. Throws with a line for the user. */
  async open(uri: vscode.Uri): Promise<Document> {
    const key = bare(uri);
    const before = this.opened.get(key);
    if (before && !before.lost && this.documents.byId.get(before.id) === before) {
      this.hold(before);
      return before;
    }
    const run = this.under.get(key) ?? this.ask(key);
    this.under.set(key, run);
    try {
      return await run;
    } finally {
      this.under.delete(key);
    }
  }

  private async ask(key: string): Promise<Document> {
    const params = await this.documents.link.ask("lsp/open", { uri: this.spelled.get(key) ?? key });
    if (params.viewer) {
      throw new Error(`${params.name} is shown by ${params.viewer}, for reading`);
    }
    let doc = this.documents.byId.get(params.id);
    if (!doc || doc.lost) {
      doc = await read(this.documents, params);
      const bytes = doc.fresh as Buffer;
      if (!doc.utf8 && !isBinary(bytes) && !isUtf16(bytes)) {
        await decoded(doc);
      }
    }
    this.opened.set(key, doc);
    this.hold(doc);
    return doc;
  }

  /** Not closed before somebody could look at it. */
  private hold(doc: Document): void {
    doc.held = true;
    clearTimeout(this.timers.get(doc));
    const timer = setTimeout(() => {
      this.timers.delete(doc);
      if (tabs.text(doc.uri) && tabs.showing(doc.uri).length === 0) {
        this.hold(doc); // looked at without a tab
        return;
      }
      doc.held = false;
      this.release();
    }, HELD);
    this.timers.set(doc, timer);
  }

  // As a file: what lists of places show

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    const doc = await this.reached(uri);
    const { size } = doc.stamp;
    return { type: vscode.FileType.File, ctime: 0, mtime: now(), size, permissions: vscode.FilePermission.Readonly };
  }

  async text(uri: vscode.Uri): Promise<Uint8Array> {
    const doc = await this.reached(uri);
    return doc.fresh ?? (await this.documents.fetch(doc, "buffer/read")).bytes;
  }

  private async reached(uri: vscode.Uri): Promise<Document> {
    try {
      return await this.open(uri);
    } catch (error) {
      throw vscode.FileSystemError.Unavailable((error as Error).message);
    }
  }

  // As a place to go to

  /** The places in the documents themselves, where they are few: a jump gets there at once. */
  async opening(places: vscode.LocationLink[]): Promise<vscode.LocationLink[]> {
    const files = new Map(places.map(({ targetUri }) => [bare(targetUri), targetUri]));
    const missing = [...files.values()].filter((uri) => this.knows(uri));
    if (missing.length > EAGER) {
      return places;
    }
    const found = new Map<string, vscode.Uri>();
    for (const uri of missing) {
      try {
        found.set(uri.toString(), (await this.open(uri)).uri);
      } catch {
        continue; // it is said when somebody goes there
      }
    }
    return places.map((one) => ({ ...one, targetUri: found.get(one.targetUri.toString()) ?? one.targetUri }));
  }

  /** A tab shows such a file: the document takes its place. */
  async redirect(tab: vscode.Tab): Promise<void> {
    const uri = tab.input instanceof vscode.TabInputText ? tab.input.uri : undefined;
    if (!uri || !this.knows(uri)) {
      return;
    }
    const { viewColumn } = tab.group;
    const { isPreview: preview, isActive } = tab;
    const doc = await this.open(uri);
    const selection = await placed(uri);
    await vscode.commands.executeCommand("vscode.open", doc.uri, {
      viewColumn,
      preview,
      preserveFocus: !isActive,
      selection,
    });
    await tabs.close(uri);
  }
}

/** Where the cursor is to be in what is just being shown. */
async function placed(uri: vscode.Uri): Promise<vscode.Range | undefined> {
  const key = uri.toString();
  const found = (): vscode.TextEditor | undefined =>
    vscode.window.visibleTextEditors.find((one) => one.document.uri.toString() === key);
  for (const end = Date.now() + PLACED; Date.now() < end && (found()?.selection.end.line ?? 0) === 0; ) {
    await new Promise((done) => setTimeout(done, 20));
  }
  return found()?.selection;
}

function bare(uri: vscode.Uri): string {
  return uri.with({ fragment: "" }).toString();
}
