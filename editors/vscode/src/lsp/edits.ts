// Changes of several texts at once, as a server wants them: onto texts of its host, all of them or none.
import * as vscode from "vscode";
import { Documents, SCHEME } from "../documents";
import { Params } from "../peer";
import * as tabs from "../tabs";
import { Reading } from "./reading";
import { Targets } from "./targets";

const MOST = 300; // files

interface Change {
  uri: vscode.Uri;
  version: number | undefined;
  edits: Params[];
}

export class Edits {
  constructor(
    private readonly documents: Documents,
    private readonly targets: Targets,
    private readonly reading: Reading,
    private readonly host: string,
  ) {}

  /** Whether it changes texts that are open here and no others: then nothing has to be asked. */
  isAtHand(said: Params): boolean {
    return this.changes(said).every(({ uri }) => this.documents.of(uri) !== undefined);
  }

  /** What is not open here is opened first. Throws with a line for the user where it cannot be done as a whole. */
  async whole(said: Params): Promise<vscode.WorkspaceEdit> {
    const changes = this.changes(said);
    if (changes.length > MOST) {
      throw new Error(`${changes.length} files would be changed, which is too much at once: nothing was`);
    }
    const made = new vscode.WorkspaceEdit();
    for (const change of changes) {
      const uri = await this.text(change.uri);
      this.put(made, { ...change, uri });
    }
    return made;
  }

  /** The same at once, of texts that are at hand. */
  atHand(said: Params): vscode.WorkspaceEdit {
    const made = new vscode.WorkspaceEdit();
    for (const change of this.changes(said)) {
      this.writable(change.uri);
      this.put(made, change);
    }
    return made;
  }

  private changes(said: Params): Change[] {
    const listed: Params[] = Array.isArray(said?.documentChanges)
      ? said.documentChanges
      : Object.entries(said?.changes ?? {}).map(([uri, edits]) => ({ textDocument: { uri }, edits }));
    return listed.map((one) => {
      if (one.kind !== undefined || !Array.isArray(one.edits)) {
        throw new Error("files would be made, renamed or removed, which a language server may not: nothing was changed");
      }
      const uri = this.reading.uri(one.textDocument?.uri);
      if (uri.scheme !== SCHEME || uri.authority.toLowerCase() !== this.host.toLowerCase()) {
        throw new Error("a file of another host would be changed: nothing was");
      }
      const version = one.textDocument.version;
      return { uri, version: typeof version === "number" ? version : undefined, edits: one.edits };
    });
  }

  /** What the text is called here, once it is open. */
  private async text(uri: vscode.Uri): Promise<vscode.Uri> {
    const there = this.documents.of(uri) ? uri : (await this.targets.open(uri)).uri;
    this.writable(there);
    return there;
  }

  private writable(uri: vscode.Uri): void {
    const doc = this.documents.of(uri);
    if (!doc || doc.lost) {
      throw new Error(`${uri.path} is not open: nothing was changed`);
    }
    if (doc.readOnly) {
      throw new Error(`${doc.where} is read-only: nothing was changed`);
    }
  }

  private put(made: vscode.WorkspaceEdit, change: Change): void {
    const shown = tabs.text(change.uri);
    if (change.version !== undefined && shown && shown.version !== change.version) {
      throw new Error(`${change.uri.path} is another text meanwhile: nothing was changed`);
    }
    made.set(change.uri, this.reading.edits(change.edits));
  }
}
