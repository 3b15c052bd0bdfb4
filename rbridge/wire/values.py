"""Values of link headers, read: each function takes what a peer said and returns what it stands for.

All raise :class:`RemoteProtocolError` for what is absent (None) or not spelled as ``docs/protocol.md`` says.
"""

from rbridge.errors import RemoteProtocolError
from rbridge.wire.codec import is_hex, shown

MYPY = False
if MYPY:
    from typing import Optional, Sequence

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
