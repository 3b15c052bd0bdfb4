"""The contract between the daemon and an editor.

An adapter edits one :class:`Text` per task: :meth:`Adapter.edit` runs for as long as the editor has the text
open. What the user does goes to the :class:`Desk` that the daemon hands over; what the daemon wants done goes
to the :class:`Pane` that the adapter hands back once the text can be seen. Every adapter passes the
conformance suite in ``tests/adapters``.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import trio

from rbridge.adapters.folder import FolderDesk, FolderPane, Root
from rbridge.adapters.pair import Half
from rbridge.errors import NotListening


class State(enum.Enum):
    """Where a document stands, as an editor may show it."""

    OPENING = "opening"
    CLEAN = "clean"
    DIRTY = "dirty"
    SAVING = "saving"
    CONFLICT = "conflict"
    CLOSED = "closed"


class Result(enum.Enum):
    """What became of a save."""

    SAVED = "saved"  # on the host's disk, acknowledged
    SENT = "sent"  # handed to a plain rmate client, which acknowledges nothing
    REFUSED = "refused"  # the host kept its old bytes; the message says why
    UNCERTAIN = "uncertain"  # the host went away before it answered
    KEPT = "kept"  # no connection: the text lies in the spool on this laptop


@dataclass(frozen=True)
class Outcome:
    """The answer to a save: *message* is one clean line for a person, empty for a plain success."""

    result: Result
    message: str = ""

    @property
    def delivered(self) -> bool:
        return self.result in (Result.SAVED, Result.SENT)


@dataclass(frozen=True)
class Text:
    """One document as an editor gets it.

    *file* lies in memory, at ``FILES/ID/HOST/real/path``, and belongs to this document alone; it holds the
    text when :meth:`Adapter.edit` is called. *line* and *column* count from 1, 0 means not given. *host*,
    *path* and *name* come from the wire, cleaned of control characters, and are for showing only.
    """

    id: str
    host: str
    path: str
    name: str
    file: Path
    size: int
    line: int = 0
    column: int = 0
    file_type: str = ""
    read_only: bool = False
    new_window: bool = False
    keep_focus: bool = False
    wait: bool = False
    verified: bool = True
    wanted: Wanted | None = field(default=None, compare=False, repr=False)
    """Who asked for it out of a folder, and edits it in place of the daemon's adapter."""
    half: Half | None = field(default=None, compare=False, repr=False)
    """It is to be compared with another one."""


@dataclass(frozen=True)
class Standing:
    """How a document stands: *base* is the digest of what its host last sent or acknowledged, empty where it
    is not known; *theirs* that of what the host has in place of it, as far as it said, empty otherwise.
    *disputed*: there is something to settle; *yielding*: the user chose the host's text.
    """

    state: State
    base: str
    theirs: str = ""
    connected: bool = True
    disputed: bool = False
    yielding: bool = False
    message: str = ""


class Desk(Protocol):
    """What an adapter reports to the daemon."""

    async def save(self, snapshot: Path, /, digest: str = "") -> Outcome:
        """Deliver the bytes of *snapshot* to the host and return what became of them.

        *digest* is their sha256 in hex, where the adapter has it already: they are not read again for it.
        The adapter owns *snapshot*, leaves it unchanged until this returns, and removes it afterwards. May
        take as long as the host does; a save that a newer one overtook returns the newer one's outcome.
        """
        ...

    def focus(self) -> None:
        """The user turned to this text."""

    def tell(self, message: str) -> None:
        """Show the user one clean line about this text: something failed or needs attention."""

    # For editors that show where a text stands; others need not ask.

    def standing(self) -> Standing:
        """How the document stands now."""
        ...

    def settle(self, choose: str, /) -> str:
        """Settle a conflict: for ``mine``, which sends the newest text again, for ``theirs``, or by ``over``:
        the next save may go over what the host has. Returns why that cannot be, or nothing.
        """
        ...

    def theirs(self) -> Path | None:
        """The host's text in a conflict, if it is here."""
        ...

    def ask_theirs(self) -> None:
        """Have it sent if it is not here."""


class Pane(Protocol):
    """What the daemon asks of a text that is open in an editor."""

    async def replace(self, snapshot: Path, /) -> bool:
        """Put the bytes of *snapshot* in place of the text: it changed on the host.

        False when it was left alone: the editor cannot do it, or has saved something that the desk has not
        seen yet. The editor's text then still stands on the old base: the document is in conflict.
        """
        ...

    async def show(self, state: State, message: str = "") -> None:
        """Show *state*; *message* is one clean line or empty. What needs no attention is not worth a
        message.
        """

    async def reveal(self, line: int = 0, column: int = 0) -> None:
        """Bring the text to the front, at *line* and *column* (from 1, 0: not given): it was opened again.

        An editor that cannot be told that does nothing, the default. The text stays as it is, and so do saves
        that are under way.
        """
        await trio.lowlevel.checkpoint()

    async def compare(self, half: Half, /) -> None:
        """Show the text, which was opened again, beside another one; returns when it is known whether that
        can be seen.
        """
        half.comes(self)
        await half.show()

    def remark(self, message: str, kind: str = "warning") -> None:
        """Show one clean line about this text, if the editor has a place for it: *kind* is warning or info.

        The user is told in other ways too. How the text stands and what became of its saves comes otherwise.
        """
        return

    def leave(self) -> bool:
        """This process ends: leave the text with its editor when the edit is cancelled next, so that
        :meth:`Adapter.adopt` of another process goes on with it.

        False, the default, where the user would not see that nobody takes what is saved meanwhile.
        """
        return False

    @property
    def resume(self) -> Mapping[str, Any]:
        """What :meth:`Adapter.adopt` of another process needs to go on with this text, as JSON can hold it.

        Empty where that is not possible, the default.
        """
        return {}

    @property
    def editor(self) -> str:
        """What users call the editor, where it is not what the adapter is called; else empty."""
        return ""


class Wanted(ABC):
    """A text that an adapter has asked for, out of a folder that it shows."""

    @abstractmethod
    async def edit(
        self, text: Text, desk: Desk, *, task_status: trio.TaskStatus[Pane] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """As :meth:`Adapter.edit`."""


class Adapter(ABC):
    """One way of reaching one editor."""

    name: str
    """What users call the editor, as in ``train.py: open in vim``."""

    @abstractmethod
    def describe(self) -> str:
        """One line for ``rbridge serve`` at start: which editor and where: ``vim in a new tmux window``."""

    @abstractmethod
    async def edit(
        self, text: Text, desk: Desk, *, task_status: trio.TaskStatus[Pane] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Open *text*, report through *desk*, and return when the editor has closed it.

        ``task_status.started(pane)`` is called once the editor has the text. All saves that the editor made
        have been handed to *desk* and answered when this returns. Cancelling it closes the text where the
        editor can do that, hands over nothing more, and leaves no process of the adapter's own, descriptor or
        file. Raises :class:`rbridge.errors.RbridgeError` when the editor cannot be started or reached; the
        message names the editor and what to do.
        """

    async def ask(self, message: str, answers: Sequence[str]) -> str | None:
        """Put a question to the user; the answer, or None where the editor cannot ask or nobody answered.

        May take as long as the user does; cancelling it takes the question back as far as that can be done.
        """
        await trio.lowlevel.checkpoint()
        return None

    def runs(self, text: Text, resume: Mapping[str, Any]) -> bool:
        """Whether :meth:`adopt` can go on with *text*: its editor was started by an adapter in another
        process, which is dead and left *resume*, and still has the text open.
        """
        return False

    async def adopt(
        self,
        text: Text,
        desk: Desk,
        resume: Mapping[str, Any],
        *,
        task_status: trio.TaskStatus[Pane] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Go on with a text that another process's :meth:`edit` opened, as :meth:`edit` does from then on.

        *resume* is that pane's, with ``known`` added: the sha256 of what the host has, empty where nobody can
        tell. Any other text in the file is handed to *desk* at once. An editor that has ended meanwhile is
        one that ends now. Raises NotListening when this cannot be done; the file is as it was then.
        """
        raise NotListening(f"{self.name} cannot go on with a text that was open before")

    async def browse(
        self,
        root: Root,
        desk: FolderDesk,
        *,
        task_status: trio.TaskStatus[FolderPane] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Show the folder *root*, as :meth:`edit` shows a text; returns when the user has closed it."""
        raise NotListening(
            f"{self.name} cannot show a folder", "open files, or attach an editor that shows folders"
        )
