// What a server can do about a text: quick fixes, refactorings. What would change files that are not open is worked
// out when somebody chooses it.
import * as vscode from "vscode";
import { Params } from "../peer";
import type { Client } from "./client";
import { Question, stretch } from "./question";
import { several } from "./reading";

export function offer(client: Client, options: Params): vscode.Disposable {
  const at = new Question(client, options);
  const kinds = Array.isArray(options.codeActionKinds) ? options.codeActionKinds.map(kindOf) : undefined;
  const provider: vscode.CodeActionProvider = {
    provideCodeActions: (document, range, given, token) => {
      const known = given.diagnostics.map((one) => at.reading.source(one)).filter(Boolean);
      const only = given.only ? [given.only.value] : undefined;
      const context = { diagnostics: known, only, triggerKind: given.triggerKind };
      const more = { range: stretch(range), context };
      return at.ask({ document, token }, "textDocument/codeAction", more, (said) =>
        several(said, (one) => action(at, one, given.diagnostics)),
      );
    },
    resolveCodeAction: (made, token) => resolved(at, made, token),
  };
  return vscode.languages.registerCodeActionsProvider(at.selector, provider, { providedCodeActionKinds: kinds });
}

function kindOf(said: Params): vscode.CodeActionKind {
  return vscode.CodeActionKind.Empty.append(String(said ?? ""));
}

function action(at: Question, said: Params, diagnostics: readonly vscode.Diagnostic[]): vscode.CodeAction {
  if (typeof said.command === "string") {
    const made = new vscode.CodeAction(String(said.title));
    made.command = at.reading.command(said);
    return made;
  }
  const made = new vscode.CodeAction(String(said.title), kindOf(said.kind));
  const about = new Set((said.diagnostics ?? []).map((one: Params) => signature(one)));
  made.diagnostics = diagnostics.filter((one) => about.has(signature(at.reading.source(one))));
  made.isPreferred = said.isPreferred === true;
  made.disabled = said.disabled && { reason: String(said.disabled.reason) };
  made.command = at.reading.command(said.command);
  if (said.edit && at.client.edits.isAtHand(said.edit)) {
    made.edit = at.client.edits.atHand(said.edit);
  }
  return at.reading.from(made, said);
}

/** Its edit, once it was chosen. Throws with a line for the user. */
async function resolved(at: Question, made: vscode.CodeAction, token: vscode.CancellationToken): Promise<vscode.CodeAction> {
  const before = at.reading.source(made);
  if (before === undefined) {
    return made;
  }
  const whole = before.edit || !at.options.resolveProvider ? before : await at.client.ask("codeAction/resolve", before, token);
  if (whole?.edit && !made.edit) {
    made.edit = await at.client.edits.whole(whole.edit);
  }
  made.command = at.reading.command(whole?.command) ?? made.command;
  return made;
}

function signature(said: Params): string {
  return JSON.stringify([said?.message, said?.range, said?.code]);
}
