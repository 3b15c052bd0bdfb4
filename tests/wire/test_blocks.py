"""Bodies in blocks."""

import os
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbridge.errors import RemoteProtocolError
from rbridge.wire.blocks import HEAD, PACKED, PIECE, PLAIN, Unpacking, head


def block(text, kind):
    data = zlib.compress(text, 1) if kind == PACKED else text
    return head(kind, len(data)) + data


def unpacked(size, *pieces):
    """The text that comes of a body that arrives in these *pieces*."""
    unpacking = Unpacking(size)
    text = b"".join(made for piece in pieces for made in unpacking.feed(piece))
    unpacking.finish()
    return text


@given(
    st.lists(st.tuples(st.binary(min_size=1, max_size=300), st.sampled_from([PLAIN, PACKED])), max_size=6),
    st.lists(st.integers(1, 60)),
)
def test_whatever_its_blocks_and_however_it_is_cut_it_becomes_the_text(blocks, cuts):
    text = b"".join(one for one, _ in blocks)
    body = b"".join(block(*one) for one in blocks)
    assert unpacked(len(text), body) == text
    assert unpacked(len(text), *(body[at : at + 1] for at in range(len(body)))) == text
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(body[at : at + cut])
        at += cut
    assert unpacked(len(text), *pieces, body[at:]) == text


def test_little_is_handed_on_at_a_time():
    size = 20 * PIECE + 7
    unpacking = Unpacking(size)
    lengths = [len(piece) for piece in unpacking.feed(block(bytes(size), PACKED))]
    assert sum(lengths) == size
    assert max(lengths) == PIECE


def test_a_bomb_goes_off_at_the_announced_size():
    pieces = Unpacking(10 * PIECE).feed(block(bytes(10**8), PACKED))
    assert sum(len(next(pieces)) for _ in range(10)) == 10 * PIECE
    with pytest.raises(RemoteProtocolError, match="longer"):
        next(pieces)


@pytest.mark.parametrize(
    ("size", "body", "words"),
    [
        (5, b"", "shorter"),
        (5, block(b"hell", PLAIN), "shorter"),
        (5, block(b"hello", PLAIN)[:-1], "shorter"),
        (5, block(b"hello", PLAIN) + b"\0", "shorter"),
        (5, block(b"hello!", PLAIN), "longer"),
        (5, block(b"hello", PLAIN) + block(b"!", PACKED), "longer"),
        (5, head(2, 5) + b"hello", "none"),
        (5, head(PLAIN, 0) + block(b"hello", PLAIN), "none"),
        (5, head(PACKED, 5) + b"hello", "not compressed"),
        (5, head(PACKED, len(zlib.compress(b"hello")) + 1) + zlib.compress(b"hello") + b"!", "behind"),
        (5, head(PACKED, 6) + zlib.compress(b"hello")[:6] + block(b"hello", PLAIN), "cut short"),
    ],
)
def test_what_is_no_such_body_is_said(size, body, words):
    with pytest.raises(RemoteProtocolError, match=words):
        unpacked(size, body)
    with pytest.raises(RemoteProtocolError, match=words):
        unpacked(size, *(body[at : at + 1] for at in range(len(body))))


def test_its_head_is_short():
    assert len(head(PACKED, 2**32 - 1)) == HEAD
    assert unpacked(100_000, block(os.urandom(1), PLAIN) + block(bytes(99_999), PACKED))[1:] == bytes(99_999)
