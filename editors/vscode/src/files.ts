// The file system of `rbridge:` and `rbridge-theirs:`: what VS Code's own editors read and write.
import * as vscode from "vscode";
import { digest } from "./bytes";
import { Document, Documents, NO_CONFLICT, THEIRS } from "./documents";
import { RpcError } from "./peer";
import { write } from "./saving";
import * as tabs from "./tabs";
import { plain } from "./words";

const ID = /^[0-9a-f]{24}$/;
const NOTHING = new vscode.Disposable(() => {});

export class Files implements vscode.FileSystemProvider {
  private readonly emitter = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  readonly onDidChangeFile = this.emitter.event;
  /** Somebody asked for a document that is not there any more. */
  missing: (uri: vscode.Uri) => void = () => {};

  constructor(private readonly documents: Documents) {}

  /** Have the editor look at a file again. */
  fire(uri: vscode.Uri): void {
    this.emitter.fire([{ type: vscode.FileChangeType.Changed, uri }]);
  }

  watch(): vscode.Disposable {
    return NOTHING; // the daemon watches all that is open
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    const doc = await this.wanted(uri);
    const inConflict = doc.state === "conflict" && !doc.force && uri.scheme !== THEIRS;
    doc.conflictSeen = inConflict;
    const stamp = (inConflict && doc.theirs) || doc.stamp;
    const permissions = doc.readOnly || uri.scheme === THEIRS ? vscode.FilePermission.Readonly : undefined;
    return { type: vscode.FileType.File, ctime: 0, ...stamp, permissions };
  }

  async readFile(uri: vscode.Uri): Promise<Uint8Array> {
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

  readDirectory(uri: vscode.Uri): never {
    throw vscode.FileSystemError.FileNotFound(uri);
  }

  createDirectory(): never {
    throw vscode.FileSystemError.NoPermissions("rbridge opens single files");
  }

  delete(): never {
    throw vscode.FileSystemError.NoPermissions("rbridge opens single files");
  }

  rename(): never {
    throw vscode.FileSystemError.NoPermissions("rbridge opens single files");
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
