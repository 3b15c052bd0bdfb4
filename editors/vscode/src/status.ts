// The status bar, and the list behind it.
import * as vscode from "vscode";
import { Document, Documents } from "./documents";
import { say } from "./messages";
import { plain } from "./words";

const WARN = new Set(["conflict", "not connected", "waiting", "closed", "no rbridge"]);

export class Status {
  private readonly item = vscode.window.createStatusBarItem("rbridge", vscode.StatusBarAlignment.Left, 50);

  constructor(private readonly documents: Documents) {
    this.item.name = "rbridge";
    this.item.command = "rbridge.status";
  }

  show(): void {
    const doc = this.documents.active();
    if (!doc) {
      this.item.hide();
      return;
    }
    const state = this.documents.status(doc);
    this.item.text = `$(remote) ${plain(doc.host)}: ${state}`;
    this.item.tooltip = [`${doc.path || doc.name} on ${doc.host}`, doc.message].filter(Boolean).join("\n");
    const warns = WARN.has(state);
    this.item.backgroundColor = warns ? new vscode.ThemeColor("statusBarItem.warningBackground") : undefined;
    this.item.show();
  }

  dispose(): void {
    this.item.dispose();
  }
}

/** rbridge.status: what is open, and how it stands. */
export async function list(documents: Documents): Promise<void> {
  const { link } = documents;
  const items = [...documents.byId.values()].map((doc: Document) => ({
    label: plain(doc.name),
    description: plain(`${doc.host}: ${documents.status(doc)}`),
    detail: plain(doc.message || doc.path),
    doc,
  }));
  const where = link.ready ? `attached to ${link.server}` : "rbridge is not running on this machine: rbridge serve";
  if (items.length === 0) {
    say("info", `${where}; no text of a host is open`);
    return;
  }
  const chosen = await vscode.window.showQuickPick(items, { placeHolder: where, matchOnDescription: true });
  if (chosen) {
    await vscode.commands.executeCommand("vscode.open", chosen.doc.uri, { preview: false });
  }
}
