"""Texts that the host has not acknowledged, kept on this laptop until it has.

One directory per document, ``spool/ID/``, with the newest text under its own name and ``about.json``, which
says what it is; 0600 in 0700. A text is on the disk before it takes the place of the older one, so that at
every moment one of them is whole.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from rbridge.errors import CannotCreate, RbridgeError, TryAgain
from rbridge.private import make_private
from rbridge.server.log import logger

ENTRIES = 1000
VERSION = 1
CHUNK = 1 << 20

_ID = re.compile(r"[0-9a-f]{8,64}")


class SpoolFull(TryAgain):
    """There is no room for another text."""


@dataclass(frozen=True)
class About:
    """What a kept text is: *host* and *path* are the peer's words, cleaned; *base* is the sha256 of the text
    the edit started from, *time* seconds since the epoch, *why* a word of the protocol or ``lost``.
    """

    id: str
    host: str
    path: str
    name: str
    why: str
    base: str
    time: float
    size: int
    sha256: str
    text: str
    version: int = VERSION


@dataclass(frozen=True)
class Entry:
    """A text in the spool: *file* is where it lies."""

    about: About
    file: Path


class Spool:
    """The texts below *root*, at most *limit* bytes of them."""

    def __init__(self, root: str, limit: int) -> None:
        make_private(root)
        self.root = root
        self._limit = limit

    def keep(
        self, document: str, fd: int, name: str, *, host: str, path: str, shown: str, why: str, base: str
    ) -> Entry:
        """Copy the whole of the file open at *fd* to the spool, in place of an older text of *document*.

        *name* is a safe file name. Raises SpoolFull and CannotCreate; an older text
        is still there then.
        """
        size = os.fstat(fd).st_size
        directory = os.path.join(self.root, document)
        others = [entry for entry in self.entries() if entry.about.id != document]
        if len(others) >= ENTRIES or sum(entry.about.size for entry in others) + size > self._limit:
            raise SpoolFull("the spool is full", f"remove what is not needed from {self.root}")
        file = f"text-{name}"  # the same for every text of a document: users were told where it is
        try:
            make_private(directory)
            staged = os.path.join(directory, f".{secrets.token_hex(4)}")
            digest = _copy(fd, staged)
            os.replace(staged, os.path.join(directory, file))
            about = About(document, host, path, shown, why, base, time.time(), size, digest, file)
            _replace(os.path.join(directory, "about.json"), json.dumps(asdict(about)).encode())
            for left in os.listdir(directory):
                if left not in (file, "about.json"):
                    os.unlink(os.path.join(directory, left))
            _sync(directory)
        except OSError as error:
            raise CannotCreate(f"cannot write to {directory}: {error.strerror}") from error
        return Entry(about, Path(directory, file))

    def drop(self, document: str) -> None:
        """Erase what there is of *document*."""
        try:
            shutil.rmtree(os.path.join(self.root, document))
        except FileNotFoundError:
            pass
        except OSError as error:
            logger.warning("cannot erase %s from the spool: %s", document, error.strerror)

    def entries(self) -> list[Entry]:
        """All texts, oldest first; a directory that a crash left without its ``about.json`` is not one."""
        found = []
        for name in os.listdir(self.root):
            if _ID.fullmatch(name):
                entry = self._entry(name)
                if entry is not None:
                    found.append(entry)
        return sorted(found, key=lambda entry: entry.about.time)

    def _entry(self, document: str) -> Entry | None:
        directory = Path(self.root, document)
        try:
            about = About(**json.loads((directory / "about.json").read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            logger.warning("the spool's %s cannot be read: %s", document, type(error).__name__)
            return None
        return Entry(about, directory / about.text)


def refusal(error: RbridgeError) -> str:
    """What to say when a text could not be kept."""
    return f"the text could NOT be kept ({error}): save it elsewhere before you close the editor"


def _copy(source: int, path: str) -> str:
    """Copy all of *source* into a new file at *path*, onto the disk; returns the sha256."""
    digest = sha256()
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        position = 0
        while data := os.pread(source, CHUNK, position):
            view = memoryview(data)
            while view:
                view = view[os.write(target, view) :]
            digest.update(data)
            position += len(data)
        os.fsync(target)
    except OSError:
        os.unlink(path)
        raise
    finally:
        os.close(target)
    return digest.hexdigest()


def _replace(path: str, data: bytes) -> None:
    staged = path + ".new"
    fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, data)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.replace(staged, path)


def _sync(directory: str) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
