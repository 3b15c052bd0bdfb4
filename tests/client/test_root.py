"""Going to a place inside of a folder, and never out of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rbridge.client import root as roots
from rbridge.client.root import Outside, Root


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """``proj`` with a file and a directory in it, beside a ``secret``."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("key")
    place = tmp_path / "proj"
    (place / "sub" / "deep").mkdir(parents=True)
    (place / "a").write_text("a")
    (place / "sub" / "b").write_text("b")
    return place


@pytest.fixture
def opened(tree: Path) -> Iterator[Root]:
    made = Root(os.open(tree, os.O_RDONLY | os.O_DIRECTORY), str(tree))
    yield made
    made.close()


def read(root: Root, *names: str) -> str:
    with root.place(list(names)) as place:
        fd = place.open(os.O_RDONLY)
        with os.fdopen(fd) as file:
            return file.read()


def test_a_file_is_found_by_its_names(opened):
    assert read(opened, "a") == "a"
    assert read(opened, "sub", "b") == "b"


def test_no_names_are_the_root_itself(opened, tree):
    with opened.place([]) as place:
        assert (place.name, place.names) == ("", [])
        assert place.stat().st_ino == tree.stat().st_ino


def test_what_is_not_there_has_a_place_where_its_directory_is(opened):
    with opened.place(["sub", "new"]) as place:
        assert (place.name, place.names) == ("new", ["sub", "new"])
        with pytest.raises(FileNotFoundError):
            place.stat()
    with pytest.raises(FileNotFoundError):
        opened.place(["none", "new"])
    with pytest.raises(NotADirectoryError):
        opened.place(["a", "new"])


@pytest.mark.parametrize(
    "target",
    [
        "../secret/key",
        "../../../../../../etc/passwd",
        "/etc/passwd",
        "sub/../../secret/key",
        "sub/deep/../../../x",
    ],
)
def test_a_link_out_of_it_is_outside(opened, tree, target):
    (tree / "out").symlink_to(target)
    with pytest.raises(Outside):
        opened.place(["out"])
    with pytest.raises(Outside):
        opened.place(["out", "key"])
    with opened.place(["out"], follow=False) as place:
        assert place.name == "out"


def test_a_directory_that_is_a_link_out_of_it_is_outside(opened, tree):
    (tree / "out").symlink_to("../secret")
    with pytest.raises(Outside):
        opened.place(["out", "key"], follow=False)


@pytest.mark.parametrize(
    "target", ["sub/b", "sub/../sub/./b", "{root}/sub/b", "sub//deep/../b", "sub/deep/../b"]
)
def test_a_link_that_stays_inside_is_followed(opened, tree, target):
    (tree / "in").symlink_to(target.format(root=tree))
    assert read(opened, "in") == "b"
    with opened.place(["in"]) as place:
        assert place.names == ["sub", "b"]


def test_a_link_to_the_root_itself_is_the_root(opened, tree):
    (tree / "sub" / "up").symlink_to("..")
    with opened.place(["sub", "up"]) as place:
        assert (place.name, place.names) == ("", [])
    assert read(opened, "sub", "up", "a") == "a"


def test_a_link_to_itself_is_an_error_and_no_endless_way(opened, tree):
    (tree / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links"):
        opened.place(["loop"])


def test_a_dangling_link_leads_to_a_place_where_nothing_is(opened, tree):
    (tree / "dangling").symlink_to("sub/none")
    with opened.place(["dangling"]) as place:
        assert place.names == ["sub", "none"]


def test_a_directory_that_is_swapped_for_a_link_in_between_is_not_followed(opened, tree, monkeypatch):
    real: Callable[..., str] = os.readlink

    def readlink(path: str, *, dir_fd: int | None = None) -> str:
        try:
            return real(path, dir_fd=dir_fd)
        finally:
            if path == "sub" and (tree / "sub" / "b").exists():
                shutil.rmtree(tree / "sub")
                (tree / "sub").symlink_to("../secret")

    monkeypatch.setattr(os, "readlink", readlink)
    with pytest.raises(OSError, match="Not a directory|symbolic links"):
        opened.place(["sub", "key"])


def test_a_file_that_is_swapped_for_a_link_in_between_is_not_read(opened, tree):
    with opened.place(["a"]) as place:
        (tree / "a").unlink()
        (tree / "a").symlink_to("../secret/key")
        with pytest.raises(OSError, match="symbolic links"):
            place.open(os.O_RDONLY)


def test_where_it_is_follows_a_rename(opened, tree):
    assert opened.path() == str(tree)
    tree.rename(tree.parent / "renamed")
    assert opened.path() == str(tree.parent / "renamed")
    assert read(opened, "a") == "a"


def test_a_root_that_was_removed_is_gone(opened, tree):
    shutil.rmtree(tree)
    with pytest.raises(FileNotFoundError):
        opened.place(["a"])
    with pytest.raises(FileNotFoundError):
        opened.path()
    tree.mkdir()  # another one
    with pytest.raises(FileNotFoundError):
        opened.path()


def test_a_way_that_is_too_deep_is_an_error(opened, tree, monkeypatch):
    monkeypatch.setattr(roots, "DEPTH", 1)
    with pytest.raises(OSError, match="too long"):
        opened.place(["sub", "deep", "x"])


def test_no_descriptor_is_left(opened, tree):
    (tree / "out").symlink_to("../secret")
    before = len(os.listdir("/proc/self/fd"))
    for names in (["a"], ["sub", "deep"], ["out"], ["none", "x"], []):
        try:
            opened.place(names).close()
        except (OSError, Outside):
            continue
    assert len(os.listdir("/proc/self/fd")) == before
