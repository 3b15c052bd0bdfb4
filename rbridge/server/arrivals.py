"""What the host sends of a document that is open: its new text, or more of a growing file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

import trio

from rbridge.server import received
from rbridge.server.ground import Ground
from rbridge.server.log import logger
from rbridge.server.received import CannotApply, Change, Growth, Log, Sink
from rbridge.server.turns import Turns

REFRESH = 0.5  # seconds between two looks that an editor gets at a growing file


class Arrivals:
    """Of the document *name*. *arrived* gets each new text, whole and verified, and its digest, and takes the
    file; *fetch* asks the host for a text that could not be made of what it sent; *tell* is for the user.
    """

    def __init__(
        self,
        name: str,
        ground: Ground,
        in_memory: bool,
        limit: int,
        start: Callable[[Callable[[], Awaitable[None]]], None],
        arrived: Callable[[Path, str], None],
        fetch: Callable[[], None],
        tell: Callable[[str], None],
    ) -> None:
        self._name = name
        self._ground = ground
        self._in_memory = in_memory
        self._limit = limit
        self._start = start
        self._arrived = arrived
        self._fetch = fetch
        self._tell = tell
        self._turns = Turns(start)
        self._answers = 0
        self._offered = False
        self._log: Log | None = None
        self._show: Callable[[Path], Awaitable[None]] | None = None
        self._refreshing = False
        self._shown = -REFRESH

    def answered(self) -> None:
        """The host acknowledged a save: a text that it sent before may not be what it has any more."""
        self._answers += 1

    def changed(self, headers: Mapping[str, str]) -> Sink:
        """The head of a ``changed``. Raises RemoteProtocolError."""
        said = received.change(headers, self._limit)
        return self._sink(partial(self._unpack, said, self._answers))

    def appended(self, headers: Mapping[str, str]) -> Sink:
        """The head of an ``append``. Raises RemoteProtocolError."""
        return self._sink(partial(self._append, received.growth(headers, self._limit)))

    def follow(self, at: int, text: Path, show: Callable[[Path], Awaitable[None]]) -> None:
        """The document is the end of a growing file, *text* what there is of it, from offset *at* on; *show*
        puts another text in its place.
        """
        self._log = Log(self._ground.another(".log"), at)
        self._log.begin(text)
        self._show = show

    def _sink(self, take: Callable[[Path], Awaitable[None]]) -> Sink:
        def whole(body: Path) -> None:
            self._turns.add(partial(take, body))

        return Sink(self._ground.another(".incoming"), self._in_memory, whole)

    async def _unpack(self, said: Change, answers: int, body: Path) -> None:
        into = self._ground.another(".new")
        base = self._ground.text_of(said.base)
        try:
            await trio.to_thread.run_sync(received.unpack, said, body, base, into)
        except CannotApply as error:
            if said.fetched:
                self._tell(f"{self._name}: the host's new text cannot be read, the old one stays: {error}")
            else:
                logger.info("%s: the host's new text is fetched: %s", self._name, error)
                self._fetch()
            return
        if answers != self._answers:
            into.unlink(missing_ok=True)
            self._fetch()
            return
        self._arrived(into, said.digest)
        if said.grows and not self._offered:
            self._offered = True
            self._tell(f"{self._name} keeps growing: 'rbridge open --follow' shows what is appended")

    async def _append(self, said: Growth, body: Path) -> None:
        take = self._log.take if self._log is not None else _pass_over
        try:
            await trio.to_thread.run_sync(take, said, body)
        except CannotApply as error:
            logger.warning("%s: what was appended is lost: %s", self._name, error)
            return
        if not self._refreshing:
            self._refreshing = True
            self._start(self._refresh)

    async def _refresh(self) -> None:
        await trio.sleep_until(self._shown + REFRESH)
        self._turns.add(self._look)

    async def _look(self) -> None:
        self._refreshing = False
        self._shown = trio.current_time()
        if self._log is not None and self._show is not None:
            await self._show(self._log.path)


def _pass_over(said: Growth, body: Path) -> None:
    """What is appended to a text that does not grow here."""
    body.unlink(missing_ok=True)
