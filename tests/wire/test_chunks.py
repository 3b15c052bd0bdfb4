"""Signatures: small for any size, and what is found by them is there."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbridge.wire import chunks
from rbridge.wire.chunks import Signature, find, signature

calm = settings(deadline=None)

LINES = [f"{i:06} a line that is like no other\n".encode() for i in range(30_000)]


def bytes_of(made: Signature) -> int:
    return len(made.hashes) + made.lengths.itemsize * len(made.lengths)


def found(base: bytes, text: bytes) -> int:
    """How many bytes of *text* are found by *base*'s signature, after a look at whether that is true."""
    at = total = 0
    for a, b, length in find(signature(base), text):
        assert b >= at
        assert length > 0
        assert base[a : a + length] == text[b : b + length]
        at = b + length
        total += length
    assert at <= len(text)
    return total


@calm
@given(
    st.lists(st.sampled_from([b"a\n", b"\n", b"word" * 99, b"b" * 300 + b"\n", b"\0"]), max_size=60),
    st.binary(max_size=50),
    st.integers(0, 3000),
)
def test_what_is_found_is_there(parts: list[bytes], put_in: bytes, place: int) -> None:
    base = b"".join(parts)
    text = base[:place] + put_in + base[place:]
    found(base, text)
    found(text, base)
    assert found(base, base) == len(base)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"x",
        b"x\n" * 300_000,
        b"\n" * 400_000,
        b"y" * 1_000_000,
        b"".join(LINES),
        random.Random(1).randbytes(2_000_000),
        bytes(21_000_000),
    ],
    ids=["empty", "one byte", "short lines", "no lines", "one line", "lines", "random", "large"],
)
def test_a_signature_is_small(text: bytes) -> None:
    made = signature(text)
    assert sum(made.lengths) == made.size == len(text)
    assert bytes_of(made) <= 50_000
    assert found(text, text) == len(text)


def test_of_a_huge_text_the_blocks_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "LARGE", 1000)
    monkeypatch.setattr(chunks, "BLOCK", 16)
    made = signature(bytes(1_000_000))
    assert bytes_of(made) <= 50_000
    assert len(made.lengths) == 4 * chunks.CHUNKS * 1_000_000 // (4 * chunks.CHUNKS * made.length) + 1


@pytest.mark.parametrize("count", [200, 30_000])
def test_an_edit_costs_the_chunks_that_it_touches(count: int) -> None:
    base = b"".join(LINES[:count])
    size = signature(base).length
    for text in (
        b"".join([*LINES[: count // 2], b"put in\n", *LINES[count // 2 : count]]),
        b"".join([*LINES[: count // 2], *LINES[count // 2 + 1 : count]]),
        b"at the start\n" + base + b"at the end\n",
    ):
        assert found(base, text) >= len(text) - 10 * size


def test_a_moved_part_is_found_where_it_was() -> None:
    base = b"".join(LINES[:3000])
    text = b"".join(LINES[2000:3000] + LINES[:2000])
    assert found(base, text) >= len(text) - 10 * signature(base).length


@pytest.mark.parametrize("how", ["overwritten", "appended", "put in", "taken out", "cut off", "emptied"])
def test_a_large_text_is_found_around_one_change(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(chunks, "LARGE", 100_000)
    monkeypatch.setattr(chunks, "BLOCK", 1000)
    base = b"".join(LINES)[:500_500]
    text = {
        "overwritten": base[:5000] + b"?" * 10 + base[5010:300_000] + b"?" * 10 + base[300_010:],
        "appended": base + b"more\n",
        "put in": base[:250_000] + b"more\n" + base[250_000:],
        "taken out": base[:250_000] + base[250_100:],
        "cut off": base[:400_000],
        "emptied": b"",
    }[how]
    assert found(base, text) >= len(text) - 3000
