// The folders of hosts that this window shows. What is in them is asked for when it is shown, and never kept.
import * as vscode from "vscode";
import { Link } from "./link";
import { say } from "./messages";
import { Path, TOP, said } from "./paths";
import { LOST, Params, RpcError } from "./peer";

export const ELSEWHERE = -32016;
const UNKNOWN = -32017;

/** What stands under one name. */
export interface Entry {
  name: string;
  type: "file" | "directory" | "link" | "other";
  size: number;
  mtime: number;
  mode: number;
  link?: string;
  outside?: boolean;
  dangling?: boolean;
  encoded?: boolean;
}

export class Folder {
  connected = true;
  known = true; // the daemon has it, as far as we have heard

  constructor(
    readonly key: string, // what names it in the view, also when the daemon calls it otherwise
    public id: string,
    readonly uri: vscode.Uri,
    readonly host: string,
    readonly path: string,
    readonly name: string,
    readonly readOnly: boolean,
  ) {}

  get where(): string {
    return `${this.name} on ${this.host}`;
  }

  /** The path on its host, as documents have it. */
  full(path: Path): string {
    const top = this.path.replace(/\/$/, "");
    return path.path === "" ? this.path : `${top}/${path.path}`;
  }

  /** A file of it, for VS Code's own viewers. */
  at(path: Path): vscode.Uri {
    return this.uri.with({ path: this.full(path) });
  }
}

export class Folders {
  readonly all: Folder[] = [];
  private readonly shown = new vscode.EventEmitter<Folder | undefined>();
  /** One of them is another one now, or is connected or not; undefined: one came or went. */
  readonly onDidChange = this.shown.event;
  /** Called for what is found, by the name that the request gave it. */
  private readonly streams = new Map<string, (params: Params) => void>();
  private serial = 0;
  private named: string[] = []; // the ids that initialize has named: others came since
  /** Have the user see one. */
  reveal: (folder: Folder, focus: boolean) => Promise<void> = async () => {};
  /** Of what is watched, this changed. */
  renewed: (folder: Folder, params: Params) => void = () => {};

  constructor(readonly link: Link) {}

  byId(id: unknown): Folder | undefined {
    return this.all.find((folder) => folder.id === id);
  }

  /** The innermost one that a path of a host is in, and where in it that is. */
  holding(uri: vscode.Uri): [Folder, Path] | undefined {
    const found = this.all.filter((one) => one.host === uri.authority && this.below(one, uri.path));
    const inner = found.sort((a, b) => b.path.length - a.path.length)[0];
    return inner && [inner, this.below(inner, uri.path) as Path];
  }

  /** Where a path of the host is in a folder, undefined outside of it. */
  below(folder: Folder, path: string): Path | undefined {
    const top = folder.path.replace(/\/$/, "");
    const inside = path === folder.path || path.startsWith(`${top}/`);
    return inside ? { path: path.slice(top.length).replace(/^\/|\/$/g, ""), encoded: false } : undefined;
  }

  // What the daemon says

  async open(params: Params): Promise<object> {
    const { id, host, path, name } = params;
    const before = this.all.find((one) => one.host === host && one.path === path && !(one.connected && one.known));
    if (before) {
      const { known } = before;
      if (known && before.id !== id) {
        this.link.ask("folder/close", { id: before.id }).catch(() => undefined); // the host opened it anew
      }
      before.id = id;
      before.connected = before.known = true;
      this.shown.fire(before);
      await (known && this.reveal(before, params.keepFocus !== true)); // else it came back by itself
      return {};
    }
    const uri = vscode.Uri.parse(params.uri, true);
    const folder = new Folder(`folder ${++this.serial}`, id, uri, host, path, name, params.readOnly === true);
    this.all.push(folder);
    this.shown.fire(undefined);
    await this.reveal(folder, params.keepFocus !== true);
    return {};
  }

  focus(params: Params): void {
    const folder = this.byId(params.id);
    if (folder) {
      void this.reveal(folder, true);
    }
  }

  state(params: Params): void {
    const folder = this.byId(params.id);
    if (folder) {
      folder.connected = params.connected !== false;
      this.shown.fire(folder);
    }
  }

  closed(params: Params): void {
    const folder = this.byId(params.id);
    if (folder) {
      this.drop(folder);
      say("info", `${folder.where} was closed there${params.message ? `: ${params.message}` : ""}`);
    }
  }

  changed(params: Params): void {
    const folder = this.byId(params.folder);
    if (folder) {
      this.renewed(folder, params);
    }
  }

  found(params: Params): void {
    this.streams.get(String(params.stream))?.(params);
  }

  // After a lost connection

  names(): object[] {
    this.named = this.all.map(({ id }) => id);
    return this.all.map(({ id, host, path }) => ({ id, host, path }));
  }

  /** Those that are missing may come back as others: of a daemon that was started anew. */
  begun(result: Params): void {
    const back = new Map<string, Params>((result.folders ?? []).map((one: Params) => [one.id, one]));
    for (const folder of this.all.filter((one) => this.named.includes(one.id))) {
      folder.known = back.has(folder.id);
      folder.connected = folder.known && back.get(folder.id).connected !== false;
      this.shown.fire(folder);
    }
  }

  lost(): void {
    for (const folder of this.all) {
      folder.connected = folder.known = false;
      this.shown.fire(folder);
    }
  }

  /** How it stands, empty where there is nothing to say. */
  status(folder: Folder): string {
    return !this.link.ready ? "no rbridge" : folder.connected && folder.known ? "" : "not connected";
  }

  // What the user does

  async close(folder: Folder): Promise<void> {
    this.drop(folder);
    await this.link.ask("folder/close", { id: folder.id }).catch(() => undefined);
  }

  /** Ask for something in a folder. Throws with a line for the user. */
  async ask(folder: Folder, method: string, path: Path = TOP, more: object = {}): Promise<Params> {
    const { signal, ...params } = more as { signal?: AbortSignal };
    return this.request(folder, method, { ...said(path), ...params }, signal);
  }

  /** The same, for what is found little by little. */
  async stream(
    folder: Folder,
    method: string,
    params: object,
    signal: AbortSignal,
    found: (params: Params) => void,
  ): Promise<Params> {
    const stream = `${method}-${++this.serial}`;
    this.streams.set(stream, found);
    try {
      return await this.request(folder, method, { ...params, stream }, signal);
    } finally {
      this.streams.delete(stream);
    }
  }

  private async request(folder: Folder, method: string, params: object, signal?: AbortSignal): Promise<Params> {
    try {
      return await this.link.ask(method, { folder: folder.id, ...params }, signal);
    } catch (error) {
      if (error instanceof RpcError && (error.code === UNKNOWN || (error.code === LOST && this.link.ready))) {
        throw new RpcError(error.code, `${folder.where} is not connected`, error.data);
      }
      throw error;
    }
  }

  private drop(folder: Folder): void {
    this.all.splice(this.all.indexOf(folder), 1);
    this.shown.fire(undefined);
  }
}
