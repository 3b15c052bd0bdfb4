"""The open documents and folders of a daemon: each runs by itself, and what goes wrong in one ends that
one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import trio

from rbridge.server.editing import Editing
from rbridge.server.folder import Folder
from rbridge.server.log import logger
from rbridge.server.tools import Tools

if TYPE_CHECKING:
    from rbridge.server.ports import Port

PATIENCE = 1.5  # times what is waited for saves under way; then a host that takes nothing is left as it is


class Documents:
    """All :class:`Editing` of one daemon, run in *nursery*; ``folders`` are what is open beside them."""

    def __init__(self, tools: Tools, nursery: trio.Nursery) -> None:
        self.tools = tools
        self.stopping = False
        self._nursery = nursery
        self.folders: set[Folder] = set()
        self.ports: set[Port] = set()
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

    async def over(self, editing: Editing) -> None:
        """Return when nothing is left of *editing*."""
        while editing in self._open:
            await self._none_left.wait()

    def start(self, task: Callable[[], Awaitable[object]]) -> None:
        """Run *task* beside them."""
        self._nursery.start_soon(task)

    def begin(self, editing: Editing, ended: Callable[[], None]) -> None:
        """Run *editing* from now on; *ended* is called when nothing is left of it."""
        self._open.add(editing)
        self._nursery.start_soon(self._run, editing, ended)

    def begin_folder(self, folder: Folder, ended: Callable[[], None]) -> None:
        """The same for a folder."""
        self.folders.add(folder)
        self._nursery.start_soon(self._run_folder, folder, ended)

    def begin_port(self, port: Port, ended: Callable[[], None]) -> None:
        """The same for a port."""
        self.ports.add(port)
        self._nursery.start_soon(self._run_port, port, ended)

    async def stop(self) -> None:
        """End all documents and folders, or leave them to the daemon that comes next; returns when they have
        ended, in bounded time where their editors allow it.
        """
        self.stopping = True
        for folder in self.folders:
            folder.leave()
        for port in self.ports:
            port.leave()
        for editing in self._open:
            editing.leave()
        with trio.move_on_after(PATIENCE * self.tools.limits.shutdown):
            await self._none()
        for editing in self._open:
            editing.line.hang_up()
        for folder in self.folders:
            folder.hang_up()
        for port in self.ports:
            port.hang_up()
        await self._none()

    async def _none(self) -> None:
        """Return when none is open, and no folder or port either."""
        while self._open or self.folders or self.ports:
            await self._none_left.wait()

    def _ended(self) -> None:
        """Something has; whoever waits for all of it looks again."""
        self._none_left.set()
        self._none_left = trio.Event()

    async def _run(self, editing: Editing, ended: Callable[[], None]) -> None:
        try:
            await editing.run()
        except Exception:
            logger.exception("%s: an error in rbridge itself; the document is closed", editing.name)
        finally:
            self._open.discard(editing)
            self._ended()
            ended()

    async def _run_port(self, port: Port, ended: Callable[[], None]) -> None:
        try:
            await port.run()
        except Exception:
            logger.exception("%s: an error in rbridge itself; the port is closed", port.name)
        finally:
            self.ports.discard(port)
            self._ended()
            ended()

    async def _run_folder(self, folder: Folder, ended: Callable[[], None]) -> None:
        try:
            await folder.run()
        except Exception:
            logger.exception("%s: an error in rbridge itself; the folder is closed", folder.name)
        finally:
            self.folders.discard(folder)
            self._ended()
            ended()
