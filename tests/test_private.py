"""Which directories are ours alone, and how they become so."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from rbridge import private
from rbridge.errors import Denied

FOREIGN = 65534


def mode(path: os.PathLike[str] | str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture
def place(home) -> Path:
    return home.path


@pytest.mark.parametrize("bits", [0o701, 0o710, 0o770, 0o707, 0o755])
def test_a_directory_open_to_others_is_not_private(place, bits):
    (place / "d").mkdir()
    (place / "d").chmod(bits)
    with pytest.raises(Denied, match=f"mode {bits:04o}"):
        private.check_private(str(place / "d"))


def test_a_directory_of_another_user_is_not_private(place, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: FOREIGN)
    with pytest.raises(Denied, match="belongs to "):
        private.check_private(str(place))
    private.check_private(str(place), (os.stat(place).st_uid,))


def test_a_directory_that_others_can_replace_is_not_private(place):
    (place / "open").mkdir()
    (place / "open/d").mkdir(mode=0o700)
    (place / "open").chmod(0o777)
    with pytest.raises(Denied, match="can be replaced by others"):
        private.check_private(str(place / "open/d"))
    (place / "open").chmod(0o1777)
    private.check_private(str(place / "open/d"))


def test_links_and_files_are_not_private_directories(place):
    (place / "d").mkdir(mode=0o700)
    (place / "link").symlink_to("d")
    (place / "file").write_text("")
    for name, says in (("link", "symbolic link"), ("file", "not a directory")):
        with pytest.raises(Denied, match=says):
            private.check_private(str(place / name))
    with pytest.raises(FileNotFoundError):
        private.check_private(str(place / "none"))


def test_making_private_closes_what_others_could_only_look_into(place):
    (place / "d").mkdir()
    (place / "d").chmod(0o755)
    private.make_private(str(place / "d"))
    assert mode(place / "d") == 0o700
    (place / "d").chmod(0o775)
    with pytest.raises(Denied):
        private.make_private(str(place / "d"))


def test_the_parents_that_it_lacks_are_private_too_whatever_the_umask(place):
    before = os.umask(0)
    try:
        private.make_private(str(place / "a/b/c"))
    finally:
        os.umask(before)
    assert [mode(place / one) for one in ("a", "a/b", "a/b/c")] == [0o700] * 3
