// The documents of this window, and how each stands.
import * as vscode from "vscode";
import { isUtf8, unpack } from "./bytes";
import { mixed } from "./ends";
import { Link } from "./link";
import { RpcError } from "./peer";
import * as tabs from "./tabs";

export const SCHEME = "rbridge";
export const THEIRS = "rbridge-theirs";
export const STALE = -32011; // of a read; of a write it is a conflict
export const NO_CONFLICT = -32013;

/** What VS Code compares to see whether somebody else wrote the file. */
export interface Stamp {
  mtime: number;
  size: number;
}

export type State = "clean" | "dirty" | "saving" | "conflict";

/** A text on its way to the host that is not known to have arrived; `version` is the one of its document. */
export interface Sent {
  digest: string;
  version: number | undefined;
}

export class Document {
  state: State = "clean";
  message = "";
  connected = true;
  lost = false; // the daemon does not know it any more
  saving = false;
  force = false; // the next write goes over the host's text: the user said so
  sent: Sent | undefined;
  settled = ""; // digest of a text that the host has already: VS Code still has to be told by a save
  fresh: Buffer | undefined; // what buffer/open read: for the editor's first look
  before: Buffer | undefined; // the host's text, where it mixes line ends
  utf8 = true;
  reading: (() => void) | undefined; // the editor is being made to read it again; called when it has
  asking: Promise<void> | undefined; // VS Code is being made to ask what to do about a conflict
  read = ""; // digest of the host's text that the editor read last in a conflict
  settling: Promise<void> | undefined; // the host's text was chosen in VS Code; until the daemon has said so
  settle: () => void = () => {};
  typed = false; // it was modified when we looked last
  opening = false; // its tab is not there yet
  held = false; // a language server named it, and somebody may want to see it
  /** The stat of the host's text in a conflict: it differs in time and size, else VS Code would not see it. */
  theirs: Stamp | undefined;
  conflictSeen = false; // VS Code got that stat last

  constructor(
    readonly id: string,
    public uri: vscode.Uri,
    readonly host: string,
    public path: string,
    public name: string,
    public base: string,
    public stamp: Stamp,
    readonly readOnly: boolean,
  ) {}

  get where(): string {
    return `${this.name} on ${this.host}`;
  }

  /** The host's text is what these bytes are. */
  note(bytes: Buffer): void {
    this.utf8 = isUtf8(bytes);
    this.before = mixed(bytes) ? bytes : undefined;
  }
}

const LOOK = 50; // ms
let last = 0;

/** A time that is later than all before. */
export function now(): number {
  last = Math.max(Date.now(), last + 1);
  return last;
}

export class Documents {
  readonly byId = new Map<string, Document>();
  private readonly changes = new vscode.EventEmitter<void>();
  /** How one of them stands has changed. */
  readonly onDidChange = this.changes.event;
  readonly closed = new Set<string>(); // those that were closed in this window
  busy = 0; // how many things of the daemon's are under way
  private readonly gone = new Set<string>(); // those of restored tabs that the daemon does not know
  private readonly sought = new Map<string, vscode.Uri>(); // those that VS Code wants without a tab yet

  constructor(readonly link: Link) {}

  of(uri: vscode.Uri | undefined): Document | undefined {
    return uri?.scheme === SCHEME || uri?.scheme === THEIRS ? this.byId.get(uri.query) : undefined;
  }

  /** The one that the user looks at. */
  active(): Document | undefined {
    return this.of(tabs.active());
  }

  add(doc: Document): void {
    this.byId.set(doc.id, doc);
    this.gone.delete(doc.id);
    this.closed.delete(doc.id);
    this.changed();
  }

  /** It was closed here: nothing is known of it any more. */
  drop(doc: Document): void {
    this.byId.delete(doc.id);
    this.gone.add(doc.id);
    this.closed.add(doc.id);
    this.changed();
  }

  /** The daemon does not know it any more; what the user has of it stays. */
  lose(doc: Document): void {
    doc.lost = true;
    this.changed();
  }

  changed(): void {
    this.changes.fire();
  }

  modified(doc: Document): boolean {
    return tabs.modified(doc.uri);
  }

  status(doc: Document): string {
    return doc.lost
      ? "closed"
      : !this.link.ready
        ? "no rbridge"
        : doc.state === "conflict"
          ? "conflict"
          : doc.saving || doc.settling
            ? "saving"
            : doc.sent
              ? "waiting"
              : !doc.connected
                ? "not connected"
                : this.modified(doc)
                  ? "modified"
                  : "saved";
  }

  conflict(doc: Document, size?: number): void {
    if (doc.state !== "conflict") {
      doc.state = "conflict";
      doc.conflictSeen = false;
    }
    const other = size === undefined || size === doc.stamp.size ? doc.stamp.size + 1 : size;
    doc.theirs ??= { mtime: now(), size: other };
    this.changed();
  }

  /** The host's text is the one that the editor knows: `size` where it changed since the editor looked. */
  clean(doc: Document, base: string, size?: number): void {
    doc.base = base;
    doc.state = "clean";
    doc.theirs = undefined;
    if (size !== undefined) {
      doc.stamp = { mtime: now(), size };
    }
    this.changed();
  }

  /** A document's text, from the daemon. */
  async fetch(doc: Document, method: "buffer/read" | "buffer/theirs"): Promise<{ bytes: Buffer; base: string }> {
    for (;;) {
      const head = await this.link.ask(method, { id: doc.id });
      if (!head.chunks) {
        return { bytes: unpack(head), base: head.base };
      }
      try {
        const parts: Buffer[] = [];
        while (parts.length < head.chunks) {
          const chunk = { id: doc.id, base: head.base, chunk: parts.length };
          parts.push(unpack(await this.link.ask(method, chunk)));
        }
        return { bytes: Buffer.concat(parts), base: head.base };
      } catch (error) {
        if (!(error instanceof RpcError) || error.code !== STALE) {
          throw error;
        }
      }
    }
  }

  // Over a reload of the window

  /** One of an earlier life of this window, or undefined where the daemon does not have it. */
  async seek(uri: vscode.Uri): Promise<Document | undefined> {
    await this.link.met();
    if (!this.of(uri) && !this.gone.has(uri.query)) {
      this.sought.set(uri.query, uri);
      while (this.busy > 0 || [...this.byId.values()].some((doc) => doc.saving)) {
        await new Promise((done) => setTimeout(done, LOOK)); // a connection that ends would cut it short
      }
      if (!this.gone.has(uri.query) && !this.of(uri)) {
        await this.link.again();
      }
      this.sought.delete(uri.query);
    }
    return this.of(uri);
  }

  /**
   * Tabs of an earlier life of this window: documents that the daemon may still have. It knows what they stand
   * on; VS Code, which restores what was not saved, has to find them no newer than it remembers.
   */
  restored(): Document[] {
    const found = new Map([...this.sought.values(), ...tabs.all()].map((uri) => [uri.query, uri]));
    return [...found.values()]
      .filter((uri) => uri.scheme === SCHEME && !this.byId.has(uri.query) && !this.gone.has(uri.query))
      .map((uri) => {
        const name = uri.path.slice(uri.path.lastIndexOf("/") + 1);
        return new Document(uri.query, uri, uri.authority, uri.path, name, "", { mtime: 1, size: 0 }, false);
      });
  }

  forget(id: string): void {
    this.gone.add(id);
  }
}
