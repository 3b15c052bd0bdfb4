"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Progress = void 0;
// What a server is busy with, in the status bar.
const vscode = require("vscode");
const words_1 = require("../words");
class Progress {
    label;
    shown = new Map();
    constructor(label) {
        this.label = label;
    }
    hear(params) {
        const { token, value } = params;
        if (value?.kind === "begin") {
            this.end(token);
            this.begin(token, String(value.title ?? ""));
        }
        if (value?.kind === "end") {
            this.end(token);
        }
        else {
            const percentage = typeof value?.percentage === "number" ? `${Math.round(value.percentage)} %` : "";
            this.shown.get(token)?.report([value?.message ?? "", percentage].filter(Boolean).join(" "));
        }
    }
    dispose() {
        [...this.shown.keys()].forEach((token) => this.end(token));
    }
    begin(token, title) {
        const options = { location: vscode.ProgressLocation.Window, title: (0, words_1.plain)(`${this.label}: ${title}`) };
        void vscode.window.withProgress(options, (progress) => {
            return new Promise((done) => {
                this.shown.set(token, { report: (message) => progress.report({ message: (0, words_1.plain)(message) }), done });
            });
        });
    }
    end(token) {
        this.shown.get(token)?.done();
        this.shown.delete(token);
    }
}
exports.Progress = Progress;
