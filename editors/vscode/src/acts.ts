// What a user does with a folder: open, make, rename, remove.
import * as vscode from "vscode";
import { Document, Documents } from "./documents";
import { Files } from "./files";
import { Folder, Folders } from "./folders";
import { Node } from "./listing";
import { say } from "./messages";
import { Path, TOP, above, base, key, visible, within } from "./paths";
import { Params, RpcError } from "./peer";
import { Tree } from "./tree";

const UNCONFIRMED = -32014;
const PINS = 500; // ms between two clicks that are one double click

/** What a file is opened by: the daemon's words for a buffer go where those of buffer/open go. */
export type Open = (params: Params, preview: boolean) => Promise<unknown>;

export class Acts {
  /** Where in its folder a document was opened: its own path does not tell that of a name that is no text. */
  private readonly places = new WeakMap<Document, Path>();
  private last: { node: Node; at: number; opened: Promise<boolean> } | undefined;

  constructor(
    private readonly folders: Folders,
    private readonly tree: Tree,
    private readonly documents: Documents,
    private readonly files: Files,
    private readonly show: Open,
  ) {}

  /** A row was clicked: once for a look, twice to keep it. */
  async open(node: Node): Promise<void> {
    const before = this.last;
    const at = Date.now();
    if (before?.node === node && at - before.at < PINS && (await before.opened)) {
      await vscode.commands.executeCommand("workbench.action.keepEditor");
      return;
    }
    const work = this.go(node.folder, node.path, {}, true);
    const opened = work.then(
      () => true,
      () => false,
    );
    this.last = { node, at, opened };
    await work;
  }

  /** Open a file, at a line and a column if there are any. */
  async go(folder: Folder, path: Path, place: { line?: number; column?: number } = {}, preview = false): Promise<void> {
    try {
      const params = await this.folders.ask(folder, "fs/open", path, place);
      if (params.viewer) {
        say("info", `${params.name} is shown by ${params.viewer}, for reading`);
      } else {
        await this.show(params, preview);
        const doc = this.documents.byId.get(params.id);
        if (doc) {
          this.places.set(doc, path);
        }
      }
    } catch (error) {
      await this.tree.touched(folder, path); // what is shown of it may be stale
      throw error;
    }
  }

  async make(given: unknown, kind: "file" | "directory"): Promise<void> {
    const found = await this.where(given, true);
    if (!found) {
      return;
    }
    const [folder, at] = found;
    const title = `New ${kind === "file" ? "File" : "Folder"} in ${visible(folder.where)}`;
    const path = await this.ask(title, at.path && `${at.path}/`, at.encoded);
    if (!path) {
      return;
    }
    await this.folders.ask(folder, "fs/make", path, { kind });
    await this.tree.touched(folder, path);
    if (kind === "file") {
      await this.go(folder, path);
    }
  }

  async rename(given: unknown): Promise<void> {
    const node = this.entry(given);
    if (!node || !this.writable(node.folder)) {
      return;
    }
    const { folder, path } = node;
    const title = `Rename ${visible(path.path)} in ${visible(folder.where)}`;
    const start = path.path.length - base(path).length;
    const dot = path.path.lastIndexOf(".");
    const stem = node.isDirectory || dot <= start ? path.path.length : dot;
    const to = await this.ask(title, path.path, path.encoded, [start, stem]);
    if (to && to.path !== path.path) {
      await this.folders.ask(folder, "fs/move", path, { to: to.path });
      try {
        await this.follow(folder, path, to);
      } finally {
        await this.tree.touched(folder, path, to);
      }
    }
  }

  /** Tabs of what was moved have its new name. */
  private async follow(folder: Folder, path: Path, to: Path): Promise<void> {
    for (const doc of [...this.documents.byId.values()]) {
      const place = this.placeOf(folder, doc);
      if (place && !doc.lost && within(place, path)) {
        const moved = { path: key(to) + key(place).slice(key(path).length), encoded: true };
        const head = await this.folders.ask(folder, "fs/open", moved); // it is open: this tells what it is called now
        if (head.id === doc.id) {
          await this.rehouse(doc, vscode.Uri.parse(head.uri, true));
          this.places.set(doc, moved);
        }
      }
    }
  }

  private placeOf(folder: Folder, doc: Document): Path | undefined {
    const around = doc.host === folder.host ? this.folders.below(folder, doc.path) : undefined;
    return around && (this.places.get(doc) ?? around);
  }

  /** VS Code itself takes along what is typed there, to a tab in the same place. */
  private async rehouse(doc: Document, uri: vscode.Uri): Promise<void> {
    if (uri.path === doc.uri.path) {
      return;
    }
    const edit = new vscode.WorkspaceEdit();
    edit.renameFile(doc.uri, uri);
    this.files.moved = uri;
    doc.opening = true; // one tab goes, another comes
    try {
      await vscode.workspace.applyEdit(edit);
    } finally {
      this.files.moved = undefined;
      doc.opening = false;
      this.documents.changed();
    }
  }

  async remove(given: unknown): Promise<void> {
    const node = this.entry(given);
    if (!node || !this.writable(node.folder)) {
      return;
    }
    const { folder, path } = node;
    let question: string;
    try {
      await this.folders.ask(folder, "fs/remove", path);
      return; // never without a question
    } catch (error) {
      if (!(error instanceof RpcError) || error.code !== UNCONFIRMED) {
        throw error;
      }
      question = `${visible(path.path)} on ${visible(folder.host)}: remove ${what(error.data)}?`;
    }
    if (await this.sure(question, "Remove", "It is not moved to a trash.")) {
      await this.folders.ask(folder, "fs/remove", path, { recursive: node.isDirectory, confirmed: true });
      await this.tree.touched(folder, path);
    }
  }

  async refresh(given: unknown): Promise<void> {
    const node = this.tree.chosen(given);
    if (given && node) {
      await this.tree.refresh(node.isDirectory ? node : (node.parent ?? node));
      return;
    }
    this.some();
    await Promise.all(this.folders.all.map((folder) => this.tree.refreshAll(folder)));
  }

  async close(given: unknown): Promise<void> {
    const found = await this.where(given, false);
    await (found && this.folders.close(found[0]));
  }

  /** A folder, and the directory in it that the user means: by a row, the selection, or a choice. */
  async where(given: unknown, writes: boolean): Promise<[Folder, Path] | undefined> {
    this.some();
    const node = this.tree.chosen(given);
    if (node) {
      const at = node.isDirectory ? node.path : above(node.path);
      return writes && !this.writable(node.folder) ? undefined : [node.folder, at];
    }
    const [only, ...others] = this.folders.all;
    const items = this.folders.all.map((folder) => ({ label: `${folder.host}:${folder.name}`, folder }));
    const chosen = others.length ? (await vscode.window.showQuickPick(items))?.folder : only;
    return chosen && (!writes || this.writable(chosen)) ? [chosen, TOP] : undefined;
  }

  private some(): void {
    if (this.folders.all.length === 0) {
      throw new Error("no folder of a host is open: run rbridge open DIR there");
    }
  }

  private entry(given: unknown): Node | undefined {
    this.some();
    const node = this.tree.chosen(given);
    if (!node?.parent) {
      say("info", "choose a file or a directory in the view of the folder first");
      return undefined;
    }
    return node;
  }

  private writable(folder: Folder): boolean {
    if (folder.readOnly) {
      say("error", `${folder.where} is read-only`);
    }
    return !folder.readOnly;
  }

  private async ask(title: string, value: string, encoded: boolean, select?: [number, number]): Promise<Path | undefined> {
    const prompt = encoded ? "Path in the folder; %XX stands for a byte" : "Path in the folder";
    const valueSelection: [number, number] = select ?? [value.length, value.length];
    const typed = await vscode.window.showInputBox({ title, prompt, value, valueSelection });
    const path = typed?.replace(/^\/+|\/+$/g, "");
    return path ? { path, encoded } : undefined;
  }

  private async sure(message: string, button: string, detail?: string): Promise<boolean> {
    return (await vscode.window.showWarningMessage(message, { modal: true, detail }, button)) === button;
  }
}

/** What would be removed. */
function what(data: { type?: string; entries?: number; more?: boolean }): string {
  if (data.type === "directory") {
    const count = data.entries ?? 0;
    const entries = count === 1 ? "1 entry" : `${count.toLocaleString("en")} entries`;
    return count ? `the directory with ${data.more ? "more than " : ""}${entries}` : "the empty directory";
  }
  return data.type === "link" ? "the link" : "the file";
}
