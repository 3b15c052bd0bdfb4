"""A text that an editor opens by itself: it lies in memory, and nobody starts an editor for it.

An editor of files that has nothing but a language client is told where something is defined, and goes there.
"""

from __future__ import annotations

from functools import partial

import trio

from rbridge.adapters.base import Desk, Pane, Text, Wanted
from rbridge.adapters.courier import Courier
from rbridge.adapters.place import place_for
from rbridge.adapters.tasks import beside
from rbridge.adapters.watch import Watcher, best_watcher


class Borrowed(Wanted):
    """One; *name* is what users call the editor. It is there once it is *ready*, until :meth:`give_back`."""

    def __init__(self, name: str, watcher: Watcher | None = None) -> None:
        self._name = name
        self._watcher = watcher or best_watcher()
        self._over = trio.Event()
        self.ready = trio.Event()

    async def edit(
        self, text: Text, desk: Desk, *, task_status: trio.TaskStatus[Pane] = trio.TASK_STATUS_IGNORED
    ) -> None:
        with place_for(text) as place:
            async with self._watcher.watching(text.file) as watch:
                courier = Courier(text, desk, watch, place.private, self._name)
                await courier.start()
                async with beside(partial(self._end, courier)):
                    task_status.started(courier)
                    self.ready.set()
                    await courier.run()

    def give_back(self) -> None:
        """The editor is gone, or does not want it any more."""
        self._over.set()

    async def _end(self, courier: Courier) -> None:
        await self._over.wait()
        courier.end()  # what was written is delivered first
