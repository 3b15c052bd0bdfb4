"""How a text goes to the host: as the difference to what the host has, compressed, or as it is.

All of this runs in a worker thread where a text is not small; nothing is kept in the heap that grows with a
large text, save what is new in it.
"""

from __future__ import annotations

import mmap
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rbridge.server.events import ABSENT
from rbridge.wire import delta, packing

if TYPE_CHECKING:
    from rbridge.wire.delta import Signature

BASE = 64 << 20  # bytes up to which a base is kept whole; of a larger one there is only a signature
READ = 1 << 20  # bytes up to which a text is read rather than mapped
SQUEEZED = 256 << 20  # bytes up to which a text is compressed: zlib takes 2 s for that
HELD = 4 << 20  # bytes of a compressed text that are held in the heap
PIECE = 1 << 20

UNKNOWN = "0" * 64
"""The base of a text that was too large to be hashed before its editor changed it: the host says that it has
another one, and the user decides."""

Buffer = bytes | mmap.mmap


@dataclass(frozen=True)
class SaveBody:
    """The body of a ``save`` or ``mine``: *size* bytes, of the file open at *fd* or, where that is -1, of
    *data*. *headers* stand beside token and number; a plain peer gets none.
    """

    headers: dict[str, str]
    size: int
    fd: int = -1
    data: bytes = b""

    def read(self, size: int, position: int) -> bytes:
        """At most *size* bytes from *position*. Raises OSError."""
        if self.fd < 0:
            return self.data[position : position + size]
        return os.pread(self.fd, min(size, self.size - position), position)


@dataclass(frozen=True)
class Base:
    """What the host has, to tell the difference to: the text at *fd*, or the *signature* of a large one."""

    digest: str
    fd: int = -1
    signature: Signature | None = None


class Slices:
    """The file open at *fd*, read slice by slice: what is mapped would count as memory of this process."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._size = os.fstat(fd).st_size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        """Raises OSError."""
        start, stop, _ = part.indices(self._size)
        return _read(self._fd, start, stop)


@contextmanager
def buffer(fd: int) -> Iterator[Buffer]:
    """The whole of the file open at *fd*, which nobody makes shorter meanwhile. Raises OSError."""
    size = os.fstat(fd).st_size
    if size <= READ:
        yield _read(fd, 0, size)
        return
    with mmap.mmap(fd, size, access=mmap.ACCESS_READ) as mapped:
        yield mapped


def full(fd: int) -> SaveBody:
    """The text as it is, for a plain peer."""
    return SaveBody({}, os.fstat(fd).st_size, fd)


def save(fd: int, digest: str, stands_on: str, over: str, base: Base | None, directory: str) -> SaveBody:
    """The body of a save of the text at *fd*, whose sha256 is *digest*.

    It *stands_on* a content of that digest, and may go *over* another one. A difference to *base* is sent
    where that is what it stands on, and what it will meet: what goes over another content does not. A
    descriptor in the answer is *fd*, or one for the caller to close. Raises OSError.
    """
    size = os.fstat(fd).st_size
    headers = {"base": stands_on or UNKNOWN, "sha256": digest, "size": str(size)}
    if over == ABSENT:
        headers["base"] = ABSENT
    elif over:
        headers["over"] = over
    if base is not None and not over and headers["base"] == base.digest:
        difference = _difference(fd, base)
        if difference is not None:
            return SaveBody({**headers, "encoding": "delta"}, len(difference), data=difference)
    return _compressed(fd, size, headers, directory)


def mine(fd: int, directory: str) -> SaveBody:
    """The body of a ``mine``: the text at *fd* for a user of the host to look at. Raises OSError."""
    size = os.fstat(fd).st_size
    return _compressed(fd, size, {"size": str(size)}, directory)


def _difference(fd: int, base: Base) -> bytes | None:
    if base.signature is not None:
        return delta.encode_by_signature(base.signature, Slices(fd))
    with buffer(fd) as text, buffer(base.fd) as old:
        return delta.encode(old, text)


def _compressed(fd: int, size: int, headers: dict[str, str], directory: str) -> SaveBody:
    """The text, compressed if that pays."""
    if size > SQUEEZED or not packing.pays(os.pread(fd, packing.SAMPLE, packing.middle(size))):
        return SaveBody(headers, size, fd)
    try:
        return _packed(fd, size, {**headers, "encoding": "zlib"}, directory)
    except OSError:  # no room for it
        return SaveBody(headers, size, fd)


def _packed(fd: int, size: int, headers: dict[str, str], directory: str) -> SaveBody:
    pack = zlib.compressobj(packing.USUAL if size <= PIECE else packing.QUICKLY)
    with tempfile.SpooledTemporaryFile(HELD, prefix=".outgoing-", dir=directory) as packed:
        for position in range(0, size, PIECE):
            packed.write(pack.compress(os.pread(fd, PIECE, position)))
        packed.write(pack.flush())
        done = packed.tell()
        if done > HELD:
            packed.flush()
            return SaveBody(headers, done, os.dup(packed.fileno()))
        packed.seek(0)
        return SaveBody(headers, done, data=packed.read())


def _read(fd: int, start: int, stop: int) -> bytes:
    parts = []
    while start < stop and (data := os.pread(fd, stop - start, start)):
        parts.append(data)
        start += len(data)
    return b"".join(parts)
