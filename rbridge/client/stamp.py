"""What a file was when it was read: the stamp that tells whether it has changed since.

Two stamps are equal when size and sha256 are; of what another host named by its hash alone, the size is not
known. Device, inode and times only allow skipping the hash, and not
when the file was changed within 2 s before the stamp was taken (a later change may bear the same time: "racy"
in git's words), nor on a network file system, where another machine's change may not show yet. So
``touch``, a remount and another login node are no change.
"""

import os
import time

from rbridge.client import pieces
from rbridge.errors import RbridgeError

MYPY = False
if MYPY:
    from typing import Optional

RACY_NS = 2 * 10**9  # FAT counts in 2 s; everything else in at most 1 s


class Unstable(RbridgeError):
    """The file kept changing while it was read, so there is no stamp of it."""

    exit_code = 75


class Stamp:
    """What a file was. *sha256* is hex, times are ns since the epoch, *taken_ns* is when it was read.

    Of a mere content (:func:`of_content`) all numbers are -1, perhaps but the size.
    """

    __slots__ = ("ctime_ns", "device", "inode", "mtime_ns", "sha256", "size", "taken_ns")

    def __init__(
        self, size: int, sha256: str, device: int, inode: int, mtime_ns: int, ctime_ns: int, taken_ns: int
    ) -> None:
        self.size = size
        self.sha256 = sha256
        self.device = device
        self.inode = inode
        self.mtime_ns = mtime_ns
        self.ctime_ns = ctime_ns
        self.taken_ns = taken_ns

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Stamp):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __hash__(self) -> int:
        return hash((self.size, self.sha256))

    def __repr__(self) -> str:
        return "Stamp(size={}, sha256={!r}, inode={}:{})".format(
            self.size, self.sha256[:12], self.device, self.inode
        )


def same_content(a: Stamp, b: Stamp) -> bool:
    """Whether both stand for the same bytes."""
    return a.sha256 == b.sha256 and (a.size == b.size or -1 in (a.size, b.size))


def same_state(a: os.stat_result, b: os.stat_result) -> bool:
    """Whether nothing that stat shows tells *a* and *b* apart: same inode, size and times."""
    return (
        a.st_dev == b.st_dev
        and a.st_ino == b.st_ino
        and a.st_size == b.st_size
        and a.st_mtime_ns == b.st_mtime_ns
        and a.st_ctime_ns == b.st_ctime_ns
    )


def now_ns() -> int:
    """The time in ns (``time.time_ns`` came with Python 3.7)."""
    return int(time.time() * 1e9)


def of(st: os.stat_result, size: int, sha256: str, taken_ns: int) -> Stamp:
    """The stamp of known content with the identity and times of *st*."""
    return Stamp(size, sha256, st.st_dev, st.st_ino, st.st_mtime_ns, st.st_ctime_ns, taken_ns)


def of_content(sha256: str, size: int = -1) -> Stamp:
    """The stamp of a content of which nothing else is known: the file is hashed to be compared with it."""
    return Stamp(size, sha256, -1, -1, -1, -1, -1)


def from_digest(
    before: os.stat_result, after: os.stat_result, size: int, sha256: str, taken_ns: int = 0
) -> "Optional[Stamp]":
    """The stamp of *size* bytes read between two stats of one descriptor; None if it changed meanwhile."""
    if not same_state(before, after) or after.st_size != size:
        return None
    return of(after, size, sha256, taken_ns or now_ns())


def take(fd: int) -> Stamp:
    """Read *fd* from its start and return its stamp; raises Unstable when it changed during two readings."""
    for _ in range(2):
        began, before = now_ns(), os.fstat(fd)
        size, sha256 = pieces.digest(fd)
        stamp = from_digest(before, os.fstat(fd), size, sha256, began)
        if stamp is not None:
            return stamp
    raise Unstable("the file keeps changing while it is read", "try again when nothing writes to it")


def needs_hash(base: Stamp, st: os.stat_result, on_nfs: bool) -> bool:
    """Whether *st* cannot show by itself that the file still has the content of *base*."""
    return (
        on_nfs
        or base.size != st.st_size
        or (base.device, base.inode) != (st.st_dev, st.st_ino)
        or (base.mtime_ns, base.ctime_ns) != (st.st_mtime_ns, st.st_ctime_ns)
        or base.taken_ns - max(base.mtime_ns, base.ctime_ns) < RACY_NS
    )
