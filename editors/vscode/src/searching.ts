// Search in the files of a folder: a query with its options, and a view of what is found, as it is found.
import * as vscode from "vscode";
import { Acts } from "./acts";
import { Folder, Folders } from "./folders";
import { Said, drawn } from "./matches";
import { Path, TOP, key, visible, within } from "./paths";
import { Params } from "./peer";

export const RESULTS = "rbridge.results";
const LIMIT = 2000; // matches
const REDRAW = 100; // ms
const BELOW = 10_000; // of all the folder, where those of one directory are picked out here: a glob would search
// what is ignored, too
const CANCELLED = -32800;

export class Match {
  constructor(
    readonly file: Hits,
    readonly said: Said,
  ) {}
}

/** A file with matches. */
export class Hits {
  readonly matches: Match[] = [];

  constructor(readonly path: Path) {}
}

type Row = Hits | Match;

interface Option {
  name: "case" | "word" | "regex";
  icon: string;
  words: string;
}

const OPTIONS: Option[] = [
  { name: "case", icon: "case-sensitive", words: "match case" },
  { name: "word", icon: "whole-word", words: "whole words" },
  { name: "regex", icon: "regex", words: "regular expression" },
];

export class Search implements vscode.TreeDataProvider<Row> {
  private readonly changes = new vscode.EventEmitter<Row | undefined>();
  readonly onDidChangeTreeData = this.changes.event;
  private readonly view: vscode.TreeView<Row>;
  private readonly on = new Set<Option["name"]>();
  private files = new Map<string, Hits>();
  private folder: Folder | undefined;
  private asked: AbortController | undefined;
  private timer: NodeJS.Timeout | undefined;
  private query = "";

  constructor(
    private readonly folders: Folders,
    private readonly acts: Acts,
  ) {
    this.view = vscode.window.createTreeView(RESULTS, { treeDataProvider: this, showCollapseAll: true });
    folders.onDidChange(() => {
      if (this.folder && !folders.all.includes(this.folder)) {
        this.clear();
      }
    });
  }

  dispose(): void {
    this.cancel();
    clearTimeout(this.timer);
    this.view.dispose();
  }

  // What VS Code asks

  getParent(row: Row): Row | undefined {
    return row instanceof Match ? row.file : undefined;
  }

  getChildren(row?: Row): Row[] {
    return row ? (row instanceof Hits ? row.matches : []) : [...this.files.values()];
  }

  getTreeItem(row: Row): vscode.TreeItem {
    if (row instanceof Hits) {
      const item = new vscode.TreeItem(visible(row.path.path), vscode.TreeItemCollapsibleState.Expanded);
      item.description = String(row.matches.length);
      item.resourceUri = this.folder?.at(row.path);
      item.iconPath = vscode.ThemeIcon.File;
      return item;
    }
    const { said } = row;
    const item = new vscode.TreeItem(drawn(said));
    item.description = `${said.line}`;
    item.tooltip = `${visible(said.path)}:${said.line}:${said.column}`;
    item.command = { command: "rbridge.openMatch", title: "Open", arguments: [row] };
    return item;
  }

  // What the user does

  /** rbridge.search */
  async begin(given: unknown): Promise<void> {
    const found = await this.acts.where(given, false);
    if (found) {
      const at = given ? found[1] : TOP; // without a directory that was clicked, all of it
      const query = await this.ask(found[0], at);
      await (query && this.run(found[0], at, query));
    }
  }

  async open(row: Match): Promise<void> {
    const { line, column } = row.said;
    await (this.folder && this.acts.go(this.folder, row.file.path, { line, column }, true));
  }

  /** rbridge.cancelSearch */
  cancel(): void {
    this.asked?.abort();
  }

  /** rbridge.clearSearch */
  clear(): void {
    this.reset(undefined);
    void vscode.commands.executeCommand("setContext", RESULTS, false);
    this.changes.fire(undefined);
  }

  private reset(folder: Folder | undefined): void {
    this.cancel();
    this.asked = undefined;
    this.files = new Map();
    this.folder = folder;
    void vscode.commands.executeCommand("setContext", "rbridge.searching", false);
  }

  /** The words, with buttons for how they are meant. */
  private async ask(folder: Folder, at: Path): Promise<string | undefined> {
    const box = vscode.window.createInputBox();
    const buttons = OPTIONS.map((option) => ({ option, button: { iconPath: new vscode.ThemeIcon(option.icon) } }));
    const draw = (): void => {
      const chosen = OPTIONS.filter(({ name }) => this.on.has(name)).map(({ words }) => words);
      box.prompt = chosen.length ? `With ${chosen.join(", ")}` : "Enter searches; the buttons say how";
      box.buttons = buttons.map(({ option, button }) =>
        Object.assign(button, { tooltip: `${this.on.has(option.name) ? "Without" : "With"}: ${option.words}` }),
      );
    };
    box.title = `Search in ${visible(at.path ? `${at.path} of ${folder.where}` : folder.where)}`;
    box.value = this.query;
    draw();
    try {
      return await new Promise<string | undefined>((done) => {
        box.onDidTriggerButton((button) => {
          const name = buttons.find((one) => one.button === button)?.option.name;
          if (name && !this.on.delete(name)) {
            this.on.add(name);
          }
          draw();
        });
        box.onDidAccept(() => done(box.value));
        box.onDidHide(() => done(undefined));
        box.show();
      });
    } finally {
      box.dispose();
    }
  }

  private async run(folder: Folder, at: Path, query: string): Promise<void> {
    this.reset(folder);
    const asked = (this.asked = new AbortController());
    this.query = query;
    const params = {
      query,
      limit: at.path ? BELOW : LIMIT,
      regex: this.on.has("regex"),
      word: this.on.has("word"),
      case: this.on.has("case") ? "yes" : "smart",
    };
    this.say("searching");
    await vscode.commands.executeCommand("setContext", RESULTS, true);
    void vscode.commands.executeCommand("setContext", "rbridge.searching", true);
    void vscode.commands.executeCommand(`${RESULTS}.focus`);
    let end: string;
    try {
      const work = this.folders.stream(folder, "fs/search", params, asked.signal, (some) => {
        if (this.asked === asked) {
          this.take(some.matches ?? [], at);
        }
      });
      void vscode.window.withProgress({ location: { viewId: RESULTS } }, () => work.catch(() => undefined));
      const result = await work;
      this.take(result.matches ?? [], at);
      end = result.truncated ? `there are more: only the first ${this.count} are listed` : "";
    } catch (error) {
      const { code, message } = error as { code?: number; message: string };
      end = code === CANCELLED || asked.signal.aborted ? "cancelled" : message;
    }
    if (this.asked === asked) {
      this.say(end || (this.count ? "" : "nothing found"));
      void vscode.commands.executeCommand("setContext", "rbridge.searching", false);
      this.draw();
    }
  }

  private get count(): number {
    return [...this.files.values()].reduce((sum, file) => sum + file.matches.length, 0);
  }

  private say(words: string): void {
    this.view.message = words ? visible(`${this.folder?.where ?? ""}: ${words}`) : undefined;
    this.view.title = visible(`Search: ${this.query}`);
  }

  private take(matches: Params[], at: Path): void {
    for (const said of matches as Said[]) {
      const path = { path: said.path, encoded: said.encoded === true };
      if (within(path, at)) {
        const file = this.files.get(key(path)) ?? new Hits(path);
        file.matches.push(new Match(file, said));
        this.files.set(key(path), file);
      }
    }
    this.timer ??= setTimeout(() => this.draw(), REDRAW);
  }

  private draw(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.view.description = this.count ? `${this.count} in ${this.files.size} files` : undefined;
    this.changes.fire(undefined);
  }
}
