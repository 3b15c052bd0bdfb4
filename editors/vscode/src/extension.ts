// rbridge: files of remote hosts as documents, with no file on this machine. See README.md.
import * as vscode from "vscode";
import { Acts } from "./acts";
import { compare, of, overwrite, reverted, theirs } from "./conflict";
import { Document, Documents, SCHEME, THEIRS } from "./documents";
import { Files } from "./files";
import { find } from "./finding";
import { Folders } from "./folders";
import { Line, Node } from "./listing";
import { Link } from "./link";
import { Languages } from "./lsp/languages";
import { Targets } from "./lsp/targets";
import { say } from "./messages";
import { Reopening } from "./reopening";
import { Match, Search } from "./searching";
import { Session } from "./session";
import { Status, list } from "./status";
import * as tabs from "./tabs";
import { Tree } from "./tree";

const MOVED = 150; // ms in which a tab that moves to another group is closed and opened again

/** What other extensions may ask. */
export interface Api {
  attached(): boolean;
}

export function activate(context: vscode.ExtensionContext): Api {
  const link = new Link();
  const documents = new Documents(link);
  const folders = new Folders(link);
  const files = new Files(documents, folders);
  const reopening = new Reopening(documents, files);
  const status = new Status(documents);
  const session = new Session(documents, files, folders, context.extension.packageJSON.version);
  const tree = new Tree(folders);
  const acts = new Acts(folders, tree, documents, files, (params, preview) => session.open(params, preview));
  const search = new Search(folders, acts);
  const targets = new Targets(documents, () => release(documents));
  files.targets = targets;
  files.missing = (uri) => void reopening.missing(uri);

  const on = (...disposables: vscode.Disposable[]): number => context.subscriptions.push(...disposables);
  const command = (name: string, run: (...given: unknown[]) => unknown): number =>
    on(vscode.commands.registerCommand(`rbridge.${name}`, run));
  const settling = (act: (doc: Document) => Promise<void>) => async (uri: unknown) => {
    const doc = of(documents, uri);
    try {
      await (doc && act(doc));
    } catch (error) {
      say("error", (error as Error).message);
    }
  };

  on(
    vscode.workspace.registerFileSystemProvider(SCHEME, files, { isCaseSensitive: true }),
    vscode.workspace.registerFileSystemProvider(THEIRS, files, { isCaseSensitive: true, isReadonly: true }),
  );
  const acting = (name: string, run: (given: unknown) => Promise<void>): number =>
    command(name, (given) => run(given).catch((error: Error) => say("error", error.message)));
  // The menu of a row gives that row, but nothing while it is drawn anew: then what is selected is not meant.
  const onRow = (name: string, run: (given: unknown) => Promise<void>): number =>
    command(name, (...given) =>
      given.length > 0 && given[0] === undefined
        ? say("info", "what is in the folder has just changed: choose it again")
        : run(given[0]).catch((error: Error) => say("error", error.message)),
    );
  acting("openEntry", async (given) => (given instanceof Node ? acts.open(given) : undefined));
  acting("showMore", async (given) => (given instanceof Line ? tree.more(given) : undefined));
  acting("openMatch", async (given) => (given instanceof Match ? search.open(given) : undefined));
  onRow("newFile", (given) => acts.make(given, "file"));
  onRow("newFolder", (given) => acts.make(given, "directory"));
  onRow("rename", (given) => acts.rename(given));
  onRow("remove", (given) => acts.remove(given));
  acting("refresh", (given) => acts.refresh(given));
  acting("findFile", (given) => find(folders, acts, given));
  acting("search", (given) => search.begin(given));
  acting("cancelSearch", async () => search.cancel());
  acting("clearSearch", async () => search.clear());
  onRow("closeFolder", (given) => acts.close(given));
  command("status", () => list(documents));
  command("reopen", (uri) => reopening.reopen(uri));
  command("compare", settling(compare));
  command("overwrite", settling(overwrite));
  command(
    "reload",
    settling((doc) => theirs(documents, files, doc)),
  );

  const focus = (): void => {
    status.show();
    if (vscode.window.state.focused) {
      const doc = documents.active();
      link.notify("buffer/focus", doc && !doc.lost ? { id: doc.id } : {});
    }
  };
  const look = (uri: vscode.Uri): void => {
    const doc = documents.of(uri);
    if (doc && uri.scheme === SCHEME) {
      const typed = doc.typed;
      doc.typed = documents.modified(doc);
      if (typed !== doc.typed) {
        status.show();
      }
      if (typed && !doc.typed) {
        void reverted(documents, doc);
      }
    }
  };
  on(
    status,
    tree,
    search,
    documents.onDidChange(() => status.show()),
    vscode.window.onDidChangeWindowState(focus),
    vscode.window.onDidChangeActiveTextEditor(focus),
    vscode.workspace.onDidChangeTextDocument((event) => look(event.document.uri)),
    vscode.workspace.onDidChangeNotebookDocument((event) => look(event.notebook.uri)),
    vscode.workspace.onDidSaveTextDocument((document) => look(document.uri)),
    vscode.window.tabGroups.onDidChangeTabGroups(focus),
    vscode.window.tabGroups.onDidChangeTabs((event) => {
      focus();
      [...documents.byId.values()].forEach((doc) => look(doc.uri));
      for (const tab of [...event.opened, ...event.changed]) {
        // Restored, maybe with unsaved text: that VS Code does not read from here.
        const missing = (uri: vscode.Uri): boolean => uri.scheme === SCHEME && !documents.of(uri) && !targets.knows(uri);
        const unknown = tabs.uris(tab).filter(missing);
        const redirected = targets.redirect(tab);
        redirected.catch((error: Error) => say("error", error.message));
        unknown.forEach((uri) => void restore(documents, reopening, uri, tab.isDirty));
      }
      if (event.closed.length > 0) {
        setTimeout(() => release(documents), MOVED);
      }
    }),
    new Languages(documents, targets),
    targets,
    { dispose: () => link.stop() },
  );
  link.start(session);
  return { attached: () => link.ready };
}

/** A tab of an earlier life of this window. One without changes is told of when VS Code reads it. */
async function restore(documents: Documents, reopening: Reopening, uri: vscode.Uri, dirty: boolean): Promise<void> {
  if (!(await documents.seek(uri)) && dirty) {
    await reopening.missing(uri);
  }
}

/** The documents that are shown nowhere any more are closed on their hosts. */
function release(documents: Documents): void {
  for (const doc of [...documents.byId.values()]) {
    if (!doc.opening && !doc.held && tabs.showing(doc.uri).length === 0) {
      documents.drop(doc);
      if (!doc.lost) {
        documents.link.ask("buffer/close", { id: doc.id }).catch(() => undefined);
      }
    }
  }
}
