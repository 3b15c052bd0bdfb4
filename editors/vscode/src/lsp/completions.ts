// What can be typed next: a server's list as VS Code has it, with the defaults that the list gives its items.
import * as vscode from "vscode";
import { Params } from "../peer";
import { Reading } from "./reading";

const SNIPPET = 2;
const AS_IS = 1;

export function list(reading: Reading, said: Params): vscode.CompletionList {
  const items: Params[] = Array.isArray(said) ? said : (said.items ?? []);
  const defaults = (Array.isArray(said) ? undefined : said.itemDefaults) ?? {};
  const made: vscode.CompletionItem[] = [];
  for (const one of items) {
    if (typeof one?.label === "string") {
      made.push(item(reading, one, defaults));
    }
  }
  return new vscode.CompletionList(made, said.isIncomplete === true);
}

function item(reading: Reading, said: Params, defaults: Params): vscode.CompletionItem {
  const { labelDetails } = said;
  const label = labelDetails
    ? { label: said.label, detail: labelDetails.detail, description: labelDetails.description }
    : said.label;
  const kind = Number.isInteger(said.kind) && said.kind >= 1 && said.kind <= 25 ? said.kind - 1 : undefined;
  const made = new vscode.CompletionItem(label, kind);
  made.detail = said.detail ?? undefined;
  made.documentation = reading.words(said.documentation);
  made.sortText = said.sortText ?? undefined;
  made.filterText = said.filterText ?? undefined;
  made.preselect = said.preselect === true;
  made.commitCharacters = said.commitCharacters ?? defaults.commitCharacters;
  made.keepWhitespace = (said.insertTextMode ?? defaults.insertTextMode) === AS_IS;
  if (said.deprecated === true || said.tags?.includes(1)) {
    made.tags = [vscode.CompletionItemTag.Deprecated];
  }
  insert(reading, made, said, defaults);
  made.additionalTextEdits = said.additionalTextEdits && reading.edits(said.additionalTextEdits);
  made.command = reading.command(said.command);
  const { data } = defaults;
  return reading.from(made, said.data === undefined && data !== undefined ? { ...said, data } : said);
}

function insert(reading: Reading, made: vscode.CompletionItem, said: Params, defaults: Params): void {
  const edit = said.textEdit;
  const range = edit ?? defaults.editRange;
  const text = edit?.newText ?? (range ? (said.textEditText ?? said.insertText) : said.insertText) ?? said.label;
  const snippet = (said.insertTextFormat ?? defaults.insertTextFormat) === SNIPPET;
  made.insertText = snippet ? new vscode.SnippetString(String(text)) : String(text);
  if (range?.insert) {
    made.range = { inserting: reading.range(range.insert), replacing: reading.range(range.replace) };
  } else if (range) {
    made.range = reading.range(range.range ?? range);
  }
}

/** What the server adds when somebody looks at one of them. */
export function fill(reading: Reading, made: vscode.CompletionItem, said: Params): vscode.CompletionItem {
  made.detail = said.detail ?? made.detail;
  made.documentation = reading.words(said.documentation) ?? made.documentation;
  if (said.additionalTextEdits) {
    made.additionalTextEdits = reading.edits(said.additionalTextEdits);
  }
  return made;
}
