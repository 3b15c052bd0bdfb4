// The connection to the daemon: made again every second when it is not there, for as long as the window lives.
import * as net from "net";
import { LOST, Params, Peer, RpcError, Side } from "./peer";
import { socket } from "./place";

export const VERSION = 1;
const RETRY = 1000; // ms
const OTHER_VERSION = 60_000;
const FIRST = 3000; // ms until a restored tab does not wait for the daemon any more

/** What VS Code has viewers for; of the films and sounds that rbridge knows it does not play all. */
const VIEWED = ["png", "jpg", "jpeg", "gif", "webp", "bmp", "ico", "avif", "wav", "ogg", "mp3", "mp4", "webm"];

/** What the rest of the extension has to say and to hear. */
export interface Given extends Omit<Side, "ended"> {
  client: object;
  buffers(): object[];
  folders(): object[];
  lsp(): boolean;
  begun(result: Params): void;
  lost(): void;
  refused(message: string): void;
}

export class Link {
  ready = false;
  server = "";
  private peer: Peer | undefined;
  private timer: NodeJS.Timeout | undefined;
  private given: Given | undefined;
  private refusal = "";
  private lsp = false; // the daemon knows that we want language servers
  private silent = false; // its end says nothing to the user
  private first: Promise<void>;
  private settled: () => void = () => {};

  constructor() {
    this.first = new Promise((resolve) => (this.settled = resolve));
  }

  start(given: Given): void {
    this.given = given;
    this.connect();
  }

  /** Until it is known what the daemon knows of us, or is clear that there is none now. */
  async met(): Promise<void> {
    if (!this.ready) {
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([this.first, new Promise<void>((done) => (timer = setTimeout(done, FIRST)))]);
      clearTimeout(timer);
    }
  }

  /** Look for the daemon now. */
  hurry(): void {
    clearTimeout(this.timer);
    this.connect();
  }

  /** Connect anew, to ask for documents that were not known before; until that is over. */
  async again(): Promise<void> {
    if (this.ready) {
      this.silent = true;
      this.peer?.end("asked again");
      this.first = new Promise((resolve) => (this.settled = resolve));
      this.hurry();
    }
    await this.met();
  }

  /** Let the daemon know that language servers are wanted after all. */
  async offering(): Promise<void> {
    if (this.ready && !this.lsp) {
      await this.again();
    }
  }

  ask(method: string, params: object, signal?: AbortSignal): Promise<Params> {
    if (!this.ready || !this.peer) {
      return Promise.reject(new RpcError(LOST, "rbridge is not running on this machine"));
    }
    return this.peer.request(method, params, signal);
  }

  notify(method: string, params: object): void {
    if (this.ready) {
      this.peer?.notify(method, params);
    }
  }

  stop(): void {
    this.given = undefined;
    clearTimeout(this.timer);
    this.peer?.end("the window closes");
  }

  private connect(): void {
    const given = this.given;
    if (!given || this.peer) {
      return;
    }
    const path = socket();
    if (!path) {
      this.retry(RETRY);
      return;
    }
    const stream = net.connect(path);
    const peer = new Peer(stream, { ...given, ended: () => this.ended() });
    this.peer = peer;
    stream.once("connect", () => void this.begin(peer, given));
  }

  private async begin(peer: Peer, given: Given): Promise<void> {
    this.lsp = given.lsp();
    try {
      const about = {
        version: VERSION,
        client: given.client,
        capabilities: { base64: true, question: true, diff: true, folders: true, viewer: VIEWED, lsp: this.lsp },
        buffers: given.buffers(),
        folders: given.folders(),
      };
      await peer.request("initialize", about, undefined, (result) => {
        this.ready = true;
        this.server = `${result.server?.name ?? "rbridge"} ${result.server?.version ?? ""}`.trim();
        given.begun(result);
        this.settled();
      });
    } catch (error) {
      if (error instanceof RpcError && error.code !== LOST) {
        this.refusal = error.message;
        given.refused(error.message);
      }
      peer.end(String((error as Error).message));
    }
  }

  private ended(): void {
    const was = this.ready;
    const after = this.refusal ? OTHER_VERSION : RETRY;
    this.peer = undefined;
    this.ready = false;
    this.refusal = "";
    if (was && !this.silent) {
      this.given?.lost();
    }
    this.silent = false;
    this.retry(after);
  }

  private retry(after: number): void {
    if (this.given) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.connect(), after);
    }
  }
}
