"""What a language server may make the editor do: nothing that is not about documents of its host.

A message is taken apart (:mod:`rbridge.lsp.shapes`), and what it names is renamed for the other side. What
cannot be renamed is nobody's business on this laptop: an element of a list is left out, and with anything
else the whole message is refused. What a server may ask of the editor is a list; on it is what the
specification has.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from rbridge.lsp import jsontext, links, shapes, uris
from rbridge.lsp.model import TO_EDITOR
from rbridge.lsp.shapes import Path, Shape, Spot
from rbridge.lsp.uris import Foreign, Places

HARMLESS = frozenset(("editor.action.triggerParameterHints", "editor.action.triggerSuggest"))
"""Commands of editors that servers name with completions; they do nothing but show more of them."""

REMOVABLE = frozenset(
    (
        "CallHierarchyIncomingCall",
        "CallHierarchyItem",
        "CallHierarchyOutgoingCall",
        "CodeAction",
        "CodeLens",
        "Command",
        "DiagnosticRelatedInformation",
        "DocumentLink",
        "FileOperationFilter",
        "InlayHint",
        "Location",
        "LocationLink",
        "NotebookCellTextDocumentFilter",
        "SymbolInformation",
        "TextDocumentFilterLanguage",
        "TextDocumentFilterPattern",
        "TextDocumentFilterScheme",
        "TypeHierarchyItem",
        "WorkspaceFullDocumentDiagnosticReport",
        "WorkspaceSymbol",
        "WorkspaceUnchangedDocumentDiagnosticReport",
    )
)
"""Elements of lists that can be left out, each without harm to the others."""

OPTIONAL = frozenset((("Diagnostic", "codeDescription"), ("InlayHintLabelPart", "location")))
"""Members that can be left out, and of what."""

WHOLE = frozenset(("WorkspaceEdit",))
"""What is done as a whole, or not at all."""

SECTIONS = frozenset(
    # fmt: off
    (
        "basedpyright",
        "bashIde",
        "bash",
        "c",
        "clangd",
        "cpp",
        "css",
        "deno",
        "editor",
        "eslint",
        "go",
        "gopls",
        "haskell",
        "html",
        "java",
        "javascript",
        "jedi",
        "json",
        "julia",
        "latex",
        "lua",
        "Lua",
        "markdown",
        "perl",
        "php",
        "pylsp",
        "pyright",
        "python",
        "r",
        "ruby",
        "ruff",
        "rust-analyzer",
        "rust",
        "svelte",
        "tailwindCSS",
        "texlab",
        "toml",
        "ty",
        "typescript",
        "vue",
        "yaml",
        "zig",
        "zls",
    )
    # fmt: on
)
"""Settings of the editor that a server may read, by their first word: those about languages."""

NO_SECTION = "rbridge.none"  # in place of others: no editor has such settings

ACTIVE = frozenset(("command", "data", "file", "javascript", "untitled", "vbscript"))
"""Schemes of URIs that need no slash to be something."""

_WEB = re.compile(r"(?:https?://|mailto:)[^\x00-\x20\x7f\\]+", re.IGNORECASE)
_URI = re.compile(r"[\s\x00-\x20\ufeff]*([A-Za-z][A-Za-z0-9+.-]*):(/?)")


class Refused(Exception):
    """A message that does not go on. *message* is a line for a person."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Policy:
    """Between an editor and the server called *server* of the host of *places*."""

    def __init__(self, places: Places, server: str) -> None:
        self.places = places
        self.server = server
        self._commands = f"{server}@{places.host}:"

    # From the server

    def may_ask(self, method: str) -> bool:
        """Whether the server may ask the editor to do *method*."""
        return method in TO_EDITOR

    def to_editor(self, text: str, part: jsontext.Part, of: Shape) -> tuple[str, str]:
        """*text*, a message of the server, as the editor gets it, of whose *part* this is the shape, and what
        was left out of it, for the log.

        Raises Refused, and :class:`rbridge.lsp.uris.Absent`.
        """
        try:
            said = self._quickly(text, part, of)
            return self._to_editor(text, part, of) if said is None else (said, "")
        except RecursionError:
            raise Refused("its values are nested too deeply") from None

    def _quickly(self, text: str, part: jsontext.Part, of: Shape) -> str | None:
        """*text* as the editor gets it; None where a closer look is needed, or something is left out."""
        found = shapes.strings(part.value, of)
        if found is None:
            return None
        counts: dict[str, int] = {}
        new: dict[str, str] = {}
        for (kind, value), count in Counter(found).items():
            if value in counts:
                return None  # of two kinds
            counts[value] = count
            try:
                there = self._renamed(kind, value)
            except Foreign:
                return None
            if there != value:
                new[value] = there
        return shapes.swapped(text, part, counts, new) if new else text

    def _to_editor(self, text: str, part: jsontext.Part, of: Shape) -> tuple[str, str]:
        changes: list[tuple[Spot, str]] = []
        bad: list[tuple[Spot, str]] = []
        for spot in shapes.spots(text, part, of):
            try:
                value = self._renamed(spot.kind, spot.value)
            except Foreign as error:
                bad.append((spot, str(error)))
            else:
                if value != spot.value or spot.name:
                    changes.append((spot, value))
        if not bad:
            _check_names(changes)
            return shapes.spliced(text, changes), ""
        left = shapes.removed(text, part.start, _removable(of, [spot.path for spot, _ in bad]))
        value, end = jsontext.scanned(left, part.start)
        rest = jsontext.Part(part.start, end, value)
        changes = [(spot, self._renamed(spot.kind, spot.value)) for spot in shapes.spots(left, rest, of)]
        _check_names(changes)
        return shapes.spliced(left, changes), bad[0][1]

    def _renamed(self, kind: str, value: str) -> str:
        """What the editor calls what the server wrote. Raises Foreign and Absent."""
        if kind in ("A", "N"):
            return self._somewhere(value, web=kind == "A")
        if kind == shapes.OTHER:
            raise Foreign("a value is of another type than the specification has there")
        if "F" in kind:
            raise Foreign("a file is to be created, renamed or deleted")
        if "D" in kind or "U" in kind:
            return self.places.to_editor(value)
        if "C" in kind:
            return value if value in HARMLESS else self._commands + value
        if "L" in kind:
            return value if _WEB.fullmatch(value) else self.places.linked(value)
        if "K" in kind:
            return links.harmless(value, self._link)
        if "S" in kind:
            return self.places.scheme if value == "file" else value
        if "G" in kind:
            return self.places.glob(value)
        return value

    def _somewhere(self, value: str, *, web: bool) -> str:
        """A string of a message that nobody knows: a URI if it looks like one. Raises Foreign, Absent."""
        found = _URI.match(value)
        if found is None:
            return value
        scheme = found[1].lower()
        if scheme == "file":
            return self.places.to_editor(value)
        if scheme in ACTIVE or (found[2] and not (web and scheme in links.WEB)):
            raise Foreign("a message of an unknown kind names what is not of its host")
        return value

    def _link(self, uri: str) -> str | None:
        try:
            return self.places.linked(uri)
        except Foreign:
            return None

    # From the editor

    def to_server(self, text: str, part: jsontext.Part, of: Shape) -> str:
        """*text*, a message of the editor, as the server gets it, without what can be left out of what names
        other places. Raises Refused.
        """
        changes = []
        try:
            found = shapes.spots(text, part, of)
        except ValueError:  # what was read is not what stands there
            raise Refused("a member that is there twice") from None
        bad: list[tuple[Spot, Refused]] = []
        for spot in found:
            try:
                value = self._back(spot)
            except Refused as refused:
                bad.append((spot, refused))
            else:
                if value != spot.value:
                    changes.append((spot, value))
        if not bad:
            return shapes.spliced(text, changes)
        try:  # as with a diagnostic that is not of this server
            marks = _removable(of, [spot.path for spot, _ in bad])
        except Refused:
            raise bad[0][1] from None
        left = shapes.removed(text, part.start, marks)
        value, end = jsontext.scanned(left, part.start)
        return self.to_server(left, jsontext.Part(part.start, end, value), of)

    def _back(self, spot: Spot) -> str:
        kind, value = spot.kind, spot.value
        try:
            if "D" in kind or "U" in kind:
                return self.places.to_server(value)
            if "L" in kind and uris.is_ours(value):
                return self.places.to_server(value)
        except Foreign as error:
            raise Refused(f"{value}: {error}") from None
        if "C" in kind:
            return value.removeprefix(self._commands)
        return value


def _check_names(changes: Sequence[tuple[Spot, str]]) -> None:
    """No object may have a member twice, which has had two names. Raises Refused."""
    names = [(spot.path[:-1], value) for spot, value in changes if spot.name]
    if len(set(names)) != len(names):
        raise Refused("it names a file twice")


def _removable(of: Shape, paths: Iterable[Path]) -> set[Path]:
    """What is to be left out so that what is at *paths* is. Raises Refused where nothing can be."""
    found = {_around(of, path) for path in paths}
    if None in found:
        raise Refused("it names what is not of its host")
    return {path for path in found if path is not None}


def _around(of: Shape, path: Path) -> Path | None:
    """The innermost part around *path* that can be left out."""
    found: Path | None = None
    for depth, step in enumerate(path):
        if of.names & WHOLE:
            return found
        if isinstance(step, int):
            inner = of.element
            removable = inner is not None and bool(inner.names & REMOVABLE)
        else:
            inner = of.keys.get(step, of.rest)
            removable = any((name, step) in OPTIONAL for name in of.names)
        if removable:
            found = path[: depth + 1]
        if inner is None:
            return found
        of = inner
    return found
