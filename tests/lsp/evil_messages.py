"""What a hostile language server says, and a look at what the editor hears of it."""

from __future__ import annotations

from typing import Any

from lsprotocol import types as lsp

from rbridge.lsp.uris import Absent
from tests.lsp import evil_reader
from tests.lsp.conversation import ITEM, THERE, Conversation
from tests.lsp.corpus import parts

RANGE = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 1}}
EDIT = {"range": RANGE, "newText": "x"}
TYPES = {(part.method, part.part): part.of for part in parts()}


def begun(*, in_memory: bool = False) -> Conversation:
    talk = Conversation(in_memory=in_memory)
    talk.begin({"codeActionProvider": True})
    if in_memory:
        item = {"uri": evil_reader.IN_MEMORY, **ITEM}
        talk.editor({"method": "textDocument/didOpen", "params": {"textDocument": item}})
        talk.served()
    return talk


def tell(talk: Conversation, message: Any) -> Conversation:
    """The server says it, to an editor that gets no more files."""
    while True:
        try:
            talk.server(message)
        except Absent as absent:
            talk.bridge.policy.places.without(absent.path)
        else:
            return talk


def answered(method: str, result: Any, *, in_memory: bool = False) -> Conversation:
    """A conversation in which the server has answered so."""
    talk = begun(in_memory=in_memory)
    talk.ask(5, method, partialResultToken="p")
    return tell(talk, {"id": 5, "result": result})


def said(method: str, params: Any, *, number: int | None = 9, in_memory: bool = False) -> Conversation:
    identity = {"id": number} if number is not None else {}
    return tell(begun(in_memory=in_memory), {"method": method, "params": params, **identity})


def look(talk: Conversation, asked: str = "") -> int:
    """Look at all that the editor hears; *asked* is the method of what it asked."""
    count = 0
    for message in talk.heard():
        method = message.get("method", "")
        if not method:
            if "result" in message:
                count += look_at(asked, "result", message["result"])
        elif method == "client/registerCapability":
            for one in message["params"]["registrations"]:
                of = lsp.METHOD_TO_TYPES.get(one["method"], (None,) * 4)[3]
                if of is not None:
                    count += evil_reader.check(one.get("registerOptions"), of)
        elif method == "$/progress":
            count += look_at(asked, "partial", message["params"]["value"])
        else:
            count += look_at(method, "params", message.get("params"))
            if method == "workspace/configuration":
                assert {one["section"] for one in message["params"]["items"]} <= {
                    "rbridge.none",
                    "python",
                    "python.analysis",
                }
    return count


def look_at(method: str, part: str, value: Any) -> int:
    of = TYPES.get((method, part))
    if of is None:
        evil_reader.check_any(value)
        return 0
    return evil_reader.check(value, of)


def location(uri: str) -> dict[str, Any]:
    return {"uri": uri, "range": RANGE}


def item(uri: str) -> dict[str, Any]:
    return {"name": "x", "kind": 1, "uri": uri, "range": RANGE, "selectionRange": RANGE}


def diagnostics(uri: str, link: str) -> list[Any]:
    related = [{"location": location(uri), "message": "here"}]
    return [
        {"range": RANGE, "message": "x", "relatedInformation": related, "codeDescription": {"href": link}}
    ]


def edits(uri: str) -> list[dict[str, Any]]:
    document = {"textDocument": {"uri": uri, "version": None}, "edits": [EDIT]}
    return [
        {"changes": {uri: [EDIT]}},
        {"changes": {THERE: [EDIT], uri: [EDIT]}},
        {"documentChanges": [document]},
        {"documentChanges": [{"textDocument": {"uri": THERE}, "edits": []}, document]},
        *({"documentChanges": [{"kind": kind, "uri": uri}]} for kind in ("create", "delete")),
        {"documentChanges": [{"kind": "rename", "oldUri": uri, "newUri": THERE}]},
        {"documentChanges": [{"kind": "rename", "oldUri": THERE, "newUri": uri}]},
        {"documentChanges": {"0": document, "length": 1}},
        {"documentChanges": [[document]]},
        {"changes": [{uri: [EDIT]}]},
    ]


def answers(uri: str) -> list[tuple[str, Any]]:
    """Answers that name *uri*."""
    links = {"targetUri": uri, "targetRange": RANGE, "targetSelectionRange": RANGE}
    report = {"kind": "full", "items": diagnostics(uri, uri)}
    found: list[tuple[str, Any]] = []
    for name in ("definition", "declaration", "typeDefinition", "implementation", "references"):
        found += [(f"textDocument/{name}", one) for one in (location(uri), [location(uri)], [links])]
    found += [
        (f"textDocument/{name}", [item(uri)]) for name in ("prepareCallHierarchy", "prepareTypeHierarchy")
    ]
    found += [
        ("textDocument/definition", {"0": location(uri), "length": 1}),
        ("textDocument/definition", [[location(uri)]]),
        ("textDocument/definition", location([uri])),  # type: ignore[arg-type]
        ("callHierarchy/incomingCalls", [{"from": item(uri), "fromRanges": []}]),
        ("callHierarchy/outgoingCalls", [{"to": item(uri), "fromRanges": []}]),
        ("typeHierarchy/supertypes", [item(uri)]),
        ("typeHierarchy/subtypes", [item(uri)]),
        ("workspace/symbol", [{"name": "x", "kind": 1, "location": location(uri)}]),
        ("workspace/symbol", [{"name": "x", "kind": 1, "location": {"uri": uri}}]),
        ("textDocument/documentSymbol", [{"name": "x", "kind": 1, "location": location(uri)}]),
        ("textDocument/documentLink", [{"range": RANGE, "target": uri}]),
        ("documentLink/resolve", {"range": RANGE, "target": uri}),
        ("textDocument/inlayHint", [{"label": [{"value": "x", "location": location(uri)}]}]),
        ("inlayHint/resolve", {"label": [{"value": "x", "location": location(uri)}]}),
        ("textDocument/diagnostic", {**report, "relatedDocuments": {uri: report}}),
        ("workspace/diagnostic", {"items": [{**report, "uri": uri, "version": None}]}),
        ("textDocument/hover", {"contents": f"[x]({uri}) [y](<{uri}>) <{uri}>\n\n[x]: {uri}"}),
        ("textDocument/switchSourceHeader", uri),
        ("unheard/of", {"somewhere": [{"deep": uri}]}),
        ("unheard/of", {uri: 1}),
        ("textDocument/codeAction", [{"title": "x", "diagnostics": diagnostics(uri, uri)}]),
    ]
    for edit in edits(uri):
        found += [
            ("textDocument/rename", edit),
            ("textDocument/codeAction", [{"title": "x", "edit": edit}]),
            ("textDocument/codeAction", {"1": {"title": "x", "edit": edit}}),
            ("codeAction/resolve", {"title": "x", "edit": edit}),
        ]
    return found


def asked(uri: str) -> list[tuple[str, Any, int | None]]:
    """What a server says of itself that names *uri*."""
    patterns = [{"pattern": {"baseUri": uri, "pattern": "**"}, "language": "x"}]
    options = {"documentSelector": patterns}
    registration = {"id": "x", "method": "textDocument/hover", "registerOptions": options}
    return [
        ("window/showDocument", {"uri": uri, "takeFocus": True}, 9),
        ("window/showDocument", {"uri": uri, "external": True}, 9),
        ("window/showDocument", {"uri": uri, "external": "yes"}, 9),
        ("workspace/configuration", {"items": [{"section": "python", "scopeUri": uri}]}, 9),
        ("textDocument/publishDiagnostics", {"uri": uri, "diagnostics": []}, None),
        ("textDocument/publishDiagnostics", {"uri": THERE, "diagnostics": diagnostics(uri, uri)}, None),
        ("workspace/textDocumentContent/refresh", {"uri": uri}, 9),
        ("client/registerCapability", {"registrations": [registration]}, 9),
        ("unheard/note", {"uri": uri}, None),
        ("unheard/note", [uri], None),
        *(("workspace/applyEdit", {"label": "x", "edit": edit}, 9) for edit in edits(uri)),
    ]
