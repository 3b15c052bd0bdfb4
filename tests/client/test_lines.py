"""Lines of files that are searched."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rbridge.client import lines as module
from rbridge.client.lines import anything, lines

LONGEST = 1 << 20


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[tuple[int, str]]]:
    """``read(data, longest, may)``: the lines of a file with *data* in it."""

    def ask(data: bytes, longest: int = LONGEST, may: Callable[[bytes], bool] = anything):
        (tmp_path / "file").write_bytes(data)
        fd = os.open(tmp_path / "file", os.O_RDONLY)
        try:
            return list(lines(fd, longest, may))
        finally:
            os.close(fd)

    return ask


@pytest.fixture(params=[(4, 4), (5, 3), (64, 7), (64 * 1024, 1 << 20)], ids=str)
def pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many bytes are read at a time."""
    first, block = request.param
    monkeypatch.setattr(module, "FIRST", first)
    monkeypatch.setattr(module, "BLOCK", block)


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"one", ["one"]),
        (b"one\n", ["one"]),
        (b"one\n\nthree", ["one", "", "three"]),
        (b"dos\r\nline\r\n", ["dos", "line"]),
        (b"caf\xe9\n\xc3\n", ["caf\ufffd", "\ufffd"]),
        ("wörld\u2028still\x0bthe\x85same\n".encode(), ["wörld\u2028still\x0bthe\x85same"]),
        (b"0123456789\n" * 50, ["0123456789"] * 50),
    ],
)
def test_lines_are_numbered_and_have_no_ends(read, pieces, data, wanted):
    assert read(data) == list(enumerate(wanted, 1))


@pytest.mark.parametrize("longest", [10, 11, 40])
def test_lines_that_are_too_long_only_count(read, pieces, longest):
    data = b"a\n" + b"x" * 100 + b"\nb\n" + b"y" * 50 + b"\n" + b"z" * 200
    assert read(data, longest) == [(1, "a"), (3, "b")]


def test_a_file_ends_where_it_turns_out_to_be_a_binary_one(read, monkeypatch):
    assert read(b"text\0") == []
    monkeypatch.setattr(module, "FIRST", 4)
    monkeypatch.setattr(module, "BLOCK", 4)
    assert read(b"one\ntwo\nthr\0\nfour\n") == [(1, "one"), (2, "two")]


def test_something_else_may_be_done_between_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FIRST", 4)
    monkeypatch.setattr(module, "BLOCK", 4)
    (tmp_path / "file").write_bytes(b"x" * 40)
    idle: list[int] = []
    with open(tmp_path / "file", "rb") as file:
        assert list(lines(file.fileno(), 5, anything, lambda: idle.append(1))) == []
    assert len(idle) == 11


def test_where_nothing_may_be_nothing_is_cut_and_the_others_keep_their_numbers(read, monkeypatch):
    monkeypatch.setattr(module, "FIRST", 20)
    monkeypatch.setattr(module, "BLOCK", 20)
    looked: list[bytes] = []

    def may(data: bytes) -> bool:
        looked.append(data)
        return b"needle" in data

    data = b"hay\n" * 20 + b"needle\n" + b"hay\n" * 20
    assert (21, "needle") in read(data, may=may)
    assert b"".join(looked) == data
    assert all(block.endswith(b"\n") for block in looked)
    assert len(read(data, may=may)) < 10


def test_what_cannot_be_read_has_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, reads = os.read, iter([True, False])
    monkeypatch.setattr(module, "FIRST", 4)

    def read(fd: int, size: int) -> bytes:
        if not next(reads):
            raise OSError(5, "the disk is broken")
        return real(fd, size)

    (tmp_path / "file").write_bytes(b"a\nb\nc\n")
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    monkeypatch.setattr(os, "read", read)
    assert list(lines(fd, LONGEST, anything)) == [(1, "a"), (2, "b")]
    os.close(fd)


def test_a_file_of_many_blocks_is_never_held_whole(tmp_path: Path) -> None:
    with open(tmp_path / "file", "wb") as file:
        for number in range(40):
            file.write(b"%063d\n" % number * (1 << 14))  # a mebibyte
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    sizes: list[int] = []

    def may(data: bytes) -> bool:
        sizes.append(len(data))
        return False

    assert list(lines(fd, LONGEST, may)) == []
    assert sum(sizes) == 40 << 20
    assert max(sizes) <= 2 * module.BLOCK
    os.close(fd)
