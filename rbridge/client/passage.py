"""A connection to a port of this host for one that came on the laptop: its bytes go over one of their own.

The port is the document's, whatever the daemon says: nothing else can be reached. Either side may come to its
end while the other goes on, as with any TCP connection; one that breaks off is broken off on the other side.
"""

import errno
import socket
import sys

from rbridge.client.loop import READ, WRITE
from rbridge.client.streams import FULL, Stream
from rbridge.wire.records import Record

MYPY = False
if MYPY:
    from typing import Any, Dict, Optional

    from rbridge.client.channel import Channel
    from rbridge.client.delivery import Document
    from rbridge.client.session import Session

RECEIVE = 256 * 1024
ROOM = 1 << 20
PLACES = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
BREAK_OFF = (1).to_bytes(4, sys.byteorder) + bytes(4)
"""Of a socket that is closed its other end is to hear that it broke off: SO_LINGER, and no time for it."""


def roomy(sock: "Any") -> None:
    """Let the kernel take as much as it may at a time: fewer switches between us and ssh. TCP sees to that
    by itself.
    """
    if sock.family == socket.AF_UNIX:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)


class Passage(Stream):
    """``to: port``."""

    def __init__(
        self, session: "Session", channel: "Channel", document: "Document", said: "Dict[str, str]"
    ) -> None:
        super().__init__(session, channel, document)
        self._port = int(document.source.port.partition(":")[0])
        self._places = list(PLACES)
        self._sock: "Optional[socket.socket]" = None
        self._left = bytearray()  # that the server has not taken yet
        self._laptop_ends = False  # it sends nothing more
        self._server_ends = False
        self._held = False  # the laptop is slow: the server is not read
        self._full = False  # the server is slow: the laptop is not
        roomy(channel.peer.sock)
        session.loop.soon(self._try)

    # the beginning

    def _try(self) -> None:
        """Connect to the next place."""
        if self.over:
            return
        if not self._places:
            self.end("refused", "nothing listens on port {} there".format(self._port))
            return
        family, place = self._places.pop(0)
        try:
            self._sock = socket.socket(family, socket.SOCK_STREAM)
            self._sock.setblocking(False)
            code = self._sock.connect_ex((place, self._port))
        except OSError as error:
            code = error.errno or errno.EIO
        if code in (0, errno.EINPROGRESS) and self._sock is not None:
            self.session.loop.watch(self._sock.fileno(), WRITE, self._connected)
        else:
            self._close()
            self._try()

    def _connected(self, _events: int) -> None:
        assert self._sock is not None
        if self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._close()
            self._try()
            return
        try:
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            pass  # QUIRK: macOS, where it broke off already: reading tells
        self.begin()
        self._write()

    # what goes through

    def write(self, data: bytes) -> None:
        if not self._left and self.begun and self._sock is not None:
            try:
                sent = self._sock.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._break_off()
                return
            if sent == len(data):
                return
            data = data[sent:]
        self._left += data
        if len(self._left) > FULL and not self._full:
            self._full = True
            self.channel.pause()
        self._watch()

    def _write(self) -> None:
        """Write what waits."""
        assert self._sock is not None
        try:
            while self._left:
                del self._left[: self._sock.send(self._left)]
            if self._laptop_ends:
                self._sock.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except OSError:
            self._break_off()
            return
        if len(self._left) <= FULL:
            self._go_on()
        self._settle()

    def _settle(self) -> None:
        """See whether all is said, or what comes next."""
        if self._laptop_ends and self._server_ends and not self._left:
            self.end("closed")
        else:
            self._watch()

    def _go_on(self) -> None:
        """The laptop is heard again, if it was this that it was not heard for."""
        if self._full:
            self._full = False
            self.channel.go_on()

    def _watch(self) -> None:
        if self._sock is not None and self.begun:
            events = (WRITE if self._left else 0) | (0 if self._held or self._server_ends else READ)
            if events:
                self.session.loop.watch(self._sock.fileno(), events, self._ready)
            else:
                self.session.loop.forget(self._sock.fileno())

    def _ready(self, events: int) -> None:
        if events & WRITE:
            self._write()
        if events & ~WRITE and self._sock is not None and not (self._held or self._server_ends):
            self._read()

    def _read(self) -> None:
        assert self._sock is not None
        try:
            data = self._sock.recv(RECEIVE)
        except BlockingIOError:
            return
        except OSError:
            self._break_off()
            return
        if not data:
            self._server_ends = True
            if not self._laptop_ends:
                self.channel.say(Record("bytes", {"last": "yes"}))
            self._settle()
        elif not self.send(data):
            self._held = True
            self._watch()

    def room(self) -> None:
        self._held = False
        self._watch()

    # the end

    def finish(self) -> None:
        """The laptop sends nothing more."""
        if not self._laptop_ends:
            self._laptop_ends = True
            if self._sock is not None and self.begun and not self._left:
                self._write()

    def end(self, reason: str, message: str = "", status: str = "") -> None:
        super().end(reason, message, status)
        self._close()
        self._left.clear()
        self._go_on()

    def hang_up(self) -> None:
        self.over = True
        self._close(True)

    def _break_off(self) -> None:
        """The server has."""
        self.end("broken", "the connection to port {} broke off".format(self._port))

    def _close(self, broken: bool = False) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:
            self.session.loop.forget(sock.fileno())
            if broken:  # lest what came so far is taken for all of it
                try:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, BREAK_OFF)
                except OSError:
                    pass  # QUIRK: macOS, where both directions have ended
            sock.close()
