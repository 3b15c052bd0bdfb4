"""Texts that come from the host while a document is open: ``changed``, and ``append`` for a growing file.

A body is written to FILES as it comes and read when it is whole: what it becomes never takes the place of
anything before its size and hash are those that were announced.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import trio

from rbridge.errors import RbridgeError, RemoteProtocolError
from rbridge.server import sending
from rbridge.server.files import laid_out
from rbridge.server.inflate import Inflating
from rbridge.wire import delta, values

PIECE = 256 << 10
KEPT = 10 << 20  # bytes of a growing file that are shown: its end


class CannotApply(Exception):
    """The text cannot be made of what came and what is here: it has to be fetched whole."""


class Sink:
    """Takes the body of one record into a new file at *path*; *whole* is called with it when all is there.

    The file is the callee's then. What cannot be written is found out when it is read.
    """

    def __init__(self, path: Path, in_memory: bool, whole: Callable[[Path], None]) -> None:
        self._path = path
        self._in_memory = in_memory
        self._whole = whole
        self._fd = -1
        with suppress(RbridgeError):  # it is not there when it is read
            self._fd = laid_out(path)

    async def write(self, data: bytes) -> None:
        """Take the next piece."""
        if self._in_memory:
            await trio.lowlevel.checkpoint()
            self._write(data)
        else:
            await trio.to_thread.run_sync(self._write, data)

    def complete(self) -> None:
        """The record has ended."""
        self._close()
        self._whole(self._path)

    def abandon(self) -> None:
        """The connection broke in the middle of it."""
        self._close()
        self._path.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view and self._fd >= 0:
                view = view[os.write(self._fd, view) :]
        except OSError:
            self._close()

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


@dataclass(frozen=True)
class Change:
    """The head of a ``changed``."""

    digest: str
    size: int
    encoding: str = ""
    base: str = ""
    fetched: bool = False
    grows: bool = False


def change(headers: Mapping[str, str], limit: int) -> Change:
    """Read the head of a ``changed`` of at most *limit* bytes. Raises RemoteProtocolError."""
    encoding = headers.get("encoding", "")
    if encoding:
        values.one_of(encoding, ("delta", "zlib"))
    return Change(
        values.digest(headers.get("sha256")),
        values.size(headers.get("size"), limit),
        encoding,
        values.digest(headers.get("base")) if encoding == "delta" else "",
        headers.get("fetched") == "yes",
        headers.get("grows") == "yes",
    )


def unpack(said: Change, body: Path, base: Path | None, into: Path) -> None:
    """Make the text that *said* announced of *body*, and of *base* where it is a difference, at *into*.

    Raises CannotApply; *into* does not exist then. *body* is removed.
    """
    try:
        _write(into, _pieces(said, body, base), said)
    except (OSError, RbridgeError) as error:
        into.unlink(missing_ok=True)
        raise CannotApply(str(error)) from error
    except CannotApply:
        into.unlink(missing_ok=True)
        raise
    finally:
        body.unlink(missing_ok=True)


def _write(into: Path, pieces: Iterator[bytes], said: Change) -> None:
    digest = hashlib.sha256()
    size = 0
    into.unlink(missing_ok=True)
    with open(laid_out(into), "wb", buffering=0) as file:
        for piece in pieces:
            view = memoryview(piece)
            while view:
                view = view[file.write(view) :]
            digest.update(piece)
            size += len(piece)
            if size > said.size:
                raise CannotApply("it is longer than announced")
    if size != said.size or digest.hexdigest() != said.digest:
        raise CannotApply("it is not what was announced")


def _pieces(said: Change, body: Path, base: Path | None) -> Iterator[bytes]:
    with open(body, "rb") as source:
        if said.encoding == "delta":
            if base is None:
                raise CannotApply("the base is not here")
            with open(base, "rb") as old, sending.buffer(source.fileno()) as packed:
                fd = old.fileno()
                yield from delta.apply(lambda at, count: os.pread(fd, count, at), packed, said.size)
            return
        inflating = Inflating(said.size) if said.encoding == "zlib" else None
        while data := source.read(PIECE):
            if inflating is None:
                yield data
            else:
                yield from inflating.feed(data)
        if inflating is not None:
            inflating.finish()


@dataclass(frozen=True)
class Growth:
    """The head of an ``append``: bytes from offset *at*; *size* is what a compressed body becomes."""

    at: int
    restart: bool = False
    size: int | None = None


def growth(headers: Mapping[str, str], limit: int) -> Growth:
    """Read the head of an ``append``. Raises RemoteProtocolError."""
    size = None
    if headers.get("encoding"):
        values.one_of(headers["encoding"], ("zlib",))
        size = values.size(headers.get("size"), limit)
    return Growth(values.size(headers.get("at"), values.SERIAL), headers.get("restart") == "yes", size)


class Log:
    """The end of a growing file, kept at *path*: at most KEPT bytes of it, from the beginning of a line.

    *at* is the offset of its first byte in the file on the host.
    """

    def __init__(self, path: Path, at: int) -> None:
        self.path = path
        self._end = at

    def begin(self, text: Path) -> None:
        """*text* is what there is of it. Raises OSError."""
        with open(text, "rb") as source, open(laid_out(self.path), "wb") as file:
            shutil.copyfileobj(source, file)
            self._end += file.tell()

    def take(self, said: Growth, body: Path) -> None:
        """Append what came; what is here already is passed over, and behind a gap the text begins anew.

        Raises CannotApply when it cannot be read or written. *body* is removed.
        """
        try:
            with open(body, "rb") as source:
                self._take(said, source)
            self._trim()
        except (OSError, RemoteProtocolError) as error:
            raise CannotApply(str(error)) from error
        finally:
            body.unlink(missing_ok=True)

    def _take(self, said: Growth, source: BinaryIO) -> None:
        anew = said.restart or said.at > self._end
        known = 0 if anew else self._end - said.at
        at = said.at
        inflating = Inflating(said.size) if said.size is not None else None
        with open(self.path, "wb" if anew else "ab") as file:
            while data := source.read(PIECE):
                for piece in inflating.feed(data) if inflating is not None else (data,):
                    file.write(piece[known:])
                    known = max(0, known - len(piece))
                    at += len(piece)
        self._end = at if anew else max(self._end, at)
        if inflating is not None:
            inflating.finish()

    def _trim(self) -> None:
        size = self.path.stat().st_size
        if size <= KEPT:
            return
        with open(self.path, "rb") as file:
            file.seek(size - KEPT)
            kept = file.read()
        staged = self.path.with_name(self.path.name + ".new")
        staged.write_bytes(kept[kept.find(b"\n") + 1 :])
        os.replace(staged, self.path)
