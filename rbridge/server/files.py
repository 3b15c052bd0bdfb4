"""FILES: where open texts lie, in memory where the system has such a place.

Each document has ``FILES/ID/HOST/real/path`` to itself. ID is ours, random; everything below comes from the
wire as safe components (:mod:`rbridge.server.names`) and is made one by one, relative to the directory above
it and never through a link. A directory beside HOST is free for the adapter: HOST never starts with a dot.

Several daemons may share one FILES. An ID starts with a mark of the daemon that made it; the mark's lock file
tells whether that daemon lives, so that a new one takes over or wipes what a killed one left. It takes over
by locking the dead one's file itself: documents keep their names, in which their editors have them open.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from rbridge.errors import CannotCreate, RbridgeError, TryAgain
from rbridge.private import make_private
from rbridge.server.log import logger

if TYPE_CHECKING:
    from hashlib import _Hash

MARK = 8  # hex digits of an ID that name its daemon
UNIQUE = 16  # hex digits that name the document
HASHED = 64 << 20  # bytes up to which a text is hashed as it comes: sha256 takes 0.7 s for 1 GiB
WIPES = 5  # attempts at a directory in which an editor still writes

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class NoSpace(TryAgain):
    """FILES is full."""


@dataclass
class Incoming:
    """A document's file while its text arrives; *fd* is closed by :meth:`finish` or :meth:`Files.wipe`."""

    id: str
    path: Path
    fd: int
    size: int = 0
    _hash: _Hash | None = field(default_factory=sha256)

    def write(self, data: bytes) -> None:
        """Append *data*; raises NoSpace when FILES is full, CannotCreate for any other failure."""
        view = memoryview(data)
        while view:
            try:
                done = os.write(self.fd, view)
            except OSError as error:
                raise _failure(error) from error
            view = view[done:]
        self.size += len(data)
        if self._hash is not None:
            self._hash.update(data)
            if self.size > HASHED:
                self._hash = None

    def finish(self) -> str:
        """All is there: returns the sha256 of the text, empty for a large one."""
        self.close()
        return self._hash.hexdigest() if self._hash is not None else ""

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class Files:
    """The texts of this daemon below *root*; :meth:`close` leaves nothing of them but what is to be left."""

    def __init__(self, root: str, in_memory: bool) -> None:
        self.root = root
        self.in_memory = in_memory
        self._mark = secrets.token_hex(MARK // 2)
        self._taken: dict[str, int] = {}  # marks of dead daemons, with their locks, which are ours now
        self._adopted: set[str] = set()
        self._spared: set[str] = set()
        self._left: set[str] = set()
        make_private(root)
        self._root_fd = os.open(root, _DIRECTORY)
        self._lock_fd = self._lock()

    def left(self) -> list[str]:
        """The IDs of the documents that daemons that are gone left behind.

        Their marks are ours from now on: :meth:`adopt` or :meth:`spare` what is not to be wiped, and then
        :meth:`sweep`.
        """
        self._take_over()
        names = sorted(
            os.listdir(self._root_fd)
        )  # first: a daemon that starts now makes its lock before them
        living = self._living()
        return [name for name in names if "." not in name and name[:MARK] not in living]

    def adopt(self, document: str) -> None:
        """*document*, one of those :meth:`left`, is ours like one that :meth:`create` made."""
        self._adopted.add(document)

    def spare(self, document: str) -> None:
        """Leave *document* where it is: its text could not be kept anywhere else. The next daemon tries
        again.
        """
        self._spared.add(document)

    def leave(self, document: str) -> None:
        """:meth:`close` leaves *document*, one of ours, to the next daemon: its editor still has it."""
        self._left.add(document)

    def sweep(self) -> int:
        """Wipe what daemons that are gone left behind and nobody adopted; returns the number of documents."""
        self._take_over()
        names = os.listdir(self._root_fd)  # first: a daemon that starts now makes its lock before them
        living = self._living()
        count = 0
        for name in names:
            document = name.partition(".")[0]
            if document and name[:MARK] not in living and document not in self._adopted | self._spared:
                self.wipe(name)
                count += name == document
        for mark in list(self._taken):
            if not any(document.startswith(mark) for document in self._adopted):
                self._release(mark)
        return count

    def create(self, host: str, parts: tuple[str, ...], length: int | None) -> Incoming:
        """Lay out a new document for a text of *length* bytes, as far as announced.

        Raises NoSpace when it cannot fit, CannotCreate when the file cannot be made; nothing is left then.
        """
        if length is not None and length > self.room():
            raise NoSpace(f"no room for {length:,} bytes in {self.root}")
        name = self._mark + secrets.token_hex(UNIQUE // 2)
        try:
            return self._create(name, (host.lstrip(".") or "host", *parts))
        except OSError as error:
            self.wipe(name)
            raise _failure(error) from error

    def create_directory(self, host: str, parts: tuple[str, ...]) -> tuple[str, Path]:
        """Lay out an empty directory; its ID and where it is. Raises NoSpace and CannotCreate."""
        name = self._mark + secrets.token_hex(UNIQUE // 2)
        below = (host.lstrip(".") or "host", *parts)
        try:
            os.close(self._directories(name, below))
        except OSError as error:
            self.wipe(name)
            raise _failure(error) from error
        return name, Path(self.root, name, *below)

    def _create(self, document: str, parts: tuple[str, ...]) -> Incoming:
        above = self._directories(document, parts[:-1])
        try:
            fd = os.open(parts[-1], _NEW_FILE, 0o600, dir_fd=above)
        finally:
            os.close(above)
        return Incoming(document, Path(self.root, document, *parts), fd)

    def _directories(self, document: str, parts: tuple[str, ...]) -> int:
        """Make the directories *parts*, each in the one before it; a descriptor of the last one."""
        above = os.dup(self._root_fd)
        try:
            for name in (document, *parts):
                os.mkdir(name, 0o700, dir_fd=above)
                below = os.open(name, _DIRECTORY, dir_fd=above)
                os.close(above)
                above = below
        except OSError:
            os.close(above)
            raise
        return above

    def room(self) -> int:
        """Bytes that FILES still has."""
        found = os.fstatvfs(self._root_fd)
        return found.f_bavail * found.f_frsize

    def wipe(self, document: str) -> None:
        """Remove all of *document* (its ID), also what its editor put there and still puts there."""
        path = os.path.join(self.root, document)
        failure = ""
        for _ in range(WIPES):
            try:
                shutil.rmtree(path)
            except FileNotFoundError:
                if not os.path.lexists(path):
                    return
            except OSError as error:
                failure = error.strerror or ""
                _make_removable(path)
            else:
                return
        logger.warning("cannot wipe %s: %s", path, failure or "files keep appearing there")

    def close(self) -> None:
        """Wipe all that is ours and give up the mark."""
        for name in os.listdir(self._root_fd):
            document = name.partition(".")[0]
            if document not in self._left and (name[:MARK] == self._mark or document in self._adopted):
                self.wipe(name)
        for mark in list(self._taken):
            self._release(mark)
        self._taken[self._mark] = self._lock_fd
        self._release(self._mark)
        os.close(self._root_fd)
        with suppress(OSError):  # another daemon's texts are there
            os.rmdir(self.root)

    def _lock(self) -> int:
        while True:
            try:
                fd = os.open(self._lock_name(self._mark), _NEW_FILE, 0o600, dir_fd=self._root_fd)
            except OSError as error:
                os.close(self._root_fd)
                raise CannotCreate(f"cannot create a file in {self.root}: {error.strerror}") from error
            fcntl.flock(fd, fcntl.LOCK_EX)
            if os.fstat(fd).st_nlink:
                return fd
            os.close(fd)  # another daemon's sweep came between the two and took it for a dead one's

    def _marks(self) -> list[str]:
        """The marks of all daemons that have a lock here, dead or alive."""
        names = os.listdir(self._root_fd)
        return [name[1 : -len(".lock")] for name in names if name[0] == "." and name.endswith(".lock")]

    def _living(self) -> set[str]:
        """The marks of other daemons that live, and our own."""
        return {self._mark, *self._marks()} - self._taken.keys()

    def _take_over(self) -> None:
        """Lock the locks of daemons that are gone."""
        for mark in self._marks():
            if mark == self._mark or mark in self._taken:
                continue
            try:
                fd = os.open(
                    self._lock_name(mark), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._root_fd
                )
            except FileNotFoundError:
                continue  # it ended just now
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
            else:
                self._taken[mark] = fd

    def _release(self, mark: str) -> None:
        """Give up a mark that was taken over; its lock file stays where a text of it does."""
        if not any(document.startswith(mark) for document in self._spared | self._left):
            with suppress(FileNotFoundError):
                os.unlink(self._lock_name(mark), dir_fd=self._root_fd)
        os.close(self._taken.pop(mark))

    @staticmethod
    def _lock_name(mark: str) -> str:
        return f".{mark}.lock"


def laid_out(path: Path) -> int:
    """A descriptor of a new, empty file of ours at *path*. Raises NoSpace and CannotCreate."""
    try:
        return os.open(path, _NEW_FILE, 0o600)
    except OSError as error:
        raise _failure(error) from error


def _make_removable(path: str) -> None:
    """Open the directories below *path* that an editor locked; links are not followed."""
    os.chmod(path, 0o700)
    for directory, names, _ in os.walk(path):
        for name in names:
            below = os.path.join(directory, name)
            if not os.path.islink(below):
                os.chmod(below, 0o700)


def _failure(error: OSError) -> RbridgeError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return NoSpace("the laptop has no room for this text")
    return CannotCreate(f"the laptop cannot lay out this text: {error.strerror}")
