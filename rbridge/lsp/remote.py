"""The language server on the host: led to, and led to again when it has ended, while the editor is there.

Each is asked for over a stream of one open document (:mod:`rbridge.server.streams`); when that is closed,
another one of the same project serves as well. Whatever ends, the editor's connection goes on: with a server
that can be had no more, the endpoint is left.
"""

from __future__ import annotations

import contextlib
from collections import Counter, deque
from collections.abc import Awaitable, Callable

import trio

from rbridge.adapters.borrowed import Borrowed
from rbridge.errors import RbridgeError, RemoteProtocolError
from rbridge.lsp.bridge import Bridge
from rbridge.lsp.framing import Frames, taken
from rbridge.lsp.policy import Policy
from rbridge.lsp.target import Hello
from rbridge.lsp.uris import Absent
from rbridge.server.documents import Documents
from rbridge.server.editing import Editing
from rbridge.server.languages import DocumentLanguages
from rbridge.server.log import logger
from rbridge.server.peer import PeerGone
from rbridge.server.session import Session
from rbridge.server.streams import Begun, Stream, StreamEnded, streaming
from rbridge.server.tools import Change, LanguageServer

LARGEST = 64 << 20  # bytes of one message
FIRST = 10.0  # seconds that the editor's ``initialize`` waits for a host that is not connected
LOOK = 2.0  # seconds until it is looked whether there is a document again, should nobody tell

MISSING = 50  # files of one message that are fetched for an editor of files
BORROW = 20.0  # seconds for one of them

CHANGES = 1000  # of files, that wait for a server

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before a server that has ended is started again
CRASHES = 5  # of them within
WINDOW = 180.0  # seconds are enough
REFUSALS = 5  # times that a host may call a document closed that is open here

ERROR, WARNING = 1, 2  # MessageType
RESTART, IDLE, LOST, GONE = "restart", "idle", "lost", "gone"
CRASHED = ("exited", "failed")

Flush = Callable[[], Awaitable[None]]
Tell = Callable[[int, str], Awaitable[None]]


class Remote:
    """The server that *hello* asks for, for *editing* and its project; its messages go through *bridge*.

    *flush* writes what the bridge has for either side, *tell* shows the user a line.
    """

    def __init__(
        self, documents: Documents, editing: Editing, hello: Hello, bridge: Bridge, flush: Flush, tell: Tell
    ) -> None:
        self.name = f"the language server on {editing.text.host}"
        self._documents = documents
        self._editing = editing
        self._hello = hello
        self._standing = LanguageServer(editing.text.host, hello.server)
        self._bridge = bridge
        self._flush = flush
        self._tell = tell
        self._server: Stream | None = None
        self._sending = trio.Lock()
        self._known: dict[str, str] = {}  # server, root and language of the first one
        self._crashes: deque[float] = deque(maxlen=CRASHES)
        self._losses = 0
        self._refused: Counter[str] = Counter()
        self._running = trio.CancelScope()
        self._wanted = trio.Event()
        self._said = trio.Event()
        self._borrowed: list[Borrowed] = []
        self._put, self._take = trio.open_memory_channel[tuple[str, Change]](CHANGES)

    # What the editor's side calls

    def heard(self) -> None:
        """The editor said something."""
        self._said.set()

    def restart(self) -> None:
        """The user wants another server process."""
        self._crashes.clear()
        self._refused.clear()
        self._known = {"root": self._known["root"]} if "root" in self._known else {}
        self._wanted.set()
        self._running.cancel()

    def find(self, document: str, path: bytes) -> tuple[str, bytes] | None:
        """The document of the server's host with this id, or at this path: its id and path."""
        there = path.decode("utf-8", "surrogateescape")
        for one in self._editing.session.documents.values():
            if one.text.id == document or (path and one.text.path == there):
                return one.text.id, one.text.path.encode("utf-8", "surrogateescape")
        return None

    async def send(self) -> None:
        """Write what the bridge has for the server."""
        async with self._sending:
            server, bridge = self._server, self._bridge
            if server is None or not bridge.to_server:
                return
            try:
                await server.send(taken(bridge.to_server))
            except (StreamEnded, PeerGone) as error:
                logger.debug("%s: %s", self.name, error)  # who reads from it notices as well

    # The servers, one after the other

    async def run(self) -> None:
        """Until cancelled."""
        known = self._documents.tools.servers
        known.add(self._standing)
        try:
            await self._go_on()
        finally:
            known.discard(self._standing)
            for one in self._borrowed:
                one.give_back()

    async def watch(self) -> None:
        """Tell the server of files that are changed through this daemon, until cancelled."""
        heard = self._documents.tools.heard
        heard.add(self._changed)
        try:
            async for path, change in self._take:
                self._bridge.written(path.encode("utf-8", "surrogateescape"), change)
                await self.send()
        finally:
            heard.discard(self._changed)

    def _changed(self, session: Session, path: str, change: Change) -> None:
        ours = self._editing.session
        if session is ours or (session.identity and session.identity == ours.identity):
            with contextlib.suppress(trio.WouldBlock):
                self._put.send_nowait((path, change))

    async def _go_on(self) -> None:
        while True:
            editing = await self._open_document()
            self._bridge.hold = True
            self._wanted = trio.Event()
            end: StreamEnded
            try:
                with trio.CancelScope() as self._running:
                    await self._one(editing)
                end = StreamEnded(RESTART, "")
            except StreamEnded as error:
                end = error
            except PeerGone as error:
                end = StreamEnded(LOST, str(error))
            except RemoteProtocolError as error:
                end = StreamEnded("exited", f"it said what is no message: {error}")
            self._server = None
            self._standing.state, self._standing.said = end.reason, str(end)
            self._said = trio.Event()
            if self._bridge.busy:  # it was asked for something in the moment that it was ended as idle
                self._said.set()
            self._bridge.lost()
            self._bridge.hold = not self._bridge.ending
            await self._flush()
            logger.info("%s: %s", self.name, f"{end.reason} {end.status} {end}".strip())
            await self._rest(end, editing)

    async def _one(self, editing: Editing) -> None:
        """One server, to its end."""
        wanted = {"language": self._hello.language, **self._known, "to": "lsp"}
        wanted["server"] = self._hello.server or self._known.get("server", "")
        said = {key: one for key, one in wanted.items() if one}
        async with streaming(editing.session, editing.token, said) as (server, begun):
            self._begin(begun, server)
            await self._flush()
            frames = Frames(LARGEST)
            while True:
                frames.feed(await server.receive())
                while (body := frames.next()) is not None:
                    await self._hear(body)
                    await self._flush()

    def _begin(self, begun: Begun, server: Stream) -> None:
        bridge, name = self._bridge, begun["server"]
        self._known = {key: begun[key] for key in ("server", "root", "language")}
        self._losses = 0
        self.name = f"{name} on {bridge.policy.places.host}"
        self._standing.name, self._standing.state, self._standing.said = name, "runs", ""
        bridge.root = begun["root"].encode("utf-8", "surrogateescape")
        bridge.policy = Policy(bridge.policy.places, name)
        self._server = server
        bridge.again()
        logger.info("%s: started in %s", self.name, begun["root"])

    async def _hear(self, body: bytes) -> None:
        places = self._bridge.policy.places
        missing = 0
        while True:
            try:
                self._bridge.from_server(body)
            except Absent as absent:
                missing += 1
                if missing > MISSING or not await self._borrow(absent.path):
                    places.without(absent.path)
            else:
                places.again()
                return

    async def _borrow(self, path: bytes) -> bool:
        """Have the file at *path*, which the server names, where an editor of files can open it."""
        host, there = self._bridge.policy.places.host, path.decode("utf-8", "surrogateescape")
        borrowed = Borrowed(self._bridge.replay.client or "a language client")
        self._borrowed.append(borrowed)
        try:
            with trio.fail_after(BORROW):
                await DocumentLanguages(self._documents).open(host, there, borrowed)
                await borrowed.ready.wait()
        except (RbridgeError, trio.TooSlowError) as error:
            borrowed.give_back()
            logger.info("%s: %s", self.name, error)
            return False
        return True

    # Between two of them

    async def _rest(self, end: StreamEnded, editing: Editing) -> None:
        """Return when a server may be started again."""
        if self._bridge.ending:
            await trio.sleep_forever()
        if end.reason == RESTART:
            return
        if end.reason == IDLE:
            await self._either(self._said)
        elif end.reason == GONE:
            self._refused[editing.text.id] += 1
            await self._pause(PAUSES[0])
        elif end.reason in CRASHED:
            await self._crashed(end)
        elif end.reason in ("none", "off"):
            await self._give_up(WARNING, str(end))
        else:
            await self._lost(end, editing)

    async def _crashed(self, end: StreamEnded) -> None:
        self._crashes.append(trio.current_time())
        if len(self._crashes) == CRASHES and self._crashes[-1] - self._crashes[0] < WINDOW:
            words = str(end) or (f"status {end.status}" if end.status else "it said nothing")
            await self._give_up(ERROR, f"{self.name} ended {CRASHES} times and is not started again: {words}")
        else:
            await self._pause(PAUSES[min(len(self._crashes), len(PAUSES)) - 1])

    async def _lost(self, end: StreamEnded, editing: Editing) -> None:
        """The connection is gone, or there is none to be had."""
        if editing.session.peer is not None and not self._known:
            self._bridge.alone()
            await self._flush()
            await self._tell(WARNING, f"no language server: {end}")
        self._losses += 1
        await self._pause(PAUSES[min(self._losses, len(PAUSES)) - 1])

    async def _give_up(self, kind: int, why: str) -> None:
        """The endpoint is all that there is, until the user wants a server again."""
        self._bridge.alone()
        await self._flush()
        await self._tell(kind, why)
        await self._wanted.wait()

    async def _pause(self, seconds: float) -> None:
        with trio.move_on_after(seconds):
            await self._wanted.wait()

    async def _either(self, event: trio.Event) -> None:
        """Return at *event*, or when the user wants a server."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_after, self._wanted, nursery.cancel_scope)
            await event.wait()
            nursery.cancel_scope.cancel()

    # Which document

    async def _open_document(self) -> Editing:
        """A document that leads to the server; it is waited for, and for its host."""
        late = trio.current_time() + FIRST
        while (found := self._candidate()) is None:
            if self._known or trio.current_time() >= late or not self._any():
                self._bridge.alone()
                await self._flush()
            if not self._any() and self._bridge.replay.texts:
                host, root = self._bridge.policy.places.host, self._known.get("root", "")
                await self._tell(
                    WARNING,
                    f"{self.name} has ended: no document {root and f'in {root} '}is open any more on {host}; "
                    "it is started again when one is",
                )
            await self._news()
        return found

    async def _news(self) -> None:
        """Return when a document may stand otherwise."""
        event = trio.Event()
        shown = self._documents.tools.shown
        shown.add(event.set)
        try:
            with trio.move_on_after(LOOK):
                await event.wait()
        finally:
            shown.discard(event.set)

    def _candidate(self) -> Editing | None:
        """The document that the server is asked for with: the first one as long as it is open."""
        fit = [one for one in self._fitting() if one.session.peer is not None]
        if fit and self._editing not in fit:
            self._editing = fit[0]
        return self._editing if fit else None

    def _any(self) -> bool:
        return bool(self._fitting())

    def _fitting(self) -> list[Editing]:
        return [one for one in self._documents.all() if self._fits(one)]

    def _fits(self, one: Editing) -> bool:
        """Whether *one* leads to the same project on the same host.

        A host's name is what it says that it is. So where its session is another one, and nothing proves
        that it is the same host, it gets no text that was open before.
        """
        if self._refused[one.text.id] >= REFUSALS:
            return False
        first = self._editing
        if one is first:
            return True
        root = self._known.get("root", "").rstrip("/")
        there = one.text.path.startswith(f"{root}/") if self._known else one.text.path == first.text.path
        if one.text.host != first.text.host or not there:
            return False
        same = (
            one.session is first.session
            or bool(one.session.identity)
            and (one.session.identity == first.session.identity)
        )
        return same or not self._bridge.replay.texts


async def _cancel_after(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()
