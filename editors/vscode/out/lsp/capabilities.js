"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.CAPABILITIES = void 0;
exports.abilities = abilities;
exports.options = options;
exports.sync = sync;
const numbers = (last) => Array.from({ length: last }, (_, at) => at + 1);
const MARKUP = ["markdown", "plaintext"];
const DYNAMIC = { dynamicRegistration: true };
const LINKS = { ...DYNAMIC, linkSupport: true };
const SYMBOLS = { ...DYNAMIC, symbolKind: { valueSet: numbers(26) }, tagSupport: { valueSet: [1] } };
const TOKEN_TYPES = [
    ...["namespace", "type", "class", "enum", "interface", "struct", "typeParameter", "parameter", "variable"],
    ...["property", "enumMember", "event", "function", "method", "macro", "keyword", "modifier", "comment"],
    ...["string", "number", "regexp", "operator", "decorator"],
];
const TOKEN_MODIFIERS = [
    ...["declaration", "definition", "readonly", "static", "deprecated", "abstract", "async", "modification"],
    ...["documentation", "defaultLibrary"],
];
/** Nothing that is not there: a server that is told of it would count on it. */
exports.CAPABILITIES = {
    general: { positionEncodings: ["utf-16"], markdown: { parser: "marked" } },
    window: { workDoneProgress: true, showMessage: {}, showDocument: { support: true } },
    workspace: {
        applyEdit: true,
        workspaceEdit: { documentChanges: true },
        configuration: true,
        workspaceFolders: true,
        didChangeConfiguration: DYNAMIC,
        executeCommand: DYNAMIC,
        symbol: SYMBOLS,
        semanticTokens: { refreshSupport: true },
        inlayHint: { refreshSupport: true },
    },
    textDocument: {
        synchronization: { dynamicRegistration: false, didSave: true },
        publishDiagnostics: {
            relatedInformation: true,
            tagSupport: { valueSet: [1, 2] },
            codeDescriptionSupport: true,
            dataSupport: true,
        },
        completion: {
            ...DYNAMIC,
            contextSupport: true,
            completionItem: {
                snippetSupport: true,
                commitCharactersSupport: true,
                documentationFormat: MARKUP,
                deprecatedSupport: true,
                preselectSupport: true,
                tagSupport: { valueSet: [1] },
                insertReplaceSupport: true,
                resolveSupport: { properties: ["documentation", "detail", "additionalTextEdits"] },
                insertTextModeSupport: { valueSet: [1, 2] },
                labelDetailsSupport: true,
            },
            completionItemKind: { valueSet: numbers(25) },
            completionList: { itemDefaults: ["commitCharacters", "editRange", "insertTextFormat", "insertTextMode", "data"] },
        },
        hover: { ...DYNAMIC, contentFormat: MARKUP },
        signatureHelp: {
            ...DYNAMIC,
            contextSupport: true,
            signatureInformation: {
                documentationFormat: MARKUP,
                parameterInformation: { labelOffsetSupport: true },
                activeParameterSupport: true,
            },
        },
        declaration: LINKS,
        definition: LINKS,
        typeDefinition: LINKS,
        implementation: LINKS,
        references: DYNAMIC,
        documentHighlight: DYNAMIC,
        documentSymbol: { ...SYMBOLS, hierarchicalDocumentSymbolSupport: true },
        codeAction: {
            ...DYNAMIC,
            isPreferredSupport: true,
            disabledSupport: true,
            dataSupport: true,
            resolveSupport: { properties: ["edit", "command"] },
            codeActionLiteralSupport: {
                codeActionKind: {
                    valueSet: [
                        ...["", "quickfix", "refactor", "refactor.extract", "refactor.inline", "refactor.rewrite", "source"],
                        ...["source.organizeImports", "source.fixAll"],
                    ],
                },
            },
        },
        formatting: DYNAMIC,
        rangeFormatting: DYNAMIC,
        onTypeFormatting: DYNAMIC,
        rename: { ...DYNAMIC, prepareSupport: true, prepareSupportDefaultBehavior: 1 },
        foldingRange: { ...DYNAMIC, foldingRangeKind: { valueSet: ["comment", "imports", "region"] } },
        selectionRange: DYNAMIC,
        callHierarchy: DYNAMIC,
        inlayHint: { ...DYNAMIC, resolveSupport: { properties: ["tooltip", "textEdits", "label.tooltip", "label.location"] } },
        semanticTokens: {
            ...DYNAMIC,
            requests: { full: true, range: true },
            tokenTypes: TOKEN_TYPES,
            tokenModifiers: TOKEN_MODIFIERS,
            formats: ["relative"],
            multilineTokenSupport: false,
            overlappingTokenSupport: false,
        },
    },
};
/** Where a server says that it can do it, by the method that it is registered by. */
const PROVIDERS = {
    "textDocument/completion": "completionProvider",
    "textDocument/hover": "hoverProvider",
    "textDocument/signatureHelp": "signatureHelpProvider",
    "textDocument/declaration": "declarationProvider",
    "textDocument/definition": "definitionProvider",
    "textDocument/typeDefinition": "typeDefinitionProvider",
    "textDocument/implementation": "implementationProvider",
    "textDocument/references": "referencesProvider",
    "textDocument/documentHighlight": "documentHighlightProvider",
    "textDocument/documentSymbol": "documentSymbolProvider",
    "textDocument/codeAction": "codeActionProvider",
    "textDocument/formatting": "documentFormattingProvider",
    "textDocument/rangeFormatting": "documentRangeFormattingProvider",
    "textDocument/onTypeFormatting": "documentOnTypeFormattingProvider",
    "textDocument/rename": "renameProvider",
    "textDocument/foldingRange": "foldingRangeProvider",
    "textDocument/selectionRange": "selectionRangeProvider",
    "textDocument/prepareCallHierarchy": "callHierarchyProvider",
    "textDocument/inlayHint": "inlayHintProvider",
    "textDocument/semanticTokens": "semanticTokensProvider",
    "workspace/symbol": "workspaceSymbolProvider",
};
/** What a server said in its answer to initialize. */
function abilities(capabilities) {
    return Object.entries(PROVIDERS)
        .filter(([, key]) => Boolean(capabilities?.[key]))
        .map(([method, key]) => ({ method, options: options(capabilities[key]) }));
}
function options(said) {
    return typeof said === "object" && said !== null ? said : {};
}
function sync(capabilities) {
    const said = capabilities?.textDocumentSync;
    if (typeof said !== "object" || said === null) {
        return { openClose: Boolean(said), change: kind(said), save: Boolean(said), saveText: false };
    }
    const save = said.save;
    return {
        openClose: said.openClose === true,
        change: kind(said.change),
        save: Boolean(save),
        saveText: options(save).includeText === true,
    };
}
function kind(said) {
    return said === 1 || said === 2 ? said : 0;
}
