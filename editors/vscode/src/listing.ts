// A directory as it is shown: its entries come in pages, the first one at once and the others behind it.
import { Entry, Folder, Folders } from "./folders";
import { Path, TOP, base, join, key } from "./paths";

const FIRST = 500; // entries that are shown at once
const PAGE = 1000;
export const STEP = 10_000; // entries of one directory until the user asks for more

const order = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/** One entry of a folder, or the folder itself; the same object for as long as it is shown. */
export class Node {
  directory: Listing | undefined;

  constructor(
    readonly folder: Folder,
    readonly parent: Node | undefined,
    readonly path: Path,
    public entry: Entry,
  ) {}

  static root(folder: Folder): Node {
    const entry: Entry = { name: folder.name, type: "directory", size: 0, mtime: 0, mode: 0 };
    return new Node(folder, undefined, TOP, entry);
  }

  get isDirectory(): boolean {
    return this.entry.type === "directory";
  }

  get id(): string {
    return `${this.folder.key}\n${key(this.path)}`;
  }
}

/** What is shown below a directory that could not be listed, or not to its end. */
export class Line {
  constructor(
    readonly parent: Node,
    readonly kind: "error" | "more",
    readonly words: string,
  ) {}
}

function compare(a: Node, b: Node): number {
  return (
    Number(b.isDirectory) - Number(a.isDirectory) ||
    order.compare(base(a.path), base(b.path)) ||
    (key(a.path) < key(b.path) ? -1 : 1)
  );
}

/** What is drawn of a row. */
function face(row: Node | Line): string {
  if (row instanceof Line) {
    return row.words;
  }
  const { type, link, outside, dangling } = row.entry;
  return JSON.stringify([key(row.path), type, link, outside, dangling]);
}

export class Listing {
  children: Node[] = [];
  line: Line | undefined;
  private most = STEP;
  private ready: Promise<void> | undefined;
  private seen: (() => void) | undefined; // not seen yet: who waits for that
  private faces: string[] = [];
  private reading: Promise<void> | undefined;
  private again = false;

  constructor(
    private readonly folders: Folders,
    private readonly node: Node,
    private readonly show: (node: Node) => void,
  ) {}

  get lines(): (Node | Line)[] {
    return this.line ? [...this.children, this.line] : this.children;
  }

  /** Until there is something to be seen, however often that is asked. */
  first(): Promise<void> {
    this.ready ??= new Promise((seen) => {
      this.seen = seen;
      void this.refresh();
    });
    return this.ready;
  }

  /** Once more; what is shown stays until it is known what is there now. */
  async refresh(): Promise<void> {
    if (this.reading) {
      this.again = true; // what was read may be older than what is to be seen
      return this.reading;
    }
    this.reading = this.read();
    return this.reading;
  }

  async more(): Promise<void> {
    this.most += STEP;
    await this.refresh();
  }

  private async read(): Promise<void> {
    try {
      do {
        this.again = false;
        await this.pass();
      } while (this.again);
    } finally {
      this.reading = undefined; // at once: who asks from here on has to be heard
    }
  }

  /** Ask for all of it, and show it: now and then where nothing was shown, else at the end. */
  private async pass(): Promise<void> {
    const { folder, path } = this.node;
    const found: Node[] = [];
    const before = new Map(this.children.map((child) => [key(child.path), child]));
    let after: object = {};
    let shown = FIRST;
    let left = false;
    try {
      for (;;) {
        const limit = Math.min(this.seen ? FIRST : PAGE, this.most - found.length);
        const said = await this.folders.ask(folder, "fs/list", path, { ...after, limit });
        for (const entry of said.entries as Entry[]) {
          found.push(this.child(entry, before));
        }
        if (said.next === null || found.length >= this.most) {
          left = said.next !== null;
          break;
        }
        after = { after: said.next, ...(said.encoded || path.encoded ? this.encoded(said) : {}) };
        if (!before.size && found.length >= shown) {
          shown = 2 * found.length; // as often as that costs little
          this.put(found, "more", `${found.length.toLocaleString("en")} shown, more are coming`);
        }
      }
      const words = `${found.length.toLocaleString("en")} shown: show more (Find File finds the others)`;
      this.put(found, "more", left ? words : "");
    } catch (error) {
      this.put(found.length ? found : this.children, "error", (error as Error).message);
    }
  }

  /** `path` and `after` of one request are encoded both or none. */
  private encoded(said: { next: string; encoded?: boolean }): object {
    const { path } = this.node;
    const after = said.encoded ? said.next : said.next.replace(/%/g, "%25");
    return { path: key(path), after, encoded: true };
  }

  private child(entry: Entry, before: Map<string, Node>): Node {
    const path = join(this.node.path, entry.name, entry.encoded === true);
    const known = before.get(key(path));
    if (known && known.isDirectory === (entry.type === "directory")) {
      known.entry = entry;
      return known;
    }
    return new Node(this.node.folder, this.node, path, entry);
  }

  /** Have it drawn if it looks otherwise: while VS Code draws it anew, rows hear no click and no command. */
  private put(found: Node[], kind: Line["kind"], words: string): void {
    this.children = [...found].sort(compare);
    this.line = words ? new Line(this.node, kind, words) : undefined;
    const before = this.faces;
    this.faces = this.lines.map(face);
    if (this.seen) {
      this.seen();
      this.seen = undefined;
    } else if (before.length !== this.faces.length || before.some((one, at) => one !== this.faces[at])) {
      this.show(this.node);
    }
  }
}
