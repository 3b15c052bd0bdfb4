"""What is said on a connection, as values: what a reader hands out and a writer takes.

A record is said in parts: one :class:`Record`, any number of :class:`Body`, one :class:`End`. Beside records
there are the editor's :class:`Greeting`, the client's :class:`Dot` and the end of the stream, :class:`Eof`.
All are immutable and compare by value.
"""

MYPY = False
if MYPY:
    from typing import Dict, NoReturn, Optional, Tuple, Union

_set = object.__setattr__


class Event:
    """Base of everything said."""

    __slots__: "Tuple[str, ...]" = ()

    def __setattr__(self, name: str, value: object) -> "NoReturn":
        raise AttributeError("{} is immutable".format(type(self).__name__))

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __hash__(self) -> int:
        return hash((type(self),) + tuple(getattr(self, name) for name in self.__slots__))

    def __repr__(self) -> str:
        values = ("{}={!r}".format(name, getattr(self, name)) for name in self.__slots__)
        return "{}({})".format(type(self).__name__, ", ".join(values))


class Greeting(Event):
    """The editor's first line, without its end; see :func:`rbridge.wire.codec.parse_greeting`."""

    __slots__ = ("text",)
    text: str

    def __init__(self, text: str) -> None:
        _set(self, "text", text)


class Record(Event):
    """The head of a record: *command*, *headers* (names in lower case, in order) and *length*.

    *length* is the size in bytes of the body's first block, None without a body. A plain rmate peer may send
    further blocks, so the body is over at :class:`End` and not before. Values are UTF-8 with surrogateescape.
    Not hashable, since *headers* is a dict: treat it as constant.
    """

    __slots__ = ("command", "headers", "length")
    command: str
    headers: "Dict[str, str]"
    length: "Optional[int]"

    def __init__(self, command: str, headers: "Dict[str, str]", length: "Optional[int]" = None) -> None:
        _set(self, "command", command)
        _set(self, "headers", headers)
        _set(self, "length", length)


class Body(Event):
    """The next piece of a record's body, in whatever size it came. Its repr does not show the text."""

    __slots__ = ("data",)
    data: bytes

    def __init__(self, data: bytes) -> None:
        _set(self, "data", data)

    def __repr__(self) -> str:
        return "Body(<{} bytes>)".format(len(self.data))


class End(Event):
    """The record is complete: all bytes that were announced are there."""

    __slots__ = ()


class Dot(Event):
    """The client's ``.`` line: it has nothing more to open for now. Further records may follow."""

    __slots__ = ()


class Eof(Event):
    """The peer closed. *truncated* is the command whose record was cut off in the middle, else ``""``."""

    __slots__ = ("truncated",)
    truncated: str

    def __init__(self, truncated: str = "") -> None:
        _set(self, "truncated", truncated)


class NeedData(Event):
    """Nothing to report before more bytes arrive; :data:`NEED_DATA` is the only one."""

    __slots__ = ()


NEED_DATA = NeedData()

if MYPY:
    Sendable = Union[Greeting, Record, Body, End, Dot]
    Received = Union[Greeting, Record, Body, End, Dot, Eof, NeedData]
