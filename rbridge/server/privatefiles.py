"""Small files that are ours alone, one per host, in a directory of ours: ``ROOT/NAME.json``, 0600.

What is found there is believed, so a file that another user could have put there is refused. It is replaced
as a whole: a full disk or a crash leaves the old content. Several processes may work on one directory.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

from rbridge import system
from rbridge.errors import CannotCreate, Denied
from rbridge.private import check_private
from rbridge.wire.codec import word

SUFFIX = ".json"

_PLAIN = re.compile(r"[a-z0-9_][a-z0-9._-]{0,63}")


def place(root: str, name: str) -> str:
    """Where *name* is kept; no two names share a place, on a disk that ignores case neither."""
    if not _PLAIN.fullmatch(name):
        mark = sha256(name.encode()).hexdigest()[:16]
        name = f"{word(name).lower().lstrip('.')[:40]}~{mark}"
    return os.path.join(root, name + SUFFIX)


@contextmanager
def locked(root: str) -> Iterator[int]:
    """Alone with the files of *root*, with a descriptor of it; raises Denied when it is not ours alone."""
    check_private(root)
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield fd
    finally:
        os.close(fd)


def read(path: str, longest: int) -> bytes:
    """The first *longest* bytes of the file at *path*; raises FileNotFoundError and Denied."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise
    except OSError as error:
        why = "is a symbolic link" if os.path.islink(path) else f"cannot be opened: {error.strerror}"
        raise Denied(f"{path} {why}", "remove it") from None
    try:
        _check(path, os.fstat(fd))
        return os.read(fd, longest)
    finally:
        os.close(fd)


def replace(path: str, data: bytes, directory: int) -> None:
    """Make *data* the content of *path*, on the disk; *directory* is from :func:`locked`.

    Raises CannotCreate; *path* is then what it was.
    """
    staged = f"{path}.{secrets.token_hex(4)}"
    try:
        fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(fd)
            os.replace(staged, path)
        except OSError:
            os.unlink(staged)
            raise
        os.fsync(directory)
    except OSError as error:
        raise CannotCreate(f"cannot write {path}: {error.strerror}") from error


def _check(path: str, found: os.stat_result) -> None:
    """Raise Denied unless what is open as *path* is a file of ours alone."""
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISREG(found.st_mode):
        raise Denied(f"{path} is not a regular file", "remove it")
    if found.st_uid != os.geteuid():
        raise Denied(f"{path} belongs to {system.user_name(found.st_uid)}", "remove it")
    if mode & 0o077:
        raise Denied(f"{path} can be reached by others (mode {mode:04o})", f"run: chmod 600 {path}")
