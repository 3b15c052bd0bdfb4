"""Reading, writing and hashing open files piece by piece, so that memory does not grow with the file."""

import errno
import hashlib
import os

from rbridge.client import progress

MYPY = False
if MYPY:
    from typing import Iterator, Tuple

PIECE = 1 << 20

# What a file system says that cannot sync a directory at all; everything else is a failure to sync it.
_NO_DIRECTORY_SYNC = (errno.EINVAL, errno.EBADF, errno.EACCES, errno.EISDIR, errno.ENOTSUP)


def read(fd: int, length: int = -1) -> "Iterator[bytes]":
    """The first *length* bytes of *fd* (all: -1) from its start, in pieces of at most 1 MiB."""
    os.lseek(fd, 0, os.SEEK_SET)
    while length:
        data = os.read(fd, PIECE if length < 0 else min(PIECE, length))
        if not data:
            return
        if length > 0:
            length -= len(data)
        progress.step()
        yield data


def write(fd: int, data: "bytes") -> None:
    """Write all of *data*, however many calls that takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
        progress.step()


def digest(fd: int) -> "Tuple[int, str]":
    """Size and sha256 (hex) of what *fd* holds."""
    size, sha = 0, hashlib.sha256()
    for data in read(fd):
        size += len(data)
        sha.update(data)
    return size, sha.hexdigest()


def copy(source: int, to: int, length: int = -1) -> "Tuple[int, str]":
    """Append *source* (its first *length* bytes) to *to*; returns size and sha256 of what was copied."""
    size, sha = 0, hashlib.sha256()
    for data in read(source, length):
        write(to, data)
        size += len(data)
        sha.update(data)
    return size, sha.hexdigest()


def sync_directory(path: str) -> None:
    """Make the names in directory *path* durable. Raises OSError when the disk failed.

    A directory that may not be read, and a file system that has no such thing, are no failure: there the
    system offers nothing better, and the file itself has been synced.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        return
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:
            raise
    finally:
        os.close(fd)
