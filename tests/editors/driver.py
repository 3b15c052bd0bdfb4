"""The contract between the scenarios and an editor: a test does in it what a person does, and looks at it.

One class for each editor derives from :class:`Driver`; ``tests/editors/drivers.py`` names them all, and
``tests/editors/scenarios`` runs the same scenarios over each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from tests.editors.tree import Tree
from tests.harness.environment import Home
from tests.harness.wait import until

Choice = Literal["compare", "overwrite", "reload"]
LONG = 20.0  # seconds


class Driver(ABC):
    """One running editor of *home*'s user, with its plug-in as ``rbridge plugin install KIND`` lays it.

    It is attached to the daemon that runs there when ``__init__`` returns, and found by that daemon as the
    window focused last. What looks at the editor says how it is now; what is called ``until_`` or ``sees`` or
    ``said`` waits and fails with all that helps to understand why. What a person would do with keys or
    commands is done with those, and does not wait for what follows from it.
    """

    kind: ClassVar[str]
    """The editor's name in ``rbridge plugin install KIND``, in test ids and in docs/editors.md."""

    cannot: ClassVar[Mapping[str, str]] = {}
    """Scenarios that this editor cannot do, by the name of their test without ``test_``, each with the
    reason. The reason stands in docs/editors.md, word for word."""

    keeps: ClassVar[tuple[str, ...]] = ()
    """What the editor itself may keep of a text while that is unsaved, as patterns below the user's home:
    each stands in docs/security.md, and is gone after save and close."""

    trusting: ClassVar[str] = ""
    """A *setup* of somebody who lets every text set options and run code, as far as the editor has that."""

    hostile: ClassVar[str] = ""
    """A text that sets an option (see :attr:`obeys`) and tries to create the file ``{witness}`` when it is
    opened in such an editor, written or closed."""

    shared: ClassVar[bool] = False
    """All scenarios have the same *home*, since a start takes long: what costs so much is kept between the
    drivers that are made for it, until :meth:`finish`."""

    @classmethod
    def serve(cls, home: Home) -> dict[str, Any]:
        """The options of ``tests.harness.daemon.Daemon`` for the daemon of *home*."""
        return {"editor": "false"}

    @classmethod
    def finish(cls, home: Home) -> None:
        """End what the drivers of *home* shared. By then all of them have been killed."""
        assert not cls.shared, f"{cls} has to end what it shares"

    @abstractmethod
    def __init__(self, home: Home, *, setup: str = "") -> None:
        """Start it, *setup* being in the editor's own language of settings and run before all else."""

    # What can be seen of the shown buffer, the one that has the user's eyes and keys.

    @property
    @abstractmethod
    def path(self) -> str:
        """The path of the shown buffer on its host, or its whole name; empty where nothing is shown."""

    @property
    @abstractmethod
    def text(self) -> str:
        """Its text: the lines as the editor holds them, joined by ``\\n``, the last one with ``\\n`` if it
        ends in one.

        A line end of the file (CR LF as well) is no part of a line where the editor knows it as such."""

    @property
    @abstractmethod
    def cursor(self) -> tuple[int, int]:
        """Line and column of the cursor, from 1; the column in characters."""

    @property
    @abstractmethod
    def modified(self) -> bool:
        """Whether the editor shows it as changed and not saved."""

    @property
    @abstractmethod
    def read_only(self) -> bool:
        """Whether the editor shows it as read-only."""

    @property
    @abstractmethod
    def language(self) -> str:
        """The language that the editor takes it for, in its own spelling: holds ``python`` for ``x.py``."""

    @property
    @abstractmethod
    def status(self) -> str:
        """What the plug-in shows of it. Holds one of: ``saved``, ``modified``, ``saving``, ``conflict``,
        ``not connected`` (its host is not), ``waiting`` (saved while it was not, kept on the laptop),
        ``closed``, ``no rbridge``."""

    @property
    @abstractmethod
    def names(self) -> list[str]:
        """What all open buffers of hosts are called, shown or not: each ends with its path, and no two are
        alike."""

    @property
    @abstractmethod
    def obeys(self) -> bool:
        """Whether the option that *hostile* sets has the value that it sets, in the shown buffer."""

    @property
    @abstractmethod
    def comparing(self) -> str | None:
        """The host's text, as a comparison shows it beside the user's; None while there is none."""

    @abstractmethod
    def told(self) -> str:
        """All that the user was told until now."""

    def line(self, number: int) -> str:
        """One line of the shown buffer; for texts that are too large to be looked at whole."""
        return self.text.split("\n")[number - 1]

    @property
    def tree(self) -> Tree:
        """The folder that is shown, for editors that show folders."""
        raise NotImplementedError(f"{self.kind} shows no folders")

    # What a person does.

    @abstractmethod
    def open_own(self, path: str) -> None:
        """Open a file of the laptop itself; returns when it is shown."""

    @abstractmethod
    def turn_to(self, name: str) -> None:
        """Show the open buffer whose path ends with *name*; returns when it is shown."""

    @abstractmethod
    def insert(self, text: str) -> None:
        """Type *text* (one line, or less) at the beginning of the shown buffer."""

    @abstractmethod
    def undo(self) -> None:
        """Take back the last change."""

    @abstractmethod
    def save(self) -> None:
        """Give the command that saves the shown buffer."""

    @abstractmethod
    def save_all(self) -> None:
        """Give the command that saves all buffers."""

    @abstractmethod
    def resolve(self, choice: Choice) -> None:
        """Settle the conflict of the shown buffer as this editor's users do: answer what it asked after a
        save, else give the plug-in's command."""

    @abstractmethod
    def answer(self, words: str, choice: str) -> None:
        """Wait until a question with *words* is asked, and choose the answer *choice*."""

    @abstractmethod
    def close(self, discard: bool = False) -> None:
        """Close the shown buffer; *discard*: also what was not saved of it."""

    @abstractmethod
    def focus(self) -> None:
        """Turn to this editor's window, after another one."""

    @abstractmethod
    def quit(self, discard: bool = False) -> None:
        """Give the command that ends the editor; *discard*: also what was not saved."""

    @abstractmethod
    def ended(self) -> int:
        """Wait until the editor ended by itself; its exit code."""

    @abstractmethod
    def kill(self) -> None:
        """End the editor and all its processes at once, if it still runs, and remove what only this test
        made."""

    # What is the same for all.

    def sees(self, name: str, deadline: float = LONG) -> None:
        """Wait until the shown buffer is the one whose path ends with *name*."""
        self._until(lambda: self.path.endswith(name), f"{name} is shown", deadline)

    def said(self, words: str) -> None:
        """Wait until the user was told *words*."""
        self._until(lambda: words in self.told(), f"{words!r} is told")

    def settled(self) -> None:  # noqa: B027  # most editors say it at once
        """Wait until the daemon was told what the user looks at now."""

    def shows(self, name: str) -> bool:
        """Whether a buffer whose path ends with *name* is open."""
        return any(one.endswith(name) for one in self.names)

    @property
    def unsaved(self) -> bool:
        """Whether what is shown says that the host lacks something that was typed."""
        return self.modified or "saved" not in self.status

    def until_text(self, text: str) -> None:
        self._until(lambda: self.text == text, f"the text is {text!r}")

    def until_status(self, words: str, deadline: float = LONG) -> None:
        """Wait until the plug-in shows *words*."""
        self._until(lambda: words in self.status, f"the status is {words!r}", deadline)

    def until_saved(self, deadline: float = LONG) -> None:
        """Wait until the editor shows the buffer as unmodified, and the plug-in as saved."""
        self._until(lambda: not self.modified and "saved" in self.status, "the buffer is saved", deadline)

    def until_conflict(self) -> None:
        """Wait until the plug-in shows that the host's text is another one."""
        self.until_status("conflict")

    def _until(self, condition: Any, what: str, deadline: float = LONG) -> None:
        try:
            until(condition, deadline, what)
        except AssertionError as never:
            raise AssertionError(f"{self.kind}: {never}; {self._state()}") from None

    def _state(self) -> str:
        """How it stands, for a message of a test that failed."""
        try:
            shown = f"shows {self.path!r}, status {self.status!r}, modified {self.modified}"
            return f"{shown}, text {self.text[:200]!r}, told {self.told()[-2000:]!r}"
        except Exception as error:
            return f"cannot be looked at: {error!r}"
