"""Where an edit's own files go: beside the text in memory, out of the editor's sight.

A text lies at ``FILES/ID/HOST/real/path``. Snapshots and editor settings go to a private directory in
``FILES/ID``; the editor's working directory is an empty one beside ``FILES/ID``, so that no configuration
that editors look for in it, or above it, can come from a host.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rbridge.adapters.base import Text
from rbridge.errors import CannotCreate


@dataclass(frozen=True)
class Place:
    """*files* is FILES, *private* ours, *cwd* the editor's working directory."""

    files: Path
    private: Path
    cwd: Path


def root_of(text: Text) -> Path:
    """``FILES/ID`` of *text*: the outermost directory above the text that is named after its id."""
    for parent in reversed(text.file.parents):
        if parent.name == text.id:
            return parent
    raise ValueError(f"{text.file} does not lie in a directory named {text.id}")


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
    try:
        yield Place(root.parent, private, cwd)
    finally:
        shutil.rmtree(private, ignore_errors=True)
        with suppress(FileNotFoundError):  # it belongs to the user, who may have removed it
            os.chmod(cwd, 0o700)
        shutil.rmtree(cwd, ignore_errors=True)
