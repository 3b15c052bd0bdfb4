"""The pulse of a link connection: when it is our turn to say ``beat``, and when the host has been silent too
long.

Silence is counted only while we listen: a peer whose bytes we do not take, because the user is asked or a
disk is slow, is not dead. The numbers are the protocol's (:mod:`rbridge.wire.limits`): both sides keep to the
same ones.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from rbridge.errors import ProtocolError
from rbridge.server.peer import Awaited, Peer, PeerGone
from rbridge.wire.limits import BEAT_BUSY, BEAT_IDLE, DEAD_BUSY, DEAD_IDLE


class Heartbeat:
    """Beats on the connection of *peer*; *awaited* are the answers that its session waits for.

    *changed* is called when :meth:`deadline` may have become another one.
    """

    def __init__(self, peer: Peer, awaited: Awaited, changed: Callable[[], None]) -> None:
        self._peer = peer
        self._awaited = awaited
        self._changed = changed
        self._since = trio.current_time()  # we have been listening, and hear nothing
        self._midway = False
        self._woken = trio.Event()

    def listen(self) -> float:
        """We wait for the peer's next bytes from now on; returns :meth:`deadline`."""
        self._since = trio.current_time()
        midway = self._peer.wire.midway
        if midway is not self._midway:
            self._midway = midway
            self._woken.set()
        return self.deadline()

    def deadline(self) -> float:
        """When the peer, still silent, is dead."""
        dead = self._since + DEAD_IDLE
        if self._midway:
            return self._since + DEAD_BUSY
        oldest = self._awaited.oldest
        # a save that has just been sent must first arrive: the peer beats faster only then
        return dead if oldest is None else min(dead, max(self._since, oldest) + DEAD_BUSY)

    async def run(self) -> None:
        """Beat until the connection has ended or this is cancelled."""
        self._awaited.watch(self._wake)
        try:
            while True:
                await self._beat_in_time()
        except (PeerGone, ProtocolError):
            return  # the reader notices by itself
        finally:
            self._awaited.unwatch(self._wake)

    async def _beat_in_time(self) -> None:
        self._woken = trio.Event()
        due = self._peer.said + (BEAT_BUSY if self._busy else BEAT_IDLE)
        if trio.current_time() < due:
            with trio.move_on_at(due):
                await self._woken.wait()
        elif self._peer.writing:
            # what is being written is a sign of life, and nothing may come in between
            with trio.move_on_after(BEAT_BUSY):
                await self._woken.wait()
        else:
            await self._peer.beat()

    @property
    def _busy(self) -> bool:
        return self._midway or self._awaited.oldest is not None

    def _wake(self) -> None:
        self._woken.set()
        self._changed()
