"""The contract between the daemon and an editor that shows a folder of a host.

:meth:`rbridge.adapters.base.Adapter.browse` gets a :class:`Root` and a :class:`FolderDesk`, through which all
of the folder is asked for as it is needed, and hands back a :class:`FolderPane`. Texts that are opened out of
a folder are documents like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from rbridge.errors import RbridgeError

if TYPE_CHECKING:
    from rbridge.adapters.base import Wanted

NOT_CONNECTED = "not-connected"
NO_ANSWER = "no-answer"
BUSY = "busy"
ABSENT = "absent"


@dataclass(frozen=True)
class Root:
    """One opened folder as an editor gets it; the fields are those of :class:`rbridge.adapters.base.Text`.

    *directory* lies at ``FILES/ID/HOST/real/path``, *in_memory* where there is such a place, and is empty.
    """

    id: str
    host: str
    path: str
    name: str
    directory: Path
    read_only: bool = False
    new_window: bool = False
    keep_focus: bool = False
    wait: bool = False
    verified: bool = True
    in_memory: bool = False
    again: bool = False
    """It was shown by a daemon before this one: only the window that had it may have it."""


class Item(NamedTuple):  # a directory may have 100,000: made in a third of the time of a frozen dataclass
    """What stands under one name in a folder. *kind* is file, directory, link or other; of a link that leads
    to something inside of the folder it is the kind of that. *size* in bytes, *mtime* in nanoseconds, *link*
    is what a symbolic link says. A name may be any that a file can have: bytes that are no UTF-8 are
    surrogates, as :func:`os.fsdecode` makes them.
    """

    name: str
    kind: str
    size: int = 0
    mtime: int = 0
    mode: int = 0
    link: str = ""
    outside: bool = False
    dangling: bool = False


@dataclass(frozen=True)
class Match:
    """Where a search found something; *line* and *column* (in characters) count from 1. *text* is the line;
    of a long one it begins at character *start*, and not all of it is there.
    """

    path: str
    line: int
    column: int
    length: int
    text: str
    start: int = 1


@dataclass(frozen=True)
class Query:
    """What to search for; *case* is yes, no or smart, *include* and *exclude* are globs with commas."""

    query: str
    regex: bool = False
    case: str = "smart"
    word: bool = False
    include: str = ""
    exclude: str = ""


@dataclass(frozen=True)
class Found:
    """The end of a find or a search: whether there is more, and which program looked."""

    truncated: bool
    by: str


class FolderError(RbridgeError):
    """A request about a folder came to nothing; *reason* is one of ``docs/protocol.md``, or
    :data:`NOT_CONNECTED`. What was to be done was not done, unless the message says so.
    """

    def __init__(self, reason: str, message: str, there: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.there = there
        """With ``conflict``: the sha256 of what is there, :data:`ABSENT` where there is nothing."""


class FolderDesk(Protocol):
    """What an adapter may ask of a folder's host. Paths are relative to the root, ``""`` is the root itself.

    Everything raises FolderError; cancelling it tells the host that nobody wants the answer any more.
    """

    @property
    def connected(self) -> bool:
        """Whether the host can be asked now."""
        ...

    async def stat(self, path: str) -> Item:
        """What *path* is."""
        ...

    async def listing(self, path: str, after: str = "", limit: int = 0) -> tuple[Sequence[Item], str]:
        """The next entries of a directory behind the name *after*, and the name behind which it goes on,
        empty at the end.
        """
        ...

    async def read(self, path: str, at: int = 0, length: int = 0) -> tuple[bytes, int]:
        """At most *length* bytes of a file, and the size of all of it."""
        ...

    async def make(self, path: str, content: bytes | None) -> None:
        """Make a file with this *content*, or, for None, a directory; never where something is already."""
        ...

    async def write(self, path: str, content: bytes, base: str) -> str:
        """Put *content* in place of a file that no document stands for, if that still is what *base*, a
        sha256 or :data:`ABSENT`, says. Returns the sha256 of what is there now.
        """
        ...

    async def move(self, path: str, to: str, over: bool = False) -> None:
        """Rename *path*; *over* a file that is there."""
        ...

    async def remove(self, path: str, recursive: bool = False) -> None:
        """Remove a file or a directory; a symbolic link and never what it leads to."""
        ...

    async def find(self, query: str, limit: int, found: Callable[[Sequence[str]], None]) -> Found:
        """Give *found* the files whose paths are like *query*, the best first; all of them for an empty one.
        Each call replaces the one before it.
        """
        ...

    async def search(self, query: Query, limit: int, found: Callable[[Sequence[Match]], None]) -> Found:
        """Give *found* what is like *query* in the files; calls add up."""
        ...

    async def watch(self, paths: Sequence[str], changed: Callable[[Sequence[str]], None]) -> None:
        """Tell *changed* about files and directories that change, for ever; takes the place of the watch
        before this one, and goes on after a lost connection.
        """
        ...

    async def open(
        self,
        path: str,
        wanted: Wanted,
        *,
        line: int = 0,
        column: int = 0,
        create: bool = False,
        base: str | None = None,
    ) -> str:
        """Have a file opened as a document that *wanted* edits; *create*: it need not be there.

        Returns the id of a document that is open already, in whichever editor; else nothing, and
        ``wanted.edit`` is called. *base* is the sha256 of the content that the editor has, ``absent`` if it
        made the file: what the host has besides is a conflict at the first save.
        """
        ...

    def record(self, laid: Mapping[str, str]) -> None:
        """Note that the folder is laid out in memory with contents of these sha256, by path: should the
        daemon be killed, the next one keeps what was written since.
        """
        ...

    def keep(self, path: str, snapshot: Path, base: str) -> str:
        """Keep what was written to *path* and could not be delivered, on this laptop; what `rbridge recover`
        calls it, empty where it could not be kept.
        """
        ...

    async def confirm(self, question: str) -> bool:
        """Ask the user on the laptop, where no host can answer."""
        ...

    def tell(self, message: str) -> None:
        """Show the user one clean line about this folder."""


class FolderPane(Protocol):
    """What the daemon tells of a folder that is open in an editor."""

    async def show(self, connected: bool) -> None:
        """The connection to the host is gone, or is back."""

    @property
    def pending(self) -> bool:
        """Whether something was written that is not delivered, and is no document's."""
        return False

    def activate(self) -> None:
        """The user has opened it again and would like to see it."""

    def leave(self) -> bool:
        """This process ends: have the editor keep the folder when showing it is cancelled next, and ask the
        next process for it. False, the default, where it is to be closed.
        """
        return False

    @property
    def editor(self) -> str:
        """What users call the editor, where it is not what the adapter is called; else empty."""
        return ""
