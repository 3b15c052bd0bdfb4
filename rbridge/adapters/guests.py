"""Editors that are here only by their language client, and show a file in memory when they are asked to.

Helix and others have no plug-in of ours. While one has a language client with us, a text that is opened comes
into it by ``window/showDocument``, and nothing is started. The text is closed when the editor says that it
has closed it, on whichever of its connections, or when its process ends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import trio

from rbridge.adapters.base import Desk, Pane, Text
from rbridge.adapters.courier import Courier
from rbridge.adapters.pids import lives
from rbridge.adapters.place import place_for
from rbridge.adapters.tasks import beside
from rbridge.adapters.watch import Watcher, best_watcher
from rbridge.errors import NotListening

LOOK = 2.0  # seconds between two looks whether a process that says nothing more still runs
RETURN = 1.0  # seconds after which a file that was closed is not opened again: it got another language, say

Show = Callable[[Path, int, int, bool], Awaitable[bool]]
"""Has a file shown, at line and column (from 1, 0: not given), with the focus or not; whether it is shown."""

PROGRAMS = {"hx": "helix", "zeditor": "zed", "zed-editor": "zed", "kwrite": "kate"}
"""What programs are called whose language client is called otherwise."""


class Guest:
    """One editor; *trace* is what finds its process again, empty where that is not known."""

    def __init__(self, name: str, trace: Mapping[str, Any]) -> None:
        self.name = name
        self.trace = trace
        self.ways: list[Show] = []
        """Its connections, the last one first."""
        self._shut: set[Path] = set()
        self._news = trio.Event()

    async def show(self, file: Path, line: int = 0, column: int = 0, focus: bool = True) -> bool:
        """Have it show *file*; whether it does."""
        for way in list(self.ways):
            if await way(file, line, column, focus):
                return True
        return False

    def opened(self, file: Path) -> None:
        """It says that it has *file*."""
        self._shut.discard(file)
        self._tell()

    def closed(self, file: Path) -> None:
        """... and has it no more."""
        self._shut.add(file)
        self._tell()

    def left(self, way: Show) -> None:
        """A connection of it has ended: it may have started its language client anew."""
        self.ways.remove(way)
        self._tell()

    async def until_done(self, file: Path) -> None:
        """Return when it has closed *file*, or its process has ended."""
        while True:
            news = self._news  # what comes while we look is not missed
            if file in self._shut:
                with trio.move_on_after(RETURN):
                    await self._until(lambda: file not in self._shut)
                if file in self._shut:
                    self._shut.discard(file)
                    return
            if not self.ways and self.trace and not await trio.to_thread.run_sync(lives, self.trace):
                return
            with trio.move_on_after(LOOK if self.trace and not self.ways else float("inf")):
                await news.wait()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._news.wait()

    def _tell(self) -> None:
        self._news.set()
        self._news = trio.Event()


class Guests:
    """All that there are."""

    def __init__(self, watcher: Watcher | None = None) -> None:
        self._watcher = watcher
        self._guests: list[Guest] = []

    def are(self, editor: str) -> bool:
        """Whether one of them is *editor*, as users call it: nobody's text comes into another one."""
        return bool(self._of(editor))

    def _of(self, editor: str) -> list[Guest]:
        name = PROGRAMS.get(editor.lower(), editor.lower())
        return [one for one in self._guests if one.ways and (not name or name in one.name.lower())]

    def join(self, name: str, trace: Mapping[str, Any], way: Show) -> Guest:
        """A language client of an editor came, which :meth:`Guest.left` ends: it is the first to be asked."""
        self._guests = [one for one in self._guests if one.ways or (one.trace and lives(one.trace))]
        guest = next((one for one in self._guests if trace and one.trace == trace), None) or Guest(
            name, trace
        )
        if guest in self._guests:
            self._guests.remove(guest)
        self._guests.insert(0, guest)
        guest.ways.insert(0, way)
        return guest

    async def edit(
        self,
        editor: str,
        text: Text,
        desk: Desk,
        *,
        task_status: trio.TaskStatus[Pane] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """As :meth:`rbridge.adapters.base.Adapter.edit`, in one that is *editor*, or any where that is empty.
        Raises NotListening where none shows *text*.
        """
        for guest in self._of(editor):
            if await self._edit_in(guest, text, desk, task_status):
                return
        raise NotListening(f"{text.name}: no editor that has a language client here shows it")

    async def _edit_in(
        self, guest: Guest, text: Text, desk: Desk, task_status: trio.TaskStatus[Pane]
    ) -> bool:
        with place_for(text) as place:
            async with (self._watcher or best_watcher()).watching(text.file) as watch:
                courier = Courier(text, desk, watch, place.private, guest.name)
                await courier.start()
                if not await guest.show(text.file, text.line, text.column, not text.keep_focus):
                    return False
                courier.shows_again = partial(_show_again, guest, text.file)
                async with beside(partial(_end, guest, courier)):
                    task_status.started(courier)
                    await courier.run()
                return True


async def _show_again(guest: Guest, file: Path, line: int, column: int) -> None:
    await guest.show(file, line, column)


async def _end(guest: Guest, courier: Courier) -> None:
    await guest.until_done(courier.text.file)
    courier.end()  # what was written is delivered first
