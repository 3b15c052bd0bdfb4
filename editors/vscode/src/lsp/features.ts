// The providers that VS Code asks, by the method that a server is asked by: each only while a server offers it.
import * as vscode from "vscode";
import { Params } from "../peer";
import * as actions from "./actions";
import type { Client } from "./client";
import * as completions from "./completions";
import { Question, place, stretch } from "./question";
import { several } from "./reading";

/** A provider that is registered; `renewed` says that its answers are others now. */
export interface Offer extends vscode.Disposable {
  renewed?: vscode.EventEmitter<void>;
}

const { languages } = vscode;

export const FEATURES: Record<string, (client: Client, options: Params) => Offer> = {
  "textDocument/completion": (client, options) => {
    const at = new Question(client, options);
    const provider: vscode.CompletionItemProvider = {
      provideCompletionItems: (document, position, token, { triggerKind, triggerCharacter }) => {
        const context = { triggerKind: triggerKind + 1, triggerCharacter };
        return at.ask({ document, token }, "textDocument/completion", { position: place(position), context }, (said) =>
          completions.list(at.reading, said),
        );
      },
    };
    if (options.resolveProvider) {
      provider.resolveCompletionItem = (item, token) =>
        at.rest(item, "completionItem/resolve", token, (said) => completions.fill(at.reading, item, said));
    }
    return languages.registerCompletionItemProvider(at.selector, provider, ...words(options.triggerCharacters));
  },

  "textDocument/hover": (client, options) => {
    const at = new Question(client, options);
    return languages.registerHoverProvider(at.selector, {
      provideHover: (document, position, token) =>
        at.ask({ document, token }, "textDocument/hover", { position: place(position) }, (said) => at.reading.hover(said)),
    });
  },

  "textDocument/signatureHelp": (client, options) => {
    const at = new Question(client, options);
    const provider: vscode.SignatureHelpProvider = {
      provideSignatureHelp: (document, position, token, { triggerKind, triggerCharacter, isRetrigger, activeSignatureHelp }) => {
        const before = activeSignatureHelp && at.reading.source(activeSignatureHelp);
        const context = { triggerKind, triggerCharacter, isRetrigger, activeSignatureHelp: before };
        return at.ask({ document, token }, "textDocument/signatureHelp", { position: place(position), context }, (said) =>
          at.reading.signatures(said),
        );
      },
    };
    return languages.registerSignatureHelpProvider(at.selector, provider, {
      triggerCharacters: words(options.triggerCharacters),
      retriggerCharacters: words(options.retriggerCharacters),
    });
  },

  "textDocument/declaration": (client, options) => {
    const [at, look] = places(client, options, "textDocument/declaration");
    return languages.registerDeclarationProvider(at.selector, { provideDeclaration: look });
  },
  "textDocument/definition": (client, options) => {
    const [at, look] = places(client, options, "textDocument/definition");
    return languages.registerDefinitionProvider(at.selector, { provideDefinition: look });
  },
  "textDocument/typeDefinition": (client, options) => {
    const [at, look] = places(client, options, "textDocument/typeDefinition");
    return languages.registerTypeDefinitionProvider(at.selector, { provideTypeDefinition: look });
  },
  "textDocument/implementation": (client, options) => {
    const [at, look] = places(client, options, "textDocument/implementation");
    return languages.registerImplementationProvider(at.selector, { provideImplementation: look });
  },

  "textDocument/references": (client, options) => {
    const at = new Question(client, options);
    return languages.registerReferenceProvider(at.selector, {
      provideReferences: (document, position, { includeDeclaration }, token) => {
        const more = { position: place(position), context: { includeDeclaration } };
        return at.ask({ document, token }, "textDocument/references", more, (said) =>
          several(said, (one) => at.reading.location(one)),
        );
      },
    });
  },

  "textDocument/documentHighlight": (client, options) => {
    const at = new Question(client, options);
    return languages.registerDocumentHighlightProvider(at.selector, {
      provideDocumentHighlights: (document, position, token) =>
        at.ask({ document, token }, "textDocument/documentHighlight", { position: place(position) }, (said) =>
          several(said, (one) => new vscode.DocumentHighlight(at.reading.range(one.range), (one.kind ?? 1) - 1)),
        ),
    });
  },

  "textDocument/documentSymbol": (client, options) => {
    const at = new Question(client, options);
    const look: vscode.DocumentSymbolProvider = {
      provideDocumentSymbols: (document, token) =>
        at.ask<vscode.DocumentSymbol[] | vscode.SymbolInformation[]>(
          { document, token },
          "textDocument/documentSymbol",
          {},
          (said) => at.reading.symbols(said),
        ) as Promise<vscode.DocumentSymbol[]>,
    };
    return languages.registerDocumentSymbolProvider(at.selector, look, { label: client.server.name });
  },

  "textDocument/codeAction": actions.offer,

  "textDocument/formatting": (client, options) => formatter(client, options, "textDocument/formatting"),
  "textDocument/rangeFormatting": (client, options) => formatter(client, options, "textDocument/rangeFormatting"),

  "textDocument/onTypeFormatting": (client, options) => {
    const at = new Question(client, options);
    const provider: vscode.OnTypeFormattingEditProvider = {
      provideOnTypeFormattingEdits: (document, position, ch, given, token) =>
        at.ask(
          { document, token },
          "textDocument/onTypeFormatting",
          { position: place(position), ch, options: { ...given } },
          (said) => at.reading.edits(said),
        ),
    };
    const more = words(options.moreTriggerCharacter);
    return languages.registerOnTypeFormattingEditProvider(at.selector, provider, String(options.firstTriggerCharacter), ...more);
  },

  "textDocument/rename": (client, options) => {
    const at = new Question(client, options);
    const provider: vscode.RenameProvider = {
      provideRenameEdits: (document, position, newName, token) =>
        at.must({ document, token }, "textDocument/rename", { position: place(position), newName }, (said) =>
          client.edits.whole(said),
        ),
    };
    if (options.prepareProvider) {
      provider.prepareRename = (document, position, token) => prepared(at, document, position, token);
    }
    return languages.registerRenameProvider(at.selector, provider);
  },

  "textDocument/foldingRange": (client, options) => {
    const at = new Question(client, options);
    return languages.registerFoldingRangeProvider(at.selector, {
      provideFoldingRanges: (document, _, token) =>
        at.keep({ document, token }, "textDocument/foldingRange", {}, (said) => several(said, folding)),
    });
  },

  "textDocument/selectionRange": (client, options) => {
    const at = new Question(client, options);
    const chain = (said: Params): vscode.SelectionRange =>
      new vscode.SelectionRange(at.reading.range(said.range), said.parent ? chain(said.parent) : undefined);
    return languages.registerSelectionRangeProvider(at.selector, {
      provideSelectionRanges: (document, positions, token) =>
        at.ask({ document, token }, "textDocument/selectionRange", { positions: positions.map(place) }, (said) => said.map(chain)),
    });
  },

  "textDocument/prepareCallHierarchy": (client, options) => {
    const at = new Question(client, options);
    const next = async <T>(made: vscode.CallHierarchyItem, method: string, token: vscode.CancellationToken, make: (one: Params) => T) => {
      try {
        return several((await client.ask(method, { item: at.reading.source(made) }, token)) ?? [], make);
      } catch (error) {
        at.failed(method, error);
        return [];
      }
    };
    const ranges = (one: Params): vscode.Range[] => several(one.fromRanges, (range) => at.reading.range(range));
    return languages.registerCallHierarchyProvider(at.selector, {
      prepareCallHierarchy: (document, position, token) =>
        at.ask({ document, token }, "textDocument/prepareCallHierarchy", { position: place(position) }, (said) =>
          several(said, (one) => at.reading.call(one)),
        ),
      provideCallHierarchyIncomingCalls: (item, token) =>
        next(item, "callHierarchy/incomingCalls", token, (one) => new vscode.CallHierarchyIncomingCall(at.reading.call(one.from), ranges(one))),
      provideCallHierarchyOutgoingCalls: (item, token) =>
        next(item, "callHierarchy/outgoingCalls", token, (one) => new vscode.CallHierarchyOutgoingCall(at.reading.call(one.to), ranges(one))),
    });
  },

  "textDocument/inlayHint": (client, options) => {
    const at = new Question(client, options);
    const renewed = new vscode.EventEmitter<void>();
    const provider: vscode.InlayHintsProvider = {
      onDidChangeInlayHints: renewed.event,
      provideInlayHints: (document, range, token) =>
        at.keep({ document, token }, "textDocument/inlayHint", { range: stretch(range) }, (said) =>
          several(said, (one) => at.reading.hint(one)),
        ),
    };
    if (options.resolveProvider) {
      provider.resolveInlayHint = (hint, token) =>
        at.rest(hint, "inlayHint/resolve", token, (said) => at.reading.fillHint(hint, said));
    }
    return several_(languages.registerInlayHintsProvider(at.selector, provider), renewed);
  },

  "textDocument/semanticTokens": (client, options) => {
    const at = new Question(client, options);
    const renewed = new vscode.EventEmitter<void>();
    const legend = new vscode.SemanticTokensLegend(words(options.legend?.tokenTypes), words(options.legend?.tokenModifiers));
    const tokens = (said: Params): vscode.SemanticTokens => new vscode.SemanticTokens(Uint32Array.from(said.data));
    const made: vscode.Disposable[] = [];
    if (options.full) {
      const provider: vscode.DocumentSemanticTokensProvider = {
        onDidChangeSemanticTokens: renewed.event,
        provideDocumentSemanticTokens: (document, token) =>
          at.keep({ document, token }, "textDocument/semanticTokens/full", {}, tokens),
      };
      made.push(languages.registerDocumentSemanticTokensProvider(at.selector, provider, legend));
    }
    if (options.range) {
      const provider: vscode.DocumentRangeSemanticTokensProvider = {
        provideDocumentRangeSemanticTokens: (document, range, token) =>
          at.keep({ document, token }, "textDocument/semanticTokens/range", { range: stretch(range) }, tokens),
      };
      made.push(languages.registerDocumentRangeSemanticTokensProvider(at.selector, provider, legend));
    }
    return several_(vscode.Disposable.from(...made), renewed);
  },

  "workspace/symbol": (client, options) => {
    const at = new Question(client, options);
    return languages.registerWorkspaceSymbolProvider({
      provideWorkspaceSymbols: async (query, token) => {
        try {
          const said = await client.ask("workspace/symbol", { query }, token);
          return several(said ?? [], (one) => at.reading.information(one));
        } catch (error) {
          at.failed("workspace/symbol", error);
          return [];
        }
      },
      resolveWorkspaceSymbol: async (symbol, token) => {
        const said = options.resolveProvider
          ? await at.rest(symbol, "workspaceSymbol/resolve", token, (one) => at.reading.information(one))
          : symbol;
        const { uri, range } = said.location;
        const [there] = await client.shared.targets.opening([{ targetUri: uri, targetRange: range }]);
        return new vscode.SymbolInformation(said.name, said.kind, said.containerName, new vscode.Location(there?.targetUri ?? uri, range));
      },
    });
  },
};

type Look = (document: vscode.TextDocument, position: vscode.Position, token: vscode.CancellationToken) => Promise<vscode.LocationLink[] | undefined>;

/** Where something is: files that are not open are opened first, for a jump to get there at once. */
function places(client: Client, options: Params, method: string): [Question, Look] {
  const at = new Question(client, options);
  const look: Look = (document, position, token) =>
    at.ask({ document, token }, method, { position: place(position) }, (said) =>
      client.shared.targets.opening(at.reading.places(said)),
    );
  return [at, look];
}

function formatter(client: Client, options: Params, method: string): Offer {
  const at = new Question(client, options);
  return client.shared.formatters.add({
    kind: client.server.kind,
    ranges: method === "textDocument/rangeFormatting",
    languages: client.languages,
    serves: (document) => at.serves(document),
    work: (document, range, given, token) =>
      at.must({ document, token }, method, range ? { ...given, range: stretch(range) } : given, (said) => at.reading.edits(said)),
  });
}

/** Whether and what can be renamed here; VS Code shows the error beside it. */
async function prepared(
  at: Question,
  document: vscode.TextDocument,
  position: vscode.Position,
  token: vscode.CancellationToken,
): Promise<vscode.Range | { range: vscode.Range; placeholder: string } | undefined> {
  if (!at.serves(document)) {
    throw new Error("no language server has this text");
  }
  const said = await at.must({ document, token }, "textDocument/prepareRename", { position: place(position) }, (one) => one);
  const word = document.getWordRangeAtPosition(position);
  if (said === undefined || (said.defaultBehavior === true && !word)) {
    throw new Error("nothing can be renamed here");
  }
  if (said.defaultBehavior === true) {
    return word;
  }
  const range = at.reading.range(said.range ?? said);
  return said.placeholder === undefined ? range : { range, placeholder: String(said.placeholder) };
}

function folding(said: Params): vscode.FoldingRange {
  const kinds: Record<string, vscode.FoldingRangeKind> = {
    comment: vscode.FoldingRangeKind.Comment,
    imports: vscode.FoldingRangeKind.Imports,
    region: vscode.FoldingRangeKind.Region,
  };
  return new vscode.FoldingRange(said.startLine, said.endLine, kinds[said.kind]);
}

function words(said: Params): string[] {
  return Array.isArray(said) ? said.filter((one) => typeof one === "string") : [];
}

function several_(made: vscode.Disposable, renewed: vscode.EventEmitter<void>): Offer {
  return { renewed, dispose: () => vscode.Disposable.from(made, renewed).dispose() };
}
