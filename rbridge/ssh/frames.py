"""Records and raw bytes between the two ends of a transfer, over two descriptors; blocking.

A frame is a letter, a length (4 bytes, the highest first) and as many bytes: ``J``, a record, one JSON
object of at most RECORD bytes, or ``D``, at most PIECE raw bytes of the file that is being sent. Names in
records are UTF-8, and bytes that are not are written as lone surrogates (Python's ``surrogateescape``).

This runs on the laptop and, sent there as text, on the host: the standard library and Python 3.6 only.
"""

import fcntl
import json
import os
import select
import struct
import sys
from contextlib import suppress
from io import FileIO

MYPY = False
if MYPY:
    from typing import Any

    Record = dict[str, Any]

PIECE = 256 * 1024
RECORD = 64 * 1024
GARBAGE = 1024 * 1024
"""Bytes that the host's rc files may print before our own come."""

SILENT = "no answer"

_PIPE = 1 << 19
_WIDEN = 1031  # F_SETPIPE_SZ of Linux, which the module has since Python 3.10

_HEAD = struct.Struct(">cI")
_FULL = 32 * 1024  # bytes of records that are worth a write of their own


class Lost(Exception):
    """The other end is gone."""


class Nonsense(Exception):
    """The other end says what the protocol does not know, or more than it announced."""


class Channel:
    """Both directions. Records are kept back until there are many, or something is to be read."""

    def __init__(self, read: int, write: int, held: bytes = b"") -> None:
        self._read = read
        self._write = write
        self._file = FileIO(read, "r", closefd=False)  # PyPy has no readv
        self._view = memoryview(bytearray(max(PIECE + RECORD, len(held))))
        self._view[: len(held)] = held
        self._start, self._end = 0, len(held)
        for fd in (read, write):
            widen(fd)
        self._left = 0  # bytes of a D frame that are still to come
        self._out = bytearray()

    def say(self, record: "Record") -> None:
        """Send *record*, soon."""
        text = json.dumps(record, separators=(",", ":")).encode("ascii")
        if len(text) > RECORD:
            raise Nonsense(f"a record of {len(text)} bytes")
        self._out += _HEAD.pack(b"J", len(text)) + text
        if len(self._out) >= _FULL:
            self.flush()

    def send(self, piece: memoryview) -> None:
        """Send raw bytes, at most PIECE, after all that was said. Raises Lost."""
        self._out += _HEAD.pack(b"D", len(piece))
        if len(piece) < _FULL:
            self._out += piece
            if len(self._out) < _FULL:
                return
            piece = piece[:0]
        self.flush()
        self._put(piece)

    def flush(self) -> None:
        """Have all that was said on its way. Raises Lost."""
        held = bytes(self._out)
        del self._out[:]
        if held:
            self._put(memoryview(held))

    def waiting(self) -> bool:
        """Whether something can be read without waiting for it."""
        return self._start < self._end or bool(select.select([self._read], [], [], 0)[0])

    def next(self) -> "Record | memoryview":
        """The next record, or the next raw bytes, good until the next call. Raises Lost, Nonsense."""
        while not self._left:
            self._have(_HEAD.size)
            kind, length = _HEAD.unpack_from(self._view, self._start)
            self._start += _HEAD.size
            if kind == b"J" and length <= RECORD:
                return self._record(length)
            if kind != b"D" or length > PIECE:
                raise Nonsense(f"a frame of kind {kind!r} and {length} bytes")
            self._left = length
        if self._start == self._end:
            self._fill()
        count = min(self._left, self._end - self._start)
        piece = self._view[self._start : self._start + count]
        self._start += count
        self._left -= count
        return piece

    def record(self) -> "Record":
        """The next frame, which has to be a record. Raises Lost, Nonsense."""
        found = self.next()
        if isinstance(found, memoryview):
            raise Nonsense("raw bytes where a record was due")
        return found

    def skip_to(self, mark: bytes, patience: float) -> bytes:
        """Drop all that comes before *mark*, and return it. Raises Lost, also after *patience* seconds."""
        self.flush()
        seen = bytearray()
        while True:
            if self._start == self._end:
                if not select.select([self._read], [], [], patience)[0]:
                    raise Lost(SILENT)
                self._fill()
            seen += self._view[self._start : self._end]
            self._start = self._end
            at = seen.find(mark)
            if at >= 0:
                rest = bytes(seen[at + len(mark) :])
                if len(rest) > len(self._view):
                    raise Nonsense("too much at once")
                self._view[: len(rest)] = rest
                self._start, self._end = 0, len(rest)
                return bytes(seen[:at])
            if len(seen) > GARBAGE:
                raise Nonsense("only other output")

    def _record(self, length: int) -> "Record":
        self._have(length)
        text = bytes(self._view[self._start : self._start + length])
        self._start += length
        try:
            found = json.loads(text.decode("utf-8"))
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise Nonsense("a record that is no JSON object")
        return found

    def _have(self, count: int) -> None:
        """Have at least *count* bytes in one piece."""
        while self._end - self._start < count:
            if self._start + count > len(self._view):
                held = bytes(self._view[self._start : self._end])
                self._view[: len(held)] = held
                self._start, self._end = 0, len(held)
            self._fill()

    def _fill(self) -> None:
        if self._out:
            self.flush()
        if self._start == self._end:
            self._start = self._end = 0
        try:
            count = self._file.readinto(self._view[self._end :])
        except ConnectionError as error:
            raise Lost(str(error)) from None
        if not count:
            raise Lost("end of the stream")
        self._end += count

    def _put(self, piece: memoryview) -> None:
        try:
            while piece:
                piece = piece[os.write(self._write, piece) :]
        except ConnectionError as error:
            raise Lost(str(error)) from None


def widen(fd: int) -> None:
    """Let the pipe *fd* hold more, where that is possible: fewer switches between us and ssh."""
    if sys.platform.startswith("linux"):
        with suppress(OSError, ValueError):  # no pipe, or too many large ones already
            fcntl.fcntl(fd, _WIDEN, _PIPE)


def number(record: "Record", name: str, most: int = 1 << 62) -> int:
    """The number *name* of *record*, from 0 up to *most*. Raises Nonsense."""
    found = record.get(name)
    if type(found) is not int or not 0 <= found <= most:
        raise Nonsense(f"{name} is {found!r}")
    return found


def text(record: "Record", name: str) -> str:
    """The text *name* of *record*. Raises Nonsense."""
    found = record.get(name)
    if not isinstance(found, str):
        raise Nonsense(f"{name} is {found!r}")
    return found


def to_bytes(name: str) -> bytes:
    """A name from a record as the file system has it. Raises Nonsense."""
    try:
        found = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise Nonsense("a name that stands for no bytes") from None
    return found


def to_text(name: bytes) -> str:
    """A name of the file system as records have it."""
    return name.decode("utf-8", "surrogateescape")
