"""What a language server has to be told so that it stands where the one before it stood.

The editor's ``initialize``, its settings, and each open document with the text that it has now, saved or not.
Changes are kept as they came and put together only when a server is started anew, or when there are many.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rbridge.errors import clean

MANY = 500  # changes of one document that are kept
ENCODINGS = ("utf-8", "utf-16", "utf-32")

Change = Mapping[str, Any]


class Text:
    """An open document as the server knows it: *item*, a TextDocumentItem, and what came after it."""

    def __init__(self, item: Mapping[str, Any]) -> None:
        self.item = dict(item)
        self.changes: list[Change] = []

    def change(self, version: Any, changes: Iterable[Change], encoding: str) -> None:
        """``contentChanges`` of one ``didChange``."""
        for one in changes:
            if "range" not in one:
                self.item["text"] = one.get("text", "")
                self.changes.clear()
            else:
                self.changes.append(one)
        self.item["version"] = version
        if len(self.changes) >= MANY:
            self.settle(encoding)

    def settle(self, encoding: str) -> None:
        """Put the changes into the text."""
        self.item["text"] = changed(self.item.get("text", ""), self.changes, encoding)
        self.changes.clear()


class Replay:
    """*encoding* is that of positions, as the server chose it."""

    def __init__(self) -> None:
        self.encoding = "utf-16"
        self.initialize: Any = None
        self.initialized = False
        self.settings: Any = None
        self.texts: dict[str, Text] = {}

    def note(self, method: str, params: Any) -> None:
        """The editor said this to the server; URIs are the server's."""
        note = _NOTES.get(method)
        if note is not None and isinstance(params, dict):
            note(self, params)
        elif method == "initialized":
            self.initialized = True

    def answered(self, result: Any) -> None:
        """The server's answer to ``initialize``."""
        said = result.get("capabilities") if isinstance(result, dict) else None
        encoding = said.get("positionEncoding") if isinstance(said, dict) else None
        self.encoding = encoding if encoding in ENCODINGS else "utf-16"

    def after(self) -> list[tuple[str, Any]]:
        """The notifications that follow a new ``initialize``: methods and parameters."""
        said: list[tuple[str, Any]] = []
        if self.initialized:
            said.append(("initialized", {}))
        if self.settings is not None:
            said.append(("workspace/didChangeConfiguration", self.settings))
        for text in self.texts.values():
            text.settle(self.encoding)
            said.append(("textDocument/didOpen", {"textDocument": text.item}))
        return said

    @property
    def client(self) -> str:
        """What the editor calls itself, "" if it does not."""
        about = self.initialize.get("clientInfo") if isinstance(self.initialize, dict) else None
        name = about.get("name") if isinstance(about, dict) else None
        return clean(name)[:64] if isinstance(name, str) else ""

    def _initialize(self, params: dict[str, Any]) -> None:
        self.initialize = params

    def _settings(self, params: dict[str, Any]) -> None:
        self.settings = params

    def _open(self, params: dict[str, Any]) -> None:
        item = params.get("textDocument")
        if isinstance(item, dict) and isinstance(item.get("uri"), str):
            self.texts[item["uri"]] = Text(item)

    def _change(self, params: dict[str, Any]) -> None:
        text = self.texts.get(_uri(params))
        changes = params.get("contentChanges")
        if text is not None and isinstance(changes, list):
            version = params["textDocument"].get("version")
            text.change(version, [one for one in changes if isinstance(one, dict)], self.encoding)

    def _close(self, params: dict[str, Any]) -> None:
        self.texts.pop(_uri(params), None)


_NOTES: dict[str, Callable[[Replay, dict[str, Any]], None]] = {
    "initialize": Replay._initialize,
    "workspace/didChangeConfiguration": Replay._settings,
    "textDocument/didOpen": Replay._open,
    "textDocument/didChange": Replay._change,
    "textDocument/didClose": Replay._close,
}


def _uri(params: Mapping[str, Any]) -> str:
    said = params.get("textDocument")
    uri = said.get("uri") if isinstance(said, dict) else None
    return uri if isinstance(uri, str) else ""


# Lines end as the specification says, at line feeds and carriage returns: not at form feeds, as Python's do.
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z")
_ENDS = "\r\n"


def changed(text: str, changes: Iterable[Change], encoding: str) -> str:
    """*text* after *changes*, whose positions count in *encoding*.

    A position beyond its line, or the text, is at its end; one within a character is before it.
    """
    lines = _LINES.findall(text)
    for one in changes:
        said, new = one.get("range"), one.get("text", "")
        if not isinstance(said, dict):
            lines = _LINES.findall(new)
            continue
        first, begin = _position(lines, said.get("start"), encoding)
        last, end = _position(lines, said.get("end"), encoding)
        if (last, end) < (first, begin):
            last, end = first, begin
        before = lines[first][:begin] if first < len(lines) else ""
        after = lines[last][end:] if last < len(lines) else ""
        whole = before + new + after
        if (
            first
            and lines[first - 1].endswith("\r")
            and whole.startswith("\n")
            or first
            and first == len(lines)
            and not lines[-1].endswith(("\r", "\n"))
        ):
            first -= 1
            whole = lines[first] + whole
        lines[first : last + 1] = _LINES.findall(whole)
    return "".join(lines)


def _position(lines: Sequence[str], said: Any, encoding: str) -> tuple[int, int]:
    """The line and, in it, the character of Python's, that a position means."""
    position = said if isinstance(said, dict) else {}
    line, units = position.get("line", 0), position.get("character", 0)
    if not isinstance(line, int) or not isinstance(units, int) or line < 0 or units < 0:
        return 0, 0
    if line >= len(lines):
        return len(lines), 0
    content = lines[line].rstrip(_ENDS)
    if encoding == "utf-32" or content.isascii():
        return line, min(units, len(content))
    return line, _characters(content, units, encoding)


def _characters(line: str, units: int, encoding: str) -> int:
    """How many characters of *line* these code units of *encoding* are."""
    for number, one in enumerate(line):
        if encoding == "utf-8":
            units -= len(one.encode("utf-8", "surrogatepass"))
        else:
            units -= 2 if ord(one) > 0xFFFF else 1
        if units < 0:
            return number
    return len(line)
