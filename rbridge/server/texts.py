"""A text's file as a document looks at it: what an editor may have put in its place is not believed."""

from __future__ import annotations

import errno
import os
import stat
from hashlib import sha256
from pathlib import Path


def take(path: Path) -> int:
    """A descriptor of the text at *path*; raises OSError for whatever is no regular file."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file")
    return fd


def identity(file: Path) -> tuple[int, int, int] | None:
    """What changes when *file* is written or replaced."""
    try:
        found = os.lstat(file)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def digest(fd: int) -> str:
    """The sha256 of the file open at *fd*."""
    found = sha256()
    position = 0
    while data := os.pread(fd, 1 << 20, position):
        found.update(data)
        position += len(data)
    return found.hexdigest()
