"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Link = exports.VERSION = void 0;
// The connection to the daemon: made again every second when it is not there, for as long as the window lives.
const net = require("net");
const peer_1 = require("./peer");
const place_1 = require("./place");
exports.VERSION = 1;
const RETRY = 1000; // ms
const OTHER_VERSION = 60_000;
const FIRST = 3000; // ms until a restored tab does not wait for the daemon any more
/** What VS Code has viewers for; of the films and sounds that rbridge knows it does not play all. */
const VIEWED = ["png", "jpg", "jpeg", "gif", "webp", "bmp", "ico", "avif", "wav", "ogg", "mp3", "mp4", "webm"];
class Link {
    ready = false;
    server = "";
    peer;
    timer;
    given;
    refusal = "";
    lsp = false; // the daemon knows that we want language servers
    silent = false; // its end says nothing to the user
    first;
    settled = () => { };
    constructor() {
        this.first = new Promise((resolve) => (this.settled = resolve));
    }
    start(given) {
        this.given = given;
        this.connect();
    }
    /** Until it is known what the daemon knows of us, or is clear that there is none now. */
    async met() {
        if (!this.ready) {
            let timer;
            await Promise.race([this.first, new Promise((done) => (timer = setTimeout(done, FIRST)))]);
            clearTimeout(timer);
        }
    }
    /** Look for the daemon now. */
    hurry() {
        clearTimeout(this.timer);
        this.connect();
    }
    /** Connect anew, to ask for documents that were not known before; until that is over. */
    async again() {
        if (this.ready) {
            this.silent = true;
            this.peer?.end("asked again");
            this.first = new Promise((resolve) => (this.settled = resolve));
            this.hurry();
        }
        await this.met();
    }
    /** Let the daemon know that language servers are wanted after all. */
    async offering() {
        if (this.ready && !this.lsp) {
            await this.again();
        }
    }
    ask(method, params, signal) {
        if (!this.ready || !this.peer) {
            return Promise.reject(new peer_1.RpcError(peer_1.LOST, "rbridge is not running on this machine"));
        }
        return this.peer.request(method, params, signal);
    }
    notify(method, params) {
        if (this.ready) {
            this.peer?.notify(method, params);
        }
    }
    stop() {
        this.given = undefined;
        clearTimeout(this.timer);
        this.peer?.end("the window closes");
    }
    connect() {
        const given = this.given;
        if (!given || this.peer) {
            return;
        }
        const path = (0, place_1.socket)();
        if (!path) {
            this.retry(RETRY);
            return;
        }
        const stream = net.connect(path);
        const peer = new peer_1.Peer(stream, { ...given, ended: () => this.ended() });
        this.peer = peer;
        stream.once("connect", () => void this.begin(peer, given));
    }
    async begin(peer, given) {
        this.lsp = given.lsp();
        try {
            const about = {
                version: exports.VERSION,
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
        }
        catch (error) {
            if (error instanceof peer_1.RpcError && error.code !== peer_1.LOST) {
                this.refusal = error.message;
                given.refused(error.message);
            }
            peer.end(String(error.message));
        }
    }
    ended() {
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
    retry(after) {
        if (this.given) {
            clearTimeout(this.timer);
            this.timer = setTimeout(() => this.connect(), after);
        }
    }
}
exports.Link = Link;
