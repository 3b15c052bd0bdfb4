"""Paths of a folder as messages of the attach protocol have them: strings, and objects with strings. Pure.

A name may have any bytes. One that is UTF-8 without control characters is said as it is; any other is said
percent-encoded, as on the link, with ``"encoded": true`` beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from rbridge.adapters.folder import Item, Match
from rbridge.errors import ProtocolError, RbridgeError
from rbridge.wire import codec

LONGEST = 3 * 4096  # characters of a path
_ODD = re.compile("[\0-\x1f\x7f\ud800-\udfff]")

Params = Mapping[str, Any]


class NoPath(RbridgeError):
    """What came is no path inside of a folder."""


def path_of(params: Params, name: str = "path", *, root: bool = False) -> str:
    """The path that *params* name, as the system has it; *root*: it may be the folder itself, or absent.

    Raises NoPath for what leads out of the folder, or could be read as if it did.
    """
    said = params.get(name, "" if root else None)
    return plain(said, params.get("encoded") is True, root=root)


def plain(said: Any, encoded: bool, *, root: bool = False) -> str:
    """The path that *said* stands for, see :func:`path_of`."""
    if not isinstance(said, str) or len(said) > LONGEST:
        raise NoPath("a path is a string")
    if said == "":
        if root:
            return ""
        raise NoPath("the folder itself is meant, and that cannot be")
    names = said.split("/")
    try:
        said.encode()
        if encoded:
            names = [codec.unquote(name) for name in names]
    except (UnicodeEncodeError, ProtocolError):
        raise NoPath("a path that makes no sense") from None
    for one in names:
        if one in ("", ".", "..") or "/" in one or "\0" in one:
            raise NoPath("a path inside of the folder has no empty names, no '.', no '..' and no NUL")
    return "/".join(names)


def told(path: str) -> tuple[str, bool]:
    """*path* as messages have it, and whether it is encoded."""
    return (codec.quote(path), True) if _ODD.search(path) else (path, False)


def paths(found: Iterable[str]) -> dict[str, list[str]]:
    """Several paths: ``paths``, and beside them ``encoded`` if there are any of that kind."""
    said: dict[str, list[str]] = {"paths": []}
    for path in found:
        text, encoded = told(path)
        said.setdefault("encoded" if encoded else "paths", []).append(text)
    return said


def item(one: Item) -> dict[str, Any]:
    """What ``fs/stat`` says, and ``fs/list`` of each entry."""
    name, encoded = told(one.name)
    said: dict[str, Any] = {
        "name": name,
        "type": one.kind,
        "size": one.size,
        "mtime": one.mtime // 1_000_000,
        "mode": one.mode,
    }
    if one.link:
        said["link"] = told(one.link)[0]
    if encoded:
        said["encoded"] = True
    if one.outside:
        said["outside"] = True
    if one.dangling:
        said["dangling"] = True
    return said


def match(one: Match) -> dict[str, Any]:
    """One find of ``fs/search``."""
    path, encoded = told(one.path)
    said: dict[str, Any] = {
        "path": path,
        "line": one.line,
        "column": one.column,
        "length": one.length,
        "text": one.text.encode("utf-8", "replace").decode(),
    }
    if one.start != 1:
        said["from"] = one.start
    return {**said, "encoded": True} if encoded else said
