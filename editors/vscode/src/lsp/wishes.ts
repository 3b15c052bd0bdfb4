// What a server may ask of this window: messages, settings, changes of its host's texts. Anything else is refused.
import * as vscode from "vscode";
import { SCHEME } from "../documents";
import { ask, say } from "../messages";
import { Params, Side } from "../peer";
import type { Client } from "./client";
import { Progress } from "./progress";

const ERROR = 1;
const WARNING = 2;
const INFO = 3;
/** Of this laptop, where a server of a host looks for nothing. */
const OURS = ["pythonPath", "defaultInterpreterPath", "venvPath", "venvFolders", "condaPath", "interpreter"];

export class Wishes {
  constructor(
    private readonly client: Client,
    private readonly progress: Progress,
  ) {}

  readonly requests: Side["requests"] = {
    "client/registerCapability": async ({ registrations }) => {
      for (const one of registrations ?? []) {
        this.client.registrations.add(String(one.id), String(one.method), one.registerOptions);
      }
      return null;
    },
    "client/unregisterCapability": async (params) => {
      for (const one of params.unregisterations ?? params.unregistrations ?? []) {
        this.client.registrations.remove(String(one.id));
      }
      return null;
    },
    "window/workDoneProgress/create": async () => null,
    "window/showMessageRequest": async (params) => {
      const actions: Params[] = params.actions ?? [];
      const titles = actions.map((one) => String(one.title));
      const answer = await ask(`${this.client.label}: ${params.message}`, ...titles);
      return actions.find((one) => one.title === answer) ?? null;
    },
    "window/showDocument": async (params) => ({ success: await this.show(params) }),
    "workspace/applyEdit": (params) => this.apply(params),
    "workspace/configuration": async ({ items }) => (items ?? []).map((one: Params) => setting(one)),
    "workspace/workspaceFolders": async () => [{ uri: this.client.server.root, name: this.client.server.root }],
    "workspace/semanticTokens/refresh": async () => this.client.registrations.refresh("textDocument/semanticTokens"),
    "workspace/inlayHint/refresh": async () => this.client.registrations.refresh("textDocument/inlayHint"),
  };

  readonly notices: Side["notices"] = {
    "window/showMessage": (params) => {
      const line = `${this.client.label}: ${params.message}`;
      if (params.type <= INFO) {
        say(params.type === ERROR ? "error" : params.type === WARNING ? "warning" : "info", line);
      } else {
        this.client.log(String(params.message));
      }
    },
    "window/logMessage": (params) => this.client.log(String(params.message)),
    "$/progress": (params) => this.progress.hear(params),
  };

  /** A text of the host, and nothing else: no browser, no file of this machine. */
  private async show(params: Params): Promise<boolean> {
    const { documents, targets } = this.client.shared;
    const uri = vscode.Uri.parse(String(params.uri), true);
    if (uri.scheme !== SCHEME || params.external === true) {
      return false;
    }
    const there = documents.of(this.client.reading.uri(params.uri))?.uri ?? (await targets.open(uri)).uri;
    const selection = params.selection ? this.client.reading.range(params.selection) : undefined;
    const options = { selection, preserveFocus: params.takeFocus === false };
    await vscode.commands.executeCommand("vscode.open", there, options);
    return true;
  }

  private async apply(params: Params): Promise<object> {
    try {
      const edit = await this.client.edits.whole(params.edit);
      return { applied: await vscode.workspace.applyEdit(edit) };
    } catch (error) {
      const failureReason = (error as Error).message;
      say("error", `${this.client.label}: ${failureReason}`);
      return { applied: false, failureReason };
    }
  }
}

/** What the user has set, for a section that was asked for by its name. */
function setting(item: Params): unknown {
  const section = item?.section;
  if (typeof section !== "string" || section === "") {
    return null;
  }
  const scope = typeof item.scopeUri === "string" ? vscode.Uri.parse(item.scopeUri) : undefined;
  const last = section.slice(section.lastIndexOf(".") + 1);
  const found = vscode.workspace.getConfiguration(undefined, scope).get(section);
  if (OURS.includes(last)) {
    return null;
  }
  if (typeof found !== "object" || found === null || Array.isArray(found)) {
    return found ?? null;
  }
  return Object.fromEntries(Object.entries(found).filter(([name]) => !OURS.includes(name)));
}
