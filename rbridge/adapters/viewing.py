"""Shows a file that is no text in the laptop's own viewer, for reading."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from shutil import which as find_program

import trio

from rbridge.adapters import viewer
from rbridge.adapters.again import tell
from rbridge.adapters.base import Desk, Pane, Text
from rbridge.adapters.courier import Courier
from rbridge.adapters.place import place_for
from rbridge.adapters.process import Start
from rbridge.adapters.tasks import beside
from rbridge.adapters.terminal import OwnProgram
from rbridge.adapters.watch import Watcher, best_watcher
from rbridge.errors import NotListening, clean

AT_ONCE = 5.0  # seconds: what ended sooner has handed the file on, and its end says nothing of the viewer's


class Viewing:
    """The laptop's own viewers. *environ* is what they get (default: what we have), *which* finds what starts
    them, *watcher* watches their files.
    """

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        which: Callable[[str], str | None] = find_program,
        watcher: Watcher | None = None,
    ) -> None:
        self._environ = environ
        self._which = which
        self._watcher = watcher or best_watcher()

    def words(self, text: Text) -> list[str]:
        """The command that shows *text*; nothing where it is a text, or where there is no such command."""
        if not (viewer.may_be(text) and viewer.kind_of(text)):
            return []
        return viewer.program(self._environment(), self._which)

    async def show(
        self, text: Text, desk: Desk, words: Sequence[str], task_status: trio.TaskStatus[Pane]
    ) -> None:
        """Have *words* show *text*; returns when the viewer is seen to end, which mostly nobody sees.

        What the host changes is shown; what a viewer writes is not sent. Raises NotListening.
        """
        shown = replace(text, read_only=True)
        if text.half is not None:
            text.half.end(f"{text.name} is no text, so there is no diff")
        environ = self._environment()
        with place_for(text) as place:
            start = Start(name_of(words), [*words, str(text.file)], place.cwd, place.private, environ)
            async with self._watcher.watching(text.file) as watch:
                pane = Viewed(shown, desk, watch, place.private, name_of(words))
                await pane.start()
                began = trio.current_time()
                async with OwnProgram().open(start) as running, beside(pane.run):
                    task_status.started(pane)
                    status = await running.wait()
                    if status:
                        said = running.last_words() or f"it ended with {status}"
                        raise NotListening(clean(f"{name_of(words)} cannot show {text.name}: {said}"))
                    if trio.current_time() - began < AT_ONCE:
                        pane.shows_again = partial(_again, start.argv, place.cwd, environ)
                        await trio.sleep_forever()

    def _environment(self) -> dict[str, str]:
        return dict(os.environ if self._environ is None else self._environ)


class Viewed(Courier):
    """A file in a viewer."""

    @property
    def editor(self) -> str:
        return self._editor


def name_of(words: Sequence[str]) -> str:
    """What users call the command of these *words*."""
    return os.path.basename(words[0])


async def _again(
    words: Sequence[str], cwd: Path, environ: Mapping[str, str], _line: int, _column: int
) -> None:
    """Show it once more: what handed the file on knows best which window that is."""
    await tell(words, cwd, environ)
