"""Says which names below a directory of ours in memory were touched.

inotify watches each directory below it: it is small, and lies in memory, where that costs nothing. Elsewhere
watchfiles does.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path

import trio
import watchfiles

from rbridge.adapters import inotify
from rbridge.adapters.tasks import beside


class TreeWatch:
    """What happened below *root* since the last look, as paths relative to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._touched: set[str] = set()
        self._news = trio.Event()

    def notice(self, path: str) -> None:
        """Something happened to *path*."""
        self._touched.add(path)
        self._news.set()

    def notice_all(self, below: str = "") -> None:
        """Anything may have happened: whatever there is now is taken to be touched."""
        top = self.root / below if below else self.root
        if top.is_symlink():
            return
        for directory, names, files in os.walk(top):
            for name in (*names, *files):
                self.notice(os.path.relpath(os.path.join(directory, name), self.root))

    def take(self) -> set[str]:
        """The paths that were touched since the last call."""
        touched, self._touched = self._touched, set()
        if self._news.is_set():  # else somebody may wait for it
            self._news = trio.Event()
        return touched

    @property
    def touched(self) -> bool:
        """Whether there is something to take."""
        return bool(self._touched)

    async def changed(self) -> None:
        """Return when there is something to take."""
        await self._news.wait()


@asynccontextmanager
async def watching(root: Path) -> AsyncIterator[TreeWatch]:
    """Watch all that is below *root*, for the length of the block."""
    try:
        tree: _Inotified | _Walked = _Inotified(root)
    except OSError:
        tree = _Walked(root)
    async with tree.running():
        yield tree


class _Inotified(TreeWatch):
    """Raises OSError where there is no inotify, or not enough of it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._inotify = inotify.Inotify()
        self._directories: dict[int, str] = {}
        try:
            self._add("")
        except OSError:
            self._inotify.close()
            raise

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        try:
            async with beside(self._read):
                yield
        finally:
            self._inotify.close()

    async def _read(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._inotify.fd)
            for event in self._inotify.read():
                self._take_in(event)

    def _take_in(self, event: inotify.Event) -> None:
        if event.mask & inotify.Q_OVERFLOW:
            self._again("")
            return
        if event.mask & inotify.IGNORED:
            self._directories.pop(event.directory, None)
        directory = self._directories.get(event.directory)
        if directory is None or not event.name:
            return
        name = os.fsdecode(event.name)
        path = f"{directory}/{name}" if directory else name
        if not event.mask & inotify.MODIFY:  # whoever writes is going to close the file
            self.notice(path)
        if event.mask & inotify.ISDIR and event.mask & (inotify.CREATE | inotify.MOVED_TO):
            self._again(path)

    def _again(self, path: str) -> None:
        """A directory came, or was missed: what is in it may have come before it was watched."""
        try:
            self._add(path)
        except OSError:
            return  # gone again
        self.notice_all(path)

    def _add(self, path: str) -> None:
        top = self.root / path if path else self.root
        if top.is_symlink():
            return
        self._directories[self._inotify.add(top)] = path
        for entry in os.scandir(top):
            if entry.is_dir(follow_symlinks=False):
                self._add(f"{path}/{entry.name}" if path else entry.name)


class _Walked(TreeWatch):
    """Through watchfiles, which polls where it has nothing better."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        ready = trio.Event()
        async with beside(partial(self._read, ready)):
            await ready.wait()
            yield

    async def _read(self, ready: trio.Event) -> None:
        changes = watchfiles.awatch(
            self.root,
            watch_filter=None,
            debounce=50,
            step=10,
            rust_timeout=100,
            yield_on_timeout=True,
            recursive=True,
        )
        async with aclosing(changes):
            async for found in changes:
                ready.set()
                for _, path in found:
                    touched = _relative(path, self.root)
                    if touched.startswith(".."):
                        continue  # the directory itself
                    self.notice(touched)
                    self.notice_all(touched)  # what came with a new directory may not be said


def _relative(path: str, root: Path) -> str:
    """*path* as it lies below *root*, also where it is spelled with links resolved."""
    directory = os.path.relpath(os.path.realpath(os.path.dirname(path)), os.path.realpath(root))
    return os.path.normpath(os.path.join(directory, os.path.basename(path)))
