// A document's bytes: how they travel, and what can be told by looking at them.
import { isUtf8 } from "buffer";
import { createHash } from "crypto";

const LARGE = 2 * 1024 * 1024; // bytes; JSON may make six of one, and a message has 16 MiB
const BINARY_LOOK = 512; // bytes that the editor looks at before it says that a file is no text
const NEWLINE = 10;
const REPLACEMENT = Buffer.from("\ufffd", "utf8");

export interface Part {
  text?: string;
  base64?: string;
  chunk?: number;
  of?: number;
}

export function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export { isUtf8 };

/** The bytes of what a message carries. */
export function unpack(part: Part): Buffer {
  return part.text !== undefined ? Buffer.from(part.text, "utf8") : Buffer.from(part.base64 ?? "", "base64");
}

/** The messages that carry these bytes: one, or the chunks of a large text. */
export function pack(bytes: Buffer, large: number = LARGE): Part[] {
  const utf8 = isUtf8(bytes);
  const carry = (piece: Buffer): Part =>
    utf8 ? { text: piece.toString("utf8") } : { base64: piece.toString("base64") };
  if (bytes.length <= large) {
    return [carry(bytes)];
  }
  const parts: Part[] = [];
  for (let at = 0; at < bytes.length; ) {
    let stop = Math.min(at + large, bytes.length);
    while (utf8 && stop < bytes.length && ((bytes[stop] as number) & 0xc0) === 0x80) {
      stop--; // not through a character
    }
    parts.push(carry(bytes.subarray(at, stop)));
    at = stop;
  }
  return parts.map((part, number) => ({ ...part, chunk: number, of: parts.length }));
}

/** Whether the bytes begin as UTF-16 does: the editor recognizes that, and gives it back. */
export function isUtf16(bytes: Buffer): boolean {
  const first = bytes.length >= 2 ? bytes.readUInt16BE(0) : 0;
  return first === 0xfeff || first === 0xfffe;
}

/** Whether the editor will not take them for a text. */
export function isBinary(bytes: Buffer): boolean {
  return !isUtf16(bytes) && bytes.subarray(0, BINARY_LOOK).includes(0);
}

/** Whether they hold the character that stands for bytes which could not be read. */
export function hasReplacement(bytes: Buffer): boolean {
  return bytes.includes(REPLACEMENT);
}

/** Where a line and a column in characters (both from 1) are for the editor: from 0, in units of UTF-16. */
export function position(bytes: Buffer, line: number, column: number): { line: number; character: number } {
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
  const text = bytes.toString(isUtf8(bytes.subarray(at, end)) ? "utf8" : "latin1", at, end);
  const shown = (number === 1 && text.startsWith("\ufeff") ? text.slice(1) : text).replace(/\r$/, "");
  const before = [...shown].slice(0, Math.max(column, 1) - 1).join("");
  return { line: number - 1, character: before.length };
}
