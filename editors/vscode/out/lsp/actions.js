"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.offer = offer;
// What a server can do about a text: quick fixes, refactorings. What would change files that are not open is worked
// out when somebody chooses it.
const vscode = require("vscode");
const question_1 = require("./question");
const reading_1 = require("./reading");
function offer(client, options) {
    const at = new question_1.Question(client, options);
    const kinds = Array.isArray(options.codeActionKinds) ? options.codeActionKinds.map(kindOf) : undefined;
    const provider = {
        provideCodeActions: (document, range, given, token) => {
            const known = given.diagnostics.map((one) => at.reading.source(one)).filter(Boolean);
            const only = given.only ? [given.only.value] : undefined;
            const context = { diagnostics: known, only, triggerKind: given.triggerKind };
            const more = { range: (0, question_1.stretch)(range), context };
            return at.ask({ document, token }, "textDocument/codeAction", more, (said) => (0, reading_1.several)(said, (one) => action(at, one, given.diagnostics)));
        },
        resolveCodeAction: (made, token) => resolved(at, made, token),
    };
    return vscode.languages.registerCodeActionsProvider(at.selector, provider, { providedCodeActionKinds: kinds });
}
function kindOf(said) {
    return vscode.CodeActionKind.Empty.append(String(said ?? ""));
}
function action(at, said, diagnostics) {
    if (typeof said.command === "string") {
        const made = new vscode.CodeAction(String(said.title));
        made.command = at.reading.command(said);
        return made;
    }
    const made = new vscode.CodeAction(String(said.title), kindOf(said.kind));
    const about = new Set((said.diagnostics ?? []).map((one) => signature(one)));
    made.diagnostics = diagnostics.filter((one) => about.has(signature(at.reading.source(one))));
    made.isPreferred = said.isPreferred === true;
    made.disabled = said.disabled && { reason: String(said.disabled.reason) };
    made.command = at.reading.command(said.command);
    if (said.edit && at.client.edits.isAtHand(said.edit)) {
        made.edit = at.client.edits.atHand(said.edit);
    }
    return at.reading.from(made, said);
}
/** Its edit, once it was chosen. Throws with a line for the user. */
async function resolved(at, made, token) {
    const before = at.reading.source(made);
    if (before === undefined) {
        return made;
    }
    const whole = before.edit || !at.options.resolveProvider ? before : await at.client.ask("codeAction/resolve", before, token);
    if (whole?.edit && !made.edit) {
        made.edit = await at.client.edits.whole(whole.edit);
    }
    made.command = at.reading.command(whole?.command) ?? made.command;
    return made;
}
function signature(said) {
    return JSON.stringify([said?.message, said?.range, said?.code]);
}
