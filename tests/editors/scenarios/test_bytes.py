"""Texts of all kinds come back byte by byte, but for what was typed."""

from __future__ import annotations

from tests.editors.bench import Bench, holds
from tests.editors.driver import Driver
from tests.harness.wait import until

Stage = Bench[Driver]
LARGE = 60 << 20
LONG = 180.0


def comes_back(bench: Stage, data: bytes, after: bytes, begins: str = "") -> None:
    """*data* is shown so that it *begins* so; with an X typed before it, it is *after* on the host."""
    editor, file = bench.opened(data, "file.txt")
    until(lambda: editor.text.startswith(begins), what=f"{begins!r} is shown")
    assert not editor.modified
    editor.insert("X")
    editor.save()
    until(holds(file, after), what=f"{file.read_bytes()[:80]!r} is {after[:80]!r}")
    editor.until_saved()


def test_crlf(bench: Stage) -> None:
    """Lines that end with CR LF"""
    comes_back(bench, b"one\r\ntwo\r\n", b"Xone\r\ntwo\r\n", "one\ntwo\n")


def test_mixed_line_ends(bench: Stage) -> None:
    """Lines that end differently"""
    comes_back(bench, b"one\r\ntwo\nthree\r\n", b"Xone\r\ntwo\nthree\r\n", "one")


def test_no_final_newline(bench: Stage) -> None:
    """A last line without an end"""
    comes_back(bench, b"one\ntwo", b"Xone\ntwo", "one\ntwo")


def test_byte_order_mark(bench: Stage) -> None:
    """A byte order mark"""
    comes_back(bench, b"\xef\xbb\xbfone\n", b"\xef\xbb\xbfXone\n", "one\n")


def test_latin_1(bench: Stage) -> None:
    """Bytes that are no UTF-8"""
    comes_back(bench, "café ÿ\n".encode("latin-1"), "Xcafé ÿ\n".encode("latin-1"), "caf")


def test_nul(bench: Stage) -> None:
    """NUL bytes"""
    comes_back(bench, b"a\0b\n\0\n", b"Xa\0b\n\0\n", "a")


def test_emoji(bench: Stage) -> None:
    """Characters beyond the basic plane, combined ones too"""
    comes_back(bench, "a 🧑\u200d🚀 b é\n".encode(), "Xa 🧑\u200d🚀 b é\n".encode(), "a 🧑\u200d🚀 b é\n")


def test_large_file(bench: Stage) -> None:
    """60 MB: open, change a line, save"""
    line = b"0123456789 abcdefghijklmnopqrstuvwxyz\n"
    data = line * (LARGE // len(line))
    editor, file = bench.editor(), bench.host.file("large.log", data)
    bench.open(str(file), deadline=LONG).ok()
    editor.sees("large.log", LONG)
    assert editor.line(2).encode() + b"\n" == line
    editor.insert("X")
    editor.save()
    until(lambda: file.stat().st_size == len(data) + 1, LONG, what="the new text is there")
    editor.until_saved(LONG)
    assert file.read_bytes() == b"X" + data
