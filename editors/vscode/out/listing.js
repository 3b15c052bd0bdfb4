"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Listing = exports.Line = exports.Node = exports.STEP = void 0;
const paths_1 = require("./paths");
const FIRST = 500; // entries that are shown at once
const PAGE = 1000;
exports.STEP = 10_000; // entries of one directory until the user asks for more
const order = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
/** One entry of a folder, or the folder itself; the same object for as long as it is shown. */
class Node {
    folder;
    parent;
    path;
    entry;
    directory;
    constructor(folder, parent, path, entry) {
        this.folder = folder;
        this.parent = parent;
        this.path = path;
        this.entry = entry;
    }
    static root(folder) {
        const entry = { name: folder.name, type: "directory", size: 0, mtime: 0, mode: 0 };
        return new Node(folder, undefined, paths_1.TOP, entry);
    }
    get isDirectory() {
        return this.entry.type === "directory";
    }
    get id() {
        return `${this.folder.key}\n${(0, paths_1.key)(this.path)}`;
    }
}
exports.Node = Node;
/** What is shown below a directory that could not be listed, or not to its end. */
class Line {
    parent;
    kind;
    words;
    constructor(parent, kind, words) {
        this.parent = parent;
        this.kind = kind;
        this.words = words;
    }
}
exports.Line = Line;
function compare(a, b) {
    return (Number(b.isDirectory) - Number(a.isDirectory) ||
        order.compare((0, paths_1.base)(a.path), (0, paths_1.base)(b.path)) ||
        ((0, paths_1.key)(a.path) < (0, paths_1.key)(b.path) ? -1 : 1));
}
/** What is drawn of a row. */
function face(row) {
    if (row instanceof Line) {
        return row.words;
    }
    const { type, link, outside, dangling } = row.entry;
    return JSON.stringify([(0, paths_1.key)(row.path), type, link, outside, dangling]);
}
class Listing {
    folders;
    node;
    show;
    children = [];
    line;
    most = exports.STEP;
    ready;
    seen; // not seen yet: who waits for that
    faces = [];
    reading;
    again = false;
    constructor(folders, node, show) {
        this.folders = folders;
        this.node = node;
        this.show = show;
    }
    get lines() {
        return this.line ? [...this.children, this.line] : this.children;
    }
    /** Until there is something to be seen, however often that is asked. */
    first() {
        this.ready ??= new Promise((seen) => {
            this.seen = seen;
            void this.refresh();
        });
        return this.ready;
    }
    /** Once more; what is shown stays until it is known what is there now. */
    async refresh() {
        if (this.reading) {
            this.again = true; // what was read may be older than what is to be seen
            return this.reading;
        }
        this.reading = this.read();
        return this.reading;
    }
    async more() {
        this.most += exports.STEP;
        await this.refresh();
    }
    async read() {
        try {
            do {
                this.again = false;
                await this.pass();
            } while (this.again);
        }
        finally {
            this.reading = undefined; // at once: who asks from here on has to be heard
        }
    }
    /** Ask for all of it, and show it: now and then where nothing was shown, else at the end. */
    async pass() {
        const { folder, path } = this.node;
        const found = [];
        const before = new Map(this.children.map((child) => [(0, paths_1.key)(child.path), child]));
        let after = {};
        let shown = FIRST;
        let left = false;
        try {
            for (;;) {
                const limit = Math.min(this.seen ? FIRST : PAGE, this.most - found.length);
                const said = await this.folders.ask(folder, "fs/list", path, { ...after, limit });
                for (const entry of said.entries) {
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
        }
        catch (error) {
            this.put(found.length ? found : this.children, "error", error.message);
        }
    }
    /** `path` and `after` of one request are encoded both or none. */
    encoded(said) {
        const { path } = this.node;
        const after = said.encoded ? said.next : said.next.replace(/%/g, "%25");
        return { path: (0, paths_1.key)(path), after, encoded: true };
    }
    child(entry, before) {
        const path = (0, paths_1.join)(this.node.path, entry.name, entry.encoded === true);
        const known = before.get((0, paths_1.key)(path));
        if (known && known.isDirectory === (entry.type === "directory")) {
            known.entry = entry;
            return known;
        }
        return new Node(this.node.folder, this.node, path, entry);
    }
    /** Have it drawn if it looks otherwise: while VS Code draws it anew, rows hear no click and no command. */
    put(found, kind, words) {
        this.children = [...found].sort(compare);
        this.line = words ? new Line(this.node, kind, words) : undefined;
        const before = this.faces;
        this.faces = this.lines.map(face);
        if (this.seen) {
            this.seen();
            this.seen = undefined;
        }
        else if (before.length !== this.faces.length || before.some((one, at) => one !== this.faces[at])) {
            this.show(this.node);
        }
    }
}
exports.Listing = Listing;
