// Formatting: VS Code wants one formatter for a text, and asks its user to choose where there are more. So there
// is one of ours, which asks the text's servers.
import * as vscode from "vscode";
import { Params } from "../peer";

type Work = (document: vscode.TextDocument, range: vscode.Range | undefined, params: object, token: vscode.CancellationToken) =>
  Promise<vscode.TextEdit[] | undefined>;

interface One {
  kind: string;
  ranges: boolean;
  languages: Set<string>;
  serves(document: vscode.TextDocument): boolean;
  work: Work;
}

/** Those that are for it come first; a server of types only has it beside all else. */
const ORDER = ["format", "lint"];

export class Formatters implements vscode.Disposable {
  private readonly all = new Set<One>();
  private registered: vscode.Disposable[] = [];

  add(one: One): vscode.Disposable {
    this.all.add(one);
    this.renew();
    return {
      dispose: () => {
        this.all.delete(one);
        this.renew();
      },
    };
  }

  dispose(): void {
    this.registered.forEach((one) => one.dispose());
    this.registered = [];
  }

  private renew(): void {
    this.dispose();
    const whole = this.selector(false);
    const part = this.selector(true);
    if (whole.length > 0) {
      this.registered.push(
        vscode.languages.registerDocumentFormattingEditProvider(whole, {
          provideDocumentFormattingEdits: (document, given, token) => this.format(document, undefined, given, token),
        }),
      );
    }
    if (part.length > 0) {
      this.registered.push(
        vscode.languages.registerDocumentRangeFormattingEditProvider(part, {
          provideDocumentRangeFormattingEdits: (document, range, given, token) =>
            this.format(document, range, given, token),
        }),
      );
    }
  }

  private selector(ranges: boolean): vscode.DocumentFilter[] {
    const languages = [...this.all].filter((one) => one.ranges === ranges).flatMap((one) => [...one.languages]);
    return [...new Set(languages)].map((language) => ({ scheme: "rbridge", language }));
  }

  private async format(
    document: vscode.TextDocument,
    range: vscode.Range | undefined,
    options: Params,
    token: vscode.CancellationToken,
  ): Promise<vscode.TextEdit[] | undefined> {
    const ranked = (one: One): number => (ORDER.includes(one.kind) ? ORDER.indexOf(one.kind) : ORDER.length);
    const able = [...this.all].filter((one) => one.ranges === (range !== undefined) && one.serves(document));
    for (const one of able.sort((a, b) => ranked(a) - ranked(b))) {
      const edits = await one.work(document, range, { options }, token);
      if (edits || token.isCancellationRequested) {
        return edits;
      }
    }
    return undefined;
  }
}
