"""Which files are shown by a viewer, and by which one."""

from __future__ import annotations

from pathlib import Path

import pytest

from rbridge.adapters import viewer
from tests.adapters.desk import make_text

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("figure.png", PNG, "pictures"),
        ("FIGURE.PNG", PNG, "pictures"),
        ("photo.jpg", b"\xff\xd8\xff\xe0", "pictures"),
        ("paper.pdf", b"%PDF-1.7\n", "PDF files"),
        ("sound.wav", b"RIFF\0\0\0\0WAVEfmt ", "sounds"),
        ("film.mp4", b"\0\0\0\x20ftypisom", "films"),
        ("figure.png", b"#!/bin/sh\n", ""),
        ("figure.png", b"", ""),
        ("run.desktop", PNG, ""),
        ("page.html", b"<html>", ""),
        ("train.py", b"import torch\n", ""),
        ("png", PNG, ""),
        ("archive.zip", b"PK\3\4", ""),
    ],
)
def test_what_a_file_is_both_name_and_content_say(tmp_path: Path, name: str, data: bytes, kind: str) -> None:
    text = make_text(tmp_path, data, path=f"/home/u/{name}")
    assert viewer.kind_of(text) == kind
    assert viewer.may_be(text) or not kind


def test_a_file_that_is_gone_is_nothing(tmp_path: Path) -> None:
    text = make_text(tmp_path, PNG, path="/home/u/a.png")
    text.file.unlink()
    assert viewer.kind_of(text) == ""


@pytest.mark.parametrize(
    ("said", "extensions"),
    [
        (True, frozenset(viewer.KINDS)),
        (False, frozenset()),
        (None, frozenset()),
        ("png", frozenset()),
        (["png", "mp3", "exe", 1, None, ["png"]], {"png", "mp3"}),
    ],
)
def test_what_a_plug_in_shows(said: object, extensions: frozenset[str]) -> None:
    assert viewer.claimed(said) == extensions


def test_the_program() -> None:
    here = {"DISPLAY": ":0"}
    assert viewer.program(here, {"xdg-open": "/usr/bin/xdg-open"}.get, "linux") == ["/usr/bin/xdg-open"]
    assert viewer.program(here, {"gio": "/usr/bin/gio"}.get, "linux") == ["/usr/bin/gio", "open"]
    assert viewer.program({"WAYLAND_DISPLAY": "w"}, {"xdg-open": "x"}.get, "linux") == ["x"]
    assert viewer.program(here, {}.get, "linux") == []
    assert viewer.program({}, {"xdg-open": "x"}.get, "linux") == []
    assert viewer.program({}, {}.get, "darwin") == ["/usr/bin/open"]
