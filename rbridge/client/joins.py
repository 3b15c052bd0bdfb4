"""The further connections of a session: for large texts, so that nothing waits behind them, and those that
the daemon dials.

Each is made, and a large text is sent, in a thread of its own; what is said on it afterwards is the loop's.
"""

import os

from rbridge.client import content, locate
from rbridge.client.bulk import pays, send_file, send_open
from rbridge.client.channel import Channel
from rbridge.client.delivery import SENT
from rbridge.client.introduction import Introduction, introduce
from rbridge.client.sending import Shrunk, send_all
from rbridge.client.worker import Worker
from rbridge.errors import NotListening, RbridgeError, TryAgain
from rbridge.wire.records import End, Record

MYPY = False
if MYPY:
    from typing import Callable, Dict, List, Optional

    from rbridge.client.delivery import Document
    from rbridge.client.options import Options
    from rbridge.client.probe import Peer
    from rbridge.client.session import Session

KEPT = 130.0
"""Seconds after which a connection is ended over which a text went that nobody answers: it is there."""


DIALS = 256
"""Further connections up to which a dial is answered: each costs a descriptor, and at first a thread."""


class Joins:
    """The further connections of *session* that are alive."""

    def __init__(self, session: "Session") -> None:
        self.session = session
        self.channels: "List[Channel]" = []
        self.making = 0  # by threads

    def add(self, peer: "Peer", dial: str) -> Channel:
        """Listen to *peer*, which has joined."""
        channel = Channel(self.session.loop, peer, self.session)
        channel.dial = dial
        self.channels.append(channel)
        channel.start()
        return channel

    def remove(self, channel: Channel) -> None:
        """End a connection; what was in its middle is void."""
        if channel in self.channels:
            self.channels.remove(channel)
        arriving, channel.arriving = channel.arriving, None
        if arriving is not None:
            arriving.abort()
        stream, channel.stream = channel.stream, None
        if stream is not None:
            stream.hang_up()
        channel.close()

    def close(self) -> None:
        """End them all."""
        for channel in list(self.channels):
            self.remove(channel)

    def dialled(self, number: str, failed: "Callable[[BaseException], None]") -> None:
        """Answer the daemon's ``dial``."""
        if self.making + len(self.channels) >= DIALS:
            failed(TryAgain("{} of them are open already".format(DIALS)))
            return
        options = self.session.options
        self._make(lambda peer: peer, number, options, lambda _channel: None, failed)

    def open(
        self,
        document: "Document",
        options: "Options",
        headers: "Dict[str, str]",
        failed: "Callable[[BaseException], None]",
    ) -> None:
        """Send *document*'s text over a connection of its own."""
        source = document.source
        try:
            fd = os.dup(source.fd)  # the document may be closed meanwhile, and its number be another file's
        except OSError as error:
            failed(error)
            return

        def send(peer: "Peer") -> "Peer":
            before = os.fstat(fd)
            size = source.size if source.part else before.st_size
            document.before = None if source.part else before
            document.size = source.size = size
            document.peer = peer
            try:
                send_open(peer, headers, fd, source.start, size, options.patience)
                send_all(peer.sock, peer.wire.send(End()), options.patience)
            except Shrunk:
                raise shorter() from None
            return peer

        def made(_channel: Channel) -> None:
            self.session.resident.close_file(fd, source.device)
            self.over(document)

        def lost(error: BaseException) -> None:
            self.session.resident.close_file(fd, source.device)
            failed(error)

        self._make(send, "0", options, made, lost)

    def over(self, document: "Document") -> None:
        """End the connection over which *document* was sent, once it is with the editor or closed."""
        for channel in list(self.channels):
            if channel.dial == "0" and channel.peer is document.peer and document.state != SENT:
                self.remove(channel)

    def text(
        self,
        document: "Document",
        found: "content.Found",
        headers: "Dict[str, str]",
        failed: "Callable[[BaseException], None]",
    ) -> None:
        """Send what *found* holds as ``changed``, and close it."""
        options = self.session.options

        def send(peer: "Peer") -> "Peer":
            try:
                if not pays(found.fd, found.start, found.size):
                    record = Record("changed", headers, found.size)
                    return sent(peer, record, found.fd, found.start, options.patience)
                fd = content.pack(found.fd, found.start, found.size)
                try:
                    headers.update(encoding="zlib")
                    record = Record("changed", headers, os.fstat(fd).st_size)
                    return sent(peer, record, fd, 0, options.patience)
                finally:
                    os.close(fd)
            finally:
                found.close()

        def lost(error: BaseException) -> None:
            fd, found.fd = found.fd, -1
            self.session.resident.close_file(fd, document.source.device)
            failed(error)

        def made(channel: Channel) -> None:
            self.session.loop.at(KEPT, lambda: self.remove(channel))

        self._make(send, "0", options, made, lost)

    def _make(
        self,
        use: "Callable[[Peer], Peer]",
        number: str,
        options: "Options",
        then: "Callable[[Channel], None]",
        failed: "Callable[[BaseException], None]",
    ) -> None:
        """Connect to where the main connection leads, and *use* the connection, both in a thread."""
        session = self.session
        main = session.main
        if main is None:
            failed(NotListening("not connected to {}".format(session.label)))
            return
        lines: "List[str]" = []

        def make() -> "Peer":
            peer = locate.again(main.peer, options, lines.append)
            try:
                if peer.said.identity != session.identity:
                    raise TryAgain("{} is another laptop by now".format(peer.endpoint.label))
                introduce(
                    peer, Introduction(peer, session.secret, lines.append, join=number), options.patience
                )
                return use(peer)
            except BaseException:
                peer.sock.close()
                raise

        def made(peer: "Optional[Peer]", error: "Optional[BaseException]") -> None:
            self.making -= 1
            if peer is not None and session.main is not main:
                peer.sock.close()
                peer, error = None, NotListening("connection to {} lost".format(session.label))
            if peer is None:
                failed(error or NotListening(""))
            else:
                then(self.add(peer, number))

        self.making += 1
        Worker(session.loop, lambda: None).do(make, made)


def sent(peer: "Peer", record: Record, fd: int, start: int, patience: float) -> "Peer":
    """Say *record* with the bytes of *fd* from *start* as its body. Raises OSError and RbridgeError."""
    size = record.length or 0
    try:
        send_all(peer.sock, peer.wire.send(record), patience)
        send_file(peer.sock, fd, start, size, patience)
        peer.wire.body_sent(size)
        send_all(peer.sock, peer.wire.send(End()), patience)
    except Shrunk:
        raise shorter() from None
    return peer


def shorter() -> RbridgeError:
    return TryAgain("it became shorter while it was sent", "try again")


def words(error: BaseException) -> str:
    """*error* for a message."""
    if isinstance(error, RbridgeError):
        return str(error)
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return "unexpected {}: {}".format(type(error).__name__, error)
