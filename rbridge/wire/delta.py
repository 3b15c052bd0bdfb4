"""A text as its difference to another: what is copied from the base, and what is new.

The format (``docs/protocol.md`` has it whole) is a zlib stream of a version byte, the size of the result, and
operations that give the result from its first byte to its last. There are two encoders: :func:`encode` has
the base, :func:`encode_by_signature` only a few kilobytes that were taken of it. Neither hashes the whole:
whoever sends a delta says which base it is for and what must come out, and whoever applies it checks both.
"""

import zlib

from rbridge.errors import RemoteProtocolError
from rbridge.wire import chunks, matching
from rbridge.wire.chunks import Signature, signature
from rbridge.wire.matching import cut

MYPY = False
if MYPY:
    from typing import Callable, Iterator, List, Optional

    from rbridge.wire.matching import Buffer, Match, Sliced

__all__ = ["Signature", "apply", "encode", "encode_by_signature", "signature"]

VERSION = 1
PIECE = 256 * 1024
"""Bytes that are held at a time of what is given out."""

_INPUT = 64 * 1024
_JOINED = 64 * 1024  # short pieces are joined to about this much
_NEAR = 16 * 1024  # of the base, read at once for short copies
_VARINT = 9  # bytes: 63 bits


def encode(base: "Buffer", text: "Buffer") -> "Optional[bytes]":
    """*text* as its difference to *base*; None when that does not pay: the text itself is to be sent."""
    return _packed(text, matching.find(base, text))


def encode_by_signature(base: "Signature", text: "Sliced") -> "Optional[bytes]":
    """The same, where of the base there is only its signature."""
    return _packed(text, chunks.find(base, text))


def _packed(text: "Sliced", matches: "List[Match]") -> "Optional[bytes]":
    size = len(text)
    new = size - sum(length for _, _, length in matches)
    if 10 * new >= 9 * size:
        return None
    pack = zlib.compressobj(9 if new < 1 << 16 else 6 if new < 1 << 20 else 1)
    parts = []
    head = bytearray((VERSION,))
    _put(head, size)
    here = there = 0
    for offset, at, length in matches + [(0, size, 0)]:
        if at > here:
            _put(head, (at - here) << 1)
            for start in range(here, at, PIECE):
                head += cut(text, start, min(start + PIECE, at))
                parts.append(pack.compress(bytes(head)))
                head.clear()
        if length:
            _put(head, length << 1 | 1)
            move = offset - there
            _put(head, move << 1 if move >= 0 else ~(move << 1))
        here, there = at + length, offset + length
    parts.append(pack.compress(bytes(head)))
    parts.append(pack.flush())
    body = b"".join(parts)
    return body if 10 * len(body) < 9 * size else None


def _put(to: bytearray, number: int) -> None:
    """Append *number*, seven bits to a byte, the lowest first; all but the last byte have their top bit."""
    while number > 0x7F:
        to.append(number & 0x7F | 0x80)
        number >>= 7
    to.append(number)


def apply(read: "Callable[[int, int], bytes]", data: "Buffer", size: int) -> "Iterator[bytes]":
    """The text that *data* makes of a base, in pieces of at most 256 KiB, *size* bytes in all.

    ``read(offset, count)`` gives that many bytes of the base, fewer only at its end. Raises
    :class:`RemoteProtocolError` for whatever is malformed, if only at the end of the text: it counts when the
    last piece was given out without one, and when its hash is the one that was announced.
    """
    source = _Unpacked(data)
    if source.byte() != VERSION:
        raise RemoteProtocolError("a delta of a version that is not known")
    if source.number() != size:
        raise RemoteProtocolError("a delta for another size than was announced")
    left, there = size, 0
    short: "List[bytes]" = []
    held = 0
    near, near_at = b"", 0
    while left:
        count = source.number()
        count, copied = count >> 1, count & 1
        if not 0 < count <= left:
            raise RemoteProtocolError("a delta of more than was announced")
        left -= count
        if copied:
            move = source.number()
            there += ~(move >> 1) if move & 1 else move >> 1
            if there < 0:
                raise RemoteProtocolError("a delta that copies from before the base")
        while count:
            if not copied:
                piece = source.take(min(count, PIECE))
            elif count > _NEAR:
                piece = _read(read, there, min(count, PIECE))
            else:
                if not near_at <= there <= there + count <= near_at + len(near):
                    near, near_at = _read(read, there, count, _NEAR), there
                piece = near[there - near_at : there - near_at + count]
            count -= len(piece)
            there += len(piece) if copied else 0
            if len(piece) >= _JOINED or held + len(piece) > PIECE:
                if short:
                    yield b"".join(short)
                    short, held = [], 0
                yield piece
                continue
            short.append(piece)
            held += len(piece)
            if held >= _JOINED:
                yield b"".join(short)
                short, held = [], 0
    source.end()
    if short:
        yield b"".join(short)


def _read(read: "Callable[[int, int], bytes]", offset: int, count: int, wanted: int = 0) -> bytes:
    """*count* bytes of the base, or up to *wanted* where there are more."""
    if offset + count >= 1 << 63:
        raise RemoteProtocolError("a delta that copies from beyond the base")
    data = read(offset, max(count, wanted))
    while len(data) < count:
        more = read(offset + len(data), count - len(data))
        if not more:
            raise RemoteProtocolError("a delta that copies from beyond the base")
        data += more
    return data


class _Unpacked:
    """A zlib stream, read as numbers and bytes; never more than 128 KiB of it are held."""

    __slots__ = ("_at", "_data", "_fed", "_held", "_inflate")

    def __init__(self, data: "Buffer") -> None:
        self._data = data
        self._fed = 0
        self._inflate = zlib.decompressobj()
        self._held = b""
        self._at = 0

    def _more(self) -> bool:
        """Unpack some more, when all before was read; False at the end of the stream."""
        inflate = self._inflate
        self._at = 0
        self._held = b""
        try:
            while not self._held and not inflate.eof:
                piece = inflate.unconsumed_tail
                if not piece:
                    piece = cut(self._data, self._fed, self._fed + _INPUT)
                    self._fed += len(piece)
                self._held = inflate.decompress(piece, _INPUT)
                if not piece and not self._held and not inflate.eof:
                    raise RemoteProtocolError("a delta that is cut short")
        except zlib.error:
            raise RemoteProtocolError("a delta that cannot be unpacked") from None
        return bool(self._held)

    def byte(self) -> int:
        if self._at == len(self._held) and not self._more():
            raise RemoteProtocolError("a delta that is cut short")
        self._at += 1
        return self._held[self._at - 1]

    def number(self) -> int:
        value = shift = 0
        for _ in range(_VARINT):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
        raise RemoteProtocolError("a number in a delta is too large")

    def take(self, count: int) -> bytes:
        """Up to *count* bytes, at least one."""
        if self._at == len(self._held) and not self._more():
            raise RemoteProtocolError("a delta that is cut short")
        data = self._held[self._at : self._at + count]
        self._at += len(data)
        return data

    def end(self) -> None:
        """Raises unless this is where the stream ends, and the data with it."""
        if self._at < len(self._held) or self._more():
            raise RemoteProtocolError("a delta that goes on behind its end")
        if self._inflate.unused_data or self._fed < len(self._data):
            raise RemoteProtocolError("a delta with something behind it")
