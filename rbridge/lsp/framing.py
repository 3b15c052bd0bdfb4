"""Messages on a stream: a header, a blank line, and as many bytes as the header says.

Specification: the "Base Protocol" of the Language Server Protocol.
"""

from __future__ import annotations

from collections import deque

from rbridge.errors import RemoteProtocolError

HEAD = 4096  # bytes of a header


def framed(body: bytes) -> bytes:
    """*body* with its header."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def taken(queue: deque[bytes]) -> bytes:
    """All messages of *queue*, each with its header; none is left in it."""
    data = b"".join(map(framed, queue))
    queue.clear()
    return data


class Frames:
    """Bytes go in, the bodies of messages of at most *limit* bytes come out, as they came."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()
        self._length = -1  # of the message that is arriving

    def feed(self, data: bytes | bytearray) -> None:
        self._data += data

    @property
    def midway(self) -> bool:
        """Whether a message has begun that is not there yet."""
        return bool(self._data) or self._length >= 0

    def next(self) -> bytes | None:
        """The body of the next message, or None if it is not there yet. Raises RemoteProtocolError."""
        if self._length < 0:
            end = self._data.find(b"\r\n\r\n", 0, HEAD)
            if end < 0:
                if len(self._data) >= HEAD:
                    raise RemoteProtocolError(f"no header ends within {HEAD} bytes")
                self._look_at_the_beginning()
                return None
            self._length = self._read_head(bytes(self._data[:end]))
            del self._data[: end + 4]
        if len(self._data) < self._length:
            return None
        body = bytes(self._data[: self._length])
        del self._data[: self._length]
        self._length = -1
        return body

    def _look_at_the_beginning(self) -> None:
        """What is no header at all need not be waited for."""
        start = bytes(self._data[:8]).lower()
        if start and not b"content-".startswith(start):
            raise RemoteProtocolError("it does not begin with a header")

    def _read_head(self, head: bytes) -> int:
        length = -1
        for line in head.split(b"\r\n"):
            name, colon, value = line.partition(b":")
            if not colon:
                raise RemoteProtocolError("a header without a colon")
            if name.strip().lower() == b"content-length":
                digits = value.strip()
                if length >= 0 or not digits.isdigit() or len(digits) > 12:
                    raise RemoteProtocolError("Content-Length makes no sense")
                length = int(digits)
        if length < 0:
            raise RemoteProtocolError("there is no Content-Length")
        if length > self._limit:
            raise RemoteProtocolError(f"a message of {length} bytes, at most {self._limit} are taken")
        return length
