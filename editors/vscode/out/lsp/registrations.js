"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Registrations = void 0;
const capabilities_1 = require("./capabilities");
const features_1 = require("./features");
const SETTINGS = "workspace/didChangeConfiguration";
class Registrations {
    client;
    made = new Map();
    over = false;
    constructor(client) {
        this.client = client;
    }
    /** The same once more replaces the one before: a server that was started anew registers again. */
    add(id, method, given) {
        if (this.over) {
            return;
        }
        const said = (0, capabilities_1.options)(given);
        for (const [other, one] of this.made) {
            if (other === id || (one.method === method && JSON.stringify(one.options) === JSON.stringify(said))) {
                this.remove(other);
            }
        }
        this.made.set(id, { method, options: said, offer: this.offer(method, said) });
    }
    remove(id) {
        this.made.get(id)?.offer?.dispose();
        this.made.delete(id);
    }
    /** There are documents of another language now. */
    renew() {
        for (const one of this.made.values()) {
            one.offer?.dispose();
            one.offer = this.offer(one.method, one.options);
        }
    }
    /** What was asked of the server before has another answer now. */
    refresh(method) {
        for (const one of this.made.values()) {
            if (one.method === method) {
                one.offer?.renewed?.fire();
            }
        }
        return null;
    }
    /** The settings whose changes it wants to hear of; undefined stands for all. */
    sections() {
        return [...this.made.values()]
            .filter(({ method }) => method === SETTINGS)
            .flatMap((one) => one.options.section);
    }
    dispose() {
        this.over = true;
        [...this.made.keys()].forEach((id) => this.remove(id));
    }
    offer(method, said) {
        try {
            return features_1.FEATURES[method]?.(this.client, said);
        }
        catch (error) {
            this.client.log(`${method} is not offered: ${error.message}`);
            return undefined;
        }
    }
}
exports.Registrations = Registrations;
