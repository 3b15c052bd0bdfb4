// What a server says, as VS Code has it: texts, places, diagnostics, symbols. Positions are UTF-16 on both sides.
import * as vscode from "vscode";
import { SCHEME } from "../documents";
import { Params } from "../peer";

const MOST = 2 ** 31 - 1;

/** Hears of every file that a server names, in the server's spelling too. */
export interface Names {
  name(uri: vscode.Uri, spelled: string): void;
}

/** Reads what one server says. Throws where it makes no sense, or names what is on no host. */
export class Reading {
  private readonly raw = new WeakMap<object, Params>();
  private readonly runs: (command: Params) => vscode.Command | undefined;

  /** `runs` makes a command of the server's one that VS Code can run. */
  constructor(
    private readonly names: Names,
    runs: (command: Params) => vscode.Command | undefined,
  ) {
    this.runs = runs;
  }

  /** What an object was made of: the server gets it back like that. */
  source(made: object): Params {
    return this.raw.get(made);
  }

  from<T extends object>(made: T, said: Params): T {
    this.raw.set(made, said);
    return made;
  }

  uri(spelled: Params): vscode.Uri {
    const uri = vscode.Uri.parse(String(spelled), true);
    if (uri.scheme !== SCHEME) {
      throw new Error("it names what is no file of a host");
    }
    this.names.name(uri, String(spelled));
    return uri;
  }

  position(said: Params): vscode.Position {
    return new vscode.Position(count(said.line), count(said.character));
  }

  range(said: Params): vscode.Range {
    return new vscode.Range(this.position(said.start), this.position(said.end));
  }

  location(said: Params): vscode.Location {
    return new vscode.Location(this.uri(said.uri), said.range ? this.range(said.range) : new vscode.Position(0, 0));
  }

  /** Of a Location, a LocationLink or lists of them; what makes no sense is left out. */
  places(said: Params): vscode.LocationLink[] {
    return several(said, (one): vscode.LocationLink => {
      if (one.targetUri === undefined) {
        const { uri, range } = this.location(one);
        return { targetUri: uri, targetRange: range };
      }
      return {
        originSelectionRange: one.originSelectionRange && this.range(one.originSelectionRange),
        targetUri: this.uri(one.targetUri),
        targetRange: this.range(one.targetRange),
        targetSelectionRange: one.targetSelectionRange && this.range(one.targetSelectionRange),
      };
    });
  }

  edit(said: Params): vscode.TextEdit {
    if (typeof said.newText !== "string") {
      throw new Error("an edit without a text");
    }
    return new vscode.TextEdit(this.range(said.range ?? said.insert), said.newText);
  }

  edits(said: Params): vscode.TextEdit[] {
    return (said ?? []).map((one: Params) => this.edit(one)); // all of them, or none
  }

  /** MarkupContent, MarkedString or a string that is Markdown: never trusted, and no HTML. */
  markdown(said: Params): vscode.MarkdownString {
    const text =
      typeof said === "string"
        ? new vscode.MarkdownString(said)
        : said.language !== undefined
          ? new vscode.MarkdownString().appendCodeblock(String(said.value), String(said.language))
          : said.kind === "markdown"
            ? new vscode.MarkdownString(String(said.value))
            : new vscode.MarkdownString().appendText(String(said.value));
    text.isTrusted = false;
    text.supportHtml = false;
    for (const [, link] of text.value.matchAll(/\]\(<?(rbridge:[^\s)>]+)/g)) {
      this.quietly(() => this.uri(link));
    }
    return text;
  }

  /** Documentation: a string is nothing but text there. */
  words(said: Params): string | vscode.MarkdownString | undefined {
    return said === undefined || said === null || typeof said === "string" ? (said ?? undefined) : this.markdown(said);
  }

  hover(said: Params): vscode.Hover {
    const contents = (Array.isArray(said.contents) ? said.contents : [said.contents]).filter(Boolean);
    return new vscode.Hover(
      contents.map((one: Params) => this.markdown(one)),
      said.range ? this.range(said.range) : undefined,
    );
  }

  command(said: Params): vscode.Command | undefined {
    return said ? this.runs(said) : undefined;
  }

  diagnostic(said: Params): vscode.Diagnostic {
    const message = typeof said.message === "string" ? said.message : String(said.message?.value ?? "");
    const severity = [0, 1, 2, 3][count(said.severity ?? 1) - 1] ?? vscode.DiagnosticSeverity.Information;
    const made = new vscode.Diagnostic(this.range(said.range), message, severity);
    made.source = said.source;
    made.tags = said.tags?.filter((one: Params) => one === 1 || one === 2);
    const link = said.codeDescription?.href;
    made.code =
      said.code !== undefined && typeof link === "string" && /^https?:/i.test(link)
        ? { value: said.code, target: vscode.Uri.parse(link) }
        : (said.code ?? undefined);
    made.relatedInformation =
      said.relatedInformation &&
      several(
        said.relatedInformation,
        (one) => new vscode.DiagnosticRelatedInformation(this.location(one.location), String(one.message)),
      );
    return this.from(made, said);
  }

  signatures(said: Params): vscode.SignatureHelp {
    const help = new vscode.SignatureHelp();
    help.signatures = (said.signatures ?? []).map((one: Params) => {
      const made = new vscode.SignatureInformation(String(one.label), this.words(one.documentation));
      made.parameters = (one.parameters ?? []).map(
        (part: Params) => new vscode.ParameterInformation(part.label, this.words(part.documentation)),
      );
      made.activeParameter = one.activeParameter ?? undefined;
      return made;
    });
    help.activeSignature = count(said.activeSignature ?? 0);
    help.activeParameter = count(said.activeParameter ?? 0);
    return this.from(help, said);
  }

  /** DocumentSymbol[] or SymbolInformation[]. */
  symbols(said: Params): vscode.DocumentSymbol[] | vscode.SymbolInformation[] {
    return said[0]?.location === undefined
      ? several(said, (one) => this.symbol(one))
      : several(said, (one) => this.information(one));
  }

  private symbol(said: Params): vscode.DocumentSymbol {
    const range = this.range(said.range);
    const chosen = this.range(said.selectionRange);
    const whole = range.contains(chosen) ? range : range.union(chosen);
    const made = new vscode.DocumentSymbol(String(said.name || " "), said.detail ?? "", kind(said.kind), whole, chosen);
    made.tags = tags(said);
    made.children = several(said.children ?? [], (one) => this.symbol(one));
    return made;
  }

  information(said: Params): vscode.SymbolInformation {
    const at = this.location(said.location);
    const made = new vscode.SymbolInformation(String(said.name), kind(said.kind), said.containerName ?? "", at);
    made.tags = tags(said);
    return this.from(made, said);
  }

  call(said: Params): vscode.CallHierarchyItem {
    const made = new vscode.CallHierarchyItem(
      kind(said.kind),
      String(said.name),
      said.detail ?? "",
      this.uri(said.uri),
      this.range(said.range),
      this.range(said.selectionRange),
    );
    made.tags = tags(said);
    return this.from(made, said);
  }

  hint(said: Params): vscode.InlayHint {
    const label =
      typeof said.label === "string" ? said.label : said.label.map((one: Params) => this.labelPart(one));
    const made = new vscode.InlayHint(this.position(said.position), label, said.kind ?? undefined);
    made.paddingLeft = said.paddingLeft;
    made.paddingRight = said.paddingRight;
    return this.from(this.fillHint(made, said), said);
  }

  /** What a server may say of a hint later. */
  fillHint(made: vscode.InlayHint, said: Params): vscode.InlayHint {
    made.tooltip = this.words(said.tooltip);
    made.textEdits = said.textEdits && this.edits(said.textEdits);
    if (Array.isArray(said.label)) {
      made.label = said.label.map((one: Params) => this.labelPart(one));
    }
    return made;
  }

  private labelPart(said: Params): vscode.InlayHintLabelPart {
    const made = new vscode.InlayHintLabelPart(String(said.value));
    made.tooltip = this.words(said.tooltip);
    made.location = this.quietly(() => said.location && this.location(said.location));
    made.command = this.command(said.command);
    return made;
  }

  private quietly<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch {
      return undefined;
    }
  }
}

/** The list, or the one, without what makes no sense. */
export function several<T>(said: Params, make: (one: Params) => T): T[] {
  const made: T[] = [];
  for (const one of Array.isArray(said) ? said : [said]) {
    try {
      made.push(make(one));
    } catch {
      continue; // one that is wrong says nothing about the others
    }
  }
  return made;
}

export function tags(said: Params): vscode.SymbolTag[] | undefined {
  return said.tags?.includes(1) || said.deprecated === true ? [vscode.SymbolTag.Deprecated] : undefined;
}

function kind(said: Params): vscode.SymbolKind {
  return Math.min(Math.max(count(said) - 1, 0), vscode.SymbolKind.TypeParameter);
}

function count(said: Params): number {
  const number = Math.trunc(Number(said));
  return number > 0 ? Math.min(number, MOST) : 0;
}
