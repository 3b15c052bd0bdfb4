"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Reading = void 0;
exports.several = several;
exports.tags = tags;
// What a server says, as VS Code has it: texts, places, diagnostics, symbols. Positions are UTF-16 on both sides.
const vscode = require("vscode");
const documents_1 = require("../documents");
const MOST = 2 ** 31 - 1;
/** Reads what one server says. Throws where it makes no sense, or names what is on no host. */
class Reading {
    names;
    raw = new WeakMap();
    runs;
    /** `runs` makes a command of the server's one that VS Code can run. */
    constructor(names, runs) {
        this.names = names;
        this.runs = runs;
    }
    /** What an object was made of: the server gets it back like that. */
    source(made) {
        return this.raw.get(made);
    }
    from(made, said) {
        this.raw.set(made, said);
        return made;
    }
    uri(spelled) {
        const uri = vscode.Uri.parse(String(spelled), true);
        if (uri.scheme !== documents_1.SCHEME) {
            throw new Error("it names what is no file of a host");
        }
        this.names.name(uri, String(spelled));
        return uri;
    }
    position(said) {
        return new vscode.Position(count(said.line), count(said.character));
    }
    range(said) {
        return new vscode.Range(this.position(said.start), this.position(said.end));
    }
    location(said) {
        return new vscode.Location(this.uri(said.uri), said.range ? this.range(said.range) : new vscode.Position(0, 0));
    }
    /** Of a Location, a LocationLink or lists of them; what makes no sense is left out. */
    places(said) {
        return several(said, (one) => {
            if (one.targetUri === undefined) {
                const { uri, range } = this.location(one);
                return { targetUri: uri, targetRange: range };
            }
            return {
                originSelectionRange: one.originSelectionRange && this.range(one.originSelectionRange),
                targetUri: this.uri(one.targetUri),
                targetRange: this.range(one.targetRange),
                targetSelectionRange: one.targetSelectionRange && this.range(one.targetSelectionRange),
            };
        });
    }
    edit(said) {
        if (typeof said.newText !== "string") {
            throw new Error("an edit without a text");
        }
        return new vscode.TextEdit(this.range(said.range ?? said.insert), said.newText);
    }
    edits(said) {
        return (said ?? []).map((one) => this.edit(one)); // all of them, or none
    }
    /** MarkupContent, MarkedString or a string that is Markdown: never trusted, and no HTML. */
    markdown(said) {
        const text = typeof said === "string"
            ? new vscode.MarkdownString(said)
            : said.language !== undefined
                ? new vscode.MarkdownString().appendCodeblock(String(said.value), String(said.language))
                : said.kind === "markdown"
                    ? new vscode.MarkdownString(String(said.value))
                    : new vscode.MarkdownString().appendText(String(said.value));
        text.isTrusted = false;
        text.supportHtml = false;
        for (const [, link] of text.value.matchAll(/\]\(<?(rbridge:[^\s)>]+)/g)) {
            this.quietly(() => this.uri(link));
        }
        return text;
    }
    /** Documentation: a string is nothing but text there. */
    words(said) {
        return said === undefined || said === null || typeof said === "string" ? (said ?? undefined) : this.markdown(said);
    }
    hover(said) {
        const contents = (Array.isArray(said.contents) ? said.contents : [said.contents]).filter(Boolean);
        return new vscode.Hover(contents.map((one) => this.markdown(one)), said.range ? this.range(said.range) : undefined);
    }
    command(said) {
        return said ? this.runs(said) : undefined;
    }
    diagnostic(said) {
        const message = typeof said.message === "string" ? said.message : String(said.message?.value ?? "");
        const severity = [0, 1, 2, 3][count(said.severity ?? 1) - 1] ?? vscode.DiagnosticSeverity.Information;
        const made = new vscode.Diagnostic(this.range(said.range), message, severity);
        made.source = said.source;
        made.tags = said.tags?.filter((one) => one === 1 || one === 2);
        const link = said.codeDescription?.href;
        made.code =
            said.code !== undefined && typeof link === "string" && /^https?:/i.test(link)
                ? { value: said.code, target: vscode.Uri.parse(link) }
                : (said.code ?? undefined);
        made.relatedInformation =
            said.relatedInformation &&
                several(said.relatedInformation, (one) => new vscode.DiagnosticRelatedInformation(this.location(one.location), String(one.message)));
        return this.from(made, said);
    }
    signatures(said) {
        const help = new vscode.SignatureHelp();
        help.signatures = (said.signatures ?? []).map((one) => {
            const made = new vscode.SignatureInformation(String(one.label), this.words(one.documentation));
            made.parameters = (one.parameters ?? []).map((part) => new vscode.ParameterInformation(part.label, this.words(part.documentation)));
            made.activeParameter = one.activeParameter ?? undefined;
            return made;
        });
        help.activeSignature = count(said.activeSignature ?? 0);
        help.activeParameter = count(said.activeParameter ?? 0);
        return this.from(help, said);
    }
    /** DocumentSymbol[] or SymbolInformation[]. */
    symbols(said) {
        return said[0]?.location === undefined
            ? several(said, (one) => this.symbol(one))
            : several(said, (one) => this.information(one));
    }
    symbol(said) {
        const range = this.range(said.range);
        const chosen = this.range(said.selectionRange);
        const whole = range.contains(chosen) ? range : range.union(chosen);
        const made = new vscode.DocumentSymbol(String(said.name || " "), said.detail ?? "", kind(said.kind), whole, chosen);
        made.tags = tags(said);
        made.children = several(said.children ?? [], (one) => this.symbol(one));
        return made;
    }
    information(said) {
        const at = this.location(said.location);
        const made = new vscode.SymbolInformation(String(said.name), kind(said.kind), said.containerName ?? "", at);
        made.tags = tags(said);
        return this.from(made, said);
    }
    call(said) {
        const made = new vscode.CallHierarchyItem(kind(said.kind), String(said.name), said.detail ?? "", this.uri(said.uri), this.range(said.range), this.range(said.selectionRange));
        made.tags = tags(said);
        return this.from(made, said);
    }
    hint(said) {
        const label = typeof said.label === "string" ? said.label : said.label.map((one) => this.labelPart(one));
        const made = new vscode.InlayHint(this.position(said.position), label, said.kind ?? undefined);
        made.paddingLeft = said.paddingLeft;
        made.paddingRight = said.paddingRight;
        return this.from(this.fillHint(made, said), said);
    }
    /** What a server may say of a hint later. */
    fillHint(made, said) {
        made.tooltip = this.words(said.tooltip);
        made.textEdits = said.textEdits && this.edits(said.textEdits);
        if (Array.isArray(said.label)) {
            made.label = said.label.map((one) => this.labelPart(one));
        }
        return made;
    }
    labelPart(said) {
        const made = new vscode.InlayHintLabelPart(String(said.value));
        made.tooltip = this.words(said.tooltip);
        made.location = this.quietly(() => said.location && this.location(said.location));
        made.command = this.command(said.command);
        return made;
    }
    quietly(work) {
        try {
            return work();
        }
        catch {
            return undefined;
        }
    }
}
exports.Reading = Reading;
/** The list, or the one, without what makes no sense. */
function several(said, make) {
    const made = [];
    for (const one of Array.isArray(said) ? said : [said]) {
        try {
            made.push(make(one));
        }
        catch {
            continue; // one that is wrong says nothing about the others
        }
    }
    return made;
}
function tags(said) {
    return said.tags?.includes(1) || said.deprecated === true ? [vscode.SymbolTag.Deprecated] : undefined;
}
function kind(said) {
    return Math.min(Math.max(count(said) - 1, 0), vscode.SymbolKind.TypeParameter);
}
function count(said) {
    const number = Math.trunc(Number(said));
    return number > 0 ? Math.min(number, MOST) : 0;
}
