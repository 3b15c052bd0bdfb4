"""What a document's file holds now: for ``resume``, and as a text to be sent.

It may take as long as reading the file takes, or as its file server is silent, so it is looked at in the
document's worker.
"""

import errno
import os
import stat

from rbridge import mounts
from rbridge.client import pieces, pinned, stamp
from rbridge.client.stamp import Stamp
from rbridge.errors import NoInput

MYPY = False
if MYPY:
    from typing import Any, Dict, Optional

    from rbridge.client.delivery import Document

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Found:
    """What is there. With a *reason* (the wire's word) there is no text, and *message* says why to a person.

    *size* and *sha256* are the text's, *stamp* is its whole stamp where there is one. *fd* is the file, open
    for reading from *start*, or -1 if it was not asked for; *data* is the text in its place, if it is small.
    """

    __slots__ = ("data", "fd", "message", "reason", "sha256", "size", "stamp", "start")

    def __init__(self, size: int = 0, sha256: str = "", reason: str = "", message: str = "") -> None:
        self.size = size
        self.sha256 = sha256
        self.reason = reason
        self.message = message
        self.stamp: "Optional[Stamp]" = None
        self.data: "Optional[bytes]" = None
        self.fd = -1
        self.start = 0

    def headers(self) -> "Dict[str, str]":
        """How ``resume`` and ``refused`` say it."""
        if self.reason:
            return {"absent": "yes"}
        return {"size": str(self.size), "sha256": self.sha256}

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def look(document: "Document", keep: bool, small: int) -> Found:
    """What :func:`find` finds; with *keep* one of up to *small* bytes is read and closed. Raises nothing."""
    found = find(document, keep)
    if found.fd < 0 or found.size > small:
        return found
    try:
        found.data = read(found)
    except (OSError, NoInput) as error:
        why = str(error) if isinstance(error, NoInput) else (error.strerror or str(error)).lower()
        message = "{} cannot be read: {}".format(document.source.shown, why)
        return Found(reason="failed", message=message)
    finally:
        found.close()
    return found


def find(document: "Document", keep: bool = False) -> Found:
    """Look at what *document*'s file holds now; with *keep* it stays open, as ``fd``. Raises nothing.

    A part of a file, which nobody can save, is what was sent.
    """
    source = document.source
    if source.part and not keep:
        return Found(document.size, document.sha256)
    if source.stdin:
        try:
            found = Found(*pieces.digest(document.text_fd))
            found.fd = os.dup(document.text_fd) if keep else -1
        except OSError as error:  # no descriptor is left
            return _trouble(source.shown, error)
        return found
    real = pinned.resolved(pinned.place(source))
    fd = -1
    try:
        fd = os.open(real, _FLAGS | pinned.flags(real))
        return _read(document, real, fd, keep)
    except OSError as error:
        if fd >= 0:
            os.close(fd)
        return _trouble(source.shown, error)


def _read(document: "Document", real: str, fd: int, keep: bool) -> Found:
    """Of the open file; raises OSError and leaves it open then."""
    before = os.fstat(fd)
    if not stat.S_ISREG(before.st_mode):
        os.close(fd)
        return Found(reason="failed", message="{} is no file any more".format(document.source.shown))
    base = document.target.base if document.target is not None else None
    if isinstance(base, Stamp) and not stamp.needs_hash(base, before, mounts.on_network(real)):
        found = Found(base.size, base.sha256)
        found.stamp = base
    else:
        try:
            taken = stamp.take(fd)
            found = Found(taken.size, taken.sha256)
            found.stamp = taken
        except stamp.Unstable:
            found = Found(*pieces.digest(fd))
    if keep:
        found.fd = fd
    else:
        os.close(fd)
    return found


def _trouble(shown: str, error: OSError) -> Found:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return Found(reason="gone", message="{} was deleted or renamed".format(shown))
    if error.errno in (errno.EACCES, errno.EPERM):
        return Found(reason="denied", message="{} may not be read any more".format(shown))
    why = (error.strerror or str(error)).lower()
    return Found(reason="failed", message="{} cannot be read: {}".format(shown, why))


def read(found: Found) -> bytes:
    """The text of a small one. Raises NoInput when it is another by now."""
    import hashlib

    data = os.pread(found.fd, found.size + 1, found.start)
    if hashlib.sha256(data).hexdigest() != found.sha256:
        raise NoInput("it keeps changing while it is read", "try again")
    return data


def pack(fd: int, start: int, size: int) -> int:
    """A nameless file with those *size* bytes of *fd*, compressed. Raises OSError and RbridgeError."""
    import zlib

    from rbridge.client.stdin import append, nameless

    made = nameless()
    try:
        packer: "Any" = zlib.compressobj()
        end = start + size
        while start < end:
            piece = os.pread(fd, min(pieces.PIECE, end - start), start)
            if not piece:
                raise NoInput("it became shorter while it was read", "try again")
            start += len(piece)
            append(made, packer.compress(piece))
        append(made, packer.flush())
        return made
    except BaseException:
        os.close(made)
        raise
