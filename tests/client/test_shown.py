"""What the user sees of a folder."""

from __future__ import annotations

import os

import pytest

from rbridge.client import shown as module
from rbridge.client.root import Root
from rbridge.client.shown import Shown


@pytest.fixture
def shown(tmp_path):
    """``shown("sub", age=10)``: after its first look, with nothing there changed for 10 s."""
    root = Root(os.open(tmp_path, os.O_RDONLY), str(tmp_path))

    def make(*names, age=10):
        path = tmp_path.joinpath(*names)
        if path.exists() and age:
            was = path.stat().st_mtime_ns
            os.utime(path, ns=(was, was - age * 10**9))
        made = Shown(root, list(names), "/".join(names))
        made.begin()
        made._racy = False  # ctime cannot be set
        return made

    yield make
    root.close()


def looked(one, *now):
    """One look, and what it finds is told."""
    found = one.look(*now)
    one.untold = False
    return found


def test_what_nobody_was_told_of_is_still_news(shown, tmp_path):
    (tmp_path / "d").mkdir()
    one = shown("d")
    os.utime(tmp_path / "d")
    assert one.look() is one
    one._racy = False
    assert not one.quiet()
    assert one.look() is one
    one._racy = one.untold = False
    assert one.look() is None


def test_nothing_happened(shown, tmp_path):
    (tmp_path / "a").write_text("a")
    one = shown("a")
    assert one.quiet()
    assert looked(one) is None


def test_names_come_and_go(shown, tmp_path):
    (tmp_path / "d").mkdir()
    one = shown("d")
    (tmp_path / "d" / "new").touch()
    assert not one.quiet()
    assert looked(one) is one


def test_what_changes_right_after_a_look_may_be_told_once_too_often_and_never_too_seldom(
    shown, tmp_path, monkeypatch
):
    (tmp_path / "d").mkdir()
    one = shown("d")
    (tmp_path / "d" / "new").touch()
    assert looked(one) is one
    assert not one.quiet()
    later = module.now_ns() + 10**10
    monkeypatch.setattr(module, "now_ns", lambda: later)
    assert looked(one) is one
    assert one.quiet()
    assert looked(one) is None


def test_a_clock_of_a_server_that_is_ahead_of_ours_is_told_of_for_a_while_and_not_for_ever(shown, tmp_path):
    path = tmp_path / "a"
    path.touch()
    one = shown("a")
    was = path.stat().st_mtime_ns
    os.utime(path, ns=(was, was + 10**12))
    assert looked(one, 100.0) is one
    assert looked(one, 100.5) is one
    assert looked(one, 100.0 + module.RACY_NS / 1e9) is one
    assert looked(one, 200.0) is None
    assert one.quiet()


def test_where_a_stat_may_block_nobody_is_quiet(shown, tmp_path, monkeypatch):
    (tmp_path / "a").touch()
    assert shown("a").quiet()
    monkeypatch.setattr(module.mounts, "is_local", lambda path: False)
    one = shown("a")
    assert not one.quiet()
    assert looked(one) is None


def test_nor_is_what_is_mounted_in_the_folder(shown, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(module.mounts, "is_local", lambda path: not path.endswith("/data"))
    assert shown().quiet()
    assert not shown("data").quiet()


def test_its_file_system_is_known_while_it_is_there(shown, tmp_path):
    path = tmp_path / "a"
    path.touch()
    one = shown("a")
    assert one.device == path.stat().st_dev
    path.unlink()
    looked(one)
    assert one.device == -1


def test_a_file_is_written_replaced_and_removed(shown, tmp_path):
    path = tmp_path / "a"
    path.write_text("a")
    one = shown("a")
    path.write_text("longer")
    assert looked(one) is one
    (tmp_path / "b").write_text("longer")
    (tmp_path / "b").rename(path)
    assert looked(one) is one
    path.unlink()
    assert looked(one) is one
    assert looked(one) is None
    path.touch()
    assert looked(one) is one


def test_a_link_is_looked_at_itself(shown, tmp_path):
    (tmp_path / "out").symlink_to("/etc/passwd")
    one = shown("out", age=0)
    assert one.quiet()


def test_a_directory_that_becomes_a_link_out_of_it_has_changed(shown, tmp_path):
    (tmp_path / "d" / "e").mkdir(parents=True)
    one = shown("d", "e")
    (tmp_path / "d").rename(tmp_path / "moved")
    (tmp_path / "d").symlink_to("/etc")
    assert looked(one) is one
