"""One connection of a host: what it says is read here and goes to its session's documents.

The task ends with the connection; session and documents may outlive it. What an ``open``, ``changed`` or
``append`` carries is handed on as it comes, nothing is set aside: a peer that sends faster than it is written
waits in its own socket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import trio

from rbridge.errors import ProtocolError, RbridgeError, RemoteProtocolError, clean
from rbridge.server import events, names, ports, showing
from rbridge.server.editing import Editing
from rbridge.server.heartbeat import Heartbeat
from rbridge.server.inquiry import Passed
from rbridge.server.linking import link
from rbridge.server.log import logger
from rbridge.server.opening import Opening
from rbridge.server.peer import CHUNK, Peer, PeerGone
from rbridge.server.service import Service
from rbridge.wire import codec, values
from rbridge.wire.records import Body, Dot, End, Eof, NeedData, Record

if TYPE_CHECKING:
    from rbridge.wire.records import Received

# A protocol error may quote what the peer sent, and that may be somebody's text: only its kind is logged.
_KINDS = (
    "an HTTP request",
    "not an rmate client",
    "no rmate client",
    "the peer announced more than",
    "more than",
)


class Sink(Protocol):
    """Where the body of a ``changed``, an ``append`` or an ``answer`` goes."""

    async def write(self, data: bytes, /) -> None: ...

    def complete(self) -> None: ...

    def abandon(self) -> None: ...


class Connection:
    """One connection of *peer*, which was greeted with *nonce* where it may prove who it is."""

    def __init__(self, service: Service, peer: Peer, nonce: str = "") -> None:
        self.peer = peer
        self.session = service.sessions.plain()
        self._service = service
        self._nonce = nonce
        self._nursery: trio.Nursery | None = None
        self._heart: Heartbeat | None = None  # once it is linked
        self._heard = False  # said anything at all
        self._spoke = False  # said its first record
        self._record: Record | None = None  # of which the end is still to come
        self._opening: Opening | None = None
        self._sink: Sink | None = None
        self._count = 0
        self._dot = self._dead = False
        self._begun = trio.current_time()
        self._since = self._begun  # we wait for the next bytes
        self._quiet_since = self._begun  # nothing was asked for and nothing closed
        self._waiting = trio.CancelScope()

    async def run(self) -> None:
        """Greet and serve until the peer goes or has nothing open any more. The connection is closed then."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                await self._serve()
            finally:
                self._abandon()
                self.session.left(self.peer)
                nursery.cancel_scope.cancel()
                await self.peer.end()

    async def bye(self) -> None:
        """Tell a link host that the daemon ends."""
        if self.session.peer is not self.peer:
            return
        try:
            await self.peer.bye("rbridge serve ended on the laptop")
        except RbridgeError as error:
            logger.debug("%s: %s", self.peer.origin, error)

    async def _serve(self) -> None:
        """Serve; what goes wrong ends the connection and nothing else."""
        origin = self.peer.origin
        try:
            await self.session.attach(self.peer)
            self.session.when_one_ends = self._one_ended
            await self.peer.greet(self._service.greeting(self._nonce))
            await self._read()
            if not self._dead:  # else what is being written may take forever
                await self.peer.finish()
        except RemoteProtocolError as error:
            logger.warning("%s: closed: %s", origin, _kind(str(error)))
        except PeerGone as error:
            logger.info("%s", error)
        except ProtocolError as error:
            logger.warning("%s: closed: %s", origin, type(error).__name__)
        except Exception:
            logger.exception("%s: an error in rbridge itself; the connection is closed", origin)

    # Reading

    async def _read(self) -> None:
        while True:
            data = await self._receive()
            if data is None:
                return
            self._heard = self._heard or bool(data)
            self.peer.wire.receive_data(data)
            while not isinstance(event := self.peer.wire.next_event(), NeedData):
                if isinstance(event, Eof):
                    if event.truncated:
                        logger.warning(
                            "%s: the connection ended inside %s", self.peer.origin, event.truncated
                        )
                    return
                await self._take(event)

    async def _receive(self) -> bytes | None:
        """The next bytes; None when it is time to go."""
        self._since = trio.current_time()
        if self._heart is not None:
            self._heart.listen()
        while True:
            self._waiting = trio.CancelScope(deadline=self._deadline())
            with self._waiting:
                try:
                    return bytes(await self.peer.stream.receive_some(CHUNK))
                except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                    raise PeerGone(f"{self.peer.origin}: the connection broke") from error
            if trio.current_time() >= self._deadline():
                self._say_why()
                self._dead = self._heart is not None and trio.current_time() >= self._heart.deadline()
                return None

    def _deadline(self) -> float:
        """When to give up waiting for the peer's next bytes."""
        limits = self._service.config.limits
        if self._heart is not None:
            dead = self._heart.deadline()
            used = self._record is not None or self.peer.reserved
            if used or (self.session.peer is self.peer and len(self.session)):
                return dead
            return min(dead, max(self._quiet_since, self.peer.freed) + limits.handshake)
        if self._record is not None:
            return self._since + limits.stall
        if not self._spoke:
            return self._begun + limits.handshake
        if len(self.session):
            return float("inf")
        # QUIRK: PyPI rmate and others wait for us to close after the last document. gomate says "." after
        # every file, and its files come at once: what it opens next is here before an editor is done with
        # the last.
        return self._quiet_since + (0 if self._dot and self._count else limits.handshake)

    def _adjust(self) -> None:
        """The deadline may be another one."""
        self._waiting.deadline = self._deadline()

    def _one_ended(self) -> None:
        """A document of the session has ended."""
        self._quiet_since = trio.current_time()
        if not len(self.session) and self._record is None:
            self._adjust()

    def _say_why(self) -> None:
        """Log why the connection is given up."""
        origin = self.peer.origin
        if self._record is not None:
            logger.warning("%s: closed: it stopped in the middle of %s", origin, self._record.command)
        elif self._heart is not None and trio.current_time() >= self._heart.deadline():
            logger.info("%s: closed: nothing was heard of it any more", origin)
            self._service.documents.tools.dead(self.peer.identity)
        elif self._heard and not self._spoke:
            logger.warning("%s: closed: it stopped in the middle of its first header", origin)
        elif not self._spoke:
            logger.info("%s: closed: it asked for nothing", origin)

    async def _take(self, event: Received) -> None:
        if isinstance(event, Record):
            self._spoke = True
            self._record = event
            await self._begin(event)
        elif isinstance(event, Body):
            await self._body(event.data)
        elif isinstance(event, End):
            record, self._record = self._record, None
            if record is not None:
                await self._complete(record)
        elif isinstance(event, Dot):
            self._spoke = self._dot = True

    async def _begin(self, record: Record) -> None:
        """The head of a record: where is its body to go?"""
        if record.command == "open":
            self._dot = False
            self._opening = Opening(self._service, self.session, self.peer, record)
            await self._opening.begin()
            await self._give_up_plain(self._opening)
        elif record.command == "answer":
            asked = self.session.asked(values.token(record.headers.get("token")))
            self._sink = Passed() if asked is None else asked.answer(record.headers)
        elif record.command == "bytes":
            stream = self.peer.streaming
            self._sink = stream or Passed()
            if stream is not None and record.headers.get("last") == "yes":
                await stream.write(b"")
        elif record.command in ("changed", "append"):
            editing = self._editing(record)
            if editing is not None:
                begin = editing.host_changed if record.command == "changed" else editing.appended
                self._sink = begin(record.headers)

    async def _body(self, data: bytes) -> None:
        if self._opening is not None:
            await self._opening.write(data)
            await self._give_up_plain(self._opening)
        elif self._sink is not None:
            await self._sink.write(data)

    async def _give_up_plain(self, opening: Opening) -> None:
        """A plain peer whose only file is refused need not send the rest of it."""
        if opening.refusal is not None and not self.peer.link and not len(self.session):
            await opening.refuse()
            raise PeerGone(f"{self.peer.origin}: closed: {opening.refusal[1]}")

    async def _complete(self, record: Record) -> None:
        """A record is here, whole."""
        if record.command == "beat":
            return
        if record.command == "link":
            await self._link(record)
        elif self._opening is not None:
            await self._opening.complete()
            self._opening = None
            self._count += 1
        elif self._sink is not None:
            sink, self._sink = self._sink, None
            sink.complete()
        elif record.command == "resume":
            await self._resume(record)
        elif record.command in ("streaming", "ended"):
            self._stream(record)
        elif record.command == "port":
            await ports.show(self._service, self.session, self.peer, record.headers)
        elif record.command == "folder":
            await showing.show(self._service, self.session, self.peer, record.headers)
        else:
            self._other(record)
        self._quiet_since = trio.current_time()

    def _stream(self, record: Record) -> None:
        """What is said of the stream on this connection; it may have crossed with its end."""
        stream = self.peer.streaming
        if stream is not None and record.command == "streaming":
            stream.started(record.headers)
        elif stream is not None:
            stream.ended(record.headers)

    async def _link(self, record: Record) -> None:
        """The host says who it is: from now on this is a connection of its session."""
        self.session.left(self.peer)
        self.session = await link(self._service, self.peer, self._nonce, record.headers)
        if self.session.peer is self.peer:
            self.session.when_one_ends = self._one_ended
        self._heart = Heartbeat(self.peer, self.session.awaited, self._adjust)
        if self._nursery is not None:
            self._nursery.start_soon(self._heart.run)

    def _abandon(self) -> None:
        """Nothing is left of a body that did not arrive whole."""
        if self._opening is not None:
            self._opening.abandon()
        if self._sink is not None:
            self._sink.abandon()
        if self.peer.streaming is not None:
            self.peer.streaming.lost()
        self._opening = self._sink = None

    # What a link host says of its documents

    def _editing(self, record: Record) -> Editing | None:
        """The document that *record* is about, on whichever connection of the session it comes."""
        return self.session.documents.get(values.token(record.headers.get("token")))

    def _other(self, record: Record) -> None:
        """What is said of one document or folder."""
        editing = self._editing(record)
        if editing is not None:
            self._tell(editing, record)
        elif record.command == "close":
            token = values.token(record.headers.get("token"))
            beside = self.session.folders.get(token) or self.session.ports.get(token)
            if beside is not None:
                beside.host_closed()

    async def _resume(self, record: Record) -> None:
        said = record.headers
        if "port" in said:
            await ports.resume(self._service, self.session, self.peer, said)
            return
        if said.get("folder") == "yes":
            await showing.resume(self._service, self.session, self.peer, said)
            return
        absent = said.get("absent") == "yes"
        if not absent:
            values.size(said.get("size"), values.SERIAL)
        await self.session.resume(
            values.token(said.get("token")),
            None if absent else values.digest(said.get("sha256")),
            values.serial(said["save"]) if "save" in said else 0,
            names.position(said.get("selection", "")) if said.get("re-activate") == "yes" else None,
            self.session.pairs.half(*values.diff(said["diff"])) if "diff" in said else None,
        )

    def _tell(self, editing: Editing, record: Record) -> None:
        said = record.headers
        message = clean(codec.unquote(said.get("message", "")))
        if record.command == "close":
            editing.host_closed()
        elif record.command == "gone":
            editing.host_gone(clean(said.get("reason", "failed")), message)
        elif record.command == "slow":
            editing.slow(values.serial(said.get("save")), message)
        elif record.command == "resolve":
            editing.resolve(values.one_of(said.get("choose"), ("mine", "theirs", "show")))
        else:
            serial = values.serial(said.get("save"))
            self.session.awaited.end(editing.token, serial)
            if record.command == "saved":
                editing.answered(events.Delivered(serial), _digest(said))
            else:
                reason = clean(said.get("reason", "failed"))
                editing.answered(events.Refused(serial, reason, _why(editing, said, message), _digest(said)))


def _digest(said: dict[str, str]) -> str:
    """What the host says is in its file now, as far as it does."""
    if said.get("absent") == "yes":
        return events.ABSENT
    return values.digest(said["sha256"]) if "sha256" in said else ""


def _why(editing: Editing, said: dict[str, str], message: str) -> str:
    """Why a save was refused, and where on the host its text is."""
    message = message or f"{editing.name}: the save was refused"
    kept = clean(codec.unquote(said.get("kept", "")))
    return f"{message}; the host keeps the text in {kept}" if kept and kept not in message else message


def _kind(message: str) -> str:
    """What the log may say of the *message* of a protocol error."""
    kinds = [kind for kind in _KINDS if message.startswith(kind)]
    if not kinds:
        return "it does not keep to the protocol"
    return f"{kinds[0]} is allowed" if kinds[0].endswith("more than") else kinds[0]
