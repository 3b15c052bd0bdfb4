"""JSON texts that are looked into and left as they are: what stands where, not what it would be written as.

Bytes that nobody has a reason to change go on as they came: numbers, escapes, blanks and the order of members
are the sender's. Parts that are of no interest are passed over at the speed of the standard
library's scanner.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isinf
from typing import Any, NoReturn

from rbridge.errors import RemoteProtocolError

BLANK = " \t\n\r"

_string = json.decoder.scanstring  # type: ignore[attr-defined]


def _constant(word: str) -> NoReturn:
    raise ValueError(word)  # NaN and Infinity are no JSON


def _float(digits: str) -> float:
    value = float(digits)
    if isinf(value):
        raise ValueError(digits)  # it could be written again only as what is no JSON
    return value


def _single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member that is there twice")
    return found


_decoder = json.JSONDecoder(parse_constant=_constant, parse_float=_float)
_single_decoder = json.JSONDecoder(parse_constant=_constant, parse_float=_float, object_pairs_hook=_single)
_scan = _decoder.scan_once  # type: ignore[attr-defined]
_scan_single = _single_decoder.scan_once  # type: ignore[attr-defined]


def written(value: Any) -> str:
    """*value* as a text that UTF-8 can hold, whatever its strings are: half a character is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


class Part:
    """A value in a text: *value*, which stands from *start* to *end*."""

    __slots__ = ("end", "start", "value")

    def __init__(self, start: int, end: int, value: Any) -> None:
        self.start = start
        self.end = end
        self.value = value


def envelope(body: bytes, *, single: bool) -> tuple[str, dict[str, Part]]:
    """The text of a message, which has to be an object, and its members.

    *single*: no object in it may have a member twice, which two programs would read in two ways. Raises
    RemoteProtocolError for what is no JSON, or no object.
    """
    try:
        text = body.decode("utf-8")
        return text, _members(text, _scan_single if single else _scan)
    except (ValueError, IndexError, StopIteration, RecursionError):  # UnicodeDecodeError is a ValueError
        raise RemoteProtocolError("a message is no JSON object") from None


def _members(text: str, scan: Any) -> dict[str, Part]:
    start = _blank(text, 0)
    if text[start] != "{":
        raise ValueError("no object")
    found: dict[str, Part] = {}
    at = _blank(text, start + 1)
    if text[at] == "}":
        end = at + 1
    else:
        while True:
            name, at = key(text, at)
            value, end = scan(text, at)
            if name in found:
                raise ValueError("a member that is there twice")
            found[name] = Part(at, end, value)
            at = _blank(text, end)
            if text[at] == "}":
                end = at + 1
                break
            at = _blank(text, _comma(text, at))
    if _blank(text, end, last=True) != len(text):
        raise ValueError("more than one value")
    return found


def key(text: str, at: int) -> tuple[str, int]:
    """The name of the member that begins at *at*, and where its value does."""
    if text[at] != '"':
        raise ValueError("no name")
    name, end = _string(text, at + 1)
    if text[end] != ":":
        end = _blank(text, end)
        if text[end] != ":":
            raise ValueError("no value")
    return name, _blank(text, end + 1)


def _comma(text: str, at: int) -> int:
    if text[at] != ",":
        raise ValueError("no comma")
    return at + 1


def _blank(text: str, at: int, last: bool = False) -> int:
    """Where what is no blank begins; at the end of the text only with *last*."""
    while at < len(text) and text[at] in BLANK:
        at += 1
    if at == len(text) and not last:
        raise ValueError("it ends too soon")
    return at


# What follows is for texts of which `envelope` has seen that they are JSON.


def members(text: str, at: int) -> Iterator[tuple[str, int, int]]:
    """The members of the object that begins at *at*: the name, and where the name and the value begin."""
    at = _blank(text, at + 1)
    while text[at] != "}":
        name, value = key(text, at)
        yield name, at, value
        at = after(text, skip(text, value))


def elements(text: str, at: int) -> Iterator[int]:
    """Where the elements of the array that begins at *at* do."""
    at = _blank(text, at + 1)
    while text[at] != "]":
        yield at
        at = after(text, skip(text, at))


def after(text: str, at: int) -> int:
    """Behind a member or an element that ends at *at*: where the next one begins, or the bracket is."""
    at = _blank(text, at)
    return _blank(text, at + 1) if text[at] == "," else at


def scanned(text: str, at: int) -> tuple[Any, int]:
    """The value that begins at *at*, and where it ends."""
    value, end = _scan(text, at)
    return value, int(end)


def skip(text: str, at: int) -> int:
    """Where the value that begins at *at* ends."""
    return int(_scan(text, at)[1])


def string(text: str, at: int) -> tuple[str, int]:
    """The string that begins at *at*, and where it ends."""
    value, end = _string(text, at + 1)
    return value, end
