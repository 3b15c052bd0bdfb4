"""One connection of a host: reads what it says, opens documents, passes answers on.

The body of an ``open`` goes straight to FILES, at the speed at which it is written there: a peer that sends
faster waits in its own socket. The session's task ends with its connection; the documents do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from rbridge.adapters.base import Text
from rbridge.errors import ProtocolError, RbridgeError, RemoteProtocolError, clean
from rbridge.server import document as doc
from rbridge.server import names
from rbridge.server.config import Config
from rbridge.server.consent import Consent
from rbridge.server.documents import Documents
from rbridge.server.editing import Editing
from rbridge.server.files import Incoming, NoSpace
from rbridge.server.log import logger
from rbridge.server.peer import CHUNK, Peer, PeerGone
from rbridge.wire import codec
from rbridge.wire.records import Body, Dot, End, Eof, NeedData, Record

if TYPE_CHECKING:
    from rbridge.wire.records import Received

_YES = ("yes", "true", "1")
# A protocol error may quote what the peer sent, and that may be somebody's text: only its kind is logged.
_KINDS = (
    "an HTTP request",
    "not an rmate client",
    "no rmate client",
    "the peer announced more than",
    "more than",
)


@dataclass
class Opening:
    """An ``open`` whose body arrives; *refusal* is the reason and message when it will not be opened."""

    token: str
    place: names.Place
    headers: dict[str, str]
    incoming: Incoming | None = None
    refusal: tuple[str, str] | None = None


class Session:
    """One *peer* that may open *documents*."""

    def __init__(self, peer: Peer, config: Config, documents: Documents, consent: Consent) -> None:
        self.peer = peer
        self._config = config
        self._documents = documents
        self._consent = consent
        self._host = ""
        self._allowed = peer.ours
        self._heard = False  # said anything at all
        self._spoke = False  # said its first record
        self._record: Record | None = None  # of which the end is still to come
        self._opening: Opening | None = None
        self._editings: dict[int, Editing] = {}
        self._tokens: dict[str, Editing] = {}
        self._count = 0
        self._dot = False
        self._begun = trio.current_time()
        self._quiet_since = self._begun
        self._waiting = trio.CancelScope()

    async def run(self, greeting: str) -> None:
        """Greet and serve until the peer goes or has nothing open any more. The connection is closed then."""
        origin = self.peer.origin
        try:
            await self.peer.greet(greeting)
            await self._read()
            await self.peer.finish()
        except RemoteProtocolError as error:
            logger.warning("%s: closed: %s", origin, _kind(str(error)))
        except PeerGone as error:
            logger.info("%s", error)
        except ProtocolError as error:
            logger.warning("%s: closed: %s", origin, type(error).__name__)
        except Exception:
            logger.exception("%s: an error in rbridge itself; the connection is closed", origin)
        finally:
            self._discard()
            await self.peer.end()
            for editing in list(self._editings.values()):
                editing.lost()

    async def bye(self) -> None:
        """Tell a link host that the daemon ends."""
        try:
            await self.peer.bye("rbridge serve ended on the laptop")
        except RbridgeError as error:
            logger.debug("%s: %s", self.peer.origin, error)

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
        self._waiting = trio.CancelScope(deadline=self._deadline())
        with self._waiting:
            try:
                return bytes(await self.peer.stream.receive_some(CHUNK))
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise PeerGone(f"{self.peer.origin}: the connection broke") from error
        if self._record is not None:
            logger.warning(
                "%s: closed: it stopped in the middle of %s", self.peer.origin, self._record.command
            )
        elif self._heard and not self._spoke:
            logger.warning("%s: closed: it stopped in the middle of its first header", self.peer.origin)
        elif not self._spoke:
            logger.info("%s: closed: it asked for nothing", self.peer.origin)
        return None

    def _deadline(self) -> float:
        """When to give up waiting for the peer's next bytes."""
        limits = self._config.limits
        if self._record is not None:
            return trio.current_time() + limits.stall
        if not self._spoke:
            return self._begun + limits.handshake
        if self._editings:
            return float("inf")
        # QUIRK: PyPI rmate and others wait for us to close after the last document. gomate says "." after
        # every file, and its files come at once: what it opens next is here before an editor is done with
        # the last.
        return self._quiet_since + (0 if self._dot and self._count else limits.handshake)

    async def _take(self, event: Received) -> None:
        if isinstance(event, Record):
            self._spoke = True
            self._record = event
            if event.command == "open":
                self._dot = False
                await self._open(event)
        elif isinstance(event, Body):
            await self._body(event.data)
        elif isinstance(event, End):
            record, self._record = self._record, None
            if record is not None:
                await self._complete(record)
        elif isinstance(event, Dot):
            self._spoke = self._dot = True

    async def _complete(self, record: Record) -> None:
        if record.command == "open":
            await self._opened()
        elif record.command == "link":
            self._host = codec.unquote(record.headers.get("host", ""))
        else:
            editing = self._tokens.get(record.headers.get("token", ""))
            if editing is not None:
                _answer(editing, record)

    # Opening

    async def _open(self, record: Record) -> None:
        """The head of an ``open``: find out whether it may be opened, and make room for its text."""
        said = record.headers
        token = said.get("token", "") or "untitled"
        try:
            place = self._place(said)
        except RemoteProtocolError:
            place = names.place("", "", self._host)
            self._opening = Opening(token, place, said, refusal=("failed", "the file's name is malformed"))
            return
        self._opening = opening = Opening(token, place, said)
        opening.refusal = await self._refusal(opening)
        if opening.refusal is None:
            try:
                opening.incoming = self._documents.tools.files.create(place.host, place.parts, record.length)
            except RbridgeError as error:
                self._cannot(opening, error)
        if opening.refusal is not None and not self.peer.link and not self._editings:
            await self._refuse(opening)
            raise PeerGone(f"{self.peer.origin}: closed: {opening.refusal[1]}")

    def _place(self, said: dict[str, str]) -> names.Place:
        display_name, real_path = said.get("display-name", ""), said.get("real-path", "")
        if self.peer.link:
            return names.place(codec.unquote(display_name), codec.unquote(real_path), self._host)
        return names.place(display_name, real_path)

    async def _refusal(self, opening: Opening) -> tuple[str, str] | None:
        """Why *opening* may not be opened; asks the user where that is what ``classic`` says."""
        if self._documents.stopping:
            return "failed", "rbridge serve is ending on the laptop"
        if self.peer.link and (
            opening.token in self._tokens or len(self._tokens) >= self._config.limits.records
        ):
            return "failed", "the token is in use, or too many files are open"
        if not self._allowed:
            self._allowed = await self._admit(opening.place)
        return None if self._allowed else ("denied", "the laptop does not open files from this connection")

    async def _admit(self, place: names.Place) -> bool:
        """What ``classic`` says of a peer that proves nothing."""
        if self._config.classic != "ask":
            return self._config.classic == "allow"
        question = self._consent.question(f"{place.label} ({self.peer.origin}, unverified) asks to be opened")
        if question is None:
            return False
        self._documents.tools.notifier.tell(f"{place.label} asks to be opened: run 'rbridge allow'")
        return await self._consent.wait(question)

    async def _body(self, data: bytes) -> None:
        opening = self._opening
        if opening is None or opening.incoming is None:
            return  # of a refused file
        try:
            if self._documents.tools.files.in_memory:
                opening.incoming.write(data)
            else:
                await trio.to_thread.run_sync(opening.incoming.write, data)
        except RbridgeError as error:
            self._cannot(opening, error)
            if not self.peer.link and not self._editings:
                await self._refuse(opening)
                raise PeerGone(f"{self.peer.origin}: closed: {error}") from error

    def _cannot(self, opening: Opening, error: RbridgeError) -> None:
        """FILES cannot take *opening*: leave nothing of it, and refuse it."""
        if opening.incoming is not None:
            opening.incoming.close()
            self._documents.tools.files.wipe(opening.incoming.id)
            opening.incoming = None
        opening.refusal = "no-space" if isinstance(error, NoSpace) else "failed", str(error)

    async def _opened(self) -> None:
        """The text of an ``open`` is complete."""
        opening, self._opening = self._opening, None
        if opening is None:
            return
        if opening.refusal is not None or opening.incoming is None:
            self._quiet_since = trio.current_time()
            await self._refuse(opening)
            return
        incoming = opening.incoming
        digest = incoming.finish()
        text = _text(opening, incoming)
        editing = Editing(self._documents.tools, self.peer, opening.token, text, digest)
        self._count += 1
        number = self._count
        self._editings[number] = editing
        self._tokens[opening.token] = editing
        place = opening.place
        logger.info(
            "%s: opens %s:%s, %d bytes", self.peer.origin, place.host, place.path or place.name, incoming.size
        )

        def ended() -> None:
            del self._editings[number]
            if self._tokens.get(opening.token) is editing:
                del self._tokens[opening.token]
            self._quiet_since = trio.current_time()
            if not self._editings and self._record is None:
                self._waiting.deadline = self._deadline()

        self._documents.begin(editing, ended)

    async def _refuse(self, opening: Opening) -> None:
        reason, message = opening.refusal or ("failed", "")
        self._documents.tools.notifier.tell(f"{opening.place.label} is not opened: {message}")
        await self.peer.refuse(opening.token, reason, message)

    def _discard(self) -> None:
        """Nothing is left of a text that did not arrive whole."""
        if self._opening is not None and self._opening.incoming is not None:
            self._opening.incoming.close()
            self._documents.tools.files.wipe(self._opening.incoming.id)
            self._opening = None


def _text(opening: Opening, incoming: Incoming) -> Text:
    said, place = opening.headers, opening.place
    line, column = names.position(said.get("selection", ""))
    keep_focus = said.get("keep-focus", "") in _YES or said.get("re-activate", "yes") not in _YES
    return Text(
        id=incoming.id,
        host=place.host,
        path=place.path,
        name=place.name,
        file=incoming.path,
        size=incoming.size,
        line=line,
        column=column,
        file_type=clean(said.get("file-type", ""))[:64],
        read_only=said.get("read-only", "") in _YES,
        new_window=said.get("new", "") in _YES,
        keep_focus=keep_focus,
    )


def _answer(editing: Editing, record: Record) -> None:
    """Pass on what a link host says of a document."""
    said = record.headers
    if record.command == "close":
        editing.host_closed()
        return
    serial = said.get("save", "")
    if not serial.isascii() or not serial.isdigit() or len(serial) > 18:
        raise RemoteProtocolError(f"{record.command} without the number of a save")
    if record.command == "saved":
        editing.answered(doc.Delivered(int(serial)), said.get("sha256", "").lower())
    else:
        message = clean(codec.unquote(said.get("message", ""))) or f"{editing.name}: the save was refused"
        editing.answered(doc.Refused(int(serial), clean(said.get("reason", "failed")), message))


def _kind(message: str) -> str:
    """What the log may say of the *message* of a protocol error."""
    kinds = [kind for kind in _KINDS if message.startswith(kind)]
    if not kinds:
        return "it does not keep to the protocol"
    return f"{kinds[0]} is allowed" if kinds[0].endswith("more than") else kinds[0]
