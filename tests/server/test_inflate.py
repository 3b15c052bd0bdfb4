import os
import zlib

import pytest

from rbridge.errors import RemoteProtocolError
from rbridge.server.inflate import PIECE, Inflating


def inflated(size, *pieces):
    inflating = Inflating(size)
    data = b"".join(part for piece in pieces for part in inflating.feed(piece))
    inflating.finish()
    return data


@pytest.mark.parametrize("chunk", [1, 7, 1000, 10**9])
def test_a_body_comes_back_whole_however_it_is_cut(chunk):
    text = os.urandom(3000) + b"line\n" * 2000
    packed = zlib.compress(text)
    assert inflated(len(text), *(packed[i : i + chunk] for i in range(0, len(packed), chunk))) == text


def test_an_empty_text():
    assert inflated(0, zlib.compress(b"")) == b""


def test_no_piece_is_large_even_of_a_bomb():
    size = 100 * PIECE
    inflating = Inflating(size)
    lengths = [len(piece) for piece in inflating.feed(zlib.compress(bytes(size)))]
    inflating.finish()
    assert sum(lengths) == size
    assert max(lengths) <= PIECE


def test_a_bomb_ends_at_the_announced_size():
    inflating = Inflating(1000)
    with pytest.raises(RemoteProtocolError, match="longer"):
        for _ in inflating.feed(zlib.compress(bytes(10**8))):
            pass


@pytest.mark.parametrize(
    ("size", "data", "words"),
    [
        (5, b"hello", "not compressed"),
        (5, zlib.compress(b"hello")[:-1], "shorter"),
        (5, zlib.compress(b"hell"), "shorter"),
        (5, zlib.compress(b"hello!"), "longer"),
        (5, zlib.compress(b"hello") + b"x", "behind its end"),
        (5, zlib.compress(b"hello") + zlib.compress(b""), "behind its end"),
        (0, b"", "shorter"),
    ],
)
def test_what_is_not_as_announced_is_an_error(size, data, words):
    with pytest.raises(RemoteProtocolError, match=words):
        inflated(size, data)


def test_what_comes_in_a_further_piece_behind_the_end_is_an_error():
    with pytest.raises(RemoteProtocolError, match="behind its end"):
        inflated(5, zlib.compress(b"hello"), b"x")
