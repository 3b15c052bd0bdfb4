// Files of the folders that are shown, by their URI: what VS Code's own viewers read beside the documents.
import * as vscode from "vscode";
import { Entry, Folder, Folders } from "./folders";
import { Path } from "./paths";
import { Params } from "./peer";
import { plain } from "./words";

const PIECE = 1024 * 1024;
const MOST = 256 * PIECE; // of one file: it is held in memory

function holding(folders: Folders, uri: vscode.Uri): [Folder, Path] {
  const found = folders.holding(uri);
  if (!found) {
    throw vscode.FileSystemError.FileNotFound(uri);
  }
  return found;
}

function type(entry: Entry): vscode.FileType {
  const types = { file: vscode.FileType.File, directory: vscode.FileType.Directory, other: vscode.FileType.Unknown };
  return entry.type === "link" ? vscode.FileType.SymbolicLink : types[entry.type];
}

/** What the host refuses is not there for VS Code; what it cannot be asked is unavailable. */
async function asked<T>(uri: vscode.Uri, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const { data, message } = error as { data?: { reason?: string }; message: string };
    throw data?.reason ? vscode.FileSystemError.FileNotFound(uri) : vscode.FileSystemError.Unavailable(plain(message));
  }
}

export async function stat(folders: Folders, uri: vscode.Uri): Promise<vscode.FileStat> {
  const [folder, path] = holding(folders, uri);
  const entry = (await asked(uri, folders.ask(folder, "fs/stat", path))) as Entry;
  const { size, mtime } = entry;
  return { type: type(entry), ctime: 0, mtime, size, permissions: vscode.FilePermission.Readonly };
}

export async function read(folders: Folders, uri: vscode.Uri): Promise<Uint8Array> {
  const [folder, path] = holding(folders, uri);
  const parts: Buffer[] = [];
  for (let at = 0, size = 1; at < size; ) {
    const said = await asked(uri, folders.ask(folder, "fs/read", path, { at, length: PIECE }));
    const part = Buffer.from(said.base64, "base64");
    size = said.size;
    if (size > MOST) {
      throw vscode.FileSystemError.Unavailable(`${folder.where}: open it in the view of the folder, it is large`);
    }
    parts.push(part);
    at = part.length ? at + part.length : size; // it became shorter meanwhile
  }
  return Buffer.concat(parts);
}

/** Within one folder, and never over a file that is there. */
export async function move(folders: Folders, before: vscode.Uri, after: vscode.Uri): Promise<void> {
  const [folder, path] = holding(folders, before);
  const [other, to] = holding(folders, after);
  if (folder.readOnly || folder !== other) {
    throw vscode.FileSystemError.NoPermissions(after);
  }
  try {
    await folders.ask(folder, "fs/move", path, { to: to.path });
  } catch (error) {
    throw vscode.FileSystemError.Unavailable(plain((error as Error).message));
  }
}

export async function list(folders: Folders, uri: vscode.Uri): Promise<[string, vscode.FileType][]> {
  const [folder, path] = holding(folders, uri);
  const found: [string, vscode.FileType][] = [];
  for (let more: object | undefined = {}; more; ) {
    const said: Params = await asked(uri, folders.ask(folder, "fs/list", path, more));
    for (const entry of said.entries as Entry[]) {
      if (!entry.encoded) {
        found.push([entry.name, type(entry)]); // a URI has no place for other names
      }
    }
    more = said.next === null || said.encoded ? undefined : { after: said.next };
  }
  return found;
}
