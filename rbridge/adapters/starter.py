"""Starts an editor whose plug-in is installed, for a text or a folder that comes while none is attached."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import trio

from rbridge import paths
from rbridge.adapters.base import Text
from rbridge.adapters.place import place_for
from rbridge.adapters.process import Opener, Start
from rbridge.adapters.window import Window
from rbridge.errors import RbridgeError

PATIENCE = 8.0  # seconds from an editor's start until its plug-in is here; a host waits 10 s by default


@dataclass(frozen=True)
class Bare:
    """An editor as it is started without a text: *words*, with the program's path first, and how it gets a
    window.
    """

    name: str
    words: Sequence[str]
    opener: Opener
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def describe(self) -> str:
        return f"{self.name} {self.opener.describe()}"


class House(Protocol):
    """What the windows of attached editors are part of."""

    windows: list[Window]

    async def arrival(self) -> None:
        """Return when one more window is attached."""


class Starter:
    """Starts *editor*, one at a time: whoever comes meanwhile waits for the same."""

    def __init__(self, editor: Bare) -> None:
        self._editor = editor
        self._turn = trio.Lock()

    def describe(self) -> str:
        return self._editor.describe()

    async def start(self, text: Text, house: House) -> str:
        """Start an editor for *text*, and return when its plug-in has come to *house*.

        Returns nothing, or in one line why no plug-in came.
        """
        async with self._turn:
            if house.windows:
                return ""
            try:
                if await _attached(self._editor, text, house):
                    return ""
            except RbridgeError as error:
                return str(error)
            return f"{self._editor.name} was started, and its plug-in did not connect in {PATIENCE:g} s"


async def _attached(editor: Bare, text: Text, house: House) -> bool:
    """Start *editor*, which goes on when this returns: whether a plug-in came.

    It is not the editor of *text* alone, so nobody waits for its end: what becomes of the window is the
    user's business.
    """
    with place_for(text) as place:
        start = Start(
            editor=editor.name,
            argv=editor.words,
            cwd=Path(paths.home()),
            private=place.private,
            environ=editor.environ,
            added={"RBRIDGE_RUNTIME_DIR": paths.runtime_dir()},  # a terminal may have another environment
            title=editor.name,
            keep_focus=text.keep_focus,
        )
        with trio.move_on_after(PATIENCE):
            async with editor.opener.open(start):
                await house.arrival()
                return True
    return False
