// JSON-RPC 2.0 with one other side, over a stream.
import type { Duplex } from "stream";
import { Framing, LONGEST, frame } from "./framing";

export const LOST = -32000;
const NO_METHOD = -32601;
const FAULT = -32603;

export interface ErrorData {
  base?: string;
  digest?: string;
  versions?: number[];
  reason?: string;
  type?: string;
  entries?: number;
  more?: boolean;
}

/** What the other side answered instead of a result; LOST where the connection ended before an answer. */
export class RpcError extends Error {
  constructor(
    readonly code: number,
    message: string,
    readonly data: ErrorData = {},
  ) {
    super(message);
  }
}

// What comes is checked where it is used; see docs/attach.md for the shapes.
export type Params = any;

export interface Side {
  requests: Record<string, (params: Params) => Promise<unknown>>;
  notices: Record<string, (params: Params) => void>;
  ended(why: string): void;
}

interface Waiting {
  resolve(result: Params): void;
  reject(error: RpcError): void;
}

export class Peer {
  private readonly waiting = new Map<number, Waiting>();
  private readonly framing: Framing;
  private last = 0;
  private over = false;

  constructor(
    private readonly stream: Duplex,
    private readonly side: Side,
    longest = LONGEST,
  ) {
    this.framing = new Framing(longest);
    stream.on("data", (bytes: Buffer) => this.take(bytes));
    stream.on("error", (error: Error) => this.end(error.message));
    stream.on("close", () => this.end("the connection ended"));
  }

  /** An aborted `signal` asks the other side to give it up, which it then answers. What is behind the answer
   * in the stream is taken when `taken` has returned: a promise is heard only when all that came is taken. */
  request(
    method: string,
    params: object | undefined,
    signal?: AbortSignal,
    taken?: (result: Params) => void,
  ): Promise<Params> {
    if (this.over) {
      return Promise.reject(new RpcError(LOST, "the connection ended"));
    }
    const id = ++this.last;
    const cancel = (): void => this.notify("$/cancelRequest", { id });
    const asked = new Promise<Params>((resolve, reject) => {
      const answered = (result: Params): void => {
        taken?.(result);
        resolve(result);
      };
      this.waiting.set(id, { resolve: answered, reject });
      this.send({ id, method, params });
    });
    signal?.addEventListener("abort", cancel, { once: true });
    return asked.finally(() => signal?.removeEventListener("abort", cancel));
  }

  notify(method: string, params?: object): void {
    this.send({ method, params });
  }

  end(why: string): void {
    if (this.over) {
      return;
    }
    this.over = true;
    this.stream.destroy();
    const left = [...this.waiting.values()];
    this.waiting.clear();
    for (const one of left) {
      one.reject(new RpcError(LOST, why));
    }
    this.side.ended(why);
  }

  private send(message: object): void {
    if (!this.over) {
      this.stream.write(frame({ jsonrpc: "2.0", ...message }));
    }
  }

  private take(bytes: Buffer): void {
    try {
      for (const message of this.framing.push(bytes)) {
        this.handle(message as Params);
      }
    } catch (error) {
      this.end(`what came is no message: ${(error as Error).message}`);
    }
  }

  private handle(message: Params): void {
    if (typeof message !== "object" || message === null) {
      throw new Error("no object");
    }
    if (typeof message.method === "string") {
      if (message.id === undefined) {
        this.side.notices[message.method]?.(message.params ?? {});
      } else {
        void this.answer(message);
      }
      return;
    }
    const waiting = this.waiting.get(message.id);
    if (waiting) {
      const error = message.error;
      if (error) {
        waiting.reject(new RpcError(Number(error.code), String(error.message), error.data ?? {}));
      } else {
        waiting.resolve(message.result); // throws where it is of no use
      }
      this.waiting.delete(message.id);
    }
  }

  private async answer(message: Params): Promise<void> {
    const method = this.side.requests[message.method];
    try {
      if (!method) {
        throw new RpcError(NO_METHOD, `no such method: ${message.method}`);
      }
      this.send({ id: message.id, result: await method(message.params ?? {}) });
    } catch (error) {
      const code = error instanceof RpcError ? error.code : FAULT;
      this.send({ id: message.id, error: { code, message: String((error as Error).message) } });
    }
  }
}
