"""The files of a folder, by git, by ripgrep and by a walk of our own."""

from __future__ import annotations

import itertools
import os
import resource
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rbridge import system
from rbridge.client import program, tree

FILES = ["a.py", "sub/b.py", "sub/deep/c.txt", ".hidden", "with space", "new\nline", "ignored.log"]
CACHED = ["node_modules/x.js", "sub/__pycache__/b.pyc", ".venv/bin/python"]
WANTED = sorted(set(FILES) - {"ignored.log"} | {".gitignore"})


@pytest.fixture
def proj(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "proj"
    for name in FILES + CACHED:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(name)
    (place / ".gitignore").write_text("*.log\n")
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``without("git", "rg")``: these programs are not there."""
    real = program.found

    def hide(*names: str) -> None:
        monkeypatch.setattr(program, "found", lambda name: "" if name in names else real(name))

    return hide


@pytest.fixture
def files(proj: Path) -> Iterator[Callable[[], tuple[set[str], list[str]]]]:
    """``files()``: who says so, and the sorted paths."""
    fd = os.open(proj, os.O_RDONLY)

    def ask() -> tuple[set[str], list[str]]:
        found = list(tree.files(fd, lambda: None))
        return {by for by, _ in found}, sorted(path for _, paths in found for path in paths)

    yield ask
    os.close(fd)


def repository(place: Path) -> None:
    for words in (["init", "-q"], ["add", "a.py"]):
        subprocess.run(["git", *words], cwd=place, check=True)


def test_of_a_repository_git_names_them(files, proj):
    repository(proj)
    assert files() == ({"git"}, WANTED)


def test_else_ripgrep_does(files, proj):
    assert files() == ({"rg"}, WANTED)


def test_else_a_walk_does(files, without):
    without("git", "rg")
    assert files() == ({"python"}, WANTED)


def test_git_names_a_file_in_conflict_once(files, proj):
    repository(proj)
    run = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (
        ["commit", "-qm", "1"],
        ["checkout", "-qb", "other"],
        ["commit", "-qm", "2", "-a"],
        ["checkout", "-q", "-"],
        ["commit", "-qm", "3", "-a"],
    ):
        if words[-1] == "-a":
            (proj / "a.py").write_text(words[2])
        subprocess.run([*run, *words], cwd=proj, check=True)
    subprocess.run([*run, "merge", "-q", "other"], cwd=proj, check=False, capture_output=True)
    said = subprocess.run(["git", "ls-files"], cwd=proj, check=True, capture_output=True, text=True).stdout
    assert said.count("a.py") == 3
    assert files()[1].count("a.py") == 1


def test_a_folder_that_its_repository_ignores_is_looked_through_all_the_same(files, proj, monkeypatch):
    subprocess.run(["git", "init", "-q"], cwd=proj.parent, check=True)
    (proj.parent / ".gitignore").write_text("proj/\n")
    by, found = files()
    assert by == {"python"} or by == {"rg"}
    assert found == WANTED


def test_git_runs_nothing_that_the_folder_names(files, proj):
    repository(proj)
    hook = proj / "hook"
    hook.write_text("#!/bin/sh\ntouch was-run\n")
    hook.chmod(0o755)
    subprocess.run(["git", "config", "core.fsmonitor", str(hook)], cwd=proj, check=True)
    assert "a.py" in files()[1]
    assert not (proj / "was-run").exists()


def test_links_are_not_followed(files, proj, without):
    (proj.parent / "secret").mkdir()
    (proj.parent / "secret" / "key").touch()
    (proj / "out").symlink_to("../secret")
    (proj / "loop").symlink_to(".")
    assert not [path for path in files()[1] if "key" in path]
    without("git", "rg")
    assert not [path for path in files()[1] if "key" in path or "loop/" in path]


def test_a_walk_heeds_the_ignores_of_each_directory(proj, files, without):
    without("git", "rg")
    (proj / "sub" / ".gitignore").write_text("*.txt\n!*.log\ndeeper/\n")
    (proj / "sub" / "kept.log").touch()
    (proj / "sub" / "deeper").mkdir()
    (proj / "sub" / "deeper" / "x").touch()
    found = files()[1]
    assert "sub/kept.log" in found
    assert "sub/deep/c.txt" not in found
    assert "sub/deeper/x" not in found


def test_a_walk_names_files_and_links_and_opens_neither_them_nor_a_fifo(proj, files, without, monkeypatch):
    without("git", "rg")
    os.mkfifo(proj / "fifo")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(proj / "socket"))
    (proj / "link").symlink_to("a.py")
    opened: list[str] = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, *args, **kw: opened.append(path) or real(path, *args, **kw))
    assert files()[1] == sorted([*WANTED, "link"])
    assert sorted(opened) == [".gitignore", "deep", "sub"]


def test_a_walk_under_a_python_that_lists_by_path_only_is_the_same(proj, files, without, monkeypatch):
    without("git", "rg")

    def refuse(_fd):
        raise TypeError("scandir: path should be string, bytes, os.PathLike or None, not int")

    os.mkfifo(proj / "fifo")
    monkeypatch.setattr(os, "scandir", refuse)
    assert files() == ({"python"}, WANTED)


@pytest.mark.parametrize("hidden", [(), ("git", "rg")], ids=["rg", "python"])
def test_what_does_not_answer_is_left_out_and_so_is_git(files, proj, without, monkeypatch, hidden):
    repository(proj)
    without(*hidden)
    monkeypatch.setattr(tree, "silent", lambda _root: ["sub/deep"])
    assert files() == ({"python" if hidden else "rg"}, sorted({*WANTED} - {"sub/deep/c.txt"}))


def test_a_walk_goes_in_order_and_leaves_nothing_open(proj):
    fd = os.open(proj, os.O_RDONLY)
    before = system.open_descriptors()
    assert [path for path, _fd, _name in tree.walk(fd)] == [
        ".gitignore",
        ".hidden",
        "a.py",
        "new\nline",
        "with space",
        "sub/b.py",
        "sub/deep/c.txt",
    ]
    walk = tree.walk(fd)
    while next(walk)[0] != "sub/deep/c.txt":
        continue
    walk.close()
    assert system.open_descriptors() == before
    os.close(fd)


def test_a_walk_goes_as_deep_as_it_has_descriptors_for_and_goes_on_behind_that(tmp_path):
    deep = tmp_path / "deep"
    for level in range(120):
        deep.mkdir()
        (deep / "f").touch()
        deep = deep / "d" if level < 119 else deep
    (tmp_path / "last").mkdir()
    (tmp_path / "last" / "f").touch()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    fd = os.open(tmp_path, os.O_RDONLY)
    assert sum(1 for _ in tree.walk(fd)) == 121
    opened = {int(name) for name in os.listdir("/proc/self/fd")}
    few = next(n for n in itertools.count() if n - sum(one < n for one in opened) == 60)  # so many are free
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, limits[1]))
    try:
        found = [path for path, _fd, _name in tree.walk(fd)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert 20 < len(found) < 100
    assert found[-1] == "last/f"
    os.close(fd)


def test_an_ignore_file_that_is_none_is_passed_over(proj, files, without):
    without("git", "rg")
    (proj / ".gitignore").unlink()
    os.mkfifo(proj / ".gitignore")
    assert "ignored.log" in files()[1]
    (proj / "sub" / ".gitignore").symlink_to("/etc/passwd")
    assert "sub/b.py" in files()[1]


def test_a_directory_that_may_not_be_entered_is_passed_over(proj, files, without, monkeypatch):
    without("git", "rg")
    real = os.open

    def refuse(path, *args, **options):
        if path == "sub":
            raise PermissionError(13, "no")
        return real(path, *args, **options)

    monkeypatch.setattr(os, "open", refuse)
    assert [path for path in files()[1] if path.startswith("sub")] == []
    assert "a.py" in files()[1]
