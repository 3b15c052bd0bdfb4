"""Bytes that came and were not read yet.

Pieces are kept as they came. A line is copied once, a body that fills whole pieces not at all, so the cost is
linear in what was fed, however it was cut up and whenever it is read.
"""

from rbridge.errors import RemoteProtocolError

MYPY = False
if MYPY:
    from typing import List, Optional

_COMPACT = 512


class Buffer:
    """A queue of bytes, read as lines or as pieces of a body. ``len()`` is the number of bytes held."""

    __slots__ = ("_first", "_pieces", "_scanned", "_size", "_start")

    def __init__(self) -> None:
        self._pieces: "List[bytes]" = []
        self._first = 0  # index of the first piece not read to its end
        self._start = 0  # where in that piece unread bytes begin
        self._scanned = 0  # index of the first piece not yet searched for a line end
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def feed(self, data: bytes) -> None:
        """Append *data*; the buffer keeps the object itself."""
        if data:
            self._pieces.append(data)
            self._size += len(data)

    def take(self, count: int) -> bytes:
        """Up to *count* bytes, at least one unless the buffer is empty; never joins pieces."""
        if not self._size:
            return b""
        piece = self._pieces[self._first]
        here = len(piece) - self._start
        if count < here:
            data = piece[self._start : self._start + count]
            self._start += count
            self._size -= count
            return data
        data = piece[self._start :] if self._start else piece
        self._drop(self._first + 1, 0, len(data))
        return data

    def line(self, limit: int) -> "Optional[bytes]":
        """The next line without its LF, or None as long as its end is not there.

        Raises :class:`RemoteProtocolError` when the line is, or is becoming, longer than *limit* bytes.
        """
        pieces = self._pieces
        index = max(self._scanned, self._first)
        while index < len(pieces):
            start = self._start if index == self._first else 0
            end = pieces[index].find(b"\n", start)
            if end >= 0:
                break
            index += 1
        else:
            self._scanned = index
            if self._size > limit:
                raise _too_long(limit)
            return None
        if index == self._first:
            line = pieces[index][self._start : end]
        else:
            parts = [pieces[self._first][self._start :]]
            parts += pieces[self._first + 1 : index]
            parts.append(pieces[index][:end])
            line = b"".join(parts)
        self._drop(index, end + 1, len(line) + 1)
        if len(line) > limit:
            raise _too_long(limit)
        return line

    def peek(self, count: int) -> bytes:
        """The first *count* bytes (fewer when there are fewer), left where they are."""
        found = b""
        start = self._start
        for piece in self._pieces[self._first : self._first + count]:
            found += piece[start : start + count - len(found)]
            start = 0
        return found

    def _drop(self, first: int, start: int, count: int) -> None:
        """Go on at byte *start* of piece *first*, *count* bytes from here."""
        self._size -= count
        if first < len(self._pieces) and start == len(self._pieces[first]):
            first, start = first + 1, 0
        if not self._size:
            self._pieces.clear()
            first = 0
        elif first >= _COMPACT and 2 * first >= len(self._pieces):
            del self._pieces[:first]
            first = 0
        else:
            # read pieces are let go at once, not only when the list is shortened
            for index in range(self._first, first):
                self._pieces[index] = b""
        self._first = first
        self._start = start
        self._scanned = first


def _too_long(limit: int) -> RemoteProtocolError:
    return RemoteProtocolError("a line is longer than {} bytes".format(limit))
