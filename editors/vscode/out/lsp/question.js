"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Question = void 0;
exports.place = place;
exports.stretch = stretch;
// A question about a document: to the server that has it, in the protocol's words, with what may go wrong.
const vscode = require("vscode");
const errors_1 = require("./errors");
function place({ line, character }) {
    return { line, character };
}
function stretch({ start, end }) {
    return { start: place(start), end: place(end) };
}
/** One thing that a server offers, for the documents that it has. */
class Question {
    client;
    options;
    reading;
    constructor(client, options) {
        this.client = client;
        this.options = options;
        this.reading = client.reading;
    }
    get selector() {
        return [...this.client.languages].map((language) => ({ scheme: "rbridge", language }));
    }
    /** Whether the server has this document, and offers it for such documents. */
    serves(document) {
        const selector = this.options.documentSelector;
        try {
            return this.client.has(document) && (!Array.isArray(selector) || vscode.languages.match(selector, document) > 0);
        }
        catch {
            return true; // a selector that VS Code cannot read excludes nothing
        }
    }
    /** Ask, and make of the answer what VS Code wants. Undefined where there is no answer. */
    async ask(asked, method, more, make) {
        try {
            return await this.say(asked, method, more, make);
        }
        catch (error) {
            this.failed(method, error);
            return undefined;
        }
    }
    /** The same where no answer would remove what is shown: VS Code keeps it when it is told to ask again. */
    async keep(asked, method, more, make) {
        try {
            return await this.say(asked, method, more, make);
        }
        catch (error) {
            if ((0, errors_1.isPassing)(error)) {
                throw new vscode.CancellationError();
            }
            this.failed(method, error);
            return undefined;
        }
    }
    /** The same for what the user wants done. Throws with a line for the user. */
    async must(asked, method, more, make) {
        try {
            return await this.say(asked, method, more, make);
        }
        catch (error) {
            if ((0, errors_1.isQuiet)(error)) {
                return undefined;
            }
            throw new Error(`${this.client.label}: ${error.message}`);
        }
    }
    /** Ask for the rest of something that the server gave before; that itself where there is none. */
    async rest(made, method, token, fill) {
        const before = this.reading.source(made);
        if (before === undefined) {
            return made;
        }
        try {
            const said = await this.client.ask(method, before, token);
            return said ? await fill(said) : made;
        }
        catch (error) {
            this.failed(method, error);
            return made;
        }
    }
    failed(method, error) {
        if (!(0, errors_1.isQuiet)(error)) {
            this.client.log(`${method}: ${error.message}`);
        }
    }
    async say({ document, token }, method, more, make) {
        if (!this.serves(document)) {
            return undefined;
        }
        const textDocument = { uri: document.uri.toString() };
        const said = await this.client.ask(method, { textDocument, ...more }, token);
        return said === null || said === undefined || token.isCancellationRequested ? undefined : make(said);
    }
}
exports.Question = Question;
