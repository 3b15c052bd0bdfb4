"""The daemon's end of a connection that plays a transcript and fails, and an editor that saves at once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import trio

from rbridge.adapters.base import Adapter, Outcome, Pane
from rbridge.adapters.folder import FolderError, Query
from rbridge.server.peer import CHUNK
from tests.server.folders import Shown

CUT, RESET, SILENCE = "cut", "reset", "silence"
WAYS = (CUT, RESET, SILENCE)


class Line(trio.abc.Stream):
    """Says *script* to the daemon, in pieces of *size*, and then, or once the daemon has said *taken* bytes,
    ends in *way*. ``said`` is what got to the daemon, ``heard`` what it answered.
    """

    def __init__(self, script: bytes, way: str, taken: int | None = None, size: int = CHUNK) -> None:
        self.said = bytearray()
        self.heard = bytearray()
        self._script = script
        self.way = way
        self.taken = taken
        self._size = size
        self._ended = trio.Event()
        self._closed = trio.Event()

    @property
    def closed(self) -> bool:
        """Whether the daemon has closed it."""
        return self._closed.is_set()

    @property
    def spoken(self) -> bool:
        """Whether the whole script is said, and the line has not failed."""
        return not self._script

    @property
    def failed(self) -> bool:
        """Whether the daemon has said all that goes through."""
        return self.taken is not None and len(self.heard) >= self.taken

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        self._look()
        if self._script and not self.failed:
            piece, self._script = self._script[: self._size], self._script[self._size :]
            self.said += piece
            return piece
        if self.taken is not None and not self.failed:
            await self._ended.wait()
        return await self._fail()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        self._look()
        left = len(data) if self.taken is None else max(0, self.taken - len(self.heard))
        self.heard += bytes(data)[:left]
        if self.failed:
            self._ended.set()
            if self.way == SILENCE:
                await self._never()
            raise trio.BrokenResourceError("the connection was reset")

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        self._closed.set()
        self._ended.set()
        await trio.lowlevel.checkpoint()

    def _look(self) -> None:
        if self.closed:
            raise trio.ClosedResourceError

    async def _fail(self) -> bytes:
        if self.way == SILENCE:
            await self._never()
        self._look()
        if self.way == RESET:
            raise trio.BrokenResourceError("the connection was reset")
        return b""

    async def _never(self) -> None:
        """As a lost network: nothing comes, and nothing says so."""
        await self._closed.wait()
        raise trio.ClosedResourceError


@dataclass
class Edit(Pane):
    """A text that was saved as soon as it was open; *outcome* is what the editor was told."""

    text: Any
    desk: Any
    session: str
    saved: bytes
    first: bytes
    outcome: Outcome | None = None
    over: bool = False
    closed: trio.Event = field(default_factory=trio.Event)

    async def replace(self, snapshot: Path) -> bool:
        shutil.copyfile(snapshot, self.text.file)
        return True

    async def show(self, state: object, message: str = "") -> None:
        """It is on paper."""

    def close(self) -> None:
        self.closed.set()


class Hasty(Adapter):
    """Opens every text and saves it at once with one line more, which names the session. Of every folder it
    asks what it can be asked, all at once.
    """

    name = "ed"

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.edits: list[Edit] = []
        self.folders: list[Shown] = []

    def describe(self) -> str:
        return "ed on paper"

    async def edit(self, text: Any, desk: Any, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        first = text.file.read_bytes()
        session = desk.session.secret
        edit = Edit(text, desk, session, first + f"saved in {session} {text.name}\n".encode(), first)
        self.edits.append(edit)
        task_status.started(edit)
        try:
            async with trio.open_nursery() as nursery:
                if not text.read_only:
                    nursery.start_soon(self._save, edit)
                await edit.closed.wait()
                nursery.cancel_scope.cancel()
        finally:
            edit.over = True

    async def browse(self, root: Any, desk: Any, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        shown = Shown(root, desk)
        self.folders.append(shown)
        task_status.started(shown)
        async with trio.open_nursery() as nursery:
            for ask in (
                partial(desk.stat, "a.py"),
                partial(desk.listing, ""),
                partial(desk.read, "b.py"),
                partial(desk.find, "a p", 50, _pass_over),
                partial(desk.search, Query("new"), 50, _pass_over),
                partial(desk.make, "b.py", b"first\n"),
            ):
                nursery.start_soon(self._ask, ask)
            await shown.closed.wait()
            nursery.cancel_scope.cancel()

    async def _ask(self, ask: Callable[[], Awaitable[object]]) -> None:
        with suppress(FolderError):
            await ask()

    async def _save(self, edit: Edit) -> None:
        edit.text.file.write_bytes(edit.saved)
        snapshot = self.directory / f"snapshot-{os.urandom(8).hex()}"
        snapshot.write_bytes(edit.saved)
        try:
            edit.outcome = await edit.desk.save(snapshot)
        finally:
            snapshot.unlink()


def _pass_over(_found: object) -> None:
    """What was found is of no interest."""
