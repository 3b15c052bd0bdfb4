"""The entries of directories, page by page as an editor asks for them.

Who asks for a second page of a directory has the next ones asked for ahead, all in one request: neither the
way to the host nor its disk is waited for at every page.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import trio

from rbridge.adapters.folder import FolderError, Item
from rbridge.wire import limits

KEPT = 5.0
"""Seconds that entries wait for somebody to want them: they may not be true any more."""

Take = Callable[[Sequence[Item], str], None]
"""Takes a page, and the name behind which the directory goes on, empty at its end."""

Ask = Callable[[str, str, int, Take], Awaitable[None]]
"""Asks the host for at most so many entries of a directory behind a name. Raises FolderError."""

Start = Callable[[Callable[[], Awaitable[None]]], bool]
"""Runs a task, and says whether it does."""


class Pages:
    """The pages of one folder's directories; of one at a time they are asked for ahead."""

    def __init__(self, ask: Ask, start: Start) -> None:
        self._ask = ask
        self._start = start
        self._ahead: Ahead | None = None

    async def page(self, path: str, after: str, limit: int) -> tuple[Sequence[Item], str]:
        """At most *limit* entries of the directory *path* behind the name *after*, and where it goes on."""
        ahead = self._ahead
        if ahead is not None and ahead.path == path and not ahead.wanted:
            if ahead.after == after and not ahead.done:
                return await ahead.take(limit)
            self._drop(ahead)  # it is looked at anew
        if after and self._ahead is None:
            ahead = Ahead(path, after)
            if self._start(lambda: self._fetch(ahead)):
                self._ahead = ahead
                return await ahead.take(limit)
        pages: list[tuple[Sequence[Item], str]] = []
        await self._ask(path, after, limit, lambda items, more: pages.append((items, more)))
        return pages[-1]

    def lost(self, error: FolderError) -> None:
        """The host is gone: *error* says so to who waits."""
        if self._ahead is not None:
            self._ahead.end(error)
            self._drop(self._ahead)

    def _drop(self, ahead: Ahead) -> None:
        ahead.scope.cancel()
        self._ahead = None

    async def _fetch(self, ahead: Ahead) -> None:
        """Fill *ahead*, and keep it while somebody takes of it."""
        try:
            with ahead.scope:
                try:
                    await self._ask(ahead.path, ahead.after, limits.FOUND, ahead.put)
                    ahead.end()
                except FolderError as error:
                    ahead.end(error)
                idle = False
                while not ahead.done and not idle:
                    with trio.move_on_after(KEPT) as scope:
                        await ahead.news.wait()
                    idle = scope.cancelled_caught
        finally:
            ahead.end(FolderError("failed", "the folder was closed"))
            if self._ahead is ahead:
                self._ahead = None


class Ahead:
    """Entries of the directory *path* behind the name *after*, which moves on as they are taken."""

    def __init__(self, path: str, after: str) -> None:
        self.path = path
        self.after = after
        self.wanted = False
        """Whether somebody waits for some."""
        self.done = False
        """Whether all was taken."""
        self.scope = trio.CancelScope()
        self.news = trio.Event()
        """Set when some came or were taken, and another one then."""
        self._items: list[Item] = []
        self._more = after
        self._over = False
        self._error: FolderError | None = None

    def put(self, items: Sequence[Item], more: str) -> None:
        """The host's next page."""
        self._items += items
        self._more = more
        self._tell()

    def end(self, error: FolderError | None = None) -> None:
        """No more come, by this *error*; of two ends the first one counts."""
        if not self._over:
            self._over, self._error = True, error
            self.done = not self._items and error is None
            self._tell()

    async def take(self, limit: int) -> tuple[Sequence[Item], str]:
        """The next page. Raises FolderError."""
        self.wanted = True
        try:
            while len(self._items) < limit and not self._over:
                await self.news.wait()
        finally:
            self.wanted = False
        taken = self._items[:limit]
        del self._items[:limit]
        self.done = self._over and not self._items and (self._error is None or not taken)
        self._tell()
        if self._error is not None and not taken:
            raise self._error
        self.after = taken[-1].name if self._items else self._more
        return taken, self.after

    def _tell(self) -> None:
        self.news.set()
        self.news = trio.Event()
