"""The bytes that some lines of a file take up: ``--head N`` and ``--lines A:B``."""

import os

from rbridge.errors import NoInput

MYPY = False
if MYPY:
    from typing import Tuple

PIECE = 1024 * 1024  # bytes read at a time; nothing of the file is kept


def find(fd: int, path: str, lines: "Tuple[int, int]") -> "Tuple[int, int, str]":
    """Start and length in bytes of the lines from the first to the last of *lines*, and their name.

    Lines count from 1 and both ends belong to it; a last line of 0, or beyond the end, means the end of the
    file. The name says which lines it really is: ``lines 1-100``. Raises NoInput when there is no first line.
    """
    first, last = lines
    start = _after(fd, 0, 0, first - 1)
    if start[1] < first - 1 or not os.pread(fd, 1, start[0]):
        count = start[1] + (0 if _ends_with_newline(fd, start[0]) else 1)
        raise NoInput("{} has no line {}: it ends with line {}".format(path, first, count))
    end = _after(fd, start[0], first - 1, last) if last else _after(fd, start[0], first - 1, -1)
    reached = end[1] + (0 if _ends_with_newline(fd, end[0]) else 1)
    return start[0], end[0] - start[0], "lines {}-{}".format(first, reached)


def _after(fd: int, offset: int, passed: int, wanted: int) -> "Tuple[int, int]":
    """The offset behind the line end number *wanted* (-1: the last), and how many line ends were passed.

    Counting begins at *offset*, with *passed* line ends behind it; at the end of the file it ends early.
    """
    while passed != wanted:
        piece = os.pread(fd, PIECE, offset)
        if not piece:
            break
        ends = piece.count(b"\n")
        if wanted < 0 or passed + ends < wanted:
            passed += ends
            offset += len(piece)
            continue
        at = -1
        while passed < wanted:
            at = piece.index(b"\n", at + 1)
            passed += 1
        offset += at + 1
    return offset, passed


def _ends_with_newline(fd: int, offset: int) -> bool:
    """Whether the byte before *offset* ends a line; nothing at all counts as that too."""
    return offset == 0 or os.pread(fd, 1, offset - 1) == b"\n"
