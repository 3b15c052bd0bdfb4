"""Where an edit's own files go: beside the text in memory, out of the editor's sight.

A text lies at ``FILES/ID/HOST/real/path``. Snapshots and editor settings go to a private directory in
``FILES/ID``; the editor's working directory is an empty one beside ``FILES/ID``, so that no configuration
that editors look for in it, or above it, can come from a host.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rbridge.adapters.base import Text
from rbridge.adapters.folder import Root
from rbridge.errors import CannotCreate

_PRIVATE = re.compile(r"\.rbridge-\w+")


@dataclass
class Place:
    """*files* is FILES, *private* ours, *cwd* the editor's working directory. One that is *left* stays, for
    :func:`place_again` of another process.
    """

    files: Path
    private: Path
    cwd: Path
    left: bool = False

    @property
    def resume(self) -> dict[str, Any]:
        """What :func:`place_again` needs."""
        return {"private": self.private.name, "cwd": self.cwd.name}


def root_of(text: Text) -> Path:
    """``FILES/ID`` of *text*: the outermost directory above the text that is named after its id."""
    for parent in reversed(text.file.parents):
        if parent.name == text.id:
            return parent
    raise ValueError(f"{text.file} does not lie in a directory named {text.id}")


def as_text(root: Root) -> Text:
    """A folder as a text without content, for what starts an editor on either."""
    text = Text(root.id, root.host, root.path, root.name, root.directory, 0)
    return replace(text, new_window=root.new_window, keep_focus=root.keep_focus)


@contextmanager
def place_for(text: Text) -> Iterator[Place]:
    """Make the place for one edit, and remove it afterwards. Raises CannotCreate."""
    root = root_of(text)
    try:
        private = Path(tempfile.mkdtemp(prefix=".rbridge-", dir=root))
    except OSError as error:
        raise CannotCreate(f"cannot make a directory for {text.name} in {root}: {error.strerror}") from error
    try:
        # named after the document, so that the daemon finds it there if this process is killed
        cwd = Path(tempfile.mkdtemp(prefix=f"{text.id}.", dir=root.parent))
    except OSError as error:
        os.rmdir(private)
        raise CannotCreate(f"cannot make a directory for the editor: {error.strerror}") from error
    os.chmod(cwd, 0o500)  # what the user writes there would be lost: let the editor say so
    with _held(Place(root.parent, private, cwd)) as place:
        yield place


@contextmanager
def place_again(text: Text, resume: Mapping[str, Any]) -> Iterator[Place]:
    """The place that another process made for *text*, whose :attr:`Place.resume` is in *resume*; removed
    afterwards. Raises CannotCreate when it is not there.
    """
    place = _found(text, resume)
    if place is None:
        raise CannotCreate(f"the editor's directory for {text.name} is gone")
    with _held(place):
        yield place


def private_of(text: Text, resume: Mapping[str, Any]) -> Path | None:
    """The private directory of the place that :func:`place_again` would give."""
    place = _found(text, resume)
    return place.private if place is not None else None


def _found(text: Text, resume: Mapping[str, Any]) -> Place | None:
    """*resume* gives names and not paths: nothing outside FILES/ID is ever removed for what is written
    there.
    """
    root = root_of(text)
    private, cwd = str(resume.get("private")), str(resume.get("cwd"))
    if not (_PRIVATE.fullmatch(private) and cwd.startswith(f"{text.id}.") and "/" not in cwd):
        return None
    place = Place(root.parent, root / private, root.parent / cwd)
    return place if os.path.isdir(place.private) and not place.private.is_symlink() else None


@contextmanager
def _held(place: Place) -> Iterator[Place]:
    try:
        yield place
    finally:
        if not place.left:
            shutil.rmtree(place.private, ignore_errors=True)
            with suppress(FileNotFoundError):  # it belongs to the user, who may have removed it
                os.chmod(place.cwd, 0o700)
            shutil.rmtree(place.cwd, ignore_errors=True)
