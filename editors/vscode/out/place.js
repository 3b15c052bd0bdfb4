"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.candidates = candidates;
exports.socket = socket;
// Where the daemon's socket lies. The same search as the daemon's own, and the same checks: a directory that
// is ours alone, a socket that is ours alone. Nothing is created.
const fs = require("fs");
const os = require("os");
const path = require("path");
const OTHERS = 0o077;
const ALL_WRITE = 0o002;
const STICKY = 0o1000;
function look(follow, file) {
    try {
        return follow ? fs.statSync(file) : fs.lstatSync(file);
    }
    catch {
        return undefined;
    }
}
function uid() {
    return process.getuid?.() ?? -1;
}
function alone(found) {
    return found !== undefined && found.uid === uid() && (found.mode & OTHERS) === 0;
}
function safe(directory) {
    const own = look(false, directory);
    const above = look(true, path.dirname(directory));
    return (alone(own) &&
        own.isDirectory() &&
        above !== undefined &&
        ((above.mode & ALL_WRITE) === 0 || (above.mode & STICKY) !== 0));
}
function candidates(env = process.env) {
    if (env["RBRIDGE_RUNTIME_DIR"]) {
        return [path.resolve(env["RBRIDGE_RUNTIME_DIR"])];
    }
    const own = `rbridge-${uid()}`;
    const places = [];
    const session = env["XDG_RUNTIME_DIR"] ?? "";
    if (session.startsWith("/") && look(true, session)?.uid === uid()) {
        places.push(path.join(session, "rbridge"));
    }
    places.push(`/dev/shm/${own}`);
    const temporary = env["TMPDIR"] ?? "";
    places.push(path.join(temporary.startsWith("/") ? temporary : "/tmp", own));
    places.push(path.join(os.homedir(), ".rbridge", os.hostname().replace(/\//g, "_"), "run"));
    return places;
}
/** A socket of a daemon of ours, undefined where there is none. */
function socket(env = process.env, name = "editor.sock") {
    const directory = candidates(env).find(safe);
    const file = directory && path.join(directory, name);
    const found = file ? look(false, file) : undefined;
    return alone(found) && found.isSocket() ? file : undefined;
}
