// A file of a folder by its name, as one types.
import * as vscode from "vscode";
import { Acts } from "./acts";
import { Folder, Folders } from "./folders";
import { say } from "./messages";
import { Path, above, base, several, visible } from "./paths";
import { Params } from "./peer";
import { plain } from "./words";

const LIMIT = 200;
const PAUSE = 50; // ms in which a word may be typed further

interface Found extends vscode.QuickPickItem {
  path: Path;
}

function item(path: Path): Found {
  const [label, description] = [base(path), above(path).path].map((words) => plain(visible(words)));
  return { label: label as string, description, path, alwaysShow: true };
}

/** rbridge.findFile: the host looks for each query, and the list shows what it has found so far. */
export async function find(folders: Folders, acts: Acts, given: unknown): Promise<void> {
  const found = await acts.where(given, false);
  if (found) {
    new Finding(folders, acts, found[0]);
  }
}

class Finding {
  private readonly pick = vscode.window.createQuickPick<Found>();
  private asked: AbortController | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly folders: Folders,
    private readonly acts: Acts,
    private readonly folder: Folder,
  ) {
    const { pick } = this;
    (pick as { sortByLabel?: boolean }).sortByLabel = false; // the host says which is the best
    this.head("");
    pick.onDidChangeValue((query) => this.typed(query));
    pick.onDidAccept(() => this.accept());
    pick.onDidHide(() => {
      this.stop();
      pick.dispose();
    });
    pick.show();
  }

  private head(words: string): void {
    this.pick.placeholder = `Find a file in ${visible(this.folder.where)}`;
    this.pick.title = words ? visible(`${this.folder.where}: ${words}`) : undefined;
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.asked?.abort();
    this.asked = undefined;
  }

  private typed(query: string): void {
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

  private async ask(query: string): Promise<void> {
    const asked = (this.asked = new AbortController());
    const show = (params: Params): void => {
      if (this.asked === asked) {
        this.pick.items = several(params).map(item);
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
    } catch (error) {
      if (this.asked === asked) {
        this.pick.items = [];
        this.head((error as Error).message);
      }
    }
    if (this.asked === asked) {
      this.pick.busy = false;
    }
  }

  private accept(): void {
    const [chosen] = this.pick.selectedItems;
    this.pick.hide();
    if (chosen) {
      this.acts.go(this.folder, chosen.path).catch((error: Error) => say("error", error.message));
    }
  }
}
