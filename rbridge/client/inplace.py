"""Writing into the file itself, where it cannot be replaced, with a backup and a journal against crashes.

First the new text, the old bytes and a record of both are on disk in the state directory; only then is the
file touched, and only when it has been read back and has the new text's hash is the record dropped. A
process that dies in between leaves the record to ``recovery``.
"""

import errno
import os
import stat
import time

from rbridge import system
from rbridge.client import journal, pieces, pinned, stamp

MYPY = False
if MYPY:
    from typing import Any, Dict, Tuple

    from rbridge.client.staging import Staging
    from rbridge.client.stamp import Stamp

SECTOR = 512  # disks write this much or nothing


class Changed(Exception):
    """The file is not what it was a moment ago; nothing was written."""


class NoBackup(Exception):
    """The state directory cannot take the texts and the record; nothing was written."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class HalfDone(Exception):
    """Writing failed, and so did putting the old bytes back; the journal stays for ``recover``."""

    def __init__(self, cause: OSError, place: str) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.old = place + ".old"
        self.new = place + ".new"


class Interfered(Exception):
    """Another program wrote to the file at the same time; the backup lies open in *old* for the saver."""

    def __init__(self, old: int) -> None:
        super().__init__("another program wrote to it at the same time")
        self.old = old


def write(real: str, now: "Stamp", staging: "Staging") -> os.stat_result:
    """Write the staged text into *real*, which has the content *now*; returns its stat afterwards.

    Raises OSError when nothing came of it and the old bytes are intact, and what stands above. The staging
    stays the caller's, except after HalfDone, when its text belongs to the journal.
    """
    fd = os.open(real, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    old = -1
    try:
        before = os.fstat(fd)
        old, record = _back_up(fd, real, now, staging)
        # RACE: whoever writes to the file between this look and our first write loses what he wrote in these
        # microseconds, if it is overwritten before the bytes are read back; what comes later shows there.
        try:
            same = stamp.same_state(before, os.fstat(fd))
        except OSError:
            record.drop()
            raise
        if not same:
            record.drop()
            raise Changed
        try:
            overwrite(fd, staging.fd, staging.size, now.size)
            verified = pieces.digest(fd) == (staging.size, staging.sha256)
            _keep_mode(fd, before)
            after = os.fstat(fd)
        except OSError as error:
            _put_back(fd, old, now, record, error)
            raise
        record.drop()
        if not verified:
            backup, old = old, -1
            raise Interfered(backup)
        return after
    finally:
        os.close(fd)
        if old >= 0:
            os.close(old)


def _back_up(fd: int, real: str, now: "Stamp", staging: "Staging") -> "Tuple[int, journal.Journal]":
    """The old bytes of *fd*, which are *now*, and the record of them, durably; the backup is open."""
    old, path = -1, ""
    try:
        staging.to_state()
        place = staging.state_place()
        path = place + ".old"
        old = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        if pieces.copy(fd, old) != (now.size, now.sha256):
            raise Changed
        os.fsync(old)
        record = journal.Journal(staging.state_dir, os.path.basename(place), _record(real, now, staging))
    except (OSError, Changed) as error:
        if old >= 0:
            os.close(old)
            journal.remove(path)
        if isinstance(error, OSError):
            raise NoBackup(error) from error
        raise
    return old, record


def overwrite(fd: int, source: int, size: int, there: int) -> None:
    """Make *fd*, which has *there* bytes, hold the *size* bytes of *source*, durably."""
    if size > there and hasattr(os, "posix_fallocate"):  # a full disk shows before a byte is overwritten
        try:
            os.posix_fallocate(fd, there, size - there)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
    os.lseek(fd, 0, os.SEEK_SET)
    if pieces.copy(source, fd, size)[0] != size:
        raise OSError(errno.EIO, "the staged text is cut short")
    os.ftruncate(fd, size)
    os.fsync(fd)


def _put_back(fd: int, old: int, now: "Stamp", record: journal.Journal, cause: OSError) -> None:
    """Undo: the old bytes again, or HalfDone."""
    try:
        overwrite(fd, old, now.size, now.size)
        if pieces.digest(fd) != (now.size, now.sha256):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
    except OSError:
        record.close()
        raise HalfDone(cause, record.place) from cause
    record.drop()


def _keep_mode(fd: int, before: os.stat_result) -> None:
    """The kernel clears set-id bits of a written file; put them back where the file is ours."""
    if os.fstat(fd).st_mode != before.st_mode:
        try:
            os.fchmod(fd, stat.S_IMODE(before.st_mode))
        except OSError:
            return


def _record(real: str, now: "Stamp", staging: "Staging") -> "Dict[str, Any]":
    return {
        "version": 1,
        "real": pinned.named(real),
        "host": os.uname().nodename,
        "boot": system.boot_id(),
        "node": journal.node(),
        "time": time.time(),
        "old": {"size": now.size, "sha256": now.sha256},
        "new": {"size": staging.size, "sha256": staging.sha256},
    }


def is_torn(fd: int, old: int, new: int) -> bool:
    """Whether *fd* is what a cut-short ``overwrite`` of *old* by *new*, or its undoing, leaves.

    Each sector then holds what was there (zeros where the file was lengthened), or what we wrote (the old
    bytes behind the new end, until the file was cut), or the old bytes put back (the new ones behind the
    old end), whichever sectors reached the disk; and the length lies between the two. Anything else is a
    third hand's.
    """
    size, was, will = (os.fstat(each).st_size for each in (fd, old, new))
    if not min(was, will) <= size <= max(was, will):
        return False
    for start in range(0, size, pieces.PIECE):
        length = min(pieces.PIECE, size - start)
        there = _at(fd, start, length)
        before, after = _at(old, start, length), _at(new, start, length)
        ours = [
            before + bytes(length - len(before)),
            after + before[len(after) :],
            before + after[len(before) :],
        ]
        if there in ours:
            continue
        for i in range(0, length, SECTOR):
            if there[i : i + SECTOR] not in [each[i : i + SECTOR] for each in ours]:
                return False
    return True


def _at(fd: int, start: int, length: int) -> bytes:
    os.lseek(fd, start, os.SEEK_SET)
    found = []
    while length:
        data = os.read(fd, length)
        if not data:
            break
        found.append(data)
        length -= len(data)
    return b"".join(found)
