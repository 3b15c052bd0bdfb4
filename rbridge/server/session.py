"""One client's standing with the daemon: its documents, whichever connection leads to it at the moment.

A link session is named by a secret that the client drew. It outlives its connections: when the main one ends
it is *detached*, its documents go on, and the client attaches it again with another connection. Beside the
main one it may have *joined* connections, for large bodies. A plain client's session has no name and one
connection.

Records are read by :mod:`rbridge.server.connection`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

from rbridge.adapters.base import State
from rbridge.adapters.pair import Half, Pairs
from rbridge.errors import RbridgeError
from rbridge.server.asking import Asking
from rbridge.server.documents import Documents
from rbridge.server.editing import Editing
from rbridge.server.folder import Folder
from rbridge.server.log import logger
from rbridge.server.peer import Awaited, Peer, PeerGone

if TYPE_CHECKING:
    from rbridge.server.ports import Port

JOINED = 16  # further connections of one session at a time that it makes by its own wish
NO_DIAL = 300.0  # seconds without another attempt after a host did not answer a dial
CLOSED = 4096  # tokens of closed documents that are remembered


@dataclass
class Dial:
    """A connection that the host was asked for."""

    answered: trio.Event = field(default_factory=trio.Event)
    peer: Peer | None = None


class Session:
    """The client that knows *secret*, empty for a plain one; *changed* is called when a document has ended,
    and when a connection has.

    *host* is what it is called, *identity* what it once proved to be ("" if nothing). ``peer`` is the main
    connection, None while detached; ``allowed`` tells whether it may open texts.
    """

    def __init__(
        self,
        documents: Documents,
        secret: str = "",
        host: str = "",
        identity: str = "",
        changed: Callable[[Session], None] = lambda session: None,
    ) -> None:
        self.secret = secret
        self.host = host
        self.identity = identity
        self.allowed = False
        self.peer: Peer | None = None
        self.documents: dict[str, Editing] = {}
        self.folders: dict[str, Folder] = {}
        self.ports: dict[str, Port] = {}
        self.closed: dict[str, bool] = {}
        self.pairs = Pairs()
        self.awaited = Awaited()
        self.when_one_ends: Callable[[], None] = lambda: None
        """What its main connection does when a document has ended."""
        self._back = trio.Event()
        self.since = trio.current_time()
        """When it was made or, while detached, when it lost its connection."""
        self._all = documents
        self._changed = changed
        self._editings: list[Editing] = []
        self._untold: set[str] = set()
        self._trusted = True
        self._joined: set[Peer] = set()
        self._spare: list[Peer] = []
        self._dials: dict[int, Dial] = {}
        self._dialled = 0
        self._readying = 0
        self._no_dial_before = -1.0

    def __len__(self) -> int:
        """How many documents, folders and ports it has."""
        return len(self._editings) + len(self.folders) + len(self.ports)

    def __bool__(self) -> bool:
        return True

    @property
    def label(self) -> str:
        """The host as log and notifications name it."""
        return (self.host or "a host") + ("" if self._trusted else " (unverified)")

    @property
    def pending(self) -> bool:
        """Whether it has a text that the host has not acknowledged."""
        return any(editing.pending for editing in self._editings)

    @property
    def clean(self) -> bool:
        """Whether the host has every text of it, so far as can be known."""
        return all(one.document.state is State.CLEAN and not one.pending for one in self._editings)

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost by forgetting it."""
        return self.peer is None and not len(self) and not self._untold

    @property
    def may_dial(self) -> bool:
        return self.peer is not None and self.peer.dials and (self.peer.ours or self.peer.verified)

    # Connections

    async def attach(self, peer: Peer) -> None:
        """*peer* is the main connection from now on; an older one, dead without our knowing, is closed."""
        before, self.peer = self.peer, peer
        self._trusted = peer.ours or peer.verified
        self.host = peer.name or self.host
        self.identity = peer.identity or self.identity
        self.allowed = self.allowed or self._trusted
        self._no_dial_before = -1.0
        peer.awaited = self.awaited
        self._back.set()
        self._back = trio.Event()
        if before is not None:
            logger.info("%s: takes over from %s, which was not closed", peer.origin, before.origin)
            self._lost(tell=False)
            for old in (before, *self._joined):
                await old.end()

    async def connected(self) -> None:
        """Return when it has a connection."""
        while self.peer is None:
            await self._back.wait()

    def left(self, peer: Peer) -> None:
        """The connection of *peer* has ended."""
        self._joined.discard(peer)
        if peer in self._spare:
            self._spare.remove(peer)
        if self.peer is peer:
            self.peer = None
            self.since = trio.current_time()
            self._lost()
        self._changed(self)

    def _lost(self, tell: bool = True) -> None:
        """Documents and dials hear that the connection is gone; the user does if something waits for it."""
        count, waits = len(self._editings), tell and bool(self.secret) and self.pending
        self.awaited.clear()
        for editing in list(self._editings):
            editing.lost()
        for folder in list(self.folders.values()):
            folder.lost()
        for port in list(self.ports.values()):
            port.lost()
        for dial in self._dials.values():
            dial.answered.set()
        if waits:
            texts = "1 text" if count == 1 else f"{count} texts"
            self._all.tools.notifier.tell(
                f"connection to {self.label} lost: {texts} open, "
                "what you save is kept and sent when it is back"
            )

    def may_join(self, number: int) -> bool:
        """Whether a connection may join now, in answer to dial *number*, or by the host's own wish (0)."""
        if number:  # we do not dial more often than we like
            wanted = number in self._dials and self._dials[number].peer is None
        else:
            wanted = len(self._joined) < JOINED
        return self.peer is not None and wanted

    def join(self, number: int, peer: Peer) -> None:
        """*peer* is a further connection, in answer to dial *number* if anyone still waits for that."""
        self._joined.add(peer)
        peer.awaited = self.awaited
        dial = self._dials.get(number)
        if dial is not None:
            dial.peer = peer
            dial.answered.set()
        elif number:
            self._spare.append(peer)

    @asynccontextmanager
    async def dialled(self, insist: bool = False) -> AsyncIterator[Peer]:
        """A connection for a large body, so that nothing waits behind it.

        It is the main one where the host may not be asked for another, or does not come in time. Raises
        PeerGone while detached. The connection is kept for the next one that needs it, and closed after a
        while. With *insist* it is asked again even if it did not come a short while ago.
        """
        peer = self._spare.pop() if self._spare else await self._dial(insist)
        peer.reserved += 1
        try:
            yield peer
        finally:
            peer.reserved -= 1
            peer.freed = trio.current_time()
            if peer in self._joined:
                self._spare.append(peer)

    async def make_ready(self, count: int) -> None:
        """Have so many connections for who comes next, if the host makes them."""
        with suppress(RbridgeError):  # nobody waits for them
            while self.peer is not None and len(self._spare) + self._readying < count:
                self._readying += 1
                try:
                    peer = await self._dial(True)
                finally:
                    self._readying -= 1
                if peer is self.peer:
                    return
                if peer in self._joined:
                    peer.freed = trio.current_time()
                    self._spare.append(peer)

    async def _dial(self, insist: bool = False) -> Peer:
        main = self._main()
        if self.may_dial and (insist or trio.current_time() >= self._no_dial_before):
            self._dialled += 1
            number, dial = self._dialled, Dial()
            self._dials[number] = dial
            try:
                await main.dial(number)
                with trio.move_on_after(self._all.tools.limits.dial):
                    await dial.answered.wait()
            finally:
                del self._dials[number]
            if dial.peer is not None and dial.peer in self._joined:
                return dial.peer
            if self.peer is main and not insist:
                self._no_dial_before = trio.current_time() + NO_DIAL
                logger.info("%s: no further connection came: the main one is used", self.label)
        return self._main()

    def _main(self) -> Peer:
        if self.peer is None:
            raise PeerGone(f"there is no connection to {self.label}")
        return self.peer

    # Documents

    def begin(self, token: str, editing: Editing) -> None:
        """Run *editing* as the document *token* of this session."""
        self._add(token, editing)
        self._all.begin(editing, lambda: editing.session._over(editing))

    def begin_folder(self, folder: Folder) -> None:
        """Show *folder*, which is one of this session's."""
        self.folders[folder.token] = folder
        self.closed.pop(folder.token, None)
        self._untold.discard(folder.token)
        self._all.begin_folder(folder, lambda: self._folder_over(folder))

    def begin_port(self, port: Port, ended: Callable[[], None]) -> None:
        """Have *port*, which is one of this session's host; *ended* is called when it is over."""

        def over() -> None:
            self.ports.pop(port.token, None)
            self.ended(port.token, False, port.told_close)
            ended()
            self.when_one_ends()
            self._changed(self)

        self.ports[port.token] = port
        self.closed.pop(port.token, None)
        self._untold.discard(port.token)
        self._all.begin_port(port, over)

    def asked(self, token: str) -> Asking | None:
        """Who asked the host about *token*, a folder or a document."""
        editing = self.documents.get(token)
        return self.folders.get(token) or (editing.library if editing is not None else None)

    def adopt(self, token: str, editing: Editing) -> None:
        """*editing*, a document of a session that its client has given up, goes on here as *token*."""
        editing.session._over(editing)
        self._add(token, editing)
        editing.rebind(self, token)

    def heard_end(self, token: str) -> None:
        """The host was told that *token* has ended."""
        self._untold.discard(token)

    def ended(self, token: str, unsaved: bool, told: bool = False) -> None:
        """Document *token*, which was open, has ended; *unsaved*: a text of it is here; *told*: the host was
        told, though it may not have heard it.
        """
        self.closed.pop(token, None)
        self.closed[token] = unsaved
        if told:
            self._untold.discard(token)
        else:
            self._untold.add(token)
        while len(self.closed) > CLOSED:
            oldest = next(iter(self.closed))
            del self.closed[oldest]
            self._untold.discard(oldest)

    async def resume(
        self,
        token: str,
        present: str | None,
        newest: int,
        show: tuple[int, int] | None = None,
        half: Half | None = None,
    ) -> None:
        """The host still has document *token*: *present* is the sha256 of its file, None if there is none,
        and *newest* the newest save that it brought to the disk, 0 for none.

        With *show*, a line and a column, the host's user has opened it again and would like to see it there,
        or beside another text, of which it is the *half*.
        Answered by the document or, where it was closed meanwhile, with ``close``. One that had been ours
        before we were forgotten (``Sessions``) is ours again. One of which only the kept text is left, since
        the daemon was started anew, is delivered and then closed.
        """
        editing = self.documents.get(token) or self._take_back(token)
        if editing is None and self.closed.get(token, True):
            editing = await self._revive(token)
        if editing is not None:
            if show is not None and editing.document.attached:
                editing.opened_again(present, *show, half)
                return
            editing.attached(present, newest)
            if show is not None:
                editing.reveal(*show)
            return
        known = token in self.closed
        await self._main().close(token, known and self.closed[token], unknown=not known)
        self.heard_end(token)

    def _take_back(self, token: str) -> Editing | None:
        """The document of the session that had our secret before us; it is open in an editor."""
        editing = self._all.of(self.secret, token) if self.secret else None
        if editing is None or editing.session is self or not self._is_for_us(editing.session.identity):
            return None
        logger.info("%s: %s goes on", self.label, editing.name)
        self.adopt(token, editing)
        return editing

    def _is_for_us(self, identity: str) -> bool:
        """Whether we may have what is of the host that proved to be *identity*, "" if it proved nothing."""
        return identity in ("", self.identity) or (self.peer is not None and self.peer.may_have(identity))

    async def _revive(self, token: str) -> Editing | None:
        """The document of which the spool has the text."""
        spool = self._all.tools.spool
        if spool is None:
            return None
        try:
            entry = await trio.to_thread.run_sync(spool.of, self.secret, token)
        except RbridgeError as error:
            logger.warning("%s: %s", self.label, error)
            return self.documents.get(token)
        if entry is None or token in self.documents or self._all.stopping:
            return self.documents.get(token)
        if not self._is_for_us(entry.about.identity):
            logger.warning("%s: the kept text %s is of a host that had a proof", self.label, entry.about.id)
            return None
        try:
            editing = Editing.kept(self._all.tools, self, entry.about, entry.file)
        except (OSError, RbridgeError) as error:
            logger.warning("%s: the kept text %s cannot be read: %s", self.label, entry.about.id, error)
            return None
        logger.info("%s: the kept text %s is delivered", self.label, entry.about.id)
        self.begin(token, editing)
        return editing

    def _add(self, token: str, editing: Editing) -> None:
        self._editings.append(editing)
        self.documents[token] = editing
        self.closed.pop(token, None)
        self._untold.discard(token)

    def _folder_over(self, folder: Folder) -> None:
        """*folder* is not shown any more."""
        self.folders.pop(folder.token, None)
        self.ended(folder.token, False, folder.told_close)
        self.when_one_ends()
        self._changed(self)

    def _over(self, editing: Editing) -> None:
        """*editing* is none of our documents any more."""
        if editing in self._editings:
            self._editings.remove(editing)
        for token in [token for token, one in self.documents.items() if one is editing]:
            del self.documents[token]
            self.awaited.end(token)
        self.when_one_ends()
        self._changed(self)
