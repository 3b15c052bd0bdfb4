// What the daemon says: requests, notices, and what became of the documents after a lost connection.
import * as vscode from "vscode";
import { tell } from "./conflict";
import { compare, prepare } from "./diff";
import { Document, Documents } from "./documents";
import { Files } from "./files";
import { Folders } from "./folders";
import { enabled } from "./lsp/languages";
import { Given } from "./link";
import { ask, say } from "./messages";
import { open } from "./opening";
import { Params } from "./peer";
import { changed, reload } from "./reloading";
import { arrived } from "./saving";
import * as tabs from "./tabs";

export class Session implements Given {
  private readonly queues = new Map<string, Promise<unknown>>();
  private asked: Document[] = []; // those of an earlier life of this window that initialize asks for

  readonly client: object;

  constructor(
    private readonly documents: Documents,
    private readonly files: Files,
    private readonly shown: Folders,
    plugin: string,
  ) {
    this.client = { name: vscode.env.appName, version: vscode.version, plugin, pid: process.pid };
  }

  readonly requests: Given["requests"] = {
    "buffer/open": (params) => this.open(params, false),
    "buffer/diff": (params) => this.after(params.left, () => compare(this.documents, params)),
    "folder/open": (params) => this.shown.open(params),
    question: async (params) => {
      const answer = await ask(String(params.message), ...params.answers);
      return answer === undefined ? {} : { answer };
    },
  };

  readonly notices: Given["notices"] = {
    "buffer/changed": (params) => this.of(params, (doc) => this.changed(doc, params)),
    "buffer/state": (params) => this.of(params, (doc) => this.state(doc, params)),
    "buffer/closed": (params) => this.of(params, (doc) => this.closed(doc, params.message ?? "")),
    "window/show": (params) =>
      say(params.kind === "error" || params.kind === "warning" ? params.kind : "info", params.message ?? ""),
    "folder/focus": (params) => this.shown.focus(params),
    "folder/state": (params) => this.shown.state(params),
    "folder/closed": (params) => this.shown.closed(params),
    "fs/found": (params) => this.shown.found(params),
    "fs/changed": (params) => this.shown.changed(params),
  };

  /** A text into a tab: the daemon said so, or a folder's file was asked for. */
  open(params: Params, preview: boolean): Promise<object> {
    return this.after(params.id, () =>
      params.diff === true ? prepare(this.documents, params) : open(this.documents, params, preview),
    );
  }

  /** Whether language servers are wanted. */
  lsp(): boolean {
    return enabled();
  }

  folders(): object[] {
    return this.shown.names();
  }

  buffers(): object[] {
    this.asked = this.documents.restored();
    const known = [...this.documents.byId.values()].filter((doc) => !doc.lost);
    return [...known, ...this.asked].map((doc) => ({
      id: doc.id,
      base: doc.base,
      modified: this.documents.modified(doc),
    }));
  }

  /** Connected, for the first time or again: what became of each document meanwhile. */
  begun(result: Params): void {
    const back = new Map<string, Params>((result.buffers ?? []).map((one: Params) => [one.id, one]));
    for (const doc of this.asked) {
      if (back.has(doc.id)) {
        doc.base = back.get(doc.id).base;
        this.documents.add(doc);
      } else {
        this.documents.forget(doc.id);
        if (this.documents.modified(doc)) {
          this.files.missing(doc.uri);
        }
      }
    }
    this.asked = [];
    this.shown.begun(result);
    for (const doc of [...this.documents.byId.values()].filter((one) => !one.lost)) {
      const one = back.get(doc.id);
      if (one) {
        void this.after(doc.id, () => this.goOn(doc, one));
      } else if (doc.held && tabs.showing(doc.uri).length === 0) {
        this.documents.drop(doc); // nobody has seen it yet
      } else {
        this.documents.lose(doc);
        say("warning", `${doc.name} is closed on ${doc.host}; the text stays here (Save As keeps it)`);
      }
    }
    this.documents.changed();
  }

  lost(): void {
    this.documents.changed();
    this.shown.lost();
    if (this.documents.byId.size > 0) {
      say("warning", "connection lost, tried again; the texts stay");
    }
  }

  refused(message: string): void {
    say("error", `this extension was refused: ${message} (rbridge plugin install vscode)`);
  }

  /** One thing after the other for each document. */
  private after<T>(id: string, work: () => T | Promise<T>): Promise<T> {
    this.documents.busy++;
    const run = (this.queues.get(id) ?? Promise.resolve()).then(work);
    const quiet: Promise<unknown> = run
      .catch(() => undefined)
      .then(() => {
        this.documents.busy--;
        if (this.queues.get(id) === quiet) {
          this.queues.delete(id);
        }
      });
    this.queues.set(id, quiet);
    return run;
  }

  private of(params: Params, work: (doc: Document) => unknown): void {
    void this.after(params.id, () => {
      const doc = this.documents.byId.get(params.id);
      return doc && !doc.lost ? work(doc) : undefined;
    }).catch((error: Error) => say("error", error.message));
  }

  /** Not while it is saved: the answer says it then. */
  private conflict(doc: Document, size?: number): void {
    const known = doc.state === "conflict" || doc.saving;
    this.documents.conflict(doc, size);
    if (!known) {
      void tell(this.documents, this.files, doc).catch((error: Error) => say("error", error.message));
    }
  }

  private async changed(doc: Document, params: Params): Promise<void> {
    if (!(await changed(this.documents, this.files, doc, params))) {
      this.conflict(doc, params.size);
    }
  }

  private async goOn(doc: Document, one: Params): Promise<void> {
    doc.connected = one.connected !== false;
    doc.message = one.message ?? "";
    if (one.state === "conflict") {
      this.conflict(doc);
    }
    if (doc.sent && one.state === "clean") {
      if (await arrived(this.documents, doc, one.base)) {
        return;
      }
      doc.sent = undefined;
      say("error", `${doc.name} is not saved on ${doc.host}: the connection was lost before`);
    }
    if (one.state !== "conflict" && one.base !== doc.base) {
      if (!(await reload(this.documents, this.files, doc, one.base, undefined, false))) {
        this.conflict(doc);
      }
    }
    this.documents.changed();
  }

  private async state(doc: Document, params: Params): Promise<void> {
    doc.message = params.message ?? "";
    doc.connected = params.connected !== false;
    if (params.state === "conflict") {
      this.conflict(doc);
    } else if (params.state === "clean" && !(await arrived(this.documents, doc, params.base))) {
      if (doc.state === "conflict" && !doc.saving && params.base === doc.base) {
        this.documents.clean(doc, doc.base); // it was settled elsewhere
      }
    }
    this.documents.changed();
  }

  private async closed(doc: Document, message: string): Promise<void> {
    const why = message ? `: ${message}` : "";
    this.documents.lose(doc);
    if (this.documents.modified(doc)) {
      say("warning", `${doc.name} closed on ${doc.host}; the text stays here (Save As keeps it)${why}`);
    } else {
      await tabs.close(doc.uri);
      this.documents.drop(doc);
      say("info", `${doc.name} closed on ${doc.host}${why}`);
    }
  }
}
