// Where documents are shown. VS Code tells only of the tabs at once that one is closed, see README.md.
import * as vscode from "vscode";

export function uris(tab: vscode.Tab): vscode.Uri[] {
  const input = tab.input;
  if (
    input instanceof vscode.TabInputText ||
    input instanceof vscode.TabInputCustom ||
    input instanceof vscode.TabInputNotebook
  ) {
    return [input.uri];
  }
  if (input instanceof vscode.TabInputTextDiff || input instanceof vscode.TabInputNotebookDiff) {
    return [input.modified, input.original];
  }
  return [];
}

function tabs(): vscode.Tab[] {
  return vscode.window.tabGroups.all.flatMap((group) => group.tabs);
}

/** What all tabs show. */
export function all(): vscode.Uri[] {
  const found = new Map(tabs().flatMap(uris).map((uri) => [uri.toString(), uri]));
  return [...found.values()];
}

export function showing(uri: vscode.Uri): vscode.Tab[] {
  const wanted = uri.toString();
  return tabs().filter((tab) => uris(tab).some((one) => one.toString() === wanted));
}

/** The file that the user looks at; of a comparison, the side that can be edited. */
export function active(): vscode.Uri | undefined {
  const tab = vscode.window.tabGroups.activeTabGroup?.activeTab;
  return tab && uris(tab)[0];
}

export function text(uri: vscode.Uri): vscode.TextDocument | undefined {
  const wanted = uri.toString();
  return vscode.workspace.textDocuments.find((one) => one.uri.toString() === wanted);
}

export function notebook(uri: vscode.Uri): vscode.NotebookDocument | undefined {
  const wanted = uri.toString();
  return vscode.workspace.notebookDocuments.find((one) => one.uri.toString() === wanted);
}

export function modified(uri: vscode.Uri): boolean {
  const document = text(uri) ?? notebook(uri);
  return document?.isDirty || showing(uri).some((tab) => tab.isDirty);
}

export async function save(uri: vscode.Uri): Promise<boolean> {
  const document = text(uri) ?? notebook(uri);
  if (document) {
    return document.save();
  }
  return (await vscode.workspace.save(uri)) !== undefined; // too large for us to see
}

export async function close(uri: vscode.Uri): Promise<void> {
  await vscode.window.tabGroups.close(showing(uri), true);
}
