"""A growing file, such as a log: what was appended, and nothing else, is read.

Truncated, or another file under that name, it begins anew. Of what came all at once only the last 10 MB are
of interest.
"""

import errno
import os
import stat

from rbridge.client import pinned

MYPY = False
if MYPY:
    from typing import Optional, Tuple

KEPT = 10 * 1000 * 1000
"""Bytes that are shown of a file, its last ones."""

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Growth:
    """*data* stands in the file from byte *at* on; with *restart* nothing before it counts any more."""

    __slots__ = ("at", "data", "restart")

    def __init__(self, at: int, data: bytes, restart: bool) -> None:
        self.at = at
        self.data = data
        self.restart = restart


class Followed:
    """The file at *real*, of which the first *offset* bytes are known; *identity* is its device and inode."""

    steady = True  # see Rota.add
    __slots__ = ("identity", "missing", "offset", "real")

    def __init__(self, real: str, offset: int, identity: "Optional[Tuple[int, int]]") -> None:
        self.real = real
        self.offset = offset
        self.identity = identity
        self.missing = 0  # looks in a row that found nothing: of no interest here

    def quiet(self) -> bool:
        """Never: a log lies on a network file system as often as not."""
        return False

    def look(self, now: "Optional[float]" = None) -> "Optional[Growth]":
        """What came since the last look; None for nothing, and while there is no such file.

        A file that cannot be read now may be there again at the next look: logs are rotated.
        """
        try:
            fd = os.open(self.real, _FLAGS | pinned.flags(self.real))
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise
            return None
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                return None
            identity = (found.st_dev, found.st_ino)
            restart = identity != self.identity or found.st_size < self.offset
            at = 0 if restart else self.offset
            if found.st_size == at and not restart:
                return None
            if found.st_size - at > KEPT:
                at, restart = found.st_size - KEPT, True
            data = _read(fd, at, found.st_size - at)
            self.identity, self.offset = identity, at + len(data)
            return Growth(at, data, restart)
        except OSError:
            return None
        finally:
            os.close(fd)


def tail(fd: int) -> "Tuple[int, int]":
    """Offset and size of what is shown of the open file *fd*, from the begin of a line on."""
    size = os.fstat(fd).st_size
    if size <= KEPT:
        return 0, size
    start = size - KEPT
    line_end = os.pread(fd, 64 * 1024, start).find(b"\n")
    start += line_end + 1
    return start, size - start


def _read(fd: int, at: int, count: int) -> bytes:
    parts = []
    while count:
        data = os.pread(fd, min(count, 1 << 20), at)
        if not data:
            break
        parts.append(data)
        at += len(data)
        count -= len(data)
    return b"".join(parts)
