"""One editor for both texts of a diff: the left one's edit starts it, the right one's waits for its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import trio

from rbridge.adapters import lifeline
from rbridge.adapters.pair import Half
from rbridge.adapters.process import Opener, Running, Start

Command = Callable[[Path], Sequence[str]]
"""The command that compares a file with another one, no words where there is none."""


class Twin:
    """The :class:`~rbridge.adapters.process.Opener` of the text in *file*, which is the *half* of a diff.

    *opener* gives the editor its window. Where the other text does not come to an editor of this kind, this
    one is opened alone, as *start* says.
    """

    def __init__(self, half: Half, file: Path, opener: Opener, command: Command) -> None:
        self.file = file
        self.editor: Led | None = None
        """What the left one has started."""
        self._half = half
        self._opener = opener
        self._command = command

    def describe(self) -> str:
        return self._opener.describe()

    @asynccontextmanager
    async def open(self, start: Start) -> AsyncIterator[Running]:
        half = self._half
        half.comes(self)
        met = await half.met()
        other = half.other
        if met and not isinstance(other, Twin):
            half.end("the other file is open in another editor, so there is no diff")
        elif met and half.side == "left":
            words = self._command(other.file)
            if words:
                # what it makes of the texts stays in memory; one without guards may live on, and need /tmp
                added = {**start.added, "TMPDIR": str(start.private)} if start.guards else start.added
                async with self._lead(replace(start, argv=words, added=added)) as editor:
                    yield editor
                return
            half.end(f"the command of {start.editor} has a place for one file only, so there is no diff")
        elif met:
            await half.over()
            if half.shown and other.editor is not None:
                yield Follower(other.editor)
                return
        async with self._opener.open(start) as alone:
            yield alone

    @asynccontextmanager
    async def _lead(self, start: Start) -> AsyncIterator[Running]:
        half = self._half
        try:
            async with self._opener.open(start) as editor:
                self.editor = Led(editor)
                half.end()
                try:
                    yield self.editor
                finally:
                    self.editor.over.set()
        finally:
            if half.pair.ended is None:
                half.end(f"{start.editor} did not start, so there is no diff")


class Led:
    """The *editor* of both texts."""

    def __init__(self, editor: Running) -> None:
        self.editor = editor
        self.status: int | None = None
        self.over = trio.Event()

    async def wait(self) -> int | None:
        self.status = await self.editor.wait()
        self.over.set()
        return self.status

    def last_words(self) -> str:
        return self.editor.last_words()

    @property
    def resume(self) -> Mapping[str, Any]:
        return self.editor.resume


class Follower:
    """The same editor, for the text that did not start it."""

    def __init__(self, led: Led) -> None:
        self._led = led

    async def wait(self) -> int | None:
        await self._led.over.wait()
        return self._led.status

    def last_words(self) -> str:
        return self._led.last_words()

    @property
    def resume(self) -> Mapping[str, Any]:
        """Another process finds it by its number only: the line to it lies with the other text."""
        found = self._led.resume
        return {} if found.get("kind") == lifeline.KIND else found
