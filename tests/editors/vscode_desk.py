"""A daemon that a test plays, with language servers, for a window of VS Code."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.editors.attach_server import ID, AttachServer, Refusal
from tests.editors.language_server import LanguageServer, Line
from tests.editors.vscode import VSCode
from tests.harness.environment import Home
from tests.harness.wait import until

ROOT = "rbridge://gpu1/home/u/project"
URI = f"rbridge://gpu1/home/u/project/x.py?{ID}"
OTHER = "rbridge://gpu1/home/u/project/other.py"
TARGET = "rbridge://gpu1/usr/lib/python3/only_here.py"
TEXT = "import only_here\n\n\ndef main(name):\n    return only_here.\n"
TYPES = {"name": "pylsp", "kind": "types", "root": ROOT}
LINT = {"name": "ruff", "kind": "lint", "root": ROOT}


def at(line: int, first: int, last: int) -> dict[str, Any]:
    """A range in one line."""
    return {"start": {"line": line, "character": first}, "end": {"line": line, "character": last}}


class Desk:
    """A daemon that a test plays, with language servers; *files* are those that the host opens when asked."""

    def __init__(self, home: Home) -> None:
        self.attach = AttachServer(home.runtime / "editor.sock", TEXT)
        self.lsp = LanguageServer(home.runtime / "lsp.sock")
        self.servers: list[dict[str, Any]] = [TYPES]
        self.advice = ""
        self.files: dict[str, str] = {}
        self.opened: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.attach.handlers["lsp/servers"] = self._servers
        self.attach.handlers["lsp/open"] = self._open
        self.attach.handlers["buffer/read"] = self._read
        self.attach.handlers["buffer/write"] = self._write
        self.editor: VSCode

    def offers(self, **capabilities: Any) -> None:
        """What servers announce from now on, besides that they want to hear of documents."""
        sync = {"openClose": True, "change": 2, "save": {"includeText": True}}
        found = {"textDocumentSync": sync, **capabilities}
        self.lsp.handlers["initialize"] = lambda _: {"capabilities": found}

    def serve(self, method: str, result: Any) -> None:
        self.lsp.handlers[method] = lambda _: result

    def line(self, count: int = 1) -> Line:
        """The language client's connection number *count*, once its first document is open there."""
        line = self.lsp.line(count)
        line.asked("textDocument/didOpen")
        return line

    def show(self, **capabilities: Any) -> Line:
        """x.py of the project is shown, and a server that offers this has it."""
        self.offers(**capabilities)
        self.open()
        return self.line()

    def open(self, **more: object) -> None:
        self.attach.open(**{"path": "/home/u/project/x.py", "uri": URI, **more})
        self.editor.sees("x.py")

    def close(self) -> None:
        self.lsp.close()
        self.attach.close()

    def number(self, uri: str) -> str:
        return hashlib.sha256(uri.encode()).hexdigest()[:24]

    def _servers(self, _: AttachServer, params: dict[str, Any]) -> Any:
        self.asked.append(params)
        advice, self.advice = self.advice, ""
        return {"language": params.get("language"), "servers": self.servers, "advice": advice}

    def _open(self, _: AttachServer, params: dict[str, Any]) -> Any:
        uri = params["uri"]
        self.opened.append(uri)
        if uri not in self.files:
            raise Refusal(-32010, f"no language server has named {uri}")
        path = "/" + uri.split("/", 3)[3]
        about = {"host": "gpu1", "path": path, "name": path.rsplit("/", 1)[-1], "line": 0}
        text = self.files[uri].encode()
        base = {"base": hashlib.sha256(text).hexdigest(), "size": len(text)}
        readable = {"readOnly": path.startswith("/usr")}
        return {"id": self.number(uri), "uri": f"{uri}?{self.number(uri)}", **about, **base, **readable}

    def _write(self, attach: AttachServer, params: dict[str, Any]) -> Any:
        for uri in self.files:
            if self.number(uri) == params["id"]:
                self.files[uri] = params["text"]
        if params["id"] == ID:
            attach.text = params["text"]
        return {"outcome": "saved", "base": hashlib.sha256(params["text"].encode()).hexdigest()}

    def _read(self, attach: AttachServer, params: dict[str, Any]) -> Any:
        texts = {ID: attach.text, **{self.number(uri): text for uri, text in self.files.items()}}
        text = texts[params["id"]]
        return {"base": hashlib.sha256(text.encode()).hexdigest(), "size": len(text), "text": text}


ASK = (
    "const uri = vscode.window.activeTextEditor.document.uri;"
    "const place = new vscode.Position(args.line, args.character);"
    "const found = await vscode.commands.executeCommand(args.name, uri, ...args.more.map((one) =>"
    " one === 'place' ? place : one === 'line' ? new vscode.Range(args.line, 0, args.line, 30) : one));"
)
URIS = "const spelled = (one) => (one.uri || one.targetUri).toString(true);"


def ask(editor: VSCode, name: str, then: str, *more: Any, line: int = 4, character: int = 21) -> Any:
    """Have VS Code ask its providers about the shown text, and say *then* what it found."""
    script = f"{ASK}{URIS} return {then}"
    return editor.host(script, name=f"vscode.{name}", line=line, character=character, more=more or ["place"])


def go(editor: VSCode, line: int, character: int) -> None:
    """Put the cursor there, as a click does; returns when it is drawn there."""
    editor.host(
        "const one = vscode.window.activeTextEditor;"
        "await vscode.commands.executeCommand('workbench.action.focusActiveEditorGroup');"
        "one.selection = new vscode.Selection(args.line, args.character, args.line, args.character)",
        line=line,
        character=character,
    )
    bar = "return document.querySelector('.part.statusbar').textContent"
    until(lambda: f"Ln {line + 1}, Col {character + 1}" in editor.look(bar), what="the cursor is there")
