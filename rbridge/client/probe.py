"""One attempt at one address: connect, and read the greeting."""

import _socket
import errno
import os
from time import monotonic

from rbridge.errors import ProtocolError
from rbridge.wire import codec
from rbridge.wire.connection import HOST, Connection
from rbridge.wire.records import Eof, Greeting

MYPY = False
if MYPY:
    from typing import Any

    from rbridge.client.settings import Endpoint

CONNECTING, WAITING, ANSWERED, FAILED = "connecting", "waiting", "answered", "failed"


class Peer:
    """A connection to somebody who has greeted and may be told of files."""

    __slots__ = ("address", "endpoint", "said", "sock", "wire")

    def __init__(self, probe: "Probe") -> None:
        self.endpoint = probe.endpoint
        self.address = probe.address
        self.sock = probe.sock
        self.wire = probe.wire
        self.said = probe.said

    @property
    def link(self) -> bool:
        """Whether it is our own daemon."""
        return bool(self.said.link)

    @property
    def label(self) -> str:
        """What messages call it: the laptop's name, or for others what it says of itself and its address."""
        if self.link:
            return str(self.said.laptop)
        return "{} at {}".format(self.said.editor or "an rmate server", self.endpoint.label)


class Probe:
    """One attempt at one address."""

    def __init__(self, endpoint: "Endpoint", family: int, address: "Any", limit: float) -> None:
        self.endpoint = endpoint
        self.address = (family, address)
        self.sock = _socket.socket(family, _socket.SOCK_STREAM)
        self.sock.setblocking(False)
        self.wire = Connection(HOST)
        self.said = codec.parse_greeting("")
        self.state = CONNECTING
        self.failure = ""
        self.denied = False
        self.limit = limit
        self.deadline = monotonic() + limit
        self.connect()

    @property
    def label(self) -> str:
        """The address, with the numeric one where a name has several."""
        if self.endpoint.kind == "unix" or self.endpoint.host == self.address[1][0]:
            return self.endpoint.label
        return "{} ({})".format(self.endpoint.label, self.address[1][0])

    def connect(self) -> None:
        """Start connecting, or look how far that has got."""
        try:
            code = self.sock.connect_ex(self.address[1])
        except (OSError, ValueError, OverflowError) as error:  # a path that is too long
            self.fail(str(error))
            return
        if code in (0, errno.EISCONN):
            self.state = WAITING
        elif code not in (errno.EINPROGRESS, errno.EALREADY, errno.EAGAIN, errno.EINTR):
            self.fail(os.strerror(code).lower())

    def fail(self, why: str, denied: bool = False) -> None:
        """Give this address up; *denied* when it is one that must not be talked to."""
        self.state = FAILED
        self.failure = why
        self.denied = denied
        self.sock.close()

    def read(self) -> None:
        """Take in what the listener says until its greeting is complete."""
        try:
            data = self.sock.recv(4096)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.fail((error.strerror or str(error)).lower())
            return
        try:
            self.wire.receive_data(data)
            event = self.wire.next_event()
        except ProtocolError as error:
            self.fail(str(error))
            return
        if isinstance(event, Greeting):
            self.said = codec.parse_greeting(event.text)
            self.state = ANSWERED
        elif isinstance(event, Eof):
            self.fail("it closed the connection without a word")
