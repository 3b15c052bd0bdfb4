"""What deltas cost: bytes of the body, the time to make and to apply them, for an edit in a file of any size.

Pure computing, in this process; the peer is ``zlib.compress`` of the whole text, which is what would go over
the wire without them.
"""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from rbridge.wire import delta
from tests.benchmarks.table import Table

PACKAGES: tuple[str, ...] = ()
SIZES = {"10 KB": 10_000, "1 MB": 1_000_000, "50 MB": 50_000_000}
MOST_BYTES = {"one edit": 70, "two distant edits": 160}
MOST_SECONDS = {
    ("10 KB", "one edit"): 0.001,
    ("1 MB", "one edit"): 0.002,
    ("50 MB", "one edit"): 0.08,
    ("50 MB", "two distant edits"): 1.2,
}
NEW_LINE = b"    value = compute(alpha, beta) + 12345\n"
T = TypeVar("T")


@dataclass(frozen=True)
class Row:
    """One edit: what it was made in, how large its *body* is, and the seconds; None if it did not pay."""

    size: str
    edit: str
    body: int | None
    encode: float
    apply: float
    whole: int
    pack: float


def text_of(size: int) -> bytes:
    """Lines as in a source file, no two alike."""
    lines, length, number = [], 0, 0
    while length < size:
        number += 1
        word = (number * 2654435761) & 0xFFFFFFFF
        lines.append(
            b"%sself.field_%x = compute(%d, scale=%d)\n" % (b" " * (word % 4 * 4), word, number, word % 97)
        )
        length += len(lines[-1])
    return b"".join(lines)


def edited(text: bytes, *places: float) -> bytes:
    """*text* with another line at each of *places*, parts of its length."""
    for place in places:
        start = text.index(b"\n", int(len(text) * place)) + 1
        text = text[:start] + NEW_LINE + text[text.index(b"\n", start) + 1 :]
    return text


def edits(text: bytes) -> Iterator[tuple[str, bytes]]:
    yield "one edit", edited(text, 0.3)
    yield "two distant edits", edited(text, 0.1, 0.5)
    yield "a name everywhere", text.replace(b"self", b"this")
    yield "all indented", b"    " + text.replace(b"\n", b"\n    ")
    yield "a tenth put in", text[: len(text) // 3] + text_of(len(text) // 10).upper() + text[len(text) // 3 :]
    yield "a rewrite", text_of(2 * len(text))[len(text) :].upper()


def timed(work: Callable[[], T], rounds: int) -> tuple[T, float]:
    """What *work* returns, and the shortest of *rounds* runs."""
    best = float("inf")
    for _ in range(rounds):
        begin = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - begin)
    return result, best


def measure(quick: bool = False) -> Iterator[Row]:
    """A row for each size and edit; *quick* leaves out the largest."""
    for name, size in list(SIZES.items())[: 2 if quick else 3]:
        base = text_of(size)
        rounds = 5 if size <= 1_000_000 else 2
        for what, text in edits(base):
            body, encode = timed(partial(delta.encode, base, text), rounds)
            whole, pack = timed(partial(zlib.compress, text), 1)
            took = 0.0
            if body is not None:
                _, took = timed(partial(applied, base, body, text), rounds)
            yield Row(name, what, None if body is None else len(body), encode, took, len(whole), pack)


def applied(base: bytes, body: bytes, text: bytes) -> None:
    """Apply *body* as a receiver does, piece by piece, and see that *text* comes out."""
    at = 0
    for piece in delta.apply(lambda offset, count: base[offset : offset + count], body, len(text)):
        assert text.startswith(piece, at)
        at += len(piece)
    assert at == len(text)


def run(table: Table, quick: bool) -> None:
    for row in measure(quick):
        title = f"{row.size}, {row.edit}"
        peer = f"zlib {row.whole:,} B"
        if row.edit in MOST_BYTES:
            assert row.body is not None, title
            table.value(f"{title}: body", row.body, "B", MOST_BYTES[row.edit], peer)
        if (row.size, row.edit) in MOST_SECONDS:
            most = MOST_SECONDS[row.size, row.edit] * 1000
            table.value(f"{title}: encode", row.encode * 1000, "ms", most, f"zlib {row.pack * 1000:.1f} ms")
        table.note(shown(row))


def shown(row: Row) -> str:
    body = "does not pay" if row.body is None else f"{row.body:,} B"
    times = f"encode {row.encode * 1000:.2f} ms, apply {row.apply * 1000:.2f} ms"
    return (
        f"{row.size:>6} {row.edit:<18} {body:>14}  {times}  (zlib {row.whole:,} B, {row.pack * 1000:.0f} ms)"
    )


if __name__ == "__main__":
    for found in measure("--quick" in sys.argv):
        print(shown(found), flush=True)
