"""The bytes that a range of lines takes up."""

from __future__ import annotations

import os

import pytest

from rbridge.client import excerpt
from rbridge.errors import NoInput


@pytest.fixture
def find(tmp_path):
    """``find(text, first, last)``: the bytes and the name of the part."""

    def ask(text: bytes, first: int, last: int) -> tuple[bytes, str]:
        (tmp_path / "f").write_bytes(text)
        fd = os.open(tmp_path / "f", os.O_RDONLY)
        try:
            start, size, name = excerpt.find(fd, "f", (first, last))
        finally:
            os.close(fd)
        return text[start : start + size], name

    return ask


@pytest.mark.parametrize(
    ("text", "first", "last", "part", "name"),
    [
        (b"a\nb\nc\n", 1, 1, b"a\n", "lines 1-1"),
        (b"a\nb\nc\n", 1, 2, b"a\nb\n", "lines 1-2"),
        (b"a\nb\nc\n", 2, 3, b"b\nc\n", "lines 2-3"),
        (b"a\nb\nc\n", 2, 0, b"b\nc\n", "lines 2-3"),
        (b"a\nb\nc\n", 3, 9, b"c\n", "lines 3-3"),
        (b"a\nb\nc", 1, 9, b"a\nb\nc", "lines 1-3"),
        (b"a\nb\nc", 3, 3, b"c", "lines 3-3"),
        (b"\n\n\n", 2, 2, b"\n", "lines 2-2"),
        (b"\n", 1, 5, b"\n", "lines 1-1"),
    ],
)
def test_a_part(find, text, first, last, part, name):
    assert find(text, first, last) == (part, name)


@pytest.mark.parametrize("piece", [1, 2, 3, 7])
def test_wherever_the_pieces_end(find, monkeypatch, piece):
    monkeypatch.setattr(excerpt, "PIECE", piece)
    lines = [b"x" * n + b"\n" for n in range(10)]
    for first in range(1, 11):
        for last in range(first, 11):
            assert find(b"".join(lines), first, last)[0] == b"".join(lines[first - 1 : last])


@pytest.mark.parametrize(
    ("text", "first", "says"),
    [
        (b"", 1, "f has no line 1: it ends with line 0"),
        (b"a\n", 2, "f has no line 2: it ends with line 1"),
        (b"a\nb", 5, "f has no line 5: it ends with line 2"),
        (b"a\nb\n", 3, "it ends with line 2"),
    ],
)
def test_lines_that_do_not_exist(find, text, first, says):
    with pytest.raises(NoInput, match=says):
        find(text, first, 0)
