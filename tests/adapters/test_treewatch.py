"""What is touched below a directory, however it is found out."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
import trio.testing

from rbridge.adapters import inotify, treewatch
from rbridge.adapters.treewatch import TreeWatch
from tests.adapters.desk import DEADLINE


@pytest.fixture(params=["inotify", "watchfiles"])
async def watch(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[TreeWatch]:
    if request.param == "watchfiles":

        def none() -> None:
            raise OSError(38, "this system has no inotify")

        monkeypatch.setattr(inotify, "Inotify", none)
    root = tmp_path / "tree"
    (root / "src").mkdir(parents=True)
    (root / "src" / "a.py").write_bytes(b"a\n")
    async with treewatch.watching(root) as one:
        yield one


async def touched(watch: TreeWatch, *paths: str) -> set[str]:
    """Wait until all of *paths* were touched; all that were."""
    seen: set[str] = set()
    with trio.move_on_after(DEADLINE):
        while not seen >= set(paths):
            await watch.changed()
            seen |= watch.take()
        return seen
    raise AssertionError(f"only {seen} were touched")


async def test_a_write_in_place(watch: TreeWatch) -> None:
    (watch.root / "src" / "a.py").write_bytes(b"b\n")
    assert await touched(watch, "src/a.py") <= {"src", "src/a.py"}


async def test_a_replacement(watch: TreeWatch) -> None:
    (watch.root / "new").write_bytes(b"b\n")
    os.replace(watch.root / "new", watch.root / "src" / "a.py")
    await touched(watch, "src/a.py")


async def test_a_deletion(watch: TreeWatch) -> None:
    (watch.root / "src" / "a.py").unlink()
    await touched(watch, "src/a.py")


async def test_what_comes_in_a_new_directory(watch: TreeWatch) -> None:
    (watch.root / "lib" / "deep").mkdir(parents=True)
    (watch.root / "lib" / "deep" / "a").write_bytes(b"a")
    await touched(watch, "lib", "lib/deep", "lib/deep/a")
    (watch.root / "lib" / "deep" / "b").write_bytes(b"b")
    await touched(watch, "lib/deep/b")


async def test_a_directory_that_is_moved(watch: TreeWatch) -> None:
    os.rename(watch.root / "src", watch.root / "lib")
    await touched(watch, "src", "lib")
    (watch.root / "lib" / "a.py").write_bytes(b"c\n")
    await touched(watch, "lib/a.py")


async def test_all_of_it_can_be_taken_for_touched(watch: TreeWatch) -> None:
    watch.take()
    watch.notice_all()
    assert watch.take() == {"src", "src/a.py"}


async def test_who_waits_is_woken_whoever_looked_in_vain(watch: TreeWatch, nursery: trio.Nursery) -> None:
    woken = trio.Event()

    async def wait() -> None:
        await watch.changed()
        woken.set()

    watch.take()
    nursery.start_soon(wait)
    await trio.testing.wait_all_tasks_blocked()
    assert watch.take() == set()
    assert not watch.touched
    watch.notice("a")
    assert watch.touched
    with trio.fail_after(DEADLINE):
        await woken.wait()


async def test_a_link_to_a_directory_is_not_followed(watch: TreeWatch, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (watch.root / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "x").write_bytes(b"x")
    (watch.root / "last").write_bytes(b"x")
    assert "link/x" not in await touched(watch, "link", "last")
