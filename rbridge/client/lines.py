"""The lines of a file that is searched, block by block: one that holds nothing of what is wanted is not cut
into lines, which takes ten times as long as reading it.
"""

import os

MYPY = False
if MYPY:
    from typing import Callable, Iterator, Tuple

    May = Callable[[bytes], bool]

FIRST = 64 * 1024
"""Bytes read at first: most files have no more."""

BLOCK = 1024 * 1024


def nothing() -> None:
    """What there is to do meanwhile."""


def blocks(fd: int, longest: int, idle: "Callable[[], None]" = nothing) -> "Iterator[Tuple[int, bytes]]":
    """(number of its first line, whole lines) of the text file *fd*, which ends where it turns out to be a
    binary one, or cannot be read. A line of more than *longest* bytes is passed over, or comes by itself.
    *idle* is called now and then.
    """
    number, held, skipping = 1, b"", False
    size = FIRST
    while True:
        try:
            data = os.read(fd, size)
        except OSError:
            return
        idle()
        if b"\0" in data:
            return
        over = (
            len(data) < size if size == FIRST else not data
        )  # a short piece is the last one of a small file
        size = BLOCK
        if skipping:
            end = data.find(b"\n") + 1
            number += bool(end)
            skipping, data = not end, data[end:] if end else b""
        block = held + data
        end = len(block) if over else block.rfind(b"\n") + 1
        held = block[end:]
        if end:
            yield number, block[:end]
            number += block.count(b"\n", 0, end)
        if over:
            return
        if len(held) > longest:
            held, skipping = b"", True


def lines(
    fd: int, longest: int, may: "May", idle: "Callable[[], None]" = nothing
) -> "Iterator[Tuple[int, str]]":
    """(number, line) of those of the text file *fd* that *may* have what is wanted; one of *longest* bytes
    and more is passed over.
    """
    for number, block in blocks(fd, longest, idle):
        if may(block):
            text = block.decode("utf-8", "replace")
            found = text.split("\n")
            if not found[-1]:
                found.pop()
            for index, line in enumerate(found, number):
                if len(line) < longest:
                    yield index, line.rstrip("\r")


def anything(_block: bytes) -> bool:
    """What is wanted may be anywhere."""
    return True
