// A restored tab, or a recent file, whose document is not there any more.
import * as vscode from "vscode";
import { Documents, SCHEME } from "./documents";
import { Files } from "./files";
import { ask, say } from "./messages";
import * as tabs from "./tabs";

const SHOWN = 500; // ms until a tab that asks for it is known
const REOPEN = "Reopen";
const COPY = "Copy Command";

function word(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replace(/'/g, "'\\''")}'`;
}

export class Reopening {
  private readonly told = new Set<string>();

  constructor(
    private readonly documents: Documents,
    private readonly files: Files,
  ) {}

  /** Say so where a tab shows it, once for each. */
  async missing(uri: vscode.Uri): Promise<void> {
    await new Promise((done) => setTimeout(done, SHOWN));
    if (this.told.has(uri.toString()) || tabs.showing(uri).length === 0) {
      return;
    }
    this.told.add(uri.toString());
    const name = uri.path.slice(uri.path.lastIndexOf("/") + 1);
    const answer = await ask(`${name} on ${uri.authority} is not connected: Reopen`, REOPEN, COPY);
    if (answer === REOPEN) {
      await this.reopen(uri);
    } else if (answer === COPY) {
      await this.copy(uri);
    }
  }

  /** rbridge.reopen: the document itself, another one of the same file, or how to get it. */
  async reopen(given: unknown): Promise<void> {
    const uri = given instanceof vscode.Uri ? given : tabs.active();
    if (uri?.scheme !== SCHEME) {
      say("error", "this is no text of a host");
      return;
    }
    this.documents.link.hurry();
    await this.documents.link.met();
    const doc = this.documents.of(uri);
    if (doc && !doc.lost && this.documents.link.ready) {
      if (!tabs.modified(uri)) {
        this.files.fire(uri);
        await vscode.commands.executeCommand("vscode.open", uri, { preview: false });
      }
      return;
    }
    const same = [...this.documents.byId.values()].find(
      (one) => !one.lost && one.uri.authority === uri.authority && one.uri.path === uri.path,
    );
    if (same) {
      await vscode.commands.executeCommand("vscode.open", same.uri, { preview: false });
      return;
    }
    const why = this.documents.link.ready ? "" : "rbridge is not running on this machine; start it, then ";
    const answer = await ask(`${why}run this on ${uri.authority}: rbridge open ${word(uri.path)}`, COPY);
    if (answer === COPY) {
      await this.copy(uri);
    }
  }

  private async copy(uri: vscode.Uri): Promise<void> {
    await vscode.env.clipboard.writeText(`rbridge open ${word(uri.path)}`);
  }
}
