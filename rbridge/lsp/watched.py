"""Files that a language server wants to hear of when they change on its host.

An editor cannot watch them. What goes through this daemon is told, if it fits what the server has registered:
saves, and what is made, moved and removed in a folder's view.

Specification: LSP 3.18, ``workspace/didChangeWatchedFiles``.
"""

from __future__ import annotations

import re
from typing import Any

from rbridge.lsp.uris import LOCAL, Foreign, parse

METHOD = "workspace/didChangeWatchedFiles"
OFFERED = {"dynamicRegistration": True, "relativePatternSupport": True}
"""What a server is told that its client can do, if it is one of these."""

NEEDY = frozenset(
    ("basedpyright", "gopls", "jedi-language-server", "pylsp", "pyright", "pyrefly", "ruff", "ty")
)
"""Servers that see no files by themselves. Others (rust-analyzer, tsserver) look at the disk, which shows
them more than passes here, until a client says that it does so for them.
"""

ALL = 7  # WatchKind: a bit for each of created, changed and deleted

MOST = 5000  # characters of all patterns of one server, with their choices; beyond that it is not told
PATTERNS = 200
LONGEST = 500  # characters of a pattern
NAME = 4096  # of a base, or of what a registration is called
CHOICES = 50

_CHOICE = re.compile(r"\{([^{}]*)\}")
_STARS = re.compile(r"\*{3,}")
_TOKEN = re.compile(r"\*\*/?|\[!?[^\]/]+\]|.", re.DOTALL)


class Watched:
    """What one server has registered."""

    def __init__(self) -> None:
        self._patterns: dict[str, list[tuple[int, bytes, Pattern]]] = {}
        self._characters = self._count = 0

    def add(self, number: str, options: Any) -> bool:
        """Registration *number*, with its options; what is no pattern is passed over. Whether that was all:
        a server may have only so many.
        """
        self.remove(number)
        listed = options.get("watchers") if isinstance(options, dict) else None
        listed = listed if isinstance(listed, list) else []
        if len(listed) > PATTERNS or len(number) > NAME:
            return False
        found: list[tuple[int, bytes, Pattern]] = []
        for one in listed:
            base, globs = _read(one.get("globPattern")) if isinstance(one, dict) else (b"", [])
            count, characters = self._count + len(globs), self._characters + sum(map(len, globs))
            if count > PATTERNS or characters > MOST:
                return False
            if globs:
                kind = one.get("kind")
                found += [(kind if isinstance(kind, int) else ALL, base, Pattern(glob)) for glob in globs]
                self._count, self._characters, self._patterns[number] = count, characters, found
        return True

    def remove(self, number: str) -> bool:
        """Whether it was registered."""
        found = self._patterns.pop(number, None)
        for _, _, pattern in found or ():
            self._count -= 1
            self._characters -= len(pattern.glob)
        return found is not None

    def clear(self) -> None:
        """Another server comes."""
        self._patterns.clear()
        self._characters = self._count = 0

    def wants(self, path: bytes, kind: int, root: bytes) -> bool:
        """Whether the server wants to hear of *path*; *kind* is a FileChangeType.

        A pattern without a base is meant from its project's *root*, or from the top.
        """
        bit = 1 << kind - 1
        for kinds, base, pattern in (one for some in self._patterns.values() for one in some):
            if kinds & bit:
                names = [_below(path, base)] if base else [_below(path, root), path]
                if any(name and pattern.fits(name.decode("utf-8", "replace")) for name in names):
                    return True
        return False


class Pattern:
    """A glob of the protocol, without choices: ``*`` and ``?`` within a name, ``**`` any number of names,
    ``[...]`` and ``[!...]``. All ways through it are gone at once, so that none takes long: where the path so
    far can have led is a number with a bit for each token.
    """

    def __init__(self, glob: str) -> None:
        self.glob = glob
        tokens = _TOKEN.findall(_STARS.sub("**", glob))
        self._end = 1 << len(tokens)
        self._star, self._names, self._any = (_bits(tokens, one) for one in ("*", "**/", "**"))
        self._free = self._star | self._names | self._any  # they may stand for nothing
        self._one = _bits(tokens, "?")
        self._plain = {one: _bits(tokens, one) for one in set(tokens) if len(one) == 1 and one not in "*?"}
        self._sets = [
            (1 << place, one[1:-1]) for place, one in enumerate(tokens) if one[1:] and one[0] == "["
        ]

    def fits(self, path: str) -> bool:
        """Whether it stands for all of *path*."""
        places = self._reached(1)
        for character in path:
            on, stay = places & self._plain.get(character, 0), places & self._any
            if character == "/":
                stay |= places & self._names
            else:
                on |= places & self._one
                stay |= places & self._star
                for bit, inside in self._sets:
                    if places & bit and _is_among(inside, character):
                        on |= bit
            places = self._reached(on << 1 | stay) | places & self._names  # or it is within a name
            if not places:
                return False
        return bool(places & self._end)

    def _reached(self, places: int) -> int:
        """*places*, and those behind them that are reached with nothing."""
        more = places
        while more := (more & self._free) << 1 & ~places:
            places |= more
        return places


def _bits(tokens: list[str], token: str) -> int:
    return sum(1 << place for place, one in enumerate(tokens) if one == token)


def _is_among(inside: str, character: str) -> bool:
    """Whether ``[inside]`` stands for *character*."""
    if inside.startswith("!"):
        return not _is_among(inside[1:], character)
    at = 0
    while at < len(inside):
        last = inside[at + 2 : at + 3] if inside[at + 1 : at + 2] == "-" else ""
        if inside[at] <= character <= (last or inside[at]):
            return True
        at += 3 if last else 1
    return False


def _read(glob: Any) -> tuple[bytes, list[str]]:
    """The base of a ``GlobPattern``, empty if there is none, and the glob of each of its choices."""
    base = b""
    if isinstance(glob, dict):
        folder = glob.get("baseUri")
        uri = folder.get("uri") if isinstance(folder, dict) else folder
        try:
            said = parse(str(uri))
        except Foreign:
            return b"", []
        if said.scheme != "file" or said.authority.lower() not in LOCAL or len(said.path) > NAME:
            return b"", []
        base, glob = said.path, glob.get("pattern")
    if not isinstance(glob, str) or len(glob) > LONGEST:
        return b"", []
    return base, _chosen(glob)


def _chosen(glob: str) -> list[str]:
    """*glob* with each of its choices, ``{a,b}``."""
    found = [glob]
    for number, one in enumerate(found):  # it grows meanwhile
        choice = _CHOICE.search(one)
        if choice is not None and len(found) < CHOICES:
            found += [one[: choice.start()] + part + one[choice.end() :] for part in choice[1].split(",")]
            found[number] = ""
    return [one for one in found if one]


def _below(path: bytes, base: bytes) -> bytes | None:
    """*path* relative to *base*, None where it is not below it."""
    start = base.rstrip(b"/") + b"/"
    return path[len(start) :] if path.startswith(start) else None
