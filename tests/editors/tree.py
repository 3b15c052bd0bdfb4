"""What a person sees of an opened folder in an editor, and does with it: the drivers' part for folders.

One class for each editor that shows folders derives from :class:`Tree`;
:attr:`tests.editors.driver.Driver.tree` is its object for one editor.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from tests.harness.wait import until

LONG = 20.0  # seconds


class Tree(ABC):
    """The folder view of an editor. Paths are relative to the folder's root, with ``/`` between names.

    What looks says how it is now; what a person does is done with keys or commands and does not wait for what
    follows from it, unless it says so. The view may be shown beside texts or in place of them: what needs it
    in front brings it there, as its user would.
    """

    @property
    @abstractmethod
    def root(self) -> str:
        """Host and path of the shown folder as the user reads them (``gpu1:/home/u/project``, or its parts in
        that order with anything between); empty where no folder is shown."""

    @property
    @abstractmethod
    def paths(self) -> list[str]:
        """What the view shows, as whole paths below the root in the order in which they are shown; a
        directory ends with ``/``. Names as the user reads them."""

    @property
    @abstractmethod
    def status(self) -> str:
        """What the view says of how it stands: holds ``not connected`` while its host is not, ``no rbridge``
        while there is no daemon, and neither while all is well."""

    @abstractmethod
    def expand(self, path: str) -> None:
        """Show what is in the directory *path* (``""``: the root itself); returns when it is shown."""

    @abstractmethod
    def open(self, path: str) -> None:
        """Open the file *path*, which the view shows, as a person does who has it under the cursor."""

    @abstractmethod
    def make(self, path: str) -> None:
        """Give the command for a new file, or with ``/`` at the end a new directory, and its path. A file is
        shown then."""

    @abstractmethod
    def rename(self, path: str, to: str) -> None:
        """Give the command that renames or moves, and the new path."""

    @abstractmethod
    def remove(self, path: str, confirm: bool) -> None:
        """Give the command that removes, wait for its question, and answer it."""

    @abstractmethod
    def find(self, query: str) -> list[str]:
        """Give the command for finding a file by name, type *query*, and wait until its search has ended:
        what it offers, the best first. The list stays in front."""

    @abstractmethod
    def search(self, query: str) -> list[tuple[str, int]]:
        """Give the command that searches in files for *query*, and wait for its end: path and line (from 1)
        of each match, as they are listed. The list stays in front."""

    @abstractmethod
    def pick(self, number: int) -> None:
        """Choose the entry *number* (from 0) of the list of :meth:`find` or :meth:`search` in front."""

    @abstractmethod
    def close(self) -> None:
        """Close the folder. Its texts that are open stay."""

    # What is the same for all.

    def until_root(self, path: str) -> None:
        """Wait until the folder *path* of a host is shown."""
        until(lambda: self.root.endswith(path), LONG, f"the folder {path} is shown")

    def until_shows(self, *paths: str) -> None:
        """Wait until the view shows *paths*."""
        self._until(lambda: set(paths) <= set(self.paths), f"{paths} are shown")

    def until_lacks(self, *paths: str) -> None:
        """Wait until the view shows none of *paths*."""
        self._until(lambda: not set(paths) & set(self.paths), f"{paths} are not shown")

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        try:
            until(condition, LONG, what)
        except AssertionError as never:
            raise AssertionError(f"{never}; shown are {self.paths[:50]} of {self.root!r}") from None
