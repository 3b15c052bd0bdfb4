"use strict";
// Paths below an opened folder. A name whose bytes are no text travels percent-encoded, see docs/attach.md.
Object.defineProperty(exports, "__esModule", { value: true });
exports.TOP = void 0;
exports.join = join;
exports.said = said;
exports.key = key;
exports.base = base;
exports.above = above;
exports.within = within;
exports.several = several;
exports.visible = visible;
exports.TOP = { path: "", encoded: false };
const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
function coded(path) {
    return path.encoded ? path.path : path.path.replace(/%/g, "%25");
}
/** What stands under a name in a directory. */
function join(at, name, encoded) {
    if (at.path === "") {
        return { path: name, encoded };
    }
    if (at.encoded === encoded) {
        return { path: `${at.path}/${name}`, encoded };
    }
    return { path: `${coded(at)}/${coded({ path: name, encoded })}`, encoded: true };
}
/** As a request says it. */
function said(path) {
    return path.encoded ? { path: path.path, encoded: true } : { path: path.path };
}
/** The same for the same path, however it came. */
function key(path) {
    return coded(path);
}
function base(path) {
    return path.path.slice(path.path.lastIndexOf("/") + 1);
}
/** The directory that it is in. */
function above(path) {
    const at = path.path.lastIndexOf("/");
    return { path: at < 0 ? "" : path.path.slice(0, at), encoded: at >= 0 && path.encoded };
}
/** Whether one is the other, or is in it. */
function within(path, directory) {
    const top = coded(directory);
    return top === "" || coded(path) === top || coded(path).startsWith(`${top}/`);
}
/** Both lists of a message: `paths`, and `encoded` beside them. */
function several(message) {
    const of = (list, encoded) => (list ?? []).map((path) => ({ path, encoded }));
    return [...of(message.paths, false), ...of(message.encoded, true)];
}
/** What a user can read without harm: characters that are not seen, or that turn others around, are spelled out. */
function visible(words) {
    return words.replace(CONTROL, (one) => `\\u{${one.codePointAt(0).toString(16)}}`);
}
