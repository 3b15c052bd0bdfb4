// The file system of `rbridge:` and `rbridge-theirs:`: what VS Code's own editors read and write. A URI with an
// id is a document; one without is a file of a folder that is shown, for reading.
import * as vscode from "vscode";
import { digest } from "./bytes";
import { Document, Documents, NO_CONFLICT, THEIRS } from "./documents";
import { Folders } from "./folders";
import * as inside from "./inside";
import type { Targets } from "./lsp/targets";
import { RpcError } from "./peer";
import { write } from "./saving";
import * as tabs from "./tabs";
import { plain } from "./words";

const ID = /^[0-9a-f]{24}$/;
const IN_THE_VIEW = "files and folders of a host are made, renamed and removed in the view of its folder";
const NOTHING = new vscode.Disposable(() => {});


export class Files implements vscode.FileSystemProvider {
  private readonly emitter = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  readonly onDidChangeFile = this.emitter.event;
  /** Somebody asked for a document that is not there any more. */
  missing: (uri: vscode.Uri) => void = () => {};

  /** The files that language servers name. */
  targets: Targets | undefined;

  /** What a document is called from now on, which the host has moved already. */
  moved: vscode.Uri | undefined;

  constructor(
    private readonly documents: Documents,
    private readonly folders: Folders,
  ) {}

  /** Have the editor look at a file again. */
  fire(uri: vscode.Uri): void {
    this.emitter.fire([{ type: vscode.FileChangeType.Changed, uri }]);
  }

  watch(): vscode.Disposable {
    return NOTHING; // the daemon watches all that is open
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    if (this.isInside(uri)) {
      return this.named(uri)?.stat(uri) ?? inside.stat(this.folders, uri);
    }
    const doc = await this.wanted(uri);
    const inConflict = doc.state === "conflict" && !doc.force && uri.scheme !== THEIRS;
    doc.conflictSeen = inConflict;
    const stamp = (inConflict && doc.theirs) || doc.stamp;
    const permissions = doc.readOnly || uri.scheme === THEIRS ? vscode.FilePermission.Readonly : undefined;
    return { type: vscode.FileType.File, ctime: 0, ...stamp, permissions };
  }

  async readFile(uri: vscode.Uri): Promise<Uint8Array> {
    if (this.isInside(uri)) {
      return this.named(uri)?.text(uri) ?? inside.read(this.folders, uri);
    }
    const doc = await this.wanted(uri);
    if (doc.fresh && uri.scheme !== THEIRS) {
      const bytes = doc.fresh;
      doc.fresh = undefined;
      return bytes;
    }
    if (doc.lost) {
      throw this.notConnected(uri);
    }
    try {
      const theirs = uri.scheme === THEIRS || (doc.state === "conflict" && !doc.reading);
      const bytes = await this.read(doc, theirs);
      if (uri.scheme !== THEIRS) {
        doc.note(bytes);
        doc.read = theirs ? digest(bytes) : "";
        doc.reading?.();
      }
      return bytes;
    } catch (error) {
      throw vscode.FileSystemError.Unavailable(plain(`${doc.where} cannot be read: ${(error as Error).message}`));
    }
  }

  async writeFile(uri: vscode.Uri, content: Uint8Array, options: { create: boolean }): Promise<void> {
    const doc = this.documents.of(uri);
    if (!doc || uri.scheme === THEIRS) {
      throw options.create
        ? vscode.FileSystemError.NoPermissions("files are made on the host: rbridge open NAME")
        : this.notConnected(uri);
    }
    await write(this.documents, doc, Buffer.from(content.buffer, content.byteOffset, content.byteLength));
  }

  async readDirectory(uri: vscode.Uri): Promise<[string, vscode.FileType][]> {
    return inside.list(this.folders, uri);
  }

  createDirectory(): never {
    throw vscode.FileSystemError.NoPermissions(IN_THE_VIEW);
  }

  delete(): never {
    throw vscode.FileSystemError.NoPermissions(IN_THE_VIEW);
  }

  /** What the view has moved gets its new name here; else it is moved now: a rename that is undone. */
  async rename(before: vscode.Uri, after: vscode.Uri): Promise<void> {
    const doc = this.documents.of(before);
    if (!doc || doc.lost || before.scheme === THEIRS || before.query !== after.query) {
      throw vscode.FileSystemError.NoPermissions(IN_THE_VIEW);
    }
    if (this.moved?.toString() !== after.toString()) {
      await inside.move(this.folders, before, after);
    }
    doc.uri = after;
    doc.path = after.path;
    doc.name = after.path.slice(after.path.lastIndexOf("/") + 1);
  }

  /** What is no document: VS Code asks for a directory around one, too, with its id. */
  private isInside(uri: vscode.Uri): boolean {
    const doc = this.documents.of(uri);
    const other = doc !== undefined && doc.uri.path !== uri.path && this.moved?.path !== uri.path;
    return uri.query === "" || other;
  }

  /** What a language server has named, and no folder has. */
  private named(uri: vscode.Uri): Targets | undefined {
    return this.targets?.knows(uri) && !this.folders.holding(uri) ? this.targets : undefined;
  }

  private async read(doc: Document, theirs: boolean): Promise<Buffer> {
    if (theirs) {
      try {
        return (await this.documents.fetch(doc, "buffer/theirs")).bytes;
      } catch (error) {
        if (!(error instanceof RpcError) || error.code !== NO_CONFLICT) {
          throw error;
        }
      }
    }
    return (await this.documents.fetch(doc, "buffer/read")).bytes;
  }

  private async wanted(uri: vscode.Uri): Promise<Document> {
    if (!ID.test(uri.query)) {
      throw vscode.FileSystemError.FileNotFound(uri); // no document has such a name
    }
    if (this.documents.closed.has(uri.query) && tabs.showing(uri).length === 0) {
      throw vscode.FileSystemError.FileNotFound(uri); // VS Code asks for what was closed, too
    }
    const doc = this.documents.of(uri) ?? (await this.documents.seek(uri));
    if (doc && doc.uri.path !== uri.path) {
      throw vscode.FileSystemError.FileNotFound(uri); // it has another name now
    }
    if (!doc) {
      this.missing(uri);
      throw this.notConnected(uri);
    }
    return doc;
  }

  private notConnected(uri: vscode.Uri): vscode.FileSystemError {
    const name = uri.path.slice(uri.path.lastIndexOf("/") + 1);
    const next = `run "rbridge: Reopen", or rbridge open ${uri.path} there`;
    return vscode.FileSystemError.Unavailable(plain(`${name} on ${uri.authority} is not connected: ${next}`));
  }
}
