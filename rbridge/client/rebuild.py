"""A save that came as a delta: its text is put together from what the file holds.

The result is what its hash says or it is not used; where another text comes out, :func:`compare` tells what
is there instead of the base. A changed file may still give the right text (the delta need not copy from what
changed), so the saver compares the file with the base all the same.
"""

import os

from rbridge.client import pinned, saver, stamp
from rbridge.client.plan import describe
from rbridge.client.saver import REFUSED, Outcome, Staging, Target
from rbridge.client.stamp import Stamp
from rbridge.errors import RemoteProtocolError
from rbridge.wire import delta

MYPY = False
if MYPY:
    from typing import Optional, Union

    from rbridge.client.stdin import Draft

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def save(
    target: Target, body: bytes, size: int, sha256: str, states: str, where: str, force: bool = False
) -> Outcome:
    """Bring the text of *size* and *sha256* that *body* makes of *target* to it, as :func:`saver.save` does.

    *where* says to a person where the text is if it cannot be put together here. Raises nothing for what a
    disk, a file system or another program can do.
    """
    trouble: "Optional[OSError]" = None
    try:
        staging = stage(target, body, size, sha256, states)
    except OSError as error:
        staging, trouble = None, error
    if staging is not None:
        return saver.save(target, staging, force)
    return compare(target, size, sha256, where, trouble)


def stage(target: Target, body: bytes, size: int, sha256: str, states: str) -> "Optional[Staging]":
    """The text, staged and finished; None if what is there does not give it.

    That it could not be stored is the staging's own failure, which the saver tells. Raises OSError when the
    file cannot be read.
    """
    real = pinned.resolved(target.path)
    fd = os.open(real, _FLAGS | pinned.flags(real))
    try:
        staging = Staging(target.path, states, size)
        try:
            if build(fd, body, size, staging):
                staging.finish(sha256)
        except BaseException:
            staging.abort()
            raise
        if staging.complete:
            return staging
        staging.abort()
        return None
    finally:
        os.close(fd)


def build(fd: int, body: bytes, size: int, into: "Union[Staging, Draft]") -> bool:
    """Write what *body* makes of *fd*; False if it makes no text of *size*. Raises OSError from reading."""

    def read(offset: int, count: int) -> bytes:
        return os.pread(fd, count, offset)

    try:
        for piece in delta.apply(read, body, size):
            into.write(piece)
    except RemoteProtocolError:
        return False
    return True


def compare(
    target: Target, size: int, sha256: str, where: str, trouble: "Optional[OSError]" = None
) -> Outcome:
    """What becomes of a save whose text cannot be had here, because of *trouble* or since the delta does not
    fit: it is done if the file holds that text already, else refused, with what is there now.
    """
    real = pinned.resolved(target.path)
    now: "Optional[Stamp]" = None
    try:
        fd = os.open(real, _FLAGS | pinned.flags(real))
        try:
            now = stamp.take(fd)
            if (now.size, now.sha256) == (size, sha256):
                return saver.confirm(target, fd, real, now)
        finally:
            os.close(fd)
    except FileNotFoundError:
        reason, why = "gone", "it was deleted or renamed meanwhile"
    except stamp.Unstable:
        reason, why = "conflict", "another program is writing to it"
    except OSError as error:
        reason, why = describe(error.errno or 0)
    else:
        reason, why = "conflict", "it was changed meanwhile"
        if isinstance(target.base, Stamp) and stamp.same_content(target.base, now):
            reason, why = "failed", "what came does not make the text that was announced"
            if trouble is not None:
                reason, why = describe(trouble.errno or 0)
    message = "cannot save {}: {} (nothing was overwritten; {})"
    return Outcome(REFUSED, reason, message.format(os.path.basename(target.path), why, where), now)
