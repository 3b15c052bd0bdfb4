"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.stat = stat;
exports.read = read;
exports.move = move;
exports.list = list;
// Files of the folders that are shown, by their URI: what VS Code's own viewers read beside the documents.
const vscode = require("vscode");
const words_1 = require("./words");
const PIECE = 1024 * 1024;
const MOST = 256 * PIECE; // of one file: it is held in memory
function holding(folders, uri) {
    const found = folders.holding(uri);
    if (!found) {
        throw vscode.FileSystemError.FileNotFound(uri);
    }
    return found;
}
function type(entry) {
    const types = { file: vscode.FileType.File, directory: vscode.FileType.Directory, other: vscode.FileType.Unknown };
    return entry.type === "link" ? vscode.FileType.SymbolicLink : types[entry.type];
}
/** What the host refuses is not there for VS Code; what it cannot be asked is unavailable. */
async function asked(uri, work) {
    try {
        return await work;
    }
    catch (error) {
        const { data, message } = error;
        throw data?.reason ? vscode.FileSystemError.FileNotFound(uri) : vscode.FileSystemError.Unavailable((0, words_1.plain)(message));
    }
}
async function stat(folders, uri) {
    const [folder, path] = holding(folders, uri);
    const entry = (await asked(uri, folders.ask(folder, "fs/stat", path)));
    const { size, mtime } = entry;
    return { type: type(entry), ctime: 0, mtime, size, permissions: vscode.FilePermission.Readonly };
}
async function read(folders, uri) {
    const [folder, path] = holding(folders, uri);
    const parts = [];
    for (let at = 0, size = 1; at < size;) {
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
async function move(folders, before, after) {
    const [folder, path] = holding(folders, before);
    const [other, to] = holding(folders, after);
    if (folder.readOnly || folder !== other) {
        throw vscode.FileSystemError.NoPermissions(after);
    }
    try {
        await folders.ask(folder, "fs/move", path, { to: to.path });
    }
    catch (error) {
        throw vscode.FileSystemError.Unavailable((0, words_1.plain)(error.message));
    }
}
async function list(folders, uri) {
    const [folder, path] = holding(folders, uri);
    const found = [];
    for (let more = {}; more;) {
        const said = await asked(uri, folders.ask(folder, "fs/list", path, more));
        for (const entry of said.entries) {
            if (!entry.encoded) {
                found.push([entry.name, type(entry)]); // a URI has no place for other names
            }
        }
        more = said.next === null || said.encoded ? undefined : { after: said.next };
    }
    return found;
}
