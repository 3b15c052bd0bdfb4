"""Files of a person's own: whole or not at all, their mode kept, links written through."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rbridge.errors import CannotCreate, TryAgain
from rbridge.ssh import changes
from rbridge.ssh.changes import Change


def test_a_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("a\n")
    path.chmod(0o640)
    changes.carry_out([Change(str(path), "a\n", "b\n")])
    assert path.read_text() == "b\n"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_link_is_written_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    target = tmp_path / "dotfiles" / "config"
    target.write_text("a\n")
    link = tmp_path / "config"
    link.symlink_to(target)
    changes.carry_out([Change(str(link), "a\n", "b\n")])
    assert link.is_symlink()
    assert target.read_text() == "b\n"
    assert os.listdir(target.parent) == ["config"]


def test_bytes_that_are_no_text_survive(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_bytes(b"\xff\r\n\0")
    before = changes.read(str(path))
    assert before is not None
    changes.carry_out([Change(str(path), before, "x" + before)])
    assert path.read_bytes() == b"x\xff\r\n\0"


def test_directories_that_are_missing_are_made_private(tmp_path: Path) -> None:
    path = tmp_path / ".ssh" / "config.d" / "rbridge.conf"
    changes.carry_out([Change(str(path), None, "x")])
    assert [one.stat().st_mode & 0o777 for one in (path, path.parent, path.parent.parent)] == [
        0o600,
        0o700,
        0o700,
    ]


def test_a_file_that_changed_since_it_was_shown_is_left_alone(tmp_path: Path) -> None:
    first, path = tmp_path / "first", tmp_path / "config"
    path.write_text("somebody's\n")
    with pytest.raises(TryAgain, match="nothing is written"):
        changes.carry_out([Change(str(first), None, "x"), Change(str(path), "old\n", "new\n")])
    assert path.read_text() == "somebody's\n"
    assert not first.exists()


def test_a_read_only_file_is_left_alone_and_said_where_it_is(tmp_path: Path) -> None:
    first, target, link = tmp_path / "first", tmp_path / "store", tmp_path / "config"
    target.write_text("a\n")
    target.chmod(0o444)
    link.symlink_to(target)
    with pytest.raises(CannotCreate, match="read-only; nothing is changed") as caught:
        changes.carry_out([Change(str(first), None, "x"), Change(str(link), "a\n", "b\n")])
    assert f"it leads to {target}" in str(caught.value)
    assert not first.exists()


def test_a_directory_that_may_not_be_written_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, _mode: path != str(tmp_path / "store"))  # as for root, too
    (tmp_path / "store").mkdir()
    with pytest.raises(CannotCreate, match="store cannot be written to"):
        changes.carry_out([Change(str(tmp_path / "store" / "config"), None, "x")])


def test_a_failure_on_the_way_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config"
    path.write_text("a\n")

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotCreate, match="No space left on device; it is as it was"):
        changes.carry_out([Change(str(path), "a\n", "b\n")])
    assert path.read_text() == "a\n"
    assert os.listdir(tmp_path) == ["config"]


def test_a_no_after_the_diff_is_a_no() -> None:
    shown: list[str] = []
    change = Change("/h/config", "Host a\r\n", "Include x\r\nHost a\r\n")
    assert not changes.agree([change], shown.append, lambda _: False, "Write this?")
    assert "+Include x" in shown


def test_only_empty_directories_are_cleared(tmp_path: Path) -> None:
    upper, lower = tmp_path / "a", tmp_path / "a" / "b"
    lower.mkdir(parents=True)
    (upper / "file").write_text("")
    changes.clear([str(upper), str(lower)])
    assert [path.name for path in upper.iterdir()] == ["file"]
