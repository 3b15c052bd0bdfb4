"""Says when an editor has written a file, by watching the directory the file is in.

Never the inode: most editors replace it (``shared/facts`` has each one's pattern, docs/editors.md the table).
With inotify a write is known to be complete when its descriptor is closed or its name arrives by a rename.
Elsewhere watchfiles tells only that something changed, and whoever looks has to wait until it is quiet.
"""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from functools import partial
from pathlib import Path

import trio
import watchfiles

from rbridge.adapters import inotify
from rbridge.adapters.tasks import beside

POLL = 0.25  # seconds between looks where there is nothing better
USED_UP = (errno.EMFILE, errno.ENFILE, errno.ENOSPC)  # the user has no inotify instance or watch left


class Watch:
    """What happened to one file since the last look.

    *written*: new bytes are complete. *reshaped*: the name came or went. *writing*: somebody has the file
    open and has changed it; what can be read now may be half of something. *events* counts
    what happened. *exact* is False where *writing* and *events* do not tell everything.
    """

    def __init__(self, file: Path, *, exact: bool) -> None:
        self.file = file
        self.exact = exact
        self.written = False
        self.reshaped = False
        self.writing = False
        self.events = 0
        self._news = trio.Event()

    def notice(self, *, written: bool = False, reshaped: bool = False) -> None:
        """Something happened, or (from outside) should be taken to have happened."""
        self.written |= written
        self.reshaped |= reshaped
        self._news.set()

    def take(self) -> tuple[bool, bool]:
        """(written, reshaped) since the last call."""
        news = self.written, self.reshaped
        self.written = self.reshaped = False
        self._news = trio.Event()
        return news

    async def changed(self) -> None:
        """Return when there is something to take."""
        await self._news.wait()

    def poll(self) -> None:
        """Take in what the system has to say now, without waiting."""


class Watcher(ABC):
    """Watches any number of files."""

    @abstractmethod
    def watching(self, file: Path) -> AbstractAsyncContextManager[Watch]:
        """Watch *file* for the length of the block. The directory must exist, the file need not."""


class InotifyWatcher(Watcher):
    """All files through one inotify instance, which exists while there is a file to watch.

    There is no task of its own: every block runs a reader, and the one that holds the lock reads for all.
    A file for which the user has no instance or watch left is polled.
    """

    def __init__(self) -> None:
        self._inotify: inotify.Inotify | None = None
        self._watches: dict[int, list[Watch]] = {}
        self._reading = trio.Lock()

    @asynccontextmanager
    async def watching(self, file: Path) -> AsyncIterator[Watch]:
        watch = _SharedWatch(file, self)
        try:
            number = self._add(watch)
        except OSError as error:
            if error.errno not in USED_UP:
                raise
            async with PollingWatcher().watching(file) as polled:
                yield polled
            return
        try:
            async with beside(self._read):
                yield watch
        finally:
            self._remove(number, watch)

    def drain(self) -> None:
        """Hand out all events that wait."""
        if self._inotify is None:
            return
        for event in self._inotify.read():
            if event.mask & inotify.Q_OVERFLOW:
                for watches in self._watches.values():
                    for watch in watches:
                        watch.writing = False
                        watch.notice(written=True, reshaped=True)
            for watch in self._watches.get(event.directory, ()):
                _apply(event, watch)

    async def _read(self) -> None:
        async with self._reading:
            while self._inotify is not None:
                await trio.lowlevel.wait_readable(self._inotify.fd)
                self.drain()

    def _add(self, watch: Watch) -> int:
        if self._inotify is None:
            self._inotify = inotify.Inotify()
        try:
            number = self._inotify.add(watch.file.parent)
        except OSError:
            self._close_if_idle()
            raise
        self._watches.setdefault(number, []).append(watch)
        return number

    def _remove(self, number: int, watch: Watch) -> None:
        self._watches[number].remove(watch)
        if not self._watches[number]:
            del self._watches[number]
            if self._inotify is not None:
                self._inotify.remove(number)
        self._close_if_idle()

    def _close_if_idle(self) -> None:
        if not self._watches and self._inotify is not None:
            self._inotify.close()
            self._inotify = None


class _SharedWatch(Watch):
    def __init__(self, file: Path, watcher: InotifyWatcher) -> None:
        super().__init__(file, exact=True)
        self._watcher = watcher

    def poll(self) -> None:
        self._watcher.drain()


def _apply(event: inotify.Event, watch: Watch) -> None:
    if event.mask & inotify.DIRECTORY_GONE:
        watch.notice(reshaped=True)
    if event.name != os.fsencode(watch.file.name):
        return
    watch.events += 1
    if event.mask & inotify.ARRIVED:
        watch.writing = False
        watch.notice(written=True)
    elif event.mask & inotify.MODIFY:
        watch.writing = True
    elif event.mask & inotify.CREATE:
        # Whoever created a regular file is going to write and close it.
        watch.writing = not event.mask & inotify.ISDIR
        watch.notice(reshaped=True)
    elif event.mask & inotify.WENT:
        watch.writing = False
        watch.notice(reshaped=True)


class PortableWatcher(Watcher):
    """Through watchfiles, where there is no inotify (macOS: FSEvents)."""

    @asynccontextmanager
    async def watching(self, file: Path) -> AsyncIterator[Watch]:
        watch = Watch(file, exact=False)
        ready = trio.Event()
        async with beside(partial(self._read, watch, ready)):
            await ready.wait()
            yield watch

    async def _read(self, watch: Watch, ready: trio.Event) -> None:
        # The first round, empty or not, says that the watch is in place.
        changes = watchfiles.awatch(
            watch.file.parent,
            watch_filter=None,
            debounce=50,
            step=10,
            rust_timeout=100,
            yield_on_timeout=True,
            recursive=False,
        )
        async with aclosing(changes):
            async for found in changes:
                ready.set()
                if any(os.path.basename(path) == watch.file.name for _, path in found):
                    watch.notice(written=True, reshaped=True)


class PollingWatcher(Watcher):
    """Looks again and again, where even the system's means are used up."""

    @asynccontextmanager
    async def watching(self, file: Path) -> AsyncIterator[Watch]:
        watch = Watch(file, exact=False)
        async with beside(partial(self._look, watch, _state(file))):
            yield watch

    async def _look(self, watch: Watch, before: tuple[int, ...]) -> None:
        while True:
            await trio.sleep(POLL)
            now = _state(watch.file)
            if now != before:
                before = now
                watch.notice(written=True, reshaped=True)


def _state(file: Path) -> tuple[int, ...]:
    try:
        found = os.lstat(file)
    except OSError:
        return ()
    return found.st_mode, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def best_watcher() -> Watcher:
    """What this system offers: inotify, else the rest."""
    try:
        inotify.Inotify().close()
    except OSError as error:
        return PollingWatcher() if error.errno in USED_UP else PortableWatcher()
    return InotifyWatcher()
