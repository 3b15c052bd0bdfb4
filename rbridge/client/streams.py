"""What the daemon has done over a further connection: bytes to and from something here, to its end.

``stream`` names what is wanted, ``streaming`` says that it has begun, ``bytes`` go both ways, and ``ended``
is our last word, after which the connection can be used for another. ``docs/protocol.md`` has the records.
"""

from rbridge.client import sudo
from rbridge.client.delivery import OPEN, SENT
from rbridge.errors import RbridgeError, RemoteProtocolError
from rbridge.wire import codec, values
from rbridge.wire.records import End, Record

MYPY = False
if MYPY:
    from typing import Callable, Dict, Optional, Tuple

    from rbridge.client.channel import Channel
    from rbridge.client.delivery import Document
    from rbridge.client.session import Session

FULL = 1024 * 1024
"""Bytes that may wait to be written to the daemon before its source is not read any more."""


class Stream:
    """One that was begun on *channel* for *document*. What it leads to is for a subclass."""

    def __init__(self, session: "Session", channel: "Channel", document: "Document") -> None:
        self.session = session
        self.channel = channel
        self.document = document
        self.waiting = 0  # bytes that are still to be written to the daemon
        self.over = False
        self.begun = False

    # for a subclass

    def write(self, data: bytes) -> None:
        """The daemon said these bytes."""

    def finish(self) -> None:
        """The daemon says no more: come to an end."""
        self.end("closed")

    def hang_up(self) -> None:
        """The connection is gone, and nobody hears anything: leave nothing."""

    def room(self) -> None:
        """What waited was written; more can be said."""

    # what is said

    def begin(self, **headers: str) -> None:
        """It is there."""
        if not self.over:
            self.begun = True
            self._say("streaming", headers)

    def send(self, data: bytes) -> bool:
        """Say these bytes; whether there is room for more: if not, :meth:`room` tells when there is."""
        if self.over:
            return False
        self.waiting += len(data)
        wire = self.channel.peer.wire

        def made() -> "Tuple[bytes, ...]":
            full = self.waiting > FULL
            self.waiting -= len(data)
            if full and self.waiting <= FULL:
                self.session.loop.soon(self.room)
            head = wire.send(Record("bytes", {}, len(data)))
            wire.body_sent(len(data))
            return head, data, wire.send(End())

        self.channel.later(made)
        return self.waiting <= FULL

    def end(self, reason: str, message: str = "", status: str = "") -> None:
        """The last word. May be called twice."""
        if not self.over:
            self.over = True
            self.channel.stream = None
            self._say("ended", {"reason": reason, "message": codec.quote(message), "status": status})

    def _say(self, command: str, headers: "Dict[str, str]") -> None:
        said = {name: value for name, value in headers.items() if value}
        self.channel.say(Record(command, dict(said, token=self.document.source.token)))


class Sink:
    """Where the body of ``bytes`` goes: to *stream*, if there is one, and nowhere once it is over."""

    __slots__ = ("_stream",)

    def __init__(self, stream: "Optional[Stream]") -> None:
        self._stream = stream

    def write(self, data: bytes) -> None:
        if self._stream is not None and not self._stream.over:
            self._stream.write(data)

    def finish(self) -> None:
        """A record is over; the stream goes on."""

    def abort(self) -> None:
        """The connection is lost, which the stream is told as well."""


def heard(session: "Session", channel: "Channel", record: Record) -> None:
    """``stream``, ``bytes`` or ``ended`` on *channel*. Raises RemoteProtocolError."""
    if channel is session.main:
        raise RemoteProtocolError("{} has a connection of its own".format(record.command))
    stream = channel.stream
    if record.command == "bytes":
        channel.arriving = Sink(stream)
    elif record.command == "ended":
        if stream is not None:
            stream.finish()
    elif stream is not None:
        raise RemoteProtocolError("a stream begins before the last one has ended")
    else:
        token = values.token(record.headers.get("token"))
        document = session.resident.by_token(token)
        begin(session, channel, document, token, record.headers)


def begin(
    session: "Session",
    channel: "Channel",
    document: "Optional[Document]",
    token: str,
    said: "Dict[str, str]",
) -> None:
    """Begin what is wanted, or say why not."""
    kinds = _kinds(document is not None and bool(document.source.port))
    to = said.get("to", "")
    if document is None or document.state not in (SENT, OPEN):  # its answer may still be on its way
        if document is None and token not in session.closed:
            raise RemoteProtocolError("a stream for what was never opened")
        _refuse(channel, token, "gone", "it is not open any more on the host")
    elif sudo.confined():
        _refuse(channel, token, "off", "under sudo no more is served than the files that were named")
    elif to not in kinds:
        _refuse(channel, token, "failed", "it is not known here how to stream to '{}'".format(to))
    else:
        try:
            channel.stream = kinds[to](session, channel, document, said)
        except RbridgeError as error:
            _refuse(channel, token, "failed", error.line())


def _kinds(port: bool = False) -> "Dict[str, Callable[[Session, Channel, Document, Dict[str, str]], Stream]]":
    """What there is of a document, or of a *port*."""
    if port:
        from rbridge.client import passage

        return {"port": passage.Passage}
    from rbridge.client import lane, listing

    return {"servers": listing.Listing, "lsp": lane.Lane}


def _refuse(channel: "Channel", token: str, reason: str, message: str) -> None:
    headers = {"token": token, "reason": reason, "message": codec.quote(message)}
    channel.say(Record("ended", headers))
