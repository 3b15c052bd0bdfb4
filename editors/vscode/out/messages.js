"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.say = say;
exports.ask = ask;
// One line for the user, with buttons or without.
const vscode = require("vscode");
const words_1 = require("./words");
const shows = {
    error: vscode.window.showErrorMessage,
    warning: vscode.window.showWarningMessage,
    info: vscode.window.showInformationMessage,
};
function say(kind, message) {
    void shows[kind](`rbridge: ${(0, words_1.plain)(message)}`);
}
/** Which of the answers was chosen, undefined where none was. */
async function ask(message, ...answers) {
    return vscode.window.showWarningMessage(`rbridge: ${(0, words_1.plain)(message)}`, ...answers);
}
