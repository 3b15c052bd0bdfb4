"""Compressed bodies, opened as they arrive: what is held at a time is bounded whatever a peer sends."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from rbridge.errors import RemoteProtocolError

PIECE = 256 * 1024  # bytes handed on at a time


class Inflating:
    """A zlib stream (RFC 1950) that is to become exactly *size* bytes."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._stream = zlib.decompressobj()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What *data* becomes, in pieces of at most PIECE bytes.

        Raises RemoteProtocolError for what is no such stream, goes on behind its end, or becomes more than
        was announced.
        """
        while data:
            if self._stream.eof:
                raise RemoteProtocolError("a compressed body goes on behind its end")
            try:
                piece = self._stream.decompress(data, PIECE)
            except zlib.error:
                raise RemoteProtocolError("a body that is not compressed as was said") from None
            data = self._stream.unconsumed_tail or self._stream.unused_data
            self._left -= len(piece)
            if self._left < 0:
                raise RemoteProtocolError("a compressed body is longer than was said")
            if piece:
                yield piece

    def finish(self) -> None:
        """All has arrived. Raises RemoteProtocolError when it is not all that was announced."""
        if not self._stream.eof or self._left:
            raise RemoteProtocolError("a compressed body is shorter than was said")
