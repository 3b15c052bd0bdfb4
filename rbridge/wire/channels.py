"""Many connections through one pair of streams: bytes in, events out; no I/O. Both ends of the agent use it.

A frame is a letter, the number of a connection and a count (4 bytes each, the highest first)::

    O  a connection was taken        D  as many bytes of it follow       E  no more of its bytes follow
    A  as many more may be sent      R  it is gone: nothing more of it   P  are you there?   Q  yes

Each end may send WINDOW bytes of a connection, and more as the other one says A: one that stalls holds up no
other, and what it holds is bounded. Only one end opens connections; numbers count up from 1.
"""

from struct import Struct

from rbridge.errors import RemoteProtocolError

MYPY = False
if MYPY:
    from typing import Dict, List, Tuple

    Event = Tuple[bytes, int, bytes]

PIECE = 1 << 16
"""Bytes that one frame may carry."""

WINDOW = 1 << 18
MORE = 1 << 21
"""Bytes that a connection may have beyond WINDOW, while there is room: as many as ssh gives one of its."""

TOKEN = 1 << 16  # bytes that are taken before it is said
MOST = 256
"""Connections at a time."""
MOST_OUT = 1 << 20  # bytes that wait to be sent; what the other end permits is a third of it

_HEAD = Struct(">cII")


class Channel:
    """What one connection may still send, and is still owed."""

    __slots__ = ("credit", "ended", "heard", "owed", "room")

    def __init__(self, extra: int) -> None:
        self.credit = WINDOW  # bytes that we may send
        self.room = WINDOW + extra  # bytes that the other end may send
        self.owed = 0  # bytes taken of which the other end does not know
        self.ended = False  # by us
        self.heard = False  # that the other end has ended


class Channels:
    """One end. What is to be sent is in *out*, and is taken from there.

    *opens*: this end opens connections. *spare*: bytes that all of them may have beyond their windows.
    """

    def __init__(self, opens: bool, spare: int) -> None:
        self.out = bytearray()
        self._opens = opens
        self._spare = spare
        self._held = bytearray()
        self._last = 0
        self._channels: "Dict[int, Channel]" = {}
        self._lent: "Dict[int, int]" = {}  # of what is spare

    def __len__(self) -> int:
        return len(self._channels)

    def feed(self, data: bytes) -> "List[Event]":
        """What *data* completes: letters with their numbers and bytes; A has none. Those of connections that
        are gone here are left out. Raises RemoteProtocolError.
        """
        self._held += data
        found = []
        at, end = 0, len(self._held)
        while end - at >= _HEAD.size:
            kind, number, count = _HEAD.unpack_from(self._held, at)
            begin = at + _HEAD.size
            size = count if kind == b"D" else 0
            if size > PIECE:
                raise RemoteProtocolError("a frame of {} bytes".format(size))
            if end - begin < size:
                break
            at = begin + size
            if self._known(kind, number, count):
                found.append((kind, number, bytes(self._held[begin:at])))
        del self._held[:at]
        if len(self.out) > MOST_OUT:
            raise RemoteProtocolError("more is asked for than is taken")
        return found

    def open(self) -> int:
        """Open a connection; its number."""
        self._last += 1
        self._say(b"O", self._last, 0)
        self._add(self._last)
        return self._last

    def credit(self, number: int) -> int:
        """How many bytes may be sent now, at most PIECE."""
        channel = self._channels.get(number)
        return 0 if channel is None or channel.ended else min(PIECE, channel.credit)

    def send(self, number: int, data: bytes) -> None:
        """Send *data*, not more than :meth:`credit` says."""
        channel = self._channels.get(number)
        if channel is not None:  # else it has just gone
            channel.credit -= len(data)
            self._say(b"D", number, len(data))
            self.out += data

    def took(self, number: int, count: int) -> None:
        """So many bytes of the connection need no memory here any more."""
        channel = self._channels.get(number)
        if channel is not None and not channel.heard:
            channel.owed += count
            if channel.owed >= TOKEN:
                self._say(b"A", number, channel.owed)
                channel.room += channel.owed
                channel.owed = 0

    def end(self, number: int) -> None:
        """No more bytes are sent; what the other end sends is still taken."""
        channel = self._channels.get(number)
        if channel is not None and not channel.ended:
            channel.ended = True
            self._say(b"E", number, 0)
            self._settle(number, channel)

    def reset(self, number: int) -> None:
        """The connection is gone, with whatever was on its way."""
        if number in self._channels:
            self._say(b"R", number, 0)
            self._forget(number)

    def done(self, number: int) -> None:
        """A connection that is gone holds no memory here any more: others may have what it had."""
        self._spare += self._lent.pop(number, 0)

    def ping(self) -> None:
        self._say(b"P", 0, 0)

    def _known(self, kind: bytes, number: int, count: int) -> bool:
        """Take note of a frame; whether it is to be told. Raises RemoteProtocolError."""
        if kind == b"P":
            self._say(b"Q", 0, 0)
            return False
        if kind == b"Q":
            return True
        if kind == b"O" and not self._opens and number == self._last + 1 and len(self) < MOST:
            self._last = number
            self._add(number)
            return True
        channel = self._channels.get(number)
        if channel is None and kind in (b"D", b"A", b"E", b"R") and 0 < number <= self._last:
            return False  # it was on its way when we forgot the connection
        if channel is None or not self._fits(channel, kind, count):
            raise RemoteProtocolError("what came makes no sense: {!r} {} {}".format(kind, number, count))
        if kind == b"A":
            channel.credit += count
        elif kind == b"D":
            channel.room -= count
        elif kind == b"E":
            channel.heard = True
            self._settle(number, channel)
        else:
            self._forget(number)
        return True

    def _fits(self, channel: Channel, kind: bytes, count: int) -> bool:
        if kind == b"D":
            return not channel.heard and 0 < count <= channel.room
        if kind == b"A":
            return channel.credit + count <= WINDOW + MORE
        return kind == b"R" or (kind == b"E" and not channel.heard)

    def _add(self, number: int) -> None:
        extra = min(MORE, self._spare)
        self._spare -= extra
        self._channels[number] = Channel(extra)
        if extra:
            self._lent[number] = extra
            self._say(b"A", number, extra)

    def _settle(self, number: int, channel: Channel) -> None:
        if channel.ended and channel.heard:
            self._forget(number)

    def _forget(self, number: int) -> None:
        del self._channels[number]

    def _say(self, kind: bytes, number: int, count: int) -> None:
        self.out += _HEAD.pack(kind, number, count)
