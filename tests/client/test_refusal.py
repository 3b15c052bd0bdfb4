"""The words for what cannot be opened."""

from __future__ import annotations

import os
import socket

import pytest

from rbridge.client import refusal
from rbridge.errors import NoInput


def make_socket(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (os.mkfifo, "cannot open x: it is a pipe"),
        (make_socket, "cannot open x: it is a socket"),
        (lambda path: os.symlink("/dev/null", path), "cannot open x: it is a device"),
        (lambda path: os.symlink(path, path), "cannot open x: too many levels of symbolic links"),
    ],
)
def test_what_is_no_file_is_refused_with_its_own_words(check, make, says):
    make("x")
    with pytest.raises(NoInput) as caught:
        check("x")
    assert str(caught.value).startswith(says)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (20480, "20 KiB"), (3 << 30, "3.0 GiB")],
)
def test_sizes_as_people_say_them(size, text):
    assert refusal.human(size) == text
