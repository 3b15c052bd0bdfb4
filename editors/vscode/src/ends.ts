// Line ends of texts that mix them. The editor gives all lines of a text one and the same end; here the lines
// that were not touched get theirs back, so that saving a change changes nothing else.
import { isUtf16 } from "./bytes";

const LINE = /([^\r\n]*)(\r\n|\n|\r|$)/g;
const MOST = 4_000_000; // cells of the comparison of what lies between the first and the last change

interface Line {
  text: string;
  end: string;
}

function split(bytes: Buffer): Line[] {
  const lines: Line[] = [];
  for (const [, text, end] of bytes.toString("latin1").matchAll(LINE)) {
    lines.push({ text: text as string, end: end as string });
    if (end === "") {
      break;
    }
  }
  return lines;
}

function count(lines: Line[]): { lf: number; crlf: number; cr: number } {
  const of = (end: string): number => lines.filter((line) => line.end === end).length;
  return { lf: of("\n"), crlf: of("\r\n"), cr: of("\r") };
}

/** Whether the editor would change line ends of this text. */
export function mixed(bytes: Buffer): boolean {
  if (isUtf16(bytes) || !bytes.includes(13)) {
    return false;
  }
  const { lf, crlf, cr } = count(split(bytes));
  return cr > 0 || (lf > 0 && crlf > 0);
}

/** What the editor makes of all its ends. */
function usual(lines: Line[]): string {
  const { lf, crlf, cr } = count(lines);
  return cr + crlf > (lf + crlf + cr) / 2 ? "\r\n" : "\n";
}

/** `bytes`, as the editor has them, with the ends of those lines that are in `before` too. */
export function restore(before: Buffer, bytes: Buffer): Buffer {
  const old = split(before);
  const now = split(bytes);
  const used = count(now);
  const end = used.crlf > 0 ? "\r\n" : "\n";
  if ((used.crlf > 0 && used.lf > 0) || end !== usual(old)) {
    return bytes; // the user chose other line ends
  }
  for (const [from, to] of pairs(old, now)) {
    const was = (old[from] as Line).end;
    const line = now[to] as Line;
    line.end = line.end === "" || was === "" ? line.end : was;
  }
  return Buffer.from(now.map((line) => line.text + line.end).join(""), "latin1");
}

/** Which lines are the same ones, by their numbers. */
function pairs(old: Line[], now: Line[]): [number, number][] {
  const found: [number, number][] = [];
  const same = (a: number, b: number): boolean => (old[a] as Line).text === (now[b] as Line).text;
  let from = 0;
  while (from < old.length && from < now.length && same(from, from)) {
    found.push([from, from]);
    from++;
  }
  let upto = 0;
  while (upto < Math.min(old.length, now.length) - from && same(old.length - 1 - upto, now.length - 1 - upto)) {
    found.push([old.length - 1 - upto, now.length - 1 - upto]);
    upto++;
  }
  const rows = old.length - upto - from;
  const columns = now.length - upto - from;
  if (rows > 0 && columns > 0 && rows * columns <= MOST) {
    found.push(...common(rows, columns, from, same));
  }
  return found;
}

/** The longest common sequence of `rows` old and `columns` new lines, both from number `from` on. */
function common(
  rows: number,
  columns: number,
  from: number,
  same: (a: number, b: number) => boolean,
): [number, number][] {
  const width = columns + 1;
  const best = new Uint32Array((rows + 1) * width);
  const at = (row: number, column: number): number => best[row * width + column] as number;
  for (let row = rows - 1; row >= 0; row--) {
    for (let column = columns - 1; column >= 0; column--) {
      best[row * width + column] = same(from + row, from + column)
        ? at(row + 1, column + 1) + 1
        : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const found: [number, number][] = [];
  for (let row = 0, column = 0; row < rows && column < columns; ) {
    if (same(from + row, from + column)) {
      found.push([from + row++, from + column++]);
    } else if (at(row + 1, column) >= at(row, column + 1)) {
      row++;
    } else {
      column++;
    }
  }
  return found;
}
