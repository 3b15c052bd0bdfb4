"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Formatters = void 0;
// Formatting: VS Code wants one formatter for a text, and asks its user to choose where there are more. So there
// is one of ours, which asks the text's servers.
const vscode = require("vscode");
/** Those that are for it come first; a server of types only has it beside all else. */
const ORDER = ["format", "lint"];
class Formatters {
    all = new Set();
    registered = [];
    add(one) {
        this.all.add(one);
        this.renew();
        return {
            dispose: () => {
                this.all.delete(one);
                this.renew();
            },
        };
    }
    dispose() {
        this.registered.forEach((one) => one.dispose());
        this.registered = [];
    }
    renew() {
        this.dispose();
        const whole = this.selector(false);
        const part = this.selector(true);
        if (whole.length > 0) {
            this.registered.push(vscode.languages.registerDocumentFormattingEditProvider(whole, {
                provideDocumentFormattingEdits: (document, given, token) => this.format(document, undefined, given, token),
            }));
        }
        if (part.length > 0) {
            this.registered.push(vscode.languages.registerDocumentRangeFormattingEditProvider(part, {
                provideDocumentRangeFormattingEdits: (document, range, given, token) => this.format(document, range, given, token),
            }));
        }
    }
    selector(ranges) {
        const languages = [...this.all].filter((one) => one.ranges === ranges).flatMap((one) => [...one.languages]);
        return [...new Set(languages)].map((language) => ({ scheme: "rbridge", language }));
    }
    async format(document, range, options, token) {
        const ranked = (one) => (ORDER.includes(one.kind) ? ORDER.indexOf(one.kind) : ORDER.length);
        const able = [...this.all].filter((one) => one.ranges === (range !== undefined) && one.serves(document));
        for (const one of able.sort((a, b) => ranked(a) - ranked(b))) {
            const edits = await one.work(document, range, { options }, token);
            if (edits || token.isCancellationRequested) {
                return edits;
            }
        }
        return undefined;
    }
}
exports.Formatters = Formatters;
