"""The adapter for every editor that can be started with a file: the text lies in memory, the editor saves it
there, and what it wrote goes to the host.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from shutil import which as find_program
from typing import Any

import trio

from rbridge.adapters import lifeline, orphan, treewatch
from rbridge.adapters.again import tell
from rbridge.adapters.base import Adapter, Desk, Pane, Text
from rbridge.adapters.commandline import again, command_line, compared
from rbridge.adapters.courier import Courier
from rbridge.adapters.editors import PLAIN_TERMINAL, WAIT_OPTIONS, Preset
from rbridge.adapters.folder import FolderDesk, FolderPane, Root
from rbridge.adapters.guards import Measures, Site
from rbridge.adapters.laying import lay
from rbridge.adapters.pids import lives
from rbridge.adapters.place import Place, as_text, place_again, place_for, private_of
from rbridge.adapters.process import Child, Opener, Running, Start, cannot_start, environment
from rbridge.adapters.tasks import beside
from rbridge.adapters.terminal import Tmux
from rbridge.adapters.tree import Tree
from rbridge.adapters.twin import Twin
from rbridge.adapters.viewing import Viewing
from rbridge.adapters.watch import Watcher, best_watcher
from rbridge.errors import CannotCreate, NotListening, clean

LONG_AGO = float("-inf")
DOCUMENT = "RBRIDGE_DOCUMENT"  # by which a language client of the editor says what it is for
AT_ONCE = 2.0  # seconds: nobody looked at a text and closed it faster, so it was not the editor that ended
PREPARE = 30.0  # seconds for what a guard runs first; it may start an Emacs


class CommandAdapter(Adapter):
    """An editor that is started anew for each text, as ``words``: its program and the user's arguments.

    *preset* is what is known of it, *opener* how it gets a window (default: it has its own), *which* finds
    its program when a text is opened; *environ* is what it gets, *watcher* watches its files.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        name: str = "",
        preset: Preset | None = None,
        opener: Opener | None = None,
        environ: Mapping[str, str] | None = None,
        which: Callable[[str], str | None] = find_program,
        watcher: Watcher | None = None,
    ) -> None:
        self.name = name or (preset.name if preset else os.path.basename(words[0]))
        self._words = list(words)
        self._preset = preset
        self._opener = opener or Child()
        self._environ = environ
        self._which = which
        self._watcher = watcher or best_watcher()
        self._viewing = Viewing(environ, which, self._watcher)
        self.differ: CommandAdapter | None = None
        """What compares two texts in its place, if the user has chosen that."""

    def describe(self) -> str:
        return clean(f"{self.name} {self._opener.describe()}")

    async def edit(
        self, text: Text, desk: Desk, *, task_status: trio.TaskStatus[Pane] = trio.TASK_STATUS_IGNORED
    ) -> None:
        shown_by = self._viewing.words(text)
        if shown_by:
            await self._viewing.show(text, desk, shown_by, task_status)
            return
        if text.half is not None and self.differ is not None:
            await self.differ.edit(text, desk, task_status=task_status)
            return
        with place_for(text) as place:
            start = await self._prepare(text, place)
            async with self._watcher.watching(text.file) as watch:
                courier = Courier(text, desk, watch, place.private, self.name)
                await courier.start()
                async with self._opener_for(text, start).open(start) as editor:
                    if editor.resume:
                        courier.trace = {**place.resume, **editor.resume}
                    courier.shows_again = partial(self._show_again, text, editor, place.cwd)
                    await self._until_over(trio.current_time(), editor, courier, desk, task_status)

    async def browse(
        self,
        root: Root,
        desk: FolderDesk,
        *,
        task_status: trio.TaskStatus[FolderPane] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """As :meth:`Adapter.browse`: the texts of *root* are laid out in memory, all of them or none."""
        program = os.path.basename(self._words[0])
        if program in PLAIN_TERMINAL or not (self._preset is None or self._preset.folders):
            raise NotListening(
                f"{self.name} edits files and does not show folders",
                "open files, or choose another editor: rbridge serve --editor SPEC",
            )
        text = as_text(root)
        with place_for(text) as place:
            start = await self._prepare(text, place)
            try:
                laid = await lay(root, desk)
            except OSError as error:
                raise CannotCreate(f"cannot lay out {root.name}: {error.strerror}") from error
            async with treewatch.watching(root.directory) as watch:
                tree = Tree(root, desk, laid, watch, self.name, self._watcher)
                try:
                    async with beside(tree.run), self._opener.open(start) as editor:
                        task_status.started(tree)
                        await self._until_closed(editor, tree, desk)
                        await tree.finish()
                finally:
                    tree.keep()
                    tree.end()

    def _opener_for(self, text: Text, start: Start) -> Opener:
        """How the editor of *text* gets its window: the other text of a diff may have it already."""
        preset = self._preset
        if text.half is None or preset is None or preset.diff is None:
            return self._opener
        words = [start.argv[0], *self._words[1:]]
        return Twin(
            text.half,
            text.file,
            self._opener,
            lambda right: compared(words, text, right, preset, start.guards),
        )

    async def _until_closed(self, editor: Running, tree: Tree, desk: FolderDesk) -> None:
        """Return when the editor is done with a folder."""
        end = _End(trio.current_time())
        end.status = await editor.wait()
        end.after = trio.current_time() - end.began
        if end.status:
            words = editor.last_words()
            desk.tell(f"{tree.root.name} on {tree.root.host}: {self.name} ended with {end.status}: {words}")
        elif self._came_back_at_once(end) and not tree.touched:
            desk.tell(
                f"{tree.root.name} on {tree.root.host}: {self.name} returned at once, so its end will not "
                f"close the folder; 'rbridge close' does. {self._advice()}"
            )
            await trio.sleep_forever()

    def runs(self, text: Text, resume: Mapping[str, Any]) -> bool:
        private = private_of(text, resume)
        if private is None:
            return False
        return lifeline.holds(private) if resume.get("kind") == lifeline.KIND else lives(resume)

    async def adopt(
        self,
        text: Text,
        desk: Desk,
        resume: Mapping[str, Any],
        *,
        task_status: trio.TaskStatus[Pane] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Whatever editor it is: this adapter's own, or the one that the daemon was started with before."""
        name = clean(str(resume.get("editor") or self.name))
        try:
            with place_again(text, resume) as place:
                async with self._watcher.watching(text.file) as watch:
                    courier = Courier(text, desk, watch, place.private, name)
                    courier.go_on_from(resume)
                    async with _found(place, resume) as editor:
                        courier.trace = {**place.resume, **editor.resume}
                        if name == self.name:
                            courier.shows_again = partial(self._show_again, text, editor, place.cwd)
                        await self._until_over(LONG_AGO, editor, courier, desk, task_status)
        except CannotCreate as error:
            raise NotListening(f"cannot go on in {name}: {error}") from error

    async def _show_again(self, text: Text, editor: Running, cwd: Path, line: int, column: int) -> None:
        """Bring *editor*'s window to the front, and have it go to the position where it can be told."""
        environ = os.environ if self._environ is None else self._environ
        commands = []
        if isinstance(self._opener, Tmux):
            commands.append(self._opener.raising(str(editor.resume.get("window", ""))))
        program = self._which(self._words[0])
        if program is not None and self._preset is not None:
            there = replace(text, line=line, column=column)
            commands.append(again([program, *self._words[1:]], there, self._preset))
        for words in filter(None, commands):
            await tell(words, cwd, environ)

    async def _until_over(
        self,
        began: float,
        editor: Running,
        courier: Courier,
        desk: Desk,
        task_status: trio.TaskStatus[Pane],
    ) -> None:
        end = _End(began)
        async with beside(partial(end.wait, editor, courier)):
            task_status.started(courier)
            await courier.run()
            await self._judge(end, editor, courier, desk)

    async def _judge(self, end: _End, editor: Running, courier: Courier, desk: Desk) -> None:
        """The editor ended and all it wrote is delivered: is that the end of the document?"""
        if end.status:
            words = editor.last_words()
            how = (
                f"was ended by signal {-end.status}" if end.status < 0 else f"ended with status {end.status}"
            )
            desk.tell(clean(f"{courier.where}: {self.name} {how}{': ' if words else ''}{words}"))
        elif self._came_back_at_once(end) and not courier.touched:
            desk.tell(
                clean(
                    f"{courier.where}: {self.name} returned at once, so its end will not close the "
                    f"document; saves are sent until 'rbridge serve' ends. {self._advice()}"
                )
            )
            await courier.go_on()

    def _came_back_at_once(self, end: _End) -> bool:
        return isinstance(self._opener, Child) and end.status == 0 and end.after < AT_ONCE

    def _advice(self) -> str:
        option = WAIT_OPTIONS.get(os.path.basename(self._words[0]))
        if option and option not in self._words:
            return f"Set --editor '{self._words[0]} {option}'"
        return "Set --editor with the option that makes it wait"

    def _environment(self) -> dict[str, str]:
        return dict(os.environ if self._environ is None else self._environ)

    async def _prepare(self, text: Text, place: Place) -> Start:
        environ = self._environment()
        program = self._which(self._words[0])
        if program is None:
            raise NotListening(
                clean(f"cannot start {self.name}: there is no program {self._words[0]!r}"),
                "install it, or choose another editor: rbridge serve --editor SPEC",
            )
        words = [program, *self._words[1:]]
        measures = Measures()
        if self._preset is not None:
            measures = self._preset.guard(Site(place.files, place.private, words, environ))
        start = Start(
            editor=self.name,
            argv=command_line(words, text, self._preset, measures.options),
            cwd=place.cwd,
            private=place.private,
            environ=environ,
            added={**measures.added, DOCUMENT: text.id},
            guards=measures.options,
            title=f"{text.file.name}@{text.host}",
            keep_focus=text.keep_focus,
        )
        if measures.before:
            await _run_first(start, measures.before)
        return start


def _found(place: Place, resume: Mapping[str, Any]) -> AbstractAsyncContextManager[Running]:
    """The editor that another process started, running or not."""
    if resume.get("kind") == lifeline.KIND:
        return lifeline.adopted(place.private, str(resume.get("window", "")))
    return orphan.adopted(place.private, resume)


@dataclass
class _End:
    """How the editor ended, once it has."""

    began: float
    after: float = 0.0
    status: int | None = None

    async def wait(self, editor: Running, courier: Courier) -> None:
        self.status = await editor.wait()
        self.after = trio.current_time() - self.began
        courier.end()


async def _run_first(start: Start, words: Sequence[str]) -> None:
    try:
        with trio.fail_after(PREPARE):
            done = await trio.run_process(
                list(words),
                cwd=start.cwd,
                env=environment(start),
                capture_stdout=True,
                capture_stderr=True,
                check=False,
            )
    except trio.TooSlowError:
        raise cannot_start(start, f"it does not answer within {PREPARE:g} s") from None
    if done.returncode:
        raise cannot_start(start, done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2])
