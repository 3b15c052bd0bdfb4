"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.isUtf8 = void 0;
exports.digest = digest;
exports.unpack = unpack;
exports.pack = pack;
exports.isUtf16 = isUtf16;
exports.isBinary = isBinary;
exports.hasReplacement = hasReplacement;
exports.position = position;
// A document's bytes: how they travel, and what can be told by looking at them.
const buffer_1 = require("buffer");
Object.defineProperty(exports, "isUtf8", { enumerable: true, get: function () { return buffer_1.isUtf8; } });
const crypto_1 = require("crypto");
const LARGE = 2 * 1024 * 1024; // bytes; JSON may make six of one, and a message has 16 MiB
const BINARY_LOOK = 512; // bytes that the editor looks at before it says that a file is no text
const NEWLINE = 10;
const REPLACEMENT = Buffer.from("\ufffd", "utf8");
function digest(bytes) {
    return (0, crypto_1.createHash)("sha256").update(bytes).digest("hex");
}
/** The bytes of what a message carries. */
function unpack(part) {
    return part.text !== undefined ? Buffer.from(part.text, "utf8") : Buffer.from(part.base64 ?? "", "base64");
}
/** The messages that carry these bytes: one, or the chunks of a large text. */
function pack(bytes, large = LARGE) {
    const utf8 = (0, buffer_1.isUtf8)(bytes);
    const carry = (piece) => utf8 ? { text: piece.toString("utf8") } : { base64: piece.toString("base64") };
    if (bytes.length <= large) {
        return [carry(bytes)];
    }
    const parts = [];
    for (let at = 0; at < bytes.length;) {
        let stop = Math.min(at + large, bytes.length);
        while (utf8 && stop < bytes.length && (bytes[stop] & 0xc0) === 0x80) {
            stop--; // not through a character
        }
        parts.push(carry(bytes.subarray(at, stop)));
        at = stop;
    }
    return parts.map((part, number) => ({ ...part, chunk: number, of: parts.length }));
}
/** Whether the bytes begin as UTF-16 does: the editor recognizes that, and gives it back. */
function isUtf16(bytes) {
    const first = bytes.length >= 2 ? bytes.readUInt16BE(0) : 0;
    return first === 0xfeff || first === 0xfffe;
}
/** Whether the editor will not take them for a text. */
function isBinary(bytes) {
    return !isUtf16(bytes) && bytes.subarray(0, BINARY_LOOK).includes(0);
}
/** Whether they hold the character that stands for bytes which could not be read. */
function hasReplacement(bytes) {
    return bytes.includes(REPLACEMENT);
}
/** Where a line and a column in characters (both from 1) are for the editor: from 0, in units of UTF-16. */
function position(bytes, line, column) {
    let at = 0;
    let number = 1;
    while (number < line) {
        const next = bytes.indexOf(NEWLINE, at);
        if (next < 0) {
            break;
        }
        at = next + 1;
        number++;
    }
    let end = bytes.indexOf(NEWLINE, at);
    end = end < 0 ? bytes.length : end;
    const text = bytes.toString((0, buffer_1.isUtf8)(bytes.subarray(at, end)) ? "utf8" : "latin1", at, end);
    const shown = (number === 1 && text.startsWith("\ufeff") ? text.slice(1) : text).replace(/\r$/, "");
    const before = [...shown].slice(0, Math.max(column, 1) - 1).join("");
    return { line: number - 1, character: before.length };
}
