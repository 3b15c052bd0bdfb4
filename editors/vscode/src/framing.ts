// Messages of JSON-RPC in a stream of bytes: a head with Content-Length, an empty line, the body.

const HEAD_END = Buffer.from("\r\n\r\n");
const LONGEST_HEAD = 4096; // bytes
export const LONGEST = 16 * 1024 * 1024; // bytes of one message

export function frame(message: object): Buffer {
  const body = Buffer.from(JSON.stringify(message), "utf8");
  return Buffer.concat([Buffer.from(`Content-Length: ${body.length}\r\n\r\n`, "latin1"), body]);
}

/** Takes bytes as they come and gives whole messages. What comes of a long one is joined once, at its end. */
export class Framing {
  private parts: Buffer[] = [];
  private held = 0; // bytes in parts
  private wanted = 0; // bytes until there is something to look at
  private body = -1; // the length of the body that is being read; -1: it is a head

  constructor(private readonly longest = LONGEST) {}

  /** The messages that are complete with these bytes. Throws where they are none. */
  push(bytes: Buffer): unknown[] {
    this.parts.push(bytes);
    this.held += bytes.length;
    const found: unknown[] = [];
    while (this.held >= this.wanted && this.held > 0) {
      const all = this.parts.length === 1 ? (this.parts[0] as Buffer) : Buffer.concat(this.parts);
      this.parts = [all];
      if (this.body < 0) {
        const end = all.indexOf(HEAD_END);
        if (end < 0) {
          if (all.length > LONGEST_HEAD) {
            throw new Error("a head without an end");
          }
          return found;
        }
        this.body = lengthIn(all.toString("latin1", 0, end), this.longest);
        this.wanted = this.body;
        this.keep(all.subarray(end + HEAD_END.length));
      } else {
        found.push(JSON.parse(all.toString("utf8", 0, this.body)));
        this.keep(all.subarray(this.body));
        this.body = -1;
        this.wanted = 0;
      }
    }
    return found;
  }

  private keep(rest: Buffer): void {
    this.parts = rest.length > 0 ? [rest] : [];
    this.held = rest.length;
  }
}

function lengthIn(head: string, longest: number): number {
  const found = /^content-length:[ \t]*(\d{1,9})[ \t]*$/im.exec(head.replace(/\r/g, ""));
  const length = found ? Number(found[1]) : -1;
  if (length < 0 || length > longest) {
    throw new Error("a head without a length that can be");
  }
  return length;
}
