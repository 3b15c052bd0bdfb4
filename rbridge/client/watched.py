"""One file that is watched on the host, and the look that tells what happened to it.

A look costs a stat; on a network file system an open and an fstat, because there a stat answers from a cache.
Only where these differ from what is known is the file read, and one above 20 MB at most once a minute.
"""

import errno
import hashlib
import os
import stat
from time import monotonic

from rbridge import mounts
from rbridge.client import pieces, pinned
from rbridge.client.stamp import RACY_NS, now_ns
from rbridge.wire import delta, packing

MYPY = False
if MYPY:
    from typing import List, Optional, Tuple

    from rbridge.client.stamp import Stamp

    State = Tuple[int, int, int, int, int]

READ = 20 * 1000 * 1000
"""Bytes up to which a file is read whenever it changed."""

RARELY = 60.0
"""Seconds between two readings of one that is larger."""

GROWING = 60.0
"""Seconds within which a file has to grow twice to be called growing."""

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Change:
    """What happened to a file: *kind* is ``changed`` or ``gone``.

    Of a changed one *sha256* and *size* (bytes) are those of the new text and *body* is how it is sent, None
    for one that is too large to be held; *encoding* is ``delta`` (to the content *base*), ``zlib`` or "".
    *replaced*: it is another file of that name; *grows*: it was appended to, again within a minute. Of one
    that is gone *reason* is the protocol's word, and *message* says more.
    """

    __slots__ = (
        "base",
        "body",
        "encoding",
        "grows",
        "kind",
        "message",
        "reason",
        "replaced",
        "sha256",
        "size",
    )

    def __init__(self, kind: str, reason: str = "", message: str = "") -> None:
        self.kind = kind
        self.reason = reason
        self.message = message
        self.sha256 = ""
        self.size = 0
        self.body: "Optional[bytes]" = None
        self.encoding = ""
        self.base = ""
        self.replaced = False
        self.grows = False


class Watched:
    """The file at *real*, of which *sha256* and *size* are known; "" while it does not exist.

    *name* is what messages call it. One thread at a time may call its methods. After a save of ours it is
    made anew. Of a large one *stamp* spares the first reading, and *read_at* is when it was read last.
    """

    steady = False  # see Rota.add
    __slots__ = (
        # fmt: off
        "grown",
        "local",
        "missing",
        "name",
        "racy",
        "read_at",
        "real",
        "said",
        "seen",
        "sha256",
        "signature",
        "since",
        "size",
        # fmt: on
    )

    def __init__(
        self,
        real: str,
        sha256: str,
        size: int,
        stamp: "Optional[Stamp]" = None,
        read_at: float = float("-inf"),
    ) -> None:
        self.real = real
        self.name = os.path.basename(real)
        self.local = False  # whether a stat of it never blocks; the first look tells
        self.seen: "Optional[State]" = None
        self.signature: "Optional[delta.Signature]" = None
        self.grown: "List[float]" = []
        self.read_at = read_at
        self.missing = 0  # looks in a row that found nothing
        self.said = ""  # the reason of the last Change "gone"
        self.racy = True
        self.since = 0.0  # when it was first seen as it is
        self.sha256 = sha256
        self.size = size
        if size > READ and stamp is not None and stamp.inode > 0:
            self.seen = (stamp.device, stamp.inode, stamp.size, stamp.mtime_ns, stamp.ctime_ns)
            self.racy = stamp.taken_ns - max(stamp.mtime_ns, stamp.ctime_ns) < RACY_NS

    def quiet(self) -> bool:
        """Whether a stat alone shows that nothing happened; never blocks."""
        if not self.local or self.racy or self.seen is None:
            return False
        try:
            return _state(os.stat(self.real)) == self.seen
        except OSError:
            return False

    def look(self, now: "Optional[float]" = None) -> "Optional[Change]":
        """What happened since the last look; None for nothing that needs saying."""
        now = monotonic() if now is None else now
        self.local = self.local or mounts.is_local(self.real)
        try:
            fd = os.open(self.real, _FLAGS | pinned.flags(self.real))
        except OSError as error:
            return self._unreadable(error)
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                return self._gone("failed", "{} is no file any more".format(self.name))
            state = _state(found)
            if state == self.seen and not self.racy:
                return None
            if found.st_size > READ and now - self.read_at < RARELY:
                return None
            return self._read(fd, state, now)
        except OSError as error:
            return self._unreadable(error)
        finally:
            os.close(fd)

    def _read(self, fd: int, state: "State", now: float) -> "Optional[Change]":
        """Read it and compare; None also while it keeps changing."""
        self.read_at = now
        began = now_ns()
        data: "Optional[bytes]" = None
        if state[2] <= READ:
            data = b"".join(pieces.read(fd, READ + 1))
            size, sha256 = len(data), hashlib.sha256(data).hexdigest()
        else:
            size, sha256 = pieces.digest(fd)
        if _state(os.fstat(fd)) != state or (size != state[2] and state[2]):
            return None  # once more, when it is its turn
        before, self.seen = self.seen, state
        if before != state:
            self.since = now
        # its clock may be ahead of ours; what was seen so for long enough has got another time since
        self.racy = began - max(state[3], state[4]) < RACY_NS and (now - self.since) * 1e9 < RACY_NS
        self.missing = 0
        if sha256 == self.sha256 and not self.said:
            if self.signature is None and data is not None:
                self.signature = delta.signature(data)
            return None
        self.said = ""
        change = Change("changed")
        change.sha256, change.size = sha256, size
        change.replaced = before is not None and before[:2] != state[:2]
        change.grows = self._grows(data, size, now)
        if data is not None:
            self._encode(change, data)
            self.signature = delta.signature(data)
        else:
            self.signature = None
        self.sha256, self.size = sha256, size
        return change

    def _encode(self, change: Change, data: bytes) -> None:
        if self.signature is not None and self.sha256:
            body = delta.encode_by_signature(self.signature, data)
            if body is not None:
                change.body, change.encoding, change.base = body, "delta", self.sha256
                return
        body = packing.packed(data, packing.QUICKLY)
        change.body, change.encoding = (data, "") if body is None else (body, "zlib")

    def _grows(self, data: "Optional[bytes]", size: int, now: float) -> bool:
        """Whether it was only appended to, and that for the second time within a minute."""
        if data is None or not self.size or size <= self.size:
            return False
        if hashlib.sha256(memoryview(data)[: self.size]).hexdigest() != self.sha256:
            self.grown = []
            return False
        self.grown = [when for when in self.grown if now - when < GROWING] + [now]
        return len(self.grown) > 1

    def _unreadable(self, error: OSError) -> "Optional[Change]":
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            self.missing += 1
            # many programs replace a file in two steps: one look that misses it says nothing
            if self.missing < 2 or not self.sha256:
                return None
            return self._gone("gone", "{} was deleted or renamed".format(self.name))
        if error.errno in (errno.EACCES, errno.EPERM):
            return self._gone("denied", "{} may not be read any more".format(self.name))
        why = os.strerror(error.errno or errno.EIO).lower()
        return self._gone("failed", "{} cannot be read: {}".format(self.name, why))

    def _gone(self, reason: str, message: str) -> "Optional[Change]":
        """Say so, once."""
        self.seen = None
        if self.said == reason:
            return None
        self.said = reason
        return Change("gone", reason, message)


def _state(found: os.stat_result) -> "State":
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
