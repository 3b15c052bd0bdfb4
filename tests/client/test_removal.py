"""Removing what lies in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rbridge.client import removal
from rbridge.client.refused import Refused
from rbridge.client.root import Root


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    (tmp_path / "proj").mkdir()
    made = Root(os.open(tmp_path / "proj", os.O_RDONLY), str(tmp_path / "proj"))
    yield made
    made.close()


def remove(root: Root, *names: str, recursive: bool = False) -> None:
    with root.place(list(names), False) as place:
        removal.remove(place, "/".join(names), recursive)


def test_a_file_and_an_empty_directory_are_removed(root, tmp_path):
    (tmp_path / "proj" / "a").touch()
    (tmp_path / "proj" / "d").mkdir()
    remove(root, "a")
    remove(root, "d")
    assert os.listdir(tmp_path / "proj") == []


def test_of_a_link_only_itself_is_removed(root, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").touch()
    (tmp_path / "proj" / "link").symlink_to("../outside")
    remove(root, "link", recursive=True)
    assert os.listdir(tmp_path / "proj") == []
    assert (tmp_path / "outside" / "kept").exists()


def test_a_directory_that_is_not_empty_is_not_removed_unless_that_is_meant(root, tmp_path):
    deep = tmp_path / "proj" / "d" / "e"
    deep.mkdir(parents=True)
    (deep / "f").touch()
    (deep / "g").touch()
    with pytest.raises(Refused) as caught:
        remove(root, "d")
    assert caught.value.reason == "exists"
    assert caught.value.body == {"entries": 3}
    assert (deep / "g").exists()
    remove(root, "d", recursive=True)
    assert os.listdir(tmp_path / "proj") == []


def test_only_so_many_entries_are_counted(root, tmp_path, monkeypatch):
    monkeypatch.setattr(removal, "FOUND", 3)
    (tmp_path / "proj" / "d").mkdir()
    for name in "abcde":
        (tmp_path / "proj" / "d" / name).touch()
    with pytest.raises(Refused) as caught:
        remove(root, "d")
    assert caught.value.body == {"entries": 3, "more": True}


def test_links_in_a_removed_tree_are_not_followed(root, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").touch()
    (tmp_path / "proj" / "d").mkdir()
    (tmp_path / "proj" / "d" / "link").symlink_to("../../outside")
    remove(root, "d", recursive=True)
    assert (tmp_path / "outside" / "kept").exists()


def test_a_directory_that_is_swapped_for_a_link_meanwhile_is_not_followed(root, tmp_path, monkeypatch):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").touch()
    inner = tmp_path / "proj" / "d" / "inner"
    inner.mkdir(parents=True)
    real = os.stat

    def stat(path, *args, **options):
        found = real(path, *args, **options)
        if path == "inner" and not inner.is_symlink():
            inner.rmdir()
            inner.symlink_to(tmp_path / "outside")
        return found

    monkeypatch.setattr(os, "stat", stat)
    with pytest.raises(Refused, match="d: "):
        remove(root, "d", recursive=True)
    assert (tmp_path / "outside" / "kept").exists()


def test_what_somebody_else_removes_meanwhile_is_removed(root, tmp_path, monkeypatch):
    d = tmp_path / "proj" / "d"
    for name in ("a", "b", "c"):
        (d / name).mkdir(parents=True)
    real_stat, real_rmdir = os.stat, os.rmdir

    def stat(path, *args, **options):
        found = real_stat(path, *args, **options)
        if path == "a" and (d / "a").exists():
            real_rmdir(d / "a")
        return found

    def rmdir(path, **options):
        if path == "b":
            real_rmdir(path, **options)
        real_rmdir(path, **options)

    monkeypatch.setattr(os, "stat", stat)
    monkeypatch.setattr(os, "rmdir", rmdir)
    remove(root, "d", recursive=True)
    assert not d.exists()


def test_the_folder_itself_is_not_removed(root):
    with pytest.raises(Refused, match="the folder itself"):
        remove(root, recursive=True)


def test_what_is_removed_only_in_part_is_said(root, tmp_path, monkeypatch):
    d = tmp_path / "proj" / "d"
    d.mkdir()
    for name in "abc":
        (d / name).touch()
    real = os.unlink

    def unlink(path, **options):
        if path == "a":
            raise PermissionError(13, "no")
        real(path, **options)

    monkeypatch.setattr(os, "listdir", lambda fd: ["a", "b", "c"])
    monkeypatch.setattr(os, "unlink", unlink)
    with pytest.raises(
        Refused, match="d was removed only in part: permission denied .2 entries are gone."
    ) as caught:
        remove(root, "d", recursive=True)
    assert caught.value.reason == "denied"
    assert (d / "a").exists()


def test_a_deep_tree_is_removed_and_a_deeper_one_is_refused(root, tmp_path, monkeypatch):
    deep = tmp_path / "proj" / "d"
    deep.joinpath(*["x"] * 50).mkdir(parents=True)
    monkeypatch.setattr(removal, "DEPTH", 20)
    with pytest.raises(Refused, match="too long"):
        remove(root, "d", recursive=True)
    monkeypatch.undo()
    before = len(os.listdir("/proc/self/fd"))
    remove(root, "d", recursive=True)
    assert not deep.exists()
    assert len(os.listdir("/proc/self/fd")) == before
