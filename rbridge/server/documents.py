"""The open documents of a daemon: each runs by itself, and what goes wrong in one ends that one."""

from __future__ import annotations

from collections.abc import Callable

import trio

from rbridge.server.editing import Editing, Tools
from rbridge.server.log import logger

PATIENCE = 1.5  # times what is waited for saves under way; then a host that takes nothing is left as it is


class Documents:
    """All :class:`Editing` of one daemon, run in *nursery*."""

    def __init__(self, tools: Tools, nursery: trio.Nursery) -> None:
        self.tools = tools
        self.stopping = False
        self._nursery = nursery
        self._open: set[Editing] = set()
        self._none_left = trio.Event()

    def __len__(self) -> int:
        return len(self._open)

    def all(self) -> list[Editing]:
        """Those that are open, by host and path."""
        return sorted(self._open, key=lambda one: (one.text.host, one.text.path, one.text.id))

    def find(self, host: str, path: str) -> list[Editing]:
        """Those of this file."""
        return [one for one in self.all() if (one.text.host, one.text.path) == (host, path)]

    def of(self, session: str, token: str) -> Editing | None:
        """The one that the client of this secret calls *token*."""
        mine = (one for one in self._open if (one.session.secret, one.token) == (session, token))
        return next(mine, None)

    def begin(self, editing: Editing, ended: Callable[[], None]) -> None:
        """Run *editing* from now on; *ended* is called when nothing is left of it."""
        self._open.add(editing)
        self._nursery.start_soon(self._run, editing, ended)

    async def stop(self) -> None:
        """End all documents, or leave them to the daemon that comes next; returns when they have ended, in
        bounded time where their editors allow it.
        """
        self.stopping = True
        for editing in self._open:
            editing.leave()
        with trio.move_on_after(PATIENCE * self.tools.limits.shutdown):
            await self._none()
        for editing in self._open:
            editing.line.hang_up()
        await self._none()

    async def _none(self) -> None:
        """Return when none is open."""
        if self._open:
            await self._none_left.wait()

    async def _run(self, editing: Editing, ended: Callable[[], None]) -> None:
        try:
            await editing.run()
        except Exception:
            logger.exception("%s: an error in rbridge itself; the document is closed", editing.name)
        finally:
            self._open.discard(editing)
            if not self._open:
                self._none_left.set()
                self._none_left = trio.Event()
            ended()
