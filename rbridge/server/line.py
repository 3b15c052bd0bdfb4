"""The line from a document to its host: what is said goes out in order, over whatever leads there now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from rbridge.adapters.base import State
from rbridge.errors import LocalProtocolError
from rbridge.server.log import logger
from rbridge.server.peer import Peer, PeerGone
from rbridge.server.sending import SaveBody
from rbridge.server.turns import Turns

if TYPE_CHECKING:
    from rbridge.server.session import Session

LARGE = 1 << 20  # bytes of a body that goes over a connection of its own, so that nothing waits behind it


class Line:
    """To the document that *client*'s host calls *token*; *start* runs a task, *broken* is called when the
    connection turns out to be gone. *name* is the document's, for the log.
    """

    def __init__(
        self,
        client: Session,
        token: str,
        name: str,
        start: Callable[[Callable[[], Awaitable[None]]], None],
        broken: Callable[[], None],
    ) -> None:
        self.client = client
        self.token = token
        self._name = name
        self._broken = broken
        self._turns = Turns(start)
        self._hung_up = False
        self._told = (State.CLEAN, "")  # what the host believes
        self.travel: tuple[int, int, int] | None = None
        """Of the save that is being sent: its serial, how many bytes of it are written, how many it has."""

    def say(self, what: Callable[[Peer], Awaitable[None]]) -> None:
        """Have *what* said after all that was asked for before; forgotten when the connection ends."""
        if self._hung_up:
            return

        async def step() -> None:
            peer = self.client.peer
            if peer is None:
                return
            try:
                await what(peer)
            except PeerGone as error:
                logger.debug("%s: %s", self._name, error)
                self._broken()
            except LocalProtocolError as error:
                logger.info("%s: %s", self._name, error)

        self._turns.add(step)

    def cut(self) -> None:
        """The connection has ended: whatever was to be said is void."""
        self.travel = None
        self._turns.clear()

    def hang_up(self) -> None:
        """The daemon ends, and waits no longer for a host that takes nothing."""
        self._hung_up = True
        self.cut()

    async def save(self, peer: Peer, serial: int, body: SaveBody) -> None:
        """Send a save: a large one over a connection of its own. Raises PeerGone and LocalProtocolError."""

        def sent(done: int) -> None:
            self.travel = (serial, done, body.size)

        sent(0)
        if body.size > LARGE and self.client.may_dial:
            try:
                async with self.client.dialled() as other:
                    await other.save(self.token, serial, body, sent)
                return
            except PeerGone:
                if self.client.peer is not peer:
                    raise
                logger.info("%s: save %d goes over the main connection", self._name, serial)
        await peer.save(self.token, serial, body, sent)

    def state(self, state: State, message: str) -> None:
        """Tell the host how the document stands, unless it knows: a save and its answer say it too."""
        if state in (State.SAVING, State.OPENING, State.CLOSED) or (state, message) == self._told:
            return
        self._told = (state, message)

        async def tell(peer: Peer) -> None:
            await peer.state(self.token, state.value, message)

        self.say(tell)

    def believes(self, state: State) -> None:
        """The host thinks so by itself."""
        self._told = (state, "")
