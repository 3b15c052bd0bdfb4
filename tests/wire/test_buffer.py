"""Bytes in, lines and pieces out, whatever the cuts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbridge.errors import RemoteProtocolError
from rbridge.wire.buffer import Buffer


def fed(*pieces: bytes) -> Buffer:
    buffer = Buffer()
    for piece in pieces:
        buffer.feed(piece)
    return buffer


def test_a_line_is_there_when_its_end_is() -> None:
    buffer = fed(b"on")
    assert buffer.line(10) is None
    buffer.feed(b"e\ntwo\nth")
    assert [buffer.line(10), buffer.line(10), buffer.line(10)] == [b"one", b"two", None]
    assert len(buffer) == 2


def test_a_line_may_span_many_pieces() -> None:
    buffer = fed(b"a", b"", b"bc", b"d\nrest")
    assert buffer.line(4) == b"abcd"
    assert buffer.take(10) == b"rest"


def test_take_hands_on_the_piece_that_was_fed_without_a_copy() -> None:
    piece = bytes(65536)
    assert fed(piece).take(1 << 30) is piece


def test_take_never_joins_pieces() -> None:
    buffer = fed(b"abc", b"def")
    assert [buffer.take(5), buffer.take(2), buffer.take(9), buffer.take(9)] == [b"abc", b"de", b"f", b""]


def test_peek_leaves_everything_where_it_is() -> None:
    buffer = fed(b"xab", b"cd")
    buffer.take(1)
    assert buffer.peek(3) == b"abc"
    assert buffer.peek(99) == b"abcd"
    assert len(buffer) == 4


@pytest.mark.parametrize("pieces", [(b"abcde",), (b"abcde\n",), (b"ab", b"cd", b"e"), (b"abcd", b"e\n")])
def test_a_line_over_the_limit_is_refused_with_or_without_its_end(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(RemoteProtocolError, match="longer than 4 bytes"):
        fed(*pieces).line(4)


def test_a_line_of_exactly_the_limit_passes() -> None:
    assert fed(b"abcd\n").line(4) == b"abcd"
    assert fed(b"abcd").line(4) is None


def test_read_pieces_are_let_go() -> None:
    buffer = fed(*[b"x\n"] * 5000)
    for _ in range(4999):
        assert buffer.line(9) == b"x"
    kept = sum(map(len, buffer._pieces))
    assert kept == 2
    assert len(buffer._pieces) < 2000


@settings(deadline=None)
@given(st.binary(max_size=200), st.lists(st.integers(1, 20)), st.lists(st.integers(0, 9)))
def test_whatever_is_fed_comes_out_in_order(data: bytes, cuts: list[int], reads: list[int]) -> None:
    buffer = Buffer()
    out = b""
    start = 0
    for size in [*cuts, len(data) + 1]:
        buffer.feed(data[start : start + size])
        start += size
        for read in reads:
            if read:
                out += buffer.take(read)
            else:
                line = buffer.line(1000)
                out += b"" if line is None else line + b"\n"
    assert out + b"".join(iter(lambda: buffer.take(7), b"")) == data
    assert not len(buffer)
