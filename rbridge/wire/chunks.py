"""A signature of a text: little enough to be kept for every file, and enough to find most of it again.

Up to 20 MB the text is cut behind lines that their checksum chooses, so that what is put in or taken out
moves no cut but those beside it. Above, it is cut into blocks of one size, which finds what was appended or
overwritten, and one place where something was put in or taken out. Of each chunk its length and eight bytes
of its hash are kept. Eight bytes can be equal by chance, or by someone's doing: the receiver checks the hash
of the whole, and asks for the text.
"""

import hashlib
import zlib
from array import array

from rbridge.wire.matching import cut

MYPY = False
if MYPY:
    from typing import Dict, Iterator, List, Tuple

    from rbridge.wire.matching import Match, Sliced

LARGE = 20 * 1000 * 1000
BLOCK = 64 * 1024
CHUNKS = 1024  # about so many of a text that is cut behind lines, and four times that at most
SMALLEST = 256  # bytes of a chunk on the average, in a short text
HASH = 8
_PIECE = 256 * 1024


class Signature:
    """Of a text of *size* bytes: the *lengths* of its chunks and their *hashes*, eight bytes each.

    *length* is what a chunk has on the average, *mask* chooses the lines behind which is cut, -1 for blocks.
    """

    __slots__ = ("hashes", "length", "lengths", "mask", "size")

    def __init__(self, size: int, length: int, mask: int) -> None:
        self.size = size
        self.length = length
        self.mask = mask
        self.lengths = array("I")
        self.hashes = bytearray()


def signature(base: "Sliced") -> Signature:
    """The signature of *base*: at most 50 KB, whatever its size."""
    size = len(base)
    if size > LARGE:
        made = Signature(size, max(BLOCK, -(-size // (4 * CHUNKS))), -1)
    else:
        length = max(SMALLEST, size // CHUNKS)
        lines = sum(cut(base, at, at + _PIECE).count(b"\n") for at in range(0, size, _PIECE))
        every = length * lines // size if size else 0  # so many lines make a chunk
        made = Signature(size, length, (1 << max(0, every.bit_length() - 1)) - 1)
    for _, piece in _cuts(base, made):
        made.lengths.append(len(piece))
        made.hashes += _hash(piece)
    return made


def find(base: Signature, text: "Sliced") -> "List[Match]":
    """What *text* has in common with *base*: ``(offset in base, offset in text, length)``, rising in the text
    but not always in the base.
    """
    places: "Dict[Tuple[int, bytes], int]" = {}
    offset = 0
    hashes = bytes(base.hashes)
    if base.mask < 0 and len(text) != base.size:
        return _around(base, hashes, text)
    for index, length in enumerate(base.lengths):
        places.setdefault((length, hashes[index * HASH : (index + 1) * HASH]), offset)
        offset += length
    matches: "List[Match]" = []
    for at, piece in _cuts(text, base):
        place = places.get((len(piece), _hash(piece)))
        if place is None:
            continue
        if matches:
            before, start, length = matches[-1]
            if start + length == at and before + length == place:
                matches[-1] = (before, start, length + len(piece))
                continue
        matches.append((place, at, len(piece)))
    return matches


def _around(base: Signature, hashes: bytes, text: "Sliced") -> "List[Match]":
    """Blocks from the start of both, and from the end of both, up to where they begin to differ."""
    length, count = base.length, len(base.lengths)
    moved = len(text) - base.size
    first = last = 0
    while first < count and _is_block(text, first * length, base.lengths[first], hashes, first):
        first += 1
    start = min(first * length, base.size)
    while last < count - first:
        index = count - 1 - last
        at = index * length + moved
        if at < start or not _is_block(text, at, base.lengths[index], hashes, index):
            break
        last += 1
    offset = (count - last) * length
    ends = [(0, 0, start), (offset, offset + moved, base.size - offset)]
    return [match for match in ends if match[2] > 0]


def _is_block(text: "Sliced", at: int, length: int, hashes: bytes, index: int) -> bool:
    piece = cut(text, at, at + length)
    return len(piece) == length and _hash(piece) == hashes[index * HASH : (index + 1) * HASH]


def _hash(piece: bytes) -> bytes:
    return hashlib.sha256(piece).digest()[:HASH]


def _cuts(text: "Sliced", how: Signature) -> "Iterator[Tuple[int, bytes]]":
    """The chunks of *text* with their offsets, cut as *how* was."""
    if how.mask < 0:
        for at in range(0, len(text), how.length):
            yield at, cut(text, at, at + how.length)
        return
    least, most = how.length // 4, 8 * how.length
    mask, checksum = how.mask, zlib.crc32
    chunk: "List[bytes]" = []
    start = size = 0
    for line in _lines(text, most):
        chunk.append(line)
        size += len(line)
        if size >= most or (size >= least and not checksum(line) & mask):
            yield start, b"".join(chunk)
            start += size
            chunk, size = [], 0
    if chunk:
        yield start, b"".join(chunk)


def _lines(text: "Sliced", longest: int) -> "Iterator[bytes]":
    """The lines of *text*; of one that is longer than *longest*, pieces of that length."""
    rest = b""
    for at in range(0, len(text), _PIECE):
        lines = (rest + cut(text, at, at + _PIECE)).split(b"\n")
        rest = lines.pop()
        for line in lines:
            if len(line) < longest:
                yield line + b"\n"
            else:
                line += b"\n"
                for begin in range(0, len(line), longest):
                    yield line[begin : begin + longest]
        while len(rest) > longest:
            yield rest[:longest]
            rest = rest[longest:]
    if rest:
        yield rest
