"""The heartbeat of a session: what is silent for too long is dead, and nobody is to think that of us.

Times are those of ``docs/protocol.md``. They are looked at every :data:`TICK` seconds at least, so what falls
due in between is noticed that much later.
"""

import os

from rbridge.wire.limits import BEAT_BUSY, BEAT_IDLE, DEAD_BUSY, DEAD_IDLE
from rbridge.wire.records import Record

MYPY = False
if MYPY:
    from typing import List, Optional, Tuple

    from rbridge.client.channel import Channel
    from rbridge.client.loop import Timer
    from rbridge.client.session import Session

TICK = 2.5

SUSPECT = BEAT_IDLE + 5.0
"""Seconds of silence after which the daemon is looked for elsewhere as well: a beat has been missed."""


class Heart:
    """That of *session*; :meth:`beat` whenever something changed that may bring a time forward."""

    __slots__ = ("_peer", "_session", "_socket", "_timer")

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._timer: "Optional[Timer]" = None
        self._peer = session.peer
        self._socket = self._found()

    def moved(self) -> bool:
        """Whether the socket that leads to the daemon is another one now: the tunnel was made anew, and the
        old one may be half dead.
        """
        if self._peer is not self._session.peer:  # we went over to another connection since
            self._peer, self._socket = self._session.peer, self._found()
        return self._found() not in (None, self._socket)

    def _found(self) -> "Optional[Tuple[int, int]]":
        try:
            found = os.stat(self._peer.endpoint.path)
        except OSError:
            return None
        return found.st_ino, found.st_ctime_ns

    def beat(self) -> None:
        """Say what is due, and end what is dead."""
        self.stop()
        session = self._session
        now = session.loop.clock()
        # of the session, not of the one connection: the daemon waits on all of them for the answer to a save
        busy = session.resident.busy or any(channel.midway for channel in self._channels())
        due = now + TICK
        for channel in self._channels():
            every = BEAT_BUSY if busy else BEAT_IDLE
            silent = 0.0 if channel.paused else now - channel.heard
            if silent >= self._longest(channel):
                session.lost(channel)
                continue
            if channel is not session.main or session.ready:
                if now - channel.said >= every and not channel.waiting:
                    channel.say(Record("beat", {}))
                due = min(due, max(channel.said + every, now + 0.05))
            if channel is session.main and session.ready:
                if silent >= SUSPECT:
                    session.seek()
                else:
                    session.heard_again()
        if self._channels():
            self._timer = session.loop.at(due - now, self.beat)

    def stop(self) -> None:
        """No more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _channels(self) -> "List[Channel]":
        session = self._session
        main = [session.main] if session.main is not None else []
        return main + list(session.joins.channels)

    def _longest(self, channel: "Channel") -> float:
        """Seconds of silence that *channel* survives."""
        unanswered = channel is self._session.main and not self._session.ready
        return DEAD_BUSY if unanswered or channel.midway else DEAD_IDLE
