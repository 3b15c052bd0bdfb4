"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Peer = exports.RpcError = exports.LOST = void 0;
const framing_1 = require("./framing");
exports.LOST = -32000;
const NO_METHOD = -32601;
const FAULT = -32603;
/** What the other side answered instead of a result; LOST where the connection ended before an answer. */
class RpcError extends Error {
    code;
    data;
    constructor(code, message, data = {}) {
        super(message);
        this.code = code;
        this.data = data;
    }
}
exports.RpcError = RpcError;
class Peer {
    stream;
    side;
    waiting = new Map();
    framing;
    last = 0;
    over = false;
    constructor(stream, side, longest = framing_1.LONGEST) {
        this.stream = stream;
        this.side = side;
        this.framing = new framing_1.Framing(longest);
        stream.on("data", (bytes) => this.take(bytes));
        stream.on("error", (error) => this.end(error.message));
        stream.on("close", () => this.end("the connection ended"));
    }
    /** An aborted `signal` asks the other side to give it up, which it then answers. What is behind the answer
     * in the stream is taken when `taken` has returned: a promise is heard only when all that came is taken. */
    request(method, params, signal, taken) {
        if (this.over) {
            return Promise.reject(new RpcError(exports.LOST, "the connection ended"));
        }
        const id = ++this.last;
        const cancel = () => this.notify("$/cancelRequest", { id });
        const asked = new Promise((resolve, reject) => {
            const answered = (result) => {
                taken?.(result);
                resolve(result);
            };
            this.waiting.set(id, { resolve: answered, reject });
            this.send({ id, method, params });
        });
        signal?.addEventListener("abort", cancel, { once: true });
        return asked.finally(() => signal?.removeEventListener("abort", cancel));
    }
    notify(method, params) {
        this.send({ method, params });
    }
    end(why) {
        if (this.over) {
            return;
        }
        this.over = true;
        this.stream.destroy();
        const left = [...this.waiting.values()];
        this.waiting.clear();
        for (const one of left) {
            one.reject(new RpcError(exports.LOST, why));
        }
        this.side.ended(why);
    }
    send(message) {
        if (!this.over) {
            this.stream.write((0, framing_1.frame)({ jsonrpc: "2.0", ...message }));
        }
    }
    take(bytes) {
        try {
            for (const message of this.framing.push(bytes)) {
                this.handle(message);
            }
        }
        catch (error) {
            this.end(`what came is no message: ${error.message}`);
        }
    }
    handle(message) {
        if (typeof message !== "object" || message === null) {
            throw new Error("no object");
        }
        if (typeof message.method === "string") {
            if (message.id === undefined) {
                this.side.notices[message.method]?.(message.params ?? {});
            }
            else {
                void this.answer(message);
            }
            return;
        }
        const waiting = this.waiting.get(message.id);
        if (waiting) {
            const error = message.error;
            if (error) {
                waiting.reject(new RpcError(Number(error.code), String(error.message), error.data ?? {}));
            }
            else {
                waiting.resolve(message.result); // throws where it is of no use
            }
            this.waiting.delete(message.id);
        }
    }
    async answer(message) {
        const method = this.side.requests[message.method];
        try {
            if (!method) {
                throw new RpcError(NO_METHOD, `no such method: ${message.method}`);
            }
            this.send({ id: message.id, result: await method(message.params ?? {}) });
        }
        catch (error) {
            const code = error instanceof RpcError ? error.code : FAULT;
            this.send({ id: message.id, error: { code, message: String(error.message) } });
        }
    }
}
exports.Peer = Peer;
