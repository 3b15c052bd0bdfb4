"""A language client as plain as can be: no library, one thread, and every wait with a deadline.

It speaks to any process over its stdin and stdout: ``rbridge lsp``, or a language server itself.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Callable
from typing import Any

from tests.harness.wait import Never

PATIENCE = 60.0  # seconds; a language server may have to read a whole environment first
PIECE = 1 << 20

CAPABILITIES: dict[str, Any] = {
    "general": {"positionEncodings": ["utf-16"]},
    "textDocument": {
        "synchronization": {"didSave": True},
        "completion": {"completionItem": {"documentationFormat": ["plaintext"]}},
        "hover": {"contentFormat": ["plaintext"]},
        "definition": {},
        "references": {},
        "rename": {},
        "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix"]}}},
        "publishDiagnostics": {},
    },
    "workspace": {"applyEdit": True, "configuration": True, "workspaceFolders": True},
}


class Failed(Exception):
    """A request was answered with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code


class Client:
    """One; *process* has pipes for stdin and stdout. ``heard`` has all that came and was no answer."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.heard: list[dict[str, Any]] = []
        self.initialized: dict[str, Any] = {}
        self.settings: dict[str, Any] = {}
        """What it answers to ``workspace/configuration``, by section."""

        assert process.stdin is not None
        assert process.stdout is not None
        self._in = process.stdin.fileno()
        self._out = process.stdout.fileno()
        self._buffer = bytearray()
        self._answers: dict[int, dict[str, Any]] = {}
        self._number = 0
        self._versions: dict[str, int] = {}

    # Messages

    def tell(self, method: str, params: Any) -> None:
        """Say a notification."""
        self._say({"method": method, "params": params})

    def begin(self, method: str, params: Any) -> int:
        """Say a request; the number that :meth:`answer` wants."""
        self._number += 1
        self._say({"id": self._number, "method": method, "params": params})
        return self._number

    def answer(self, number: int, patience: float = PATIENCE) -> Any:
        """The result of a request. Raises Failed for an error, and Never after *patience* seconds."""
        end = time.monotonic() + patience
        while number not in self._answers:
            self._take(self._next(end, f"an answer to request {number}"))
        said = self._answers.pop(number)
        if "error" in said:
            raise Failed(said["error"]["code"], said["error"]["message"])
        return said["result"]

    def ask(self, method: str, params: Any, patience: float = PATIENCE) -> Any:
        """Say a request and wait for its result."""
        return self.answer(self.begin(method, params), patience)

    def until(
        self, method: str, fits: Callable[[Any], bool] = lambda _params: True, patience: float = PATIENCE
    ) -> Any:
        """The parameters of the next message *method* that *fits*, or of one that has come already."""
        end = time.monotonic() + patience
        looked = 0
        while True:
            for one in self.heard[looked:]:
                if one["method"] == method and fits(one.get("params")):
                    return one.get("params")
            looked = len(self.heard)
            self._take(self._next(end, f"{method} that fits, but {self.heard[-5:]}"))

    def _take(self, said: dict[str, Any]) -> None:
        if "method" not in said:
            self._answers[said["id"]] = said
            return
        self.heard.append(said)
        if "id" in said:
            self._say({"id": said["id"], "result": self._result(said["method"], said.get("params"))})

    def _result(self, method: str, params: Any) -> Any:
        if method == "workspace/configuration":
            return [self.settings.get(one.get("section", "")) for one in params["items"]]
        return {"applied": True} if method == "workspace/applyEdit" else None

    # Documents

    def initialize(self, root: str | None = None, options: Any = None) -> Any:
        """The first words of every client; the server's answer."""
        folders = None if root is None else [{"uri": root, "name": "root"}]
        params = {
            "processId": os.getpid(),
            "rootUri": root,
            "workspaceFolders": folders,
            "capabilities": CAPABILITIES,
            "initializationOptions": options,
        }
        self.initialized = self.ask("initialize", params)
        self.tell("initialized", {})
        return self.initialized

    def open(self, uri: str, text: str, language: str = "python") -> None:
        self._versions[uri] = 1
        document = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": document})

    def change(self, uri: str, text: str) -> None:
        """The document's whole text is another."""
        self._versions[uri] += 1
        document = {"uri": uri, "version": self._versions[uri]}
        self.tell("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})

    def at(
        self, method: str, uri: str, place: tuple[int, int], patience: float = PATIENCE, **more: Any
    ) -> Any:
        """The answer to ``textDocument/METHOD`` about a *place* in a document: line and character, from 0."""
        said = {"textDocument": {"uri": uri}, "position": {"line": place[0], "character": place[1]}, **more}
        return self.ask(f"textDocument/{method}", said, patience)

    def close(self) -> int:
        """Shut down as editors do; the process's exit code."""
        self.ask("shutdown", None)
        self.tell("exit", None)
        return self.process.wait(PATIENCE)

    # Bytes

    def _say(self, said: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **said}).encode()
        left = memoryview(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        while left:
            left = left[os.write(self._in, left) :]

    def _next(self, end: float, what: str) -> dict[str, Any]:
        while (body := self._whole()) is None:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._out], [], [], left)[0]:
                raise Never(f"no {what}")
            data = os.read(self._out, PIECE)
            assert data, f"the connection ended before {what}"
            self._buffer += data
        said: dict[str, Any] = json.loads(body)
        return said

    def _whole(self) -> bytes | None:
        """The next message that has come whole."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        lines = bytes(self._buffer[:end]).decode("ascii").split("\r\n")
        fields = dict(line.lower().split(": ") for line in lines)
        size = int(fields["content-length"])
        if len(self._buffer) < end + 4 + size:
            return None
        body = bytes(self._buffer[end + 4 : end + 4 + size])
        del self._buffer[: end + 4 + size]
        return body


def place_of(text: str, words: str, after: bool = False) -> tuple[int, int]:
    """Line and character at which *words* begin in *text*, or *after* which they end."""
    offset = text.index(words) + (len(words) if after else 0)
    line = text.count("\n", 0, offset)
    return line, offset - (text.rfind("\n", 0, offset) + 1)


def texts_of(value: Any) -> str:
    """A hover's contents, or whatever else has words in it, as one text."""
    return json.dumps(value)


def labels(completion: Any) -> list[str]:
    """What a completion offers."""
    items = completion["items"] if isinstance(completion, dict) else completion or []
    return [one["label"].strip() for one in items]


def locations(found: Any) -> list[str]:
    """The URIs of one Location, many, or LocationLinks."""
    listed = [found] if isinstance(found, dict) else found or []
    return [one.get("uri") or one["targetUri"] for one in listed]


def edits(edit: Any) -> dict[str, list[dict[str, Any]]]:
    """A WorkspaceEdit's text edits, by document."""
    said = {uri: list(changes) for uri, changes in (edit.get("changes") or {}).items()}
    for one in edit.get("documentChanges") or []:
        said.setdefault(one["textDocument"]["uri"], []).extend(one["edits"])
    return said


def applied(text: str, changes: list[dict[str, Any]]) -> str:
    """*text* after text edits, for texts within the basic plane."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def offset(at: dict[str, int]) -> int:
        return starts[at["line"]] + at["character"]

    for one in sorted(changes, key=lambda one: offset(one["range"]["start"]), reverse=True):
        span = one["range"]
        text = text[: offset(span["start"])] + one["newText"] + text[offset(span["end"]) :]
    return text
