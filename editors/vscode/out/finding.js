"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.find = find;
// A file of a folder by its name, as one types.
const vscode = require("vscode");
const messages_1 = require("./messages");
const paths_1 = require("./paths");
const words_1 = require("./words");
const LIMIT = 200;
const PAUSE = 50; // ms in which a word may be typed further
function item(path) {
    const [label, description] = [(0, paths_1.base)(path), (0, paths_1.above)(path).path].map((words) => (0, words_1.plain)((0, paths_1.visible)(words)));
    return { label: label, description, path, alwaysShow: true };
}
/** rbridge.findFile: the host looks for each query, and the list shows what it has found so far. */
async function find(folders, acts, given) {
    const found = await acts.where(given, false);
    if (found) {
        new Finding(folders, acts, found[0]);
    }
}
class Finding {
    folders;
    acts;
    folder;
    pick = vscode.window.createQuickPick();
    asked;
    timer;
    constructor(folders, acts, folder) {
        this.folders = folders;
        this.acts = acts;
        this.folder = folder;
        const { pick } = this;
        pick.sortByLabel = false; // the host says which is the best
        this.head("");
        pick.onDidChangeValue((query) => this.typed(query));
        pick.onDidAccept(() => this.accept());
        pick.onDidHide(() => {
            this.stop();
            pick.dispose();
        });
        pick.show();
    }
    head(words) {
        this.pick.placeholder = `Find a file in ${(0, paths_1.visible)(this.folder.where)}`;
        this.pick.title = words ? (0, paths_1.visible)(`${this.folder.where}: ${words}`) : undefined;
    }
    stop() {
        clearTimeout(this.timer);
        this.asked?.abort();
        this.asked = undefined;
    }
    typed(query) {
        this.stop();
        this.pick.busy = query.trim() !== "";
        if (!this.pick.busy) {
            this.pick.items = [];
            this.head("");
            return;
        }
        this.head("searching");
        this.timer = setTimeout(() => void this.ask(query), PAUSE);
    }
    async ask(query) {
        const asked = (this.asked = new AbortController());
        const show = (params) => {
            if (this.asked === asked) {
                this.pick.items = (0, paths_1.several)(params).map(item);
            }
        };
        try {
            const params = { query, limit: LIMIT };
            const result = await this.folders.stream(this.folder, "fs/find", params, asked.signal, show);
            show(result);
            if (this.asked === asked) {
                const count = this.pick.items.length;
                this.head(result.truncated ? `the best ${count} found` : `${count || "nothing"} found`);
            }
        }
        catch (error) {
            if (this.asked === asked) {
                this.pick.items = [];
                this.head(error.message);
            }
        }
        if (this.asked === asked) {
            this.pick.busy = false;
        }
    }
    accept() {
        const [chosen] = this.pick.selectedItems;
        this.pick.hide();
        if (chosen) {
            this.acts.go(this.folder, chosen.path).catch((error) => (0, messages_1.say)("error", error.message));
        }
    }
}
