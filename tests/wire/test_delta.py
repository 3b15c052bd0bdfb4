"""Deltas: what goes in comes out, it is small, and whatever else comes is refused."""

from __future__ import annotations

import random
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from rbridge.errors import RemoteProtocolError
from rbridge.wire import delta

calm = settings(deadline=None)

LINES = [f"{i:06} a line that is like no other\n".encode() for i in range(30_000)]
PARTS = st.lists(
    st.sampled_from([b"", b"\n", b"\r\n", b"a line\n", b"another line\n", b"x" * 500, bytes(range(256))])
    | st.binary(max_size=40),
    max_size=25,
)


def reader(base: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, count: base[offset : offset + count]


def applied(base: bytes, data: bytes, size: int) -> bytes:
    return b"".join(delta.apply(reader(base), data, size))


def number(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])


def insert(text: bytes) -> bytes:
    return number(len(text) << 1) + text


def copy(move: int, length: int) -> bytes:
    return number(length << 1 | 1) + number(2 * move if move >= 0 else -2 * move - 1)


def packed(size: int, *operations: bytes) -> bytes:
    return zlib.compress(b"\1" + number(size) + b"".join(operations))


@calm
@given(PARTS, PARTS, st.integers(0, 25), st.integers(0, 25))
@example([], [], 0, 0)
def test_what_was_encoded_comes_out(base: list[bytes], new: list[bytes], start: int, end: int) -> None:
    old, text = b"".join(base), b"".join(base[:start] + new + base[end:])
    size = len(text)
    for body in (delta.encode(old, text), delta.encode_by_signature(delta.signature(old), text)):
        if body is not None:
            assert applied(old, body, size) == text
            assert len(body) < 0.9 * size


@calm
@given(PARTS, PARTS, st.data())
def test_a_delta_that_was_altered_gives_an_error_or_no_more_than_was_announced(
    base: list[bytes], new: list[bytes], data: st.DataObject
) -> None:
    old = b"".join(base)
    text = old + b"".join(new) + old
    body = delta.encode(old, text)
    assume(body is not None)
    assert body is not None
    raw = bytearray(zlib.decompress(body) if data.draw(st.booleans()) else body)
    inside = len(raw) != len(body) or bytes(raw) != body
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
    altered = zlib.compress(bytes(raw)) if inside else bytes(raw)
    got = 0
    try:
        for piece in delta.apply(reader(old), altered, len(text)):
            got += len(piece)
            assert 0 < len(piece) <= delta.PIECE
    except RemoteProtocolError:
        assert got <= len(text)
    else:
        assert got == len(text)


@calm
@given(st.binary(max_size=200), st.integers(0, 10_000))
def test_any_bytes_are_an_error_or_a_text_of_that_size(data: bytes, size: int) -> None:
    for body in (data, zlib.compress(data), zlib.compress(b"\1" + number(size) + data)):
        try:
            assert len(applied(b"base" * 100, body, size)) == size
        except RemoteProtocolError:
            continue


def test_the_example_of_the_specification() -> None:
    body = zlib.compress(bytes.fromhex("01 06 05 00 02 78 07 02"))
    assert applied(b"a\nb\nc\n", body, 6) == b"a\nx\nc\n"
    assert packed(6, copy(0, 2), insert(b"x"), copy(1, 3)) == body


def test_copies_may_go_back_and_overlap() -> None:
    body = packed(11, copy(3, 3), copy(-6, 6), copy(-2, 1), insert(b"!"))
    assert applied(b"abcdef", body, 11) == b"defabcdefe!"
    assert applied(b"", packed(0), 0) == b""


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "cut short"),
        (b"no zlib", "cannot be unpacked"),
        (zlib.compress(b""), "cut short"),
        (zlib.compress(b"\1"), "cut short"),
        (zlib.compress(b"\2\4" + copy(0, 4)), "version that is not known"),
        (packed(5, copy(0, 5)), "another size"),
        (packed(3, copy(0, 3)), "another size"),
        (packed(4, copy(0, 5)), "more than was announced"),
        (packed(4, insert(b"12345")), "more than was announced"),
        (packed(4, copy(0, 3)), "cut short"),
        (packed(4, copy(0, 3), insert(b"")), "more than was announced"),
        (packed(4, copy(0, 0), copy(0, 4)), "more than was announced"),
        (packed(4, copy(-1, 4)), "before the base"),
        (packed(4, copy(5, 4)), "beyond the base"),
        (packed(4, copy(1 << 61, 4)), "beyond the base"),
        (packed(4, insert(b"12"), copy(1 << 61, 1), copy(1 << 61, 1)), "beyond the base"),
        (packed(4, number(8) + b"123"), "cut short"),
        (packed(4, copy(0, 4), insert(b"x")), "goes on behind its end"),
        (packed(4, copy(0, 4)) + b"x", "something behind it"),
        (packed(4, copy(0, 4)) + b"x" * 200_000, "something behind it"),
        (packed(4, copy(0, 4))[:-1], "cut short"),
        (packed(4, copy(0, 4))[:-4] + b"1234", "cannot be unpacked"),
        (packed(4, b"\xff" * 9), "too large"),
        (packed(4, b"\xff" * 8 + b"\x7f"), "more than was announced"),
    ],
)
def test_what_is_malformed_is_an_error(body: bytes, why: str) -> None:
    with pytest.raises(RemoteProtocolError, match=why):
        applied(b"12345678", body, 4)


def test_every_shortened_delta_is_an_error() -> None:
    text = b"".join(LINES[:50]) + b"new\n" + b"".join(LINES[60:90])
    body = delta.encode(b"".join(LINES[:100]), text)
    assert body is not None
    for length in range(len(body)):
        with pytest.raises(RemoteProtocolError):
            applied(b"".join(LINES[:100]), body[:length], len(text))


def test_a_bomb_costs_little_memory_and_stops() -> None:
    bomb = packed(1000, insert(bytes(1000)), bytes(64 << 20))
    large = packed(64 << 20, number((64 << 20) << 1) + bytes(64 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(RemoteProtocolError):
            applied(b"", bomb, 1000)
        for piece in delta.apply(reader(b""), large, 64 << 20):
            assert len(piece) <= delta.PIECE
        assert tracemalloc.get_traced_memory()[1] < 3 << 20
    finally:
        tracemalloc.stop()


def test_short_reads_of_the_base_are_completed() -> None:
    base = b"".join(LINES[:1000])
    body = packed(len(base) + 9, copy(0, len(base)), copy(-9, 9))
    got = b"".join(
        delta.apply(lambda offset, count: base[offset : offset + min(count, 7)], body, len(base) + 9)
    )
    assert got == base + base[-9:]


def test_short_copies_are_read_together() -> None:
    base = b"".join(LINES[:2000])
    reads = []

    def read(offset: int, count: int) -> bytes:
        reads.append(count)
        return base[offset : offset + count]

    operations = [insert(b"-") + copy(0 if n == 0 else 2, 8) for n in range(1000)]
    text = b"".join(delta.apply(read, packed(9000, *operations), 9000))
    assert text == b"".join(b"-" + base[10 * n : 10 * n + 8] for n in range(1000))
    assert len(reads) <= 2


def edited(count: int, *places: float) -> tuple[bytes, bytes]:
    lines = LINES[:count]
    for place in places:
        lines[int(place * count)] = b"    value = compute(alpha, beta) + 12345\n"
    return b"".join(LINES[:count]), b"".join(lines)


@pytest.mark.parametrize("count", [300, 30_000])
def test_the_cost_of_an_edit_does_not_grow_with_the_file(count: int) -> None:
    for most, places in ((70, [0.3]), (160, [0.1, 0.5])):
        base, text = edited(count, *places)
        body = delta.encode(base, text)
        assert body is not None
        assert len(body) <= most
        assert delta.encode(memoryview(base), memoryview(text)) == body
        assert applied(base, body, len(text)) == text


def test_a_delta_that_does_not_pay_is_none() -> None:
    noise = random.Random(1).randbytes(20_000)
    assert delta.encode(b"".join(LINES[:600]), noise) is None
    assert delta.encode(b"", noise) is None
    assert delta.encode(noise, b"") is None
    assert delta.encode(noise[:1500], noise) is None
    assert delta.encode_by_signature(delta.signature(b"".join(LINES[:600])), noise) is None
    assert delta.encode(b"a\n", b"b\n") is None
    assert delta.encode(noise, noise[:10_000] + b"new" + noise[:9000]) is not None
