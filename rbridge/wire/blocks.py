"""A body in blocks, of which each is compressed or is not: ``encoding: blocks``, docs/protocol.md.

Whether compressing a large text pays depends on the line, and that shows only while it is sent. So the sender
decides block by block. Each begins with five bytes: how it is packed, and how many bytes follow.
"""

import zlib

from rbridge.errors import RemoteProtocolError

MYPY = False
if MYPY:
    from typing import Any, Iterator, Optional

PLAIN, PACKED = 0, 1
HEAD = 5
PIECE = 256 * 1024  # bytes handed on at a time


def head(kind: int, size: int) -> bytes:
    """What stands before the *size* bytes of a block of this *kind*."""
    return bytes((kind,)) + size.to_bytes(4, "big")


class Unpacking:
    """A body in blocks that is to become exactly *size* bytes; what is held at a time is bounded."""

    def __init__(self, size: int) -> None:
        self._text = size  # bytes of it that are still to come
        self._head = b""
        self._left = 0  # bytes of the block that are still to come
        self._stream: "Optional[Any]" = None  # of a block that is packed

    def feed(self, data: bytes) -> "Iterator[bytes]":
        """What *data* becomes, in pieces. Raises RemoteProtocolError for what is no such body."""
        at = 0
        while at < len(data):
            if not self._left:
                begin, at = at, at + HEAD - len(self._head)
                self._head += data[begin:at]
                if len(self._head) == HEAD:
                    self._begin()
                continue
            piece = data if not at and len(data) <= self._left else data[at : at + self._left]
            at += len(piece)
            self._left -= len(piece)
            if self._stream is None:
                yield self._count(piece)
            else:
                for made in self._inflate(self._stream, piece):
                    yield self._count(made)

    def finish(self) -> None:
        """All has arrived. Raises RemoteProtocolError when it is not all that was announced."""
        if self._text or self._left or self._head:
            raise RemoteProtocolError("a body in blocks is shorter than was said")

    def _begin(self) -> None:
        kind, self._left, self._head = self._head[0], int.from_bytes(self._head[1:], "big"), b""
        if kind not in (PLAIN, PACKED) or not self._left:
            raise RemoteProtocolError("a block that is none")
        self._stream = zlib.decompressobj() if kind == PACKED else None

    def _inflate(self, stream: "Any", data: bytes) -> "Iterator[bytes]":
        while data:
            if stream.eof:
                raise RemoteProtocolError("a block goes on behind its end")
            try:
                piece = stream.decompress(data, PIECE)
            except zlib.error:
                raise RemoteProtocolError("a block that is not compressed as was said") from None
            data = stream.unconsumed_tail or stream.unused_data
            if piece:
                yield piece
        if not self._left and not stream.eof:
            raise RemoteProtocolError("a block is cut short")

    def _count(self, piece: bytes) -> bytes:
        self._text -= len(piece)
        if self._text < 0:
            raise RemoteProtocolError("a body in blocks is longer than was said")
        return piece
