"""A folder's texts laid out: all of them, or nothing."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest
import trio

from rbridge.adapters import laying
from rbridge.adapters.folder import NO_ANSWER, NOT_CONNECTED, FolderError, Item, Root
from rbridge.adapters.laying import TooMuch, lay, put
from tests.adapters.folders import FakeFolderDesk, digest, make_root


@pytest.fixture
def host(tmp_path: Path) -> Path:
    root = tmp_path / "host"
    root.mkdir()
    return root


@pytest.fixture
async def desk(tmp_path: Path, host: Path, nursery: trio.Nursery) -> FakeFolderDesk:
    return FakeFolderDesk(tmp_path / "files", host, nursery)


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return make_root(tmp_path / "files")


def fill(host: Path, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        (host / path).parent.mkdir(parents=True, exist_ok=True)
        (host / path).write_bytes(data)


def here(root: Root) -> dict[str, bytes]:
    found = [one for one in root.directory.rglob("*") if one.is_file()]
    return {str(one.relative_to(root.directory)): one.read_bytes() for one in found}


async def test_texts_are_laid_out_and_nothing_else(host: Path, desk: FakeFolderDesk, root: Root) -> None:
    texts = {"a.py": b"a\n", "src/deep/b.py": b"", "latin": b"caf\xe9", ".editorconfig": b"root = true\n"}
    fill(host, {**texts, "data.bin2": b"\0\1", "figure.png": b"x", ".git/config": b"x", ".exrc": b"x"})
    laid = await lay(root, desk)
    assert here(root) == texts
    assert {path: one.digest for path, one in laid.items()} == {
        path: digest(data) for path, data in texts.items()
    }
    assert laid["a.py"].inode == os.stat(root.directory / "a.py").st_ino
    assert not any("figure.png" in one for one in desk.asked)


async def test_they_are_the_users_alone(host: Path, desk: FakeFolderDesk, tmp_path: Path) -> None:
    fill(host, {"src/a.py": b"a\n"})
    root = make_root(tmp_path / "files", read_only=True)
    await lay(root, desk)
    assert (root.directory / "src" / "a.py").stat().st_mode & 0o777 == 0o400
    assert (root.directory / "src").stat().st_mode & 0o777 == 0o700


async def test_a_large_text_is_read_in_pieces(host: Path, desk: FakeFolderDesk, root: Root) -> None:
    data = b"line\n" * 500_000
    fill(host, {"large.txt": data})
    await lay(root, desk)
    assert here(root) == {"large.txt": data}


async def test_of_a_large_file_that_is_no_text_only_the_beginning_is_read(
    host: Path, desk: FakeFolderDesk, root: Root
) -> None:
    fill(host, {"weights": b"\0" * 1_000_000, "a.py": b"a\n"})
    await lay(root, desk)
    assert here(root) == {"a.py": b"a\n"}
    assert [one[2:] for one in desk.asked if one[:2] == ("read", "weights")] == [(0, 8192)]


async def test_too_many_are_named_by_folder(
    host: Path, desk: FakeFolderDesk, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(laying, "FILES", 5)
    fill(host, {f"{directory}/{n}": b"x" for directory, count in (("b", 4), ("a", 3)) for n in range(count)})
    with pytest.raises(TooMuch) as caught:
        await lay(root, desk)
    assert caught.value.line() == (
        "project has 7 files, and at most 5 texts of 50 MB together are laid out: nothing was "
        "(open a folder in it: b (4 files), a (3 files))"
    )
    assert here(root) == {}


async def test_too_many_bytes_are_named_by_folder(
    host: Path, desk: FakeFolderDesk, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(laying, "BYTES", 1 << 20)
    fill(host, {"a/1.txt": b"x" * (1 << 20), "b/2.txt": b"x" * (1 << 19), "c.txt": b"x"})
    with pytest.raises(TooMuch) as caught:
        await lay(root, desk)
    assert "1.5 MB" in str(caught.value)
    assert caught.value.hint == "open a folder in it: a (1.0 MB), b (0.5 MB)"
    assert here(root) == {}


async def test_one_that_is_gone_meanwhile_is_left_out(
    host: Path, desk: FakeFolderDesk, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(host, {"a.py": b"a\n", "gone.py": b"x"})
    read = desk.read

    async def reading(path: str, at: int = 0, length: int = 0) -> tuple[bytes, int]:
        if path == "gone.py":
            raise FolderError("gone", "gone.py is no more")
        return await read(path, at, length)

    monkeypatch.setattr(desk, "read", reading)
    assert list(await lay(root, desk)) == ["a.py"]


async def test_a_lost_connection_is_an_error(host: Path, desk: FakeFolderDesk, root: Root) -> None:
    fill(host, {"a.py": b"a\n"})
    desk.connected = False
    with pytest.raises(FolderError) as caught:
        await lay(root, desk)
    assert caught.value.reason == NOT_CONNECTED


def test_nothing_is_written_through_a_link_or_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "file").write_bytes(b"there")
    assert put(tmp_path / "link", b"x") is None
    assert put(tmp_path / "file", b"x") is None
    assert put(tmp_path / "file" / "below", b"x") is None
    assert put(tmp_path / ("n" * 300), b"x") is None
    assert not (tmp_path / "elsewhere").exists()
    assert (tmp_path / "file").read_bytes() == b"there"


async def test_progress_is_told(host: Path, desk: FakeFolderDesk, root: Root) -> None:
    fill(host, {"a": b"a", "b": b"b"})
    told: list[tuple[int, int]] = []
    await lay(root, desk, lambda done, of: told.append((done, of)))
    assert told == [(1, 2), (2, 2)]


async def test_a_host_that_does_not_answer_ends_it(host: Path, desk: FakeFolderDesk, root: Root) -> None:
    """What is silent is left out of nothing: an editor with half of a folder would be a lie."""
    fill(host, {"a.py": b"a\n", "src/b.py": b"b\n"})
    ask = desk._ask

    async def silent(*what: object) -> None:
        await ask(*what)
        if what[0] == "list":
            raise FolderError(NO_ANSWER, "project on gpu1: the host does not answer")

    desk._ask = silent  # type: ignore[method-assign]
    with pytest.raises(FolderError, match="does not answer"):
        await lay(root, desk)


async def test_no_more_is_laid_out_than_was_said(
    host: Path, desk: FakeFolderDesk, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that grows, or a host that says less than it sends."""
    monkeypatch.setattr(laying, "BYTES", 100)
    fill(host, {f"{count}.log": b"x" * 30 for count in range(5)})
    monkeypatch.setattr(desk, "_item", lambda file: Item(file.name, "file", 1))
    with pytest.raises(TooMuch):
        await lay(root, desk)
    assert sum(map(len, here(root).values())) <= 100


async def test_one_that_is_far_larger_than_was_said_is_not_read_to_its_end(
    host: Path, desk: FakeFolderDesk, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(laying.limits, "PIECE", 100)
    fill(host, {"a.py": b"a\n", "b.py": b"x" * (5 << 20)})
    monkeypatch.setattr(desk, "_item", lambda file: Item(file.name, "file", 1))
    await lay(root, desk)
    assert here(root) == {"a.py": b"a\n"}
    assert len([one for one in desk.asked if one[:2] == ("read", "b.py")]) == 1


def test_nothing_is_left_of_one_for_which_there_is_no_room(tmp_path: Path) -> None:
    """A half of it would be sent to the host in place of the whole, as if the editor had written it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            put(tmp_path / "a.py", b"x" * 20_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(tmp_path) == []
