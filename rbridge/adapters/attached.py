"""The adapter for editors whose plug-in is connected: remote texts as true buffers; see docs/attach.md."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from rbridge.adapters.base import Adapter, Desk, Pane, Text
from rbridge.adapters.buffer import KIND, Buffer
from rbridge.adapters.place import place_again, place_for, private_of
from rbridge.adapters.tasks import beside
from rbridge.adapters.window import Window
from rbridge.errors import CannotCreate, NotListening, RbridgeError, clean
from rbridge.jsonrpc import RpcError

RETURN = 60.0  # seconds that the plug-ins of a daemon that died have to come back to us
TAKE = 10.0  # seconds for a document of such a daemon to be here


class Attached(Adapter):
    """All windows whose plug-in is connected, and the documents in them."""

    name = "an attached editor"

    def __init__(self) -> None:
        self.windows: list[Window] = []
        """The one that was focused last comes first."""
        self._buffers: dict[str, Buffer] = {}
        self._expected: dict[str, trio.Event] = {}
        self._arrival = trio.Event()

    def describe(self) -> str:
        return "the attached editor that was focused last"

    async def serve(self, stream: trio.abc.Stream) -> None:
        """One plug-in's connection, to its end."""
        window = Window(stream, self)
        try:
            await window.run()
        finally:
            if window in self.windows:
                self.windows.remove(window)
            for buffer in self._buffers.values():
                buffer.lost(window)

    def for_text(self, text: Text) -> list[Window]:
        """The windows in which *text* may be opened, in order: first one that shows this very file."""
        here = (text.host, text.path)
        showing = [
            one.window
            for one in self._buffers.values()
            if text.path and one.opened and (one.text.host, one.text.path) == here
        ]
        return sorted(self.windows, key=lambda window: window not in showing)

    async def arrival(self) -> None:
        """Return when one more window is attached."""
        await self._arrival.wait()

    # The contract

    async def ask(self, message: str, answers: Sequence[str]) -> str | None:
        """In the window that was focused last, of those that can; the next one where that goes away."""
        asked: list[Window] = []
        while True:
            can = [one for one in self.windows if one.question and one not in asked]
            if not can:
                return None
            asked.append(can[0])
            try:
                return await can[0].ask(message, answers)
            except trio.BrokenResourceError:
                continue

    async def edit(
        self, text: Text, desk: Desk, *, task_status: trio.TaskStatus[Pane] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """As :meth:`Adapter.edit`; raises NotListening where no window could show *text*."""
        with place_for(text) as place:
            buffer = Buffer(text, desk, place)
            try:
                await buffer.begin()
            except OSError as error:
                raise CannotCreate(f"cannot make a copy of {text.name}: {error.strerror}") from error
            async with self._known(buffer):
                await self._open(buffer)
                task_status.started(buffer)
                await buffer.over()

    def runs(self, text: Text, resume: Mapping[str, Any]) -> bool:
        """Nobody knows before the plug-in is back: :meth:`adopt` waits for it."""
        if resume.get("kind") != KIND or private_of(text, resume) is None or not os.path.isfile(text.file):
            return False
        self._expected.setdefault(text.id, trio.Event())
        return True

    async def adopt(
        self,
        text: Text,
        desk: Desk,
        resume: Mapping[str, Any],
        *,
        task_status: trio.TaskStatus[Pane] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        try:
            with place_again(text, resume) as place:
                buffer = Buffer(text, desk, place, RETURN)
                await buffer.go_on_from(resume)
                async with self._known(buffer):
                    task_status.started(buffer)
                    await buffer.over()
        except (CannotCreate, OSError) as error:
            raise NotListening(clean(f"cannot go on with {text.name}: {error}")) from error
        finally:
            self._expected.pop(text.id, trio.Event()).set()

    @asynccontextmanager
    async def _known(self, buffer: Buffer) -> AsyncIterator[None]:
        """The plug-ins can speak of *buffer* as long as the block runs."""
        self._buffers[buffer.text.id] = buffer
        self._expected.pop(buffer.text.id, trio.Event()).set()
        try:
            async with beside(buffer.deliver):
                yield
        finally:
            del self._buffers[buffer.text.id]
            buffer.gone()

    async def _open(self, buffer: Buffer) -> None:
        text = buffer.text
        why = "no editor is attached"
        for window in self.for_text(text):
            if not (buffer.shown.utf8 or window.base64):
                why = f"{window.name} cannot show bytes that are no UTF-8"
                continue
            try:
                await window.open(buffer)
            except (trio.TooSlowError, trio.BrokenResourceError):
                why = f"{window.name} does not answer"
                buffer.lost(window)
            except RpcError as error:
                raise RbridgeError(
                    clean(f"{window.name} cannot show {text.name}: {error.message}")
                ) from error
            else:
                buffer.opened = True
                return
        raise NotListening(clean(f"cannot open {text.name}: {why}"))

    # What windows ask

    def buffer(self, document: str) -> Buffer | None:
        return self._buffers.get(document)

    async def expected(self, document: str) -> None:
        coming = self._expected.get(document)
        if coming is not None:
            with trio.move_on_after(TAKE):
                await coming.wait()

    def enters(self, window: Window) -> None:
        self.windows.insert(0, window)
        self._arrival.set()
        self._arrival = trio.Event()

    def focused(self, window: Window) -> None:
        if window in self.windows:
            self.windows.remove(window)
            self.windows.insert(0, window)
