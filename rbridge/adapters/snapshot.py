"""Takes a private copy of the file that an editor works on, with its hash.

The editor's side is never trusted to be what we laid there: it must still be a regular file, links are not
followed, and opening never blocks.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import signal
import stat
from dataclasses import dataclass
from pathlib import Path

_CHUNK = 1 << 20
_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a fifo"),
    (stat.S_ISSOCK, "a socket"),
)


@dataclass(frozen=True)
class Snapshot:
    """*file* holds the copy; *digest* is its sha256 in hex; *written* tells one write from the next."""

    file: Path
    digest: str
    written: tuple[int, ...]


class Gone(Exception):
    """There is no file of that name."""


class NotRegular(Exception):
    """Something else has the name; ``str()`` says what, as in ``a directory``."""


class Unsettled(Exception):
    """The file changed while it was read."""


def take(file: Path, into: Path, *, alone: bool = True) -> Snapshot:
    """Copy *file* to the new file *into*, mode 0600; *alone*: only while nobody has it open for writing.

    Raises :class:`Gone`, :class:`NotRegular`, :class:`Unsettled`, or OSError; *into* does not exist then.
    """
    source = _open(file)
    try:
        before = os.fstat(source)
        if not stat.S_ISREG(before.st_mode):
            raise NotRegular(kind(before))
        if alone:
            _keep_writers_out(source)
            before = os.fstat(source)
        digest = _copy(source, into)
        if _written(os.fstat(source)) != _written(before) or not _same(file, before):
            into.unlink()
            raise Unsettled
    finally:
        os.close(source)
    return Snapshot(into, digest, _written(before))


def _keep_writers_out(source: int) -> None:
    """Take a read lease (fcntl(2), Linux): whoever opens the file for writing waits until we close it.

    An editor that saves in place truncates the file first, and what is read in that moment looks whole.
    Raises Unsettled when there is a writer now. Where there are no leases this does nothing.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return
    try:
        fcntl.fcntl(source, fcntl.F_SETSIG, signal.SIGURG)  # sent when a writer comes; ignored by default
        fcntl.fcntl(source, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        raise Unsettled from None
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EACCES, errno.ENOLCK, errno.EOPNOTSUPP):
            raise


def digest_of(file: Path) -> str:
    """The sha256 of *file* in hex."""
    digest = hashlib.sha256()
    with open(file, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def written_of(file: Path) -> tuple[int, ...]:
    """What :attr:`Snapshot.written` of a copy taken now would be. Raises OSError."""
    return _written(os.lstat(file))


def look(file: Path) -> str:
    """``""`` for a regular file, ``"gone"``, or what else has the name."""
    try:
        found = os.lstat(file)
    except OSError:
        return "gone"
    return "" if stat.S_ISREG(found.st_mode) else kind(found)


def kind(found: os.stat_result) -> str:
    """What *found* is, for a person."""
    return next((name for test, name in _KINDS if test(found.st_mode)), "a special file")


def _open(file: Path) -> int:
    try:
        return os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise Gone from None
        if what := look(file):  # ELOOP for a link, ENXIO for a socket
            raise (Gone if what == "gone" else NotRegular(what)) from None
        raise


def _copy(source: int, into: Path) -> str:
    digest = hashlib.sha256()
    target = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(target, "wb", buffering=0) as copy:
            while chunk := os.read(source, _CHUNK):
                digest.update(chunk)
                view = memoryview(chunk)
                while view:
                    view = view[copy.write(view) :]
    except BaseException:
        into.unlink()
        raise
    return digest.hexdigest()


def _written(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _same(file: Path, before: os.stat_result) -> bool:
    try:
        now = os.lstat(file)
    except OSError:
        return False
    return (now.st_dev, now.st_ino) == (before.st_dev, before.st_ino)
