"""A port of a host on this laptop's loopback: whoever connects there is connected there, through the tunnel.

For each connection that comes the host is asked for a stream over a further connection (``to: port``,
``docs/protocol.md``): ssh gives each its own flow control. A port belongs to a host that has proved who it
is; the user here has allowed it, once for each port while the daemon runs. It outlives the tunnel, like a
document. Long, because a port's beginning, its connections and its end belong together.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import trio

from rbridge.errors import Denied, RbridgeError, RemoteProtocolError, TryAgain, clean
from rbridge.server import browser, urls
from rbridge.server.config import PORTS
from rbridge.server.log import logger
from rbridge.server.loopback import LOWEST, Carried, candidates, close, listeners
from rbridge.server.peer import Peer
from rbridge.server.streams import asked
from rbridge.wire import codec, values

if TYPE_CHECKING:
    from rbridge.server.service import Service
    from rbridge.server.session import Session

ASKING = 4  # of them that wait for an answer of the user
CONNECTIONS = 64  # of one port at a time; further ones wait until one of them is over
BACK = 5.0  # seconds that a connection waits for a tunnel that is on its way back
GONE = 24 * 3600.0  # seconds without the host after which a port is closed; its client gives up then, too
FAREWELL = 2.0  # seconds for telling the host of the end
PAGES = 10  # of one host that are shown in a minute
READY = 2  # further connections of the host that are kept for who comes next

UNKNOWN = (
    "the laptop has ports only of hosts that it knows, and knows nothing of this connection: "
    "connect there with 'rbridge ssh HOST'"
)

Refusal = tuple[str, str]


async def _never(_identity: str, _number: int) -> bool:
    return False


@dataclass
class Ports:
    """Those of one daemon, and what its user has *allowed*: hosts' identities and their ports. What is
    *configured*, by the same two, needs no question; what was *declined* is not brought again by itself.
    """

    allowed: set[tuple[str, int]] = field(default_factory=set)
    configured: Callable[[str, int], Awaitable[bool]] = _never
    declined: set[tuple[str, int]] = field(default_factory=set)
    all: set[Port] = field(default_factory=set)

    shown: dict[str, deque[float]] = field(default_factory=dict)
    """When the last pages of each host were."""

    def of(self, identity: str) -> list[Port]:
        """Those of the host that is known by this *identity*."""
        return [one for one in self.all if one.identity == identity]

    def forget(self, identity: str) -> None:
        """What was declined of that host may be brought again."""
        self.declined = {one for one in self.declined if one[0] != identity}

    def may_show(self, identity: str) -> bool:
        """Whether another page of that host may be shown now: it is counted then."""
        recent = self.shown.setdefault(identity, deque(maxlen=PAGES))
        if len(recent) == PAGES and trio.current_time() < recent[0] + 60:
            return False
        recent.append(trio.current_time())
        return True


async def show(
    service: Service, session: Session, peer: Peer, said: Mapping[str, str], back: bool = False
) -> None:
    """Have the port, or the page, that *said* names here, or tell the host why not. *back*: the host had it
    with the daemon before this one.

    Raises RemoteProtocolError.
    """
    token = values.token(said.get("token"))
    number, wanted = values.port(said.get("port")), values.port(said.get("wanted", "0"))
    url = codec.unquote(said.get("url", ""))
    if not number and not url:
        raise RemoteProtocolError("neither a port nor a page is wanted")
    refusal = _why_not(service, session, token, back)
    if refusal is None:
        port = Port(service, session, token, number, wanted, url)
        service.ports.all.add(port)
        session.begin_port(port, lambda: service.ports.all.discard(port))
    else:
        service.documents.tools.notifier.tell(f"{session.label}: its port is not shown: {refusal[1]}")
        await peer.refuse(token, *refusal)


async def resume(service: Service, session: Session, peer: Peer, said: Mapping[str, str]) -> None:
    """The host still has it, or wants it again; one that this daemon does not know is begun anew."""
    token = values.token(said.get("token"))
    port = session.ports.get(token)
    if port is not None:
        port.attached()
        if said.get("re-activate") == "yes" and "url" in said:
            port.browse(codec.unquote(said["url"]))
    elif token in session.closed:
        await peer.close(token)
        session.heard_end(token)
    else:
        await show(service, session, peer, said, back=True)


def _why_not(service: Service, session: Session, token: str, back: bool) -> Refusal | None:
    if not session.identity:
        return "denied", UNKNOWN
    if not service.config.ports:
        return "denied", "ports are turned off by ports in the laptop's configuration"
    if service.documents.stopping:
        return "failed", "rbridge serve is ending on the laptop"
    mine = service.ports.of(session.identity)
    if len(mine) >= PORTS or (not back and sum(one.asking for one in mine) >= ASKING):
        return "busy", f"{len(mine)} ports of this host are there, or asked for, already"
    if token in session.ports or token in session.folders or token in session.documents:
        return "failed", "the token is in use"
    return None


class Port:
    """Port *number* of *session*'s host, which calls it *token*; 0: nothing but the page at *url* is wanted.

    *wanted* is the port that it is to have here, 0 for the same.
    """

    def __init__(
        self, service: Service, session: Session, token: str, number: int, wanted: int, url: str
    ) -> None:
        self.id = secrets.token_hex(16)
        self.token = token
        self.number = number
        self.local = 0
        """The port here, 0 while there is none."""
        self.identity = session.identity
        self.session = session
        self.asking = True
        """Whether it is not decided yet."""
        self.told_close = False
        """Whether the host knows that it is closed."""
        self._service = service
        self._tools = service.documents.tools
        self._wanted = wanted or number
        self._url = url
        self._note = ""
        self._tell_note = False  # nobody at the host reads it
        self._scope = trio.CancelScope()
        self._farewell = trio.CancelScope()
        self._nursery: trio.Nursery | None = None
        self._listening: list[trio.socket.SocketType] = []
        self._slots = trio.Semaphore(CONNECTIONS)
        self._carried: set[trio.CancelScope] = set()

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.session.label}:{self.number}" if self.number else f"a page for {self.session.label}"

    def row(self) -> dict[str, object]:
        """For ``rbridge status``."""
        return {
            "id": self.id,
            "host": self.session.host,
            "path": str(self.number) if self.number else "a page",
            "name": str(self.number),
            "state": "asking" if self.asking else "port",
            "connected": self.session.peer is not None,
            "message": self._standing,
            "editor": "",
            "closed": False,
        }

    @property
    def _standing(self) -> str:
        note = f" ({self._note})" if self._note else ""
        return f"http://127.0.0.1:{self.local} leads there{note}" if self.local else "rbridge allow"

    # What the daemon and the session call

    async def run(self) -> None:
        """Have it here until the host, the user or the daemon ends it."""
        refusal: Refusal | None = None
        try:
            with self._scope:
                refusal = await self._begin()
                if refusal is None and self.number:
                    await self._serve()
        finally:
            self._stop_listening()
        with trio.move_on_after(FAREWELL), self._farewell:
            await self._say_end(refusal)
        logger.info("%s: closed", self.name)

    def attached(self) -> None:
        """The host is back, and has it still."""
        self._scope.deadline = float("inf")
        if self._nursery is not None and (self.local or self.asking):
            self._nursery.start_soon(self._say_opened if self.local else self._say_asking)

    def browse(self, url: str) -> None:
        """The host's user wants this page of it shown. Where only a page is wanted, the user here was asked
        for that one, and no other.
        """
        if not self.number:
            return
        self._url = url
        if self._nursery is not None and self.local:
            self._nursery.start_soon(self._show)

    def lost(self) -> None:
        """The connection to the host is gone; the port stays."""
        self._scope.deadline = trio.current_time() + GONE
        for scope in self._carried:
            scope.cancel()

    def host_closed(self) -> None:
        """The host said ``close``."""
        self.told_close = True
        self._scope.cancel()

    def stop(self) -> None:
        """The user closes it."""
        self._service.ports.declined.add((self.identity, self.number))
        self.give_way()

    def give_way(self) -> None:
        """Another one takes its place."""
        self._scope.cancel()
        self._stop_listening()  # now: that one comes at once

    def leave(self) -> None:
        """The daemon ends; the host says it again to the one that comes next."""
        self.told_close = True
        self._scope.cancel()

    def hang_up(self) -> None:
        """The daemon ends, and waits no longer for a host that takes nothing."""
        self._farewell.cancel()

    # The beginning

    async def _begin(self) -> Refusal | None:
        """Ask the user, and listen; why not, if not."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                try:
                    refusal = await self._admit()
                finally:
                    self.asking = False
                if refusal is None and self.number:
                    self._note = await self._listen()
                    if self._note and self._tell_note:
                        self._tools.notifier.tell(f"{self.name}: {self._note}")
                if refusal is None:
                    await self._show()
                    await self._say_opened()
            except RbridgeError as error:
                refusal = "denied" if isinstance(error, Denied) else "failed", error.line()
            finally:
                self._nursery = None
            nursery.cancel_scope.cancel()
        return refusal

    async def _admit(self) -> Refusal | None:
        """What the user says of it."""
        name, parts = self.session.label, urls.checked(self._url) if self._url else None
        if parts is not None and not self.number and urls.is_loopback(parts):
            return "denied", "that URL means the laptop itself"
        if self.number and (self.identity, self.number) in self._service.ports.allowed:
            return None
        if self.number and await self._service.ports.configured(self.identity, self.number):
            self._tell_note = True
            return None
        if self.number:
            text = notice = f"{name} asks that programs here reach its port {self.number}"
            if parts is not None:
                text += f", and that your browser shows its page {(parts.path or '/')[:200]}"
        else:
            text = f"{name} asks that your browser shows {self._url}"
            notice = f"{name} asks that your browser shows a page of {parts.hostname if parts else ''}"
        consent = self._service.consent
        question = consent.question(text)
        if question is None:
            return "busy", "too many questions wait for the laptop's user"
        self._tools.notifier.tell(f"{notice}: run 'rbridge allow'")
        try:
            await self._say_asking()
            allowed = await consent.wait(question)
        finally:
            consent.answer(question.id, False)  # if it waits still
        if allowed and self.number:
            self._service.ports.allowed.add((self.identity, self.number))
        if allowed:
            return None
        if question.answered.is_set():
            return "denied", "the laptop's user refused it"
        return "unanswered", "nobody answered on the laptop: 'rbridge allow' there lists what waits"

    async def _listen(self) -> str:
        """Listen at the port that is wanted, or another; what is to be said of that. Raises RbridgeError."""
        self._service.ports.declined.discard((self.identity, self.number))
        for other in self._service.ports.of(self.identity):
            # RACE: it may be on its way back, in another namespace of the host: it is closed all the same
            if other is not self and other.number == self.number and other.session.peer is None:
                other.give_way()
        for number in candidates(self._wanted):
            sockets = listeners(number)
            if sockets:
                self._listening = [trio.socket.from_stdlib_socket(one) for one in sockets]
                self.local = sockets[0].getsockname()[1]
                logger.info("%s: at port %d", self.name, self.local)
                if self.local == self._wanted:
                    return ""
                why = "is taken on the laptop" if self._wanted >= LOWEST else "is no port for users there"
                return f"{self._wanted} {why}: it is {self.local}"
        raise TryAgain("no port is free on the laptop")

    def _stop_listening(self) -> None:
        for one in self._listening:
            one.close()
        self._listening.clear()

    async def _show(self) -> None:
        """Show the page that is wanted."""
        url, self._url = self._url, ""
        if not url:
            return
        try:
            if not self._service.ports.may_show(self.identity):
                raise TryAgain("too many pages of this host were shown within a minute")
            parts = urls.checked(url)
            await browser.show(self._service.documents, urls.led(parts, self.local) if self.number else url)
        except RbridgeError as error:
            if not self.number:
                raise
            self._note = "; ".join(one for one in (self._note, error.line()) if one)
            self._tools.notifier.tell(f"{self.name}: its page is not shown: {error.line()}")

    # What the host is told

    async def _say_asking(self) -> None:
        message = f"{self._service.laptop} asks its user: answer there, in the editor or with 'rbridge allow'"
        await self._tell(lambda peer: peer.state(self.token, "asking", message))

    async def _say_opened(self) -> None:
        where, note = f"http://127.0.0.1:{self.local}" if self.number else "the browser", self._note
        await self._tell(lambda peer: peer.opened(self.token, where, note))

    async def _say_end(self, refusal: Refusal | None) -> None:
        async def say(peer: Peer) -> None:
            if refusal is not None:
                await peer.refuse(self.token, *refusal)
            elif not self.told_close:
                await peer.close(self.token)
            self.told_close = True

        if refusal is not None:
            self._tools.notifier.tell(f"{self.name}: not shown: {refusal[1]}")
        await self._tell(say)

    async def _tell(self, say: Callable[[Peer], Awaitable[None]]) -> None:
        """Say something, if anybody is there to hear it."""
        peer = self.session.peer
        if peer is not None:
            try:
                await say(peer)
            except RbridgeError as error:
                logger.info("%s: %s", self.name, error)

    # The connections

    async def _serve(self) -> None:
        """Take connections until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                self._get_ready(READY)
                for one in self._listening:
                    nursery.start_soon(self._accept, one, nursery)
                await trio.sleep_forever()
            finally:
                self._nursery = None

    def _get_ready(self, count: int) -> None:
        """Have the host make connections for who comes next; they come even if we end meanwhile."""
        self._service.documents.start(partial(self.session.make_ready, count))

    async def _accept(self, listening: trio.socket.SocketType, nursery: trio.Nursery) -> None:
        while True:
            await self._slots.acquire()
            try:
                client, _ = await listening.accept()
            except OSError as error:
                self._slots.release()
                if listening.fileno() < 0:
                    return
                logger.warning("%s: no connection can be taken: %s", self.name, error.strerror)
                await trio.sleep(1.0)
                continue
            nursery.start_soon(self._carry, trio.SocketStream(client))

    async def _carry(self, client: trio.SocketStream) -> None:
        """One connection, to its end; one that did not end well is broken off."""
        well = False
        with trio.CancelScope() as scope:
            self._carried.add(scope)
            try:
                with trio.move_on_after(BACK):
                    await self.session.connected()
                carried = partial(Carried, client=client)
                said = {"to": "port"}
                async with asked(self.session, self.token, said, carried, insist=True) as stream:
                    self._get_ready(1)
                    try:
                        well = await stream.run()
                    finally:
                        if not well:
                            await stream.abort()
            except RbridgeError as error:
                logger.info("%s: a connection ended: %s", self.name, clean(str(error)))
            finally:
                self._carried.discard(scope)
                self._slots.release()
                close(client, well)
