"""What the system is asked, with other systems shown to it as files and fakes."""

from __future__ import annotations

import os
import socket
import struct

import pytest

from rbridge import system


def test_the_user_at_the_other_end_of_a_unix_socket():
    one, two = socket.socketpair()
    with one, two:
        assert system.peer_uid(one) == os.geteuid()


class Mac:
    """A connected Unix socket on macOS: xucred is version, uid, number of groups, groups."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        assert (level, option) == (0, 1)
        return self.answer[:size]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (struct.pack("=IIh2x16I", 0, 501, 1, *range(16)), 501),
        (struct.pack("=IIh2x16I", 9, 501, 1, *range(16)), None),  # a version that we do not know
        (b"", None),
    ],
)
def test_the_same_on_macos(answer, expected):
    assert system.peer_uid(Mac(answer), "darwin") == expected


def test_a_system_that_cannot_tell_says_none():
    assert system.peer_uid(Mac(b""), "sunos5") is None
    with socket.socket(socket.AF_INET) as unconnected:
        assert system.peer_uid(unconnected) in (None, -1, 0xFFFFFFFF)


@pytest.mark.parametrize(
    ("euid", "environ", "expected"),
    [
        (1000, {}, (1000,)),
        (0, {}, (0,)),
        (0, {"SUDO_UID": "1000"}, (0, 1000)),
        (1000, {"SUDO_UID": "1001"}, (1000,)),
        (0, {"SUDO_UID": "0"}, (0,)),
        (0, {"SUDO_UID": "x"}, (0,)),
    ],
)
def test_who_counts_as_us(euid, environ, expected):
    assert system.us(environ, euid) == expected


def test_names_and_homes_of_users():
    assert system.user_name(0) == "root"
    assert system.home_of(0).startswith("/")
    assert system.user_name(4294967290) == "uid 4294967290"
    assert system.home_of(4294967290) == ""


def test_small_answers(tmp_path):
    assert system.boot_id(str(tmp_path / "none")) == ""
    (tmp_path / "id").write_text("abc\n")
    assert system.boot_id(str(tmp_path / "id")) == "abc"
    assert system.has_inotify("linux")
    assert not system.has_inotify("darwin")


def test_open_descriptors():
    fd = os.open(os.devnull, os.O_RDONLY)
    try:
        assert fd in system.open_descriptors()
        assert {0, 1, 2} <= set(system.open_descriptors("/no/such/table"))
    finally:
        os.close(fd)
