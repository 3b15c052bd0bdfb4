// The view of the opened folders, in the Explorer. A directory is listed when it is shown.
import * as vscode from "vscode";
import { Folder, Folders } from "./folders";
import { Line, Listing, Node } from "./listing";
import { Path, above, base, key, several, visible } from "./paths";
import { Params } from "./peer";

export const VIEW = "rbridge.folders";
const WATCHED = 500; // paths, at most
const SETTLED = 50; // ms in which what is expanded may change further
const COMES = 100; // ms in which more of the same is told
const TRIES = 20; // a view that was just made is not there at once

type Row = Node | Line;

export class Tree implements vscode.TreeDataProvider<Row> {
  private readonly changes = new vscode.EventEmitter<Row | undefined>();
  readonly onDidChangeTreeData = this.changes.event;
  readonly view: vscode.TreeView<Row>;
  private readonly roots = new Map<Folder, Node>();
  private readonly expanded = new Map<Folder, Set<Node>>();
  private timer: NodeJS.Timeout | undefined;
  private readonly stale = new Set<Node>();
  private looking: NodeJS.Timeout | undefined;

  constructor(private readonly folders: Folders) {
    this.view = vscode.window.createTreeView(VIEW, { treeDataProvider: this, showCollapseAll: true });
    this.view.onDidExpandElement(({ element }) => this.opened(element));
    this.view.onDidCollapseElement(({ element }) => this.collapsed(element));
    folders.onDidChange((folder) => this.update(folder));
    folders.reveal = (folder, focus) => this.reveal(folder, focus);
    folders.renewed = (folder, params) => this.changed(folder, params);
  }

  dispose(): void {
    clearTimeout(this.timer);
    clearTimeout(this.looking);
    this.view.dispose();
  }

  // What VS Code asks

  getParent(row: Row): Row | undefined {
    return row.parent;
  }

  async getChildren(row?: Row): Promise<Row[]> {
    if (!row) {
      return this.folders.all.map((folder) => this.root(folder));
    }
    if (!(row instanceof Node) || !row.isDirectory) {
      return [];
    }
    row.directory ??= new Listing(this.folders, row, (node) => this.changes.fire(node));
    await row.directory.first();
    return row.directory.lines;
  }

  getTreeItem(row: Row): vscode.TreeItem {
    return row instanceof Line ? line(row) : row.parent ? this.entry(row) : this.top(row);
  }

  private top(node: Node): vscode.TreeItem {
    const { folder } = node;
    const item = new vscode.TreeItem(
      visible(`${folder.host}:${folder.name}`),
      vscode.TreeItemCollapsibleState.Expanded,
    );
    const status = this.folders.status(folder);
    const words = [status, folder.readOnly ? "read-only" : ""].filter(Boolean).join(", ");
    item.id = node.id;
    item.description = (words && `${words}: `) + visible(folder.path); // what is cut off is the path
    item.tooltip = visible(`${folder.path} on ${folder.host}`) + (words && `\n${words}`);
    item.iconPath = new vscode.ThemeIcon(status ? "debug-disconnect" : "remote");
    item.contextValue = folder.readOnly ? "folder readonly" : "folder";
    return item;
  }

  private entry(node: Node): vscode.TreeItem {
    const { entry, folder } = node;
    const state = vscode.TreeItemCollapsibleState;
    const item = new vscode.TreeItem(visible(entry.name), node.isDirectory ? state.Collapsed : state.None);
    const link = entry.link === undefined ? "" : `→ ${visible(entry.link)}`;
    const why = entry.outside ? "outside of the folder" : entry.dangling ? "leads nowhere" : "";
    item.id = node.id;
    item.description = [link, why && `(${why})`].filter(Boolean).join(" ") || undefined;
    if (link) {
      item.tooltip = `${visible(folder.full(node.path))}\n${item.description}`; // of others it is their address
    }
    item.resourceUri = folder.at(node.path).with({ query: "" });
    item.iconPath = node.isDirectory
      ? vscode.ThemeIcon.Folder
      : entry.type === "link"
        ? new vscode.ThemeIcon("file-symlink-file")
        : vscode.ThemeIcon.File;
    item.contextValue = `${node.isDirectory ? "directory" : "file"}${folder.readOnly ? " readonly" : ""}`;
    if (!node.isDirectory) {
      item.command = { command: "rbridge.openEntry", title: "Open", arguments: [node] };
    }
    return item;
  }

  // What becomes of it

  /** Show it, and answer when it is seen. */
  async reveal(folder: Folder, focus: boolean): Promise<void> {
    const root = this.root(folder);
    for (let left = TRIES; ; left--) {
      try {
        await this.view.reveal(root, { select: focus, focus, expand: true });
        return;
      } catch (error) {
        if (left === 0) {
          throw error;
        }
        await new Promise((done) => setTimeout(done, SETTLED));
      }
    }
  }

  /** The node of a path, as far as it has been listed. */
  find(folder: Folder, path: Path): Node | undefined {
    let node: Node | undefined = this.root(folder);
    const wanted = key(path);
    while (node && key(node.path) !== wanted) {
      node = node.directory?.children.find(
        (child) => wanted === key(child.path) || wanted.startsWith(`${key(child.path)}/`),
      );
    }
    return node;
  }

  /** List again what a directory has. */
  async refresh(node: Node): Promise<void> {
    await node.directory?.refresh();
  }

  /** The directory that a path is in has changed, and the one that it has come to. */
  async touched(folder: Folder, ...paths: Path[]): Promise<void> {
    const nodes = new Set(paths.map((path) => this.find(folder, above(path))));
    await Promise.all([...nodes].map((node) => node && this.refresh(node)));
  }

  /** Everything that is shown of it. */
  async refreshAll(folder: Folder): Promise<void> {
    const below = (node: Node): Node[] => [
      node,
      ...(node.directory?.children ?? []).filter((child) => child.directory).flatMap(below),
    ];
    await Promise.all(below(this.root(folder)).map((node) => this.refresh(node)));
  }

  async more(row: Line): Promise<void> {
    await (row.kind === "more" ? row.parent.directory?.more() : this.refresh(row.parent));
  }

  root(folder: Folder): Node {
    let node = this.roots.get(folder);
    if (!node) {
      node = Node.root(folder);
      this.roots.set(folder, node);
      this.expanded.set(folder, new Set([node]));
    }
    return node;
  }

  private update(folder: Folder | undefined): void {
    const { all } = this.folders;
    for (const gone of [...this.roots.keys()].filter((one) => !all.includes(one))) {
      this.roots.delete(gone);
      this.expanded.delete(gone);
    }
    const [first] = all;
    this.view.title = first && all.length === 1 ? visible(`rbridge: ${first.host}:${first.name}`) : "rbridge";
    void vscode.commands.executeCommand("setContext", VIEW, all.length > 0);
    this.changes.fire(folder && this.root(folder));
    for (const one of folder ? [folder] : all) {
      if (one.connected && !this.folders.status(one)) {
        void this.refreshAll(one);
        this.watch();
      }
    }
  }

  private opened(row: Row): void {
    if (row instanceof Node) {
      const known = row.directory !== undefined;
      this.expanded.get(row.folder)?.add(row);
      this.watch();
      if (known) {
        void this.refresh(row); // it was not watched meanwhile
      }
    }
  }

  private collapsed(row: Row): void {
    if (row instanceof Node) {
      this.expanded.get(row.folder)?.delete(row);
      this.watch();
    }
  }

  /** Tell the daemon what is shown, once it is clear what that is. */
  private watch(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      for (const folder of this.folders.all) {
        const expanded = [...(this.expanded.get(folder) ?? [])].filter((node) => this.find(folder, node.path) === node);
        const shown = expanded.slice(-WATCHED).map((node) => node.path);
        const params = {
          paths: shown.filter((path) => !path.encoded).map((path) => path.path),
          encoded: shown.filter((path) => path.encoded).map((path) => path.path),
        };
        this.folders.ask(folder, "fs/watch", undefined, params).catch(() => undefined); // asked again later
      }
    }, SETTLED);
  }

  private changed(folder: Folder, params: Params): void {
    for (const path of several(params)) {
      const node = this.find(folder, path);
      if (node) {
        this.stale.add(node);
      }
    }
    this.looking ??= setTimeout(() => {
      const nodes = [...this.stale];
      this.looking = undefined;
      this.stale.clear();
      nodes.forEach((node) => void this.refresh(node));
    }, COMES);
  }

  // What the user has chosen

  /** The row that a command was given for, else the one that is selected. */
  chosen(given: unknown): Node | undefined {
    const row = given instanceof Node || given instanceof Line ? given : this.view.selection[0];
    const node = row instanceof Line ? row.parent : row;
    return node && this.folders.all.includes(node.folder) ? node : undefined;
  }

  /** Its name as a user reads it. */
  static named(node: Node): string {
    return visible(base(node.path) || node.folder.name);
  }
}

function line(row: Line): vscode.TreeItem {
  const item = new vscode.TreeItem(visible(row.words), vscode.TreeItemCollapsibleState.None);
  item.id = `${row.parent.id}\n${row.kind}`;
  item.tooltip = visible(row.words);
  item.iconPath = new vscode.ThemeIcon(row.kind === "error" ? "warning" : "ellipsis");
  item.contextValue = row.kind;
  item.command = { command: "rbridge.showMore", title: "Show More", arguments: [row] };
  return item;
}
