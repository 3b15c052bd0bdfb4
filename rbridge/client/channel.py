"""One connection in the loop: what is said waits until it can be written, what is heard goes to its owner."""

import errno
import socket
from collections import deque

from rbridge.client.loop import READ, WRITE
from rbridge.errors import ProtocolError
from rbridge.wire.records import NEED_DATA, Body, End, Eof, Record

MYPY = False
if MYPY:
    from typing import Any, Callable, Deque, List, Optional, Tuple, Union

    from rbridge.client.loop import Loop
    from rbridge.client.probe import Peer

RECEIVE = 256 * 1024  # bytes read from a socket at a time


class Owner:
    """Who hears what a :class:`Channel` hears. A record is over at :meth:`end`."""

    def record(self, channel: "Channel", record: Record) -> None:
        """The head of a record."""

    def body(self, channel: "Channel", data: bytes) -> None:
        """A piece of its body."""

    def end(self, channel: "Channel") -> None:
        """It is complete."""

    def eof(self, channel: "Channel") -> None:
        """The other side has closed, or the connection failed. It is for the owner to close ours."""

    def nonsense(self, channel: "Channel", error: ProtocolError) -> None:
        """What came makes no sense; nothing more is read. It is for the owner to close ours."""


class Channel:
    """*peer*'s connection, which it owns. *heard* and *said* are when the last bytes came and went.

    *arriving* is for the owner: what takes the body of the record that is being read. *dial* is the number of
    a further connection of a session, "" for a main one. *stream* is what goes over it, None if nothing does.
    """

    __slots__ = (
        # fmt: off
        "_left",
        "_loop",
        "_owner",
        "_queue",
        "arriving",
        "closed",
        "dial",
        "heard",
        "paused",
        "peer",
        "said",
        "stream",
        # fmt: on
    )

    def __init__(self, loop: "Loop", peer: "Peer", owner: Owner) -> None:
        self._loop = loop
        self._owner = owner
        self._queue: "Deque[Callable[[], Union[bytes, Tuple[bytes, ...]]]]" = deque()
        self._left: "List[memoryview]" = []
        self.peer = peer
        self.arriving: "Any" = None
        self.stream: "Any" = None
        self.closed = False
        self.paused = False
        self.dial = ""
        self.heard = self.said = loop.clock()

    def start(self) -> None:
        """Begin to listen; what was read before us is heard now."""
        self._listen()
        self._hear(b"")

    def say(self, record: Record) -> None:
        """Say a record without a body."""
        self.later(lambda: self.peer.wire.say(record))

    def later(self, made: "Callable[[], Union[bytes, Tuple[bytes, ...]]]") -> None:
        """Write what *made* returns when all before it is written: whole records, as the wire gives them, or
        the parts of one, which need not be joined.

        So a text is read only when there is room for it. What cannot be written any more is dropped, and
        *made* may not be called.
        """
        if not self.closed:
            self._queue.append(made)
            if len(self._queue) == 1 and not self._left:
                self._write()

    @property
    def waiting(self) -> bool:
        """Whether something is still to be written."""
        return bool(self._left or self._queue)

    @property
    def midway(self) -> bool:
        """Whether the other side is in the middle of a record."""
        return bool(self.peer.wire.midway)

    def pause(self) -> None:
        """Hear nothing more until :meth:`go_on`; what has come already waits as well."""
        self.paused = True
        self._listen()

    def go_on(self, first: "Optional[Callable[[], None]]" = None) -> None:
        """Hear again, from where it was paused; *first* takes in what it was paused for."""
        if not self.closed:
            self.paused = False
            self.heard = self._loop.clock()
            self._listen()
            self._hear(b"", first=first)

    def close(self) -> None:
        """Close the connection, at once; may be called twice."""
        if not self.closed:
            self.closed = True
            self._queue.clear()
            self._left = []
            self._loop.forget(self.peer.sock.fileno())
            self.peer.sock.close()

    def finish(self, seconds: float) -> None:
        """Say that nothing more comes, and close it when the other side has, or after *seconds*.

        What comes meanwhile is thrown away. Were it left unread, TCP would drop what we said last.
        """
        sock, clock = self.peer.sock, self._loop.clock
        until = clock() + seconds
        try:
            sock.shutdown(socket.SHUT_WR)
            while clock() < until:
                sock.settimeout(max(0.01, until - clock()))
                if not sock.recv(RECEIVE):
                    break
        except OSError:
            pass  # it is gone
        self.close()

    def _ready(self, events: int) -> None:
        if events & WRITE:
            self._write()
        if events & ~WRITE and not self.closed and not self.paused:
            self._read()

    def _write(self) -> None:
        while self._left or self._queue:
            if not self._left:
                made = self._queue.popleft()()
                parts = made if isinstance(made, tuple) else (made,)
                self._left = [memoryview(one) for one in parts if one]
                continue
            try:
                self._sent(self.peer.sock.sendmsg(self._left))
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                self._broken(error)
                return
            self.said = self._loop.clock()
        self._listen()

    def _sent(self, count: int) -> None:
        """So many bytes of what is left are written."""
        left = self._left
        while left and count >= len(left[0]):
            count -= len(left.pop(0))
        if left:
            left[0] = left[0][count:]

    def _listen(self) -> None:
        if not self.closed:
            events = (0 if self.paused else READ) | (WRITE if self.waiting else 0)
            if events:
                self._loop.watch(self.peer.sock.fileno(), events, self._ready)
            else:  # who asks poll(2) for nothing is told of a hang-up all the same, over and over
                self._loop.forget(self.peer.sock.fileno())

    def _broken(self, error: OSError) -> None:
        """Nothing can be written any more. What the other side said before may still be there to be read."""
        self._queue.clear()
        self._left = []
        if error.errno not in (errno.EPIPE, errno.ECONNRESET):
            self._loop.soon(self._end)
            return
        self._listen()

    def _end(self) -> None:
        if not self.closed:
            self._owner.eof(self)

    def _read(self) -> None:
        try:
            data = self.peer.sock.recv(RECEIVE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        self.heard = self._loop.clock()
        self._hear(data, True)

    def _hear(self, data: bytes, read: bool = False, first: "Optional[Callable[[], None]]" = None) -> None:
        """Take in *data*, and hand on what it completes."""
        wire = self.peer.wire
        try:
            if first is not None:
                first()
            if read:
                wire.receive_data(data)
            while not self.closed and not self.paused:
                event: "Optional[object]" = wire.next_event()
                if event is NEED_DATA:
                    return
                if isinstance(event, Record):
                    self._owner.record(self, event)
                elif isinstance(event, Body):
                    self._owner.body(self, event.data)
                elif isinstance(event, End):
                    self._owner.end(self)
                elif isinstance(event, Eof):
                    self._owner.eof(self)
                    return
        except ProtocolError as error:
            if not self.closed:
                self._owner.nonsense(self, error)
