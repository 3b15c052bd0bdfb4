"""A language server that comes after ``initialize`` was answered: the editor is told of it by registrations.

That is so where the editor's first document of a host came later, where the host was not connected, and where
a server was installed meanwhile. An editor that takes no registrations keeps what the endpoint offers.
"""

from __future__ import annotations

from typing import Any

PROVIDERS = {
    # fmt: off
    "callHierarchyProvider": "textDocument/prepareCallHierarchy",
    "codeLensProvider": "textDocument/codeLens",
    "colorProvider": "textDocument/documentColor",
    "completionProvider": "textDocument/completion",
    "declarationProvider": "textDocument/declaration",
    "definitionProvider": "textDocument/definition",
    "diagnosticProvider": "textDocument/diagnostic",
    "documentFormattingProvider": "textDocument/formatting",
    "documentHighlightProvider": "textDocument/documentHighlight",
    "documentLinkProvider": "textDocument/documentLink",
    "documentOnTypeFormattingProvider": "textDocument/onTypeFormatting",
    "documentRangeFormattingProvider": "textDocument/rangeFormatting",
    "documentSymbolProvider": "textDocument/documentSymbol",
    "executeCommandProvider": "workspace/executeCommand",
    "foldingRangeProvider": "textDocument/foldingRange",
    "hoverProvider": "textDocument/hover",
    "implementationProvider": "textDocument/implementation",
    "inlayHintProvider": "textDocument/inlayHint",
    "inlineCompletionProvider": "textDocument/inlineCompletion",
    "inlineValueProvider": "textDocument/inlineValue",
    "linkedEditingRangeProvider": "textDocument/linkedEditingRange",
    "monikerProvider": "textDocument/moniker",
    "referencesProvider": "textDocument/references",
    "renameProvider": "textDocument/rename",
    "selectionRangeProvider": "textDocument/selectionRange",
    "semanticTokensProvider": "textDocument/semanticTokens",
    "signatureHelpProvider": "textDocument/signatureHelp",
    "typeDefinitionProvider": "textDocument/typeDefinition",
    "typeHierarchyProvider": "textDocument/prepareTypeHierarchy",
    "workspaceSymbolProvider": "workspace/symbol",
    # fmt: on
}
"""Members of a server's capabilities, each with the method that is registered for it. Code actions are not
among them: the editor asks for those in any case, since the endpoint has some.
"""

NAMES = {
    "textDocument/prepareCallHierarchy": "callHierarchy",
    "textDocument/prepareTypeHierarchy": "typeHierarchy",
    "textDocument/documentColor": "colorProvider",
}
"""What an editor calls what it can do, where that is not the method's last part."""

REFRESHED = ("semanticTokens", "codeLens", "inlayHint", "inlineValue", "diagnostics", "foldingRange")
"""What an editor asks for only when something has changed: after a new start it has to be told."""

FULL = 1  # TextDocumentSyncKind


def alone(own: dict[str, Any]) -> dict[str, Any]:
    """The capabilities of an endpoint, *own*, where a server may still come: it will want every text."""
    return {**own, "textDocumentSync": {"openClose": True, "change": FULL, "save": {"includeText": False}}}


def before(said: dict[str, Any]) -> None:
    """Take from the parameters of ``initialize`` how positions count: the editor was told that already."""
    found = said.get("capabilities")
    if isinstance(found, dict):
        found.pop("offsetEncoding", None)  # clangd's own word for it
        if isinstance(found.get("general"), dict):
            found["general"].pop("positionEncodings", None)


def capabilities(initialize: Any) -> dict[str, Any]:
    """What the editor can do, as it said in the parameters of ``initialize``."""
    found = initialize.get("capabilities") if isinstance(initialize, dict) else None
    return found if isinstance(found, dict) else {}


def registrations(server: dict[str, Any], editor: dict[str, Any], prefix: str) -> list[dict[str, Any]]:
    """What the *server* can do, as far as the *editor* lets that be registered; ids begin with *prefix*."""
    listed = []
    for provider, method in PROVIDERS.items():
        options = server.get(provider)
        if not options or not _of(editor, method).get("dynamicRegistration"):
            continue
        said = dict(options) if isinstance(options, dict) else {}
        if method.startswith("textDocument/"):
            said["documentSelector"] = said.get("documentSelector")
        said.pop("id", None)
        listed.append({"id": f"{prefix}{method}", "method": method, "registerOptions": said})
    return listed


def refreshes(editor: dict[str, Any]) -> list[str]:
    """The requests by which the editor asks again for what another server had told it."""
    listed = []
    for name in REFRESHED:
        if _object(_object(editor, "workspace"), name).get("refreshSupport"):
            listed.append(f"workspace/{'diagnostic' if name == 'diagnostics' else name}/refresh")
    return listed


def _of(editor: dict[str, Any], method: str) -> dict[str, Any]:
    """What the editor says that it can do with *method*."""
    area, _, name = method.partition("/")
    return _object(_object(editor, area), NAMES.get(method, name))


def _object(said: dict[str, Any], name: str) -> dict[str, Any]:
    found = said.get(name)
    return found if isinstance(found, dict) else {}
