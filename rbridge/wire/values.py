"""Values of link headers, read: each function takes what a peer said and returns what it stands for.

All raise :class:`RemoteProtocolError` for what is absent (None) or not spelled as ``docs/protocol.md`` says.
"""

from rbridge.errors import RemoteProtocolError
from rbridge.wire.codec import is_hex, shown, unquote

MYPY = False
if MYPY:
    from typing import List, Optional, Sequence, Tuple

SERIAL = 2**63 - 1
"""The highest number of a save; nobody gets there."""

TOKEN = 64
"""Characters of a token."""

_TOKEN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


def size(value: "Optional[str]", limit: int) -> int:
    """A number of bytes, or an offset, of at most *limit*."""
    return _number("size", value, limit)


def serial(value: "Optional[str]") -> int:
    """The number of a save, from 1."""
    number = _number("save", value, SERIAL)
    if not number:
        raise RemoteProtocolError("the saves of a document count from 1")
    return number


def dial(value: "Optional[str]") -> int:
    """The number of a ``dial``, or 0: the host's own wish."""
    return _number("dial", value, SERIAL)


def port(value: "Optional[str]") -> int:
    """A TCP port, or 0: none."""
    return _number("port", value, 65535)


def request(value: "Optional[str]") -> int:
    """The number of an ``ask``, from 1."""
    number = _number("request", value, SERIAL)
    if not number:
        raise RemoteProtocolError("the requests of a folder count from 1")
    return number


def inside(value: "Optional[str]") -> "List[str]":
    """A path below a folder's root as its names; none for the root itself, which is "" or absent.

    What could mean another place is refused: empty names, ``.``, ``..``, and a slash that is encoded.
    """
    names = [unquote(part) for part in value.split("/")] if value else []
    for name in names:
        if name in ("", ".", "..") or "/" in name:
            raise RemoteProtocolError("{} is no path inside of a folder".format(_said(value)))
    return names


def digest(value: "Optional[str]") -> str:
    """A sha256: 64 lower-case hexadecimal digits."""
    if value is None or not is_hex(value, 64):
        raise RemoteProtocolError("{} is no sha256".format(_said(value)))
    return value


def session(value: "Optional[str]") -> str:
    """The secret name of a session: 32 lower-case hexadecimal digits, which the error does not repeat."""
    if value is None or not is_hex(value, 32):
        raise RemoteProtocolError("the session is not named by 32 hexadecimal digits")
    return value


def token(value: "Optional[str]") -> str:
    """The name of a document in its session: 1 to 64 characters of ``[A-Za-z0-9_-]``."""
    if value is None or not 0 < len(value) <= TOKEN or not _TOKEN.issuperset(value):
        raise RemoteProtocolError("{} is no token".format(_said(value)))
    return value


def diff(value: "Optional[str]") -> "Tuple[str, str]":
    """``left`` or ``right``, and behind a blank the name that both sides of a diff have in common."""
    side, _, name = (value or "").partition(" ")
    return one_of(side, ("left", "right")), token(name)


def one_of(value: "Optional[str]", words: "Sequence[str]") -> str:
    """One of *words*."""
    if value is None or value not in words:
        raise RemoteProtocolError("{} is none of {}".format(_said(value), ", ".join(words)))
    return value


def _number(what: str, value: "Optional[str]", limit: int) -> int:
    """A decimal number from 0 to *limit*."""
    if not value or value.strip("0123456789"):
        raise RemoteProtocolError("{}: {} is no number".format(what, _said(value)))
    # 20 digits are beyond any limit, and int() of a long string is slow
    if len(value.lstrip("0")) > 20 or int(value) > limit:
        raise RemoteProtocolError("{}: {} is more than {}".format(what, _said(value), limit))
    return int(value)


def _said(value: "Optional[str]") -> str:
    """*value* for a message."""
    return "nothing" if value is None else repr(shown(value.encode("utf-8", "surrogateescape")))
