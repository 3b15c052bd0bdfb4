"""Texts as they travel in messages of the attach protocol: whole, or in chunks; see docs/attach.md."""

from __future__ import annotations

import base64
import binascii
import codecs
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from rbridge.errors import RbridgeError

CHUNK = 2 << 20  # bytes; as JSON they become six times as many at the most, and a message has 16 MiB
PIECE = 1 << 20
MOST = 1 << 20  # chunks of a text


class Malformed(RbridgeError):
    """What came makes no text."""


@dataclass(frozen=True)
class Passage:
    """The text in *file*, which nobody writes to: *digest* is its sha256; *utf8*: it is valid UTF-8."""

    file: Path
    digest: str
    size: int
    utf8: bool

    @classmethod
    def read(cls, file: Path) -> Passage:
        """Take a look at *file*. Raises OSError."""
        digest, size, utf8 = sha256(), 0, True
        decoder = codecs.getincrementaldecoder("utf-8")()
        with open(file, "rb", buffering=0) as stream:
            while True:
                data = stream.read(PIECE)
                digest.update(data)
                size += len(data)
                if utf8:
                    try:
                        decoder.decode(data, final=not data)
                    except UnicodeDecodeError:
                        utf8 = False
                if not data:
                    return cls(file, digest.hexdigest(), size, utf8)

    def at(self, file: Path) -> Passage:
        """The same text, which lies in *file* now."""
        return Passage(file, self.digest, self.size, self.utf8)

    @property
    def chunks(self) -> int:
        return max(1, -(-self.size // CHUNK))

    @classmethod
    def copied(cls, source: Path, to: Path) -> Passage:
        """A copy of *source* at *to*, which must not be there. Raises OSError."""
        fd = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(source, "rb") as stream, open(fd, "wb") as file:
            shutil.copyfileobj(stream, file, 1 << 20)
        return cls.read(to)

    def head(self) -> dict[str, Any]:
        """The answer to a first ``buffer/read``: the text, or how many chunks it has. Raises OSError."""
        said = {"base": self.digest, "size": self.size}
        return {**said, "chunks": self.chunks} if self.chunks > 1 else {**said, **self._form(0)}

    def chunk(self, number: int) -> dict[str, Any]:
        """One of the chunks, from 0. Raises OSError."""
        return {"chunk": number, "of": self.chunks, **self._form(number)}

    def _form(self, number: int) -> dict[str, str]:
        with open(self.file, "rb", buffering=0) as stream:
            fd = stream.fileno()
            if not self.utf8:
                return {"base64": base64.b64encode(_read(fd, number * CHUNK, CHUNK)).decode()}
            start, end = self._edge(fd, number), self._edge(fd, number + 1)
            return {"text": _read(fd, start, end - start).decode()}

    def _edge(self, fd: int, number: int) -> int:
        """Where chunk *number* begins: between characters."""
        at = min(number * CHUNK, self.size)
        while 0 < at < self.size and os.pread(fd, 1, at)[0] & 0xC0 == 0x80:
            at -= 1
        return at


def _read(fd: int, at: int, count: int) -> bytes:
    pieces = []
    while count and (data := os.pread(fd, count, at)):
        pieces.append(data)
        at += len(data)
        count -= len(data)
    return b"".join(pieces)


def bytes_of(params: Mapping[str, Any]) -> bytes:
    """The bytes that ``text`` or ``base64`` in *params* stands for. Raises Malformed."""
    text, coded = params.get("text"), params.get("base64")
    if isinstance(text, str) and coded is None:
        try:
            return text.encode()
        except UnicodeEncodeError:
            raise Malformed("the text has half a surrogate pair") from None
    if isinstance(coded, str) and text is None:
        try:
            return base64.b64decode(coded, validate=True)
        except (binascii.Error, ValueError):
            raise Malformed("base64 makes no sense") from None
    raise Malformed("there is no text, or there are two")


class Arriving:
    """A text while it arrives, in the new file *file*; :meth:`close` or :meth:`drop` it in any case."""

    def __init__(self, file: Path, base: str, of: int = 1) -> None:
        """Raises OSError."""
        self.file = file
        self.base = base
        self.of = of
        self.next = 0
        self.busy = False
        """Whether somebody writes to it: it must not be closed then."""
        self._size = 0
        self._utf8 = True
        self._digest = sha256()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    @property
    def whole(self) -> bool:
        return self.next == self.of

    def follows(self, params: Mapping[str, Any]) -> bool:
        """Whether *params* are of the chunk that comes next."""
        said = params.get("chunk"), params.get("of"), params.get("base")
        return said == (self.next, self.of, self.base)

    def take(self, data: bytes) -> None:
        """The next chunk. Raises OSError."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]
        self.next += 1
        self._digest.update(data)
        self._size += len(data)
        if self._utf8:
            try:
                self._decoder.decode(data, final=self.whole)
            except UnicodeDecodeError:
                self._utf8 = False

    def close(self) -> Passage:
        """All is there."""
        self._close()
        return Passage(self.file, self._digest.hexdigest(), self._size, self._utf8)

    def drop(self) -> None:
        """Leave nothing of it."""
        self._close()
        self.file.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def place_in(params: Mapping[str, Any]) -> tuple[int, int] | None:
    """The number of a chunk and of all of them, None for a whole text. Raises Malformed."""
    if "chunk" not in params and "of" not in params:
        return None
    chunk, of = params.get("chunk"), params.get("of")
    for one in (chunk, of):
        if not isinstance(one, int) or isinstance(one, bool):
            raise Malformed("chunk and of are numbers")
    assert isinstance(chunk, int)
    assert isinstance(of, int)
    if not 0 <= chunk < of <= MOST:
        raise Malformed("chunk and of make no sense")
    return chunk, of
