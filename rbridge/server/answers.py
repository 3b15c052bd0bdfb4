"""What a host answers to requests about a folder: read strictly, so that nothing it says becomes anything
but what was asked for. Pure.

Every function takes the JSON of one answer and raises :class:`RemoteProtocolError` for what makes no sense.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from rbridge.adapters.folder import ABSENT, Found, Item, Match
from rbridge.errors import RemoteProtocolError
from rbridge.wire import codec, limits, values

KINDS = ("file", "directory", "link", "other")
PROGRAMS = 32  # characters of the name of the program that looked
TEXT = 2000  # characters of a line that a match is shown in
LONGEST = 4096  # bytes of a path, as the system has it
NAME = 255  # bytes of a name
_MOST = 1 << 63
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._ -]{0,200}")

Said = Mapping[str, Any]


def parse(body: bytes) -> dict[str, Any]:
    """The object that an answer's body is; one without a body says nothing, which is an empty one."""
    if not body:
        return {}
    try:
        said = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise _nonsense("it is no JSON") from None
    if not isinstance(said, dict):
        raise _nonsense("it is no object")
    return said


def item(said: Said, name: str = "") -> Item:
    """One entry, of the name that it was asked for under, or of its own."""
    kind = said.get("type")
    if kind not in KINDS:
        raise _nonsense("a type that there is not")
    link = said.get("link", "")
    if not isinstance(link, str):
        raise _nonsense("a link to nothing")
    numbers = _number(said, "size"), _number(said, "mtime", -_MOST), _mode(said.get("mode", "0"))
    outside, dangling = said.get("outside") is True, said.get("dangling") is True
    return Item(name, kind, *numbers, _unquoted(link) if link else "", outside, dangling)


def listing(said: Said, limit: int) -> tuple[list[Item], str]:
    """A page of a directory, and the name behind which it goes on."""
    entries = _list(said, "entries", limit)
    items = [item(one, _name(one.get("name"))) for one in map(_object, entries)]
    after = said.get("next")
    return items, "" if after is None else _name(after)


def paths(said: Said, name: str = "paths", limit: int = limits.FOUND) -> list[str]:
    """The files of an answer to ``find``, or what ``watch`` says has changed."""
    return [path(one) for one in _list(said, name, limit)]


def matches(said: Said, limit: int) -> list[Match]:
    """The finds of an answer to ``search``."""
    return [_match(_object(one)) for one in _list(said, "matches", limit)]


def found(said: Said) -> Found:
    """The end of a find or a search."""
    by = said.get("by", "")
    if not isinstance(by, str) or len(by) > PROGRAMS or not by.isprintable():
        raise _nonsense("it was found by nobody")
    return Found(said.get("truncated") is True, by)


def written(said: Said) -> str:
    """The sha256 of what was written, or of what is there in its place; ABSENT for nothing."""
    if said.get("absent") is True:
        return ABSENT
    try:
        return values.digest(said.get("sha256"))
    except (RemoteProtocolError, AttributeError, TypeError):
        raise _nonsense("it says not what is there") from None


def moved(said: Said) -> list[str]:
    """The tokens of the documents that were moved along."""
    tokens = _list(said, "documents", limits.FOUND)
    if not all(isinstance(one, str) for one in tokens):
        raise _nonsense("it names no documents")
    return list(tokens)


def document(said: Said) -> str:
    """The token of a document that is open already."""
    token = said.get("document")
    if not isinstance(token, str):
        raise _nonsense("it names no document")
    return token


def path(value: Any) -> str:
    """A path below the root, decoded."""
    if not isinstance(value, str) or not value or len(value) > 3 * LONGEST:
        raise _nonsense("a path that there cannot be")
    return "/".join(_name(part) for part in value.split("/"))


def _match(said: Said) -> Match:
    text = said.get("text")
    if not isinstance(text, str) or len(text) > TEXT:
        raise _nonsense("a match without its line")
    return Match(
        path(said.get("path")),
        max(1, _number(said, "line")),
        max(1, _number(said, "column")),
        _number(said, "length"),
        text,
        max(1, _number(said, "from")),
    )


def _mode(value: Any) -> int:
    """Octal, as a string; what kind of file it is it does not say here."""
    if not isinstance(value, str) or len(value) > 12:
        raise _nonsense("a mode that is none")
    return _octal(value)


@lru_cache(maxsize=64)
def _octal(value: str) -> int:
    """A whole directory has two or three of them."""
    if not value or value.strip("01234567"):
        raise _nonsense("a mode that is none")
    return int(value, 8) & 0o7777


def _name(value: Any) -> str:
    """One name of a path."""
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value  # so is nearly every name, and a folder has many
    name = _unquoted(value) if isinstance(value, str) else ""
    if name in ("", ".", "..") or "/" in name or len(name.encode("utf-8", "surrogateescape")) > NAME:
        raise _nonsense("a name that no file can have")
    return name


def _unquoted(value: str) -> str:
    try:
        return codec.unquote(value)
    except (RemoteProtocolError, UnicodeEncodeError):
        raise _nonsense("a name that no file can have") from None


def _list(said: Said, name: str, limit: int) -> Sequence[Any]:
    value = said.get(name, [])
    if not isinstance(value, list):
        raise _nonsense(f"{name} is no list")
    if len(value) > limit:
        raise _nonsense(f"more {name} than were asked for")
    return value


def _object(value: Any) -> Said:
    if not isinstance(value, dict):
        raise _nonsense("an entry that is no object")
    return value


def _number(said: Said, name: str, least: int = 0) -> int:
    value = said.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < _MOST:
        raise _nonsense(f"{name} is no number")
    return value


def _nonsense(why: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"the host's answer makes no sense: {why}")
