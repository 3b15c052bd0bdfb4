"""When a file counts as written, for each way of finding out."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from rbridge.adapters import inotify, watch
from rbridge.adapters.watch import InotifyWatcher, PollingWatcher, PortableWatcher, Watch, best_watcher
from tests.adapters.desk import make_text
from tests.adapters.test_inotify import overflow
from tests.adapters.traces import descriptors

DEADLINE = 15.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "d" / "text"
    made.parent.mkdir()
    made.write_bytes(b"text\n")
    return made


@asynccontextmanager
async def watching(file: Path) -> AsyncIterator[Watch]:
    with trio.fail_after(DEADLINE):
        async with InotifyWatcher().watching(file) as seen:
            yield seen


def write(file: Path) -> None:
    file.write_bytes(b"x")


def news(seen: Watch) -> tuple[bool, bool]:
    """(written, reshaped), with all that the system has to say now."""
    seen.poll()
    return seen.take()


async def test_a_write_counts_when_its_descriptor_is_closed(file: Path) -> None:
    async with watching(file) as seen:
        with file.open("wb", buffering=0) as half:
            half.write(b"x")
            assert news(seen) == (False, False)
            assert seen.writing
        assert news(seen) == (True, False)
        assert not seen.writing


async def test_a_descriptor_that_was_only_closed_counts_too_for_who_compares(file: Path) -> None:
    async with watching(file) as seen:
        file.open("ab").close()
        assert news(seen) == (True, False)


async def test_a_rename_onto_the_name_is_a_write(file: Path) -> None:
    async with watching(file) as seen:
        new = file.with_name("new")
        new.write_bytes(b"x")
        assert news(seen) == (False, False)
        new.rename(file)
        assert news(seen) == (True, False)


@pytest.mark.parametrize(
    "go", [os.unlink, lambda path: os.rename(path, str(path) + "~")], ids=["deleted", "renamed"]
)
async def test_a_name_that_goes_is_a_change_of_shape(file: Path, go: Callable[[Path], object]) -> None:
    async with watching(file) as seen:
        go(file)
        assert news(seen) == (False, True)


async def test_a_file_that_was_created_is_being_written(file: Path) -> None:
    os.unlink(file)
    async with watching(file) as seen:
        with file.open("xb"):
            assert news(seen) == (False, True)
            assert seen.writing


async def test_a_directory_that_was_created_is_not(file: Path) -> None:
    os.unlink(file)
    async with watching(file) as seen:
        os.mkdir(file)
        assert news(seen) == (False, True)
        assert not seen.writing


async def test_a_writer_that_renames_its_file_away_is_no_writer_of_the_name(file: Path) -> None:
    async with watching(file) as seen:
        with file.open("wb", buffering=0) as half:
            half.write(b"x")
            os.rename(file, file.with_name("aside"))
            seen.poll()
            assert not seen.writing


async def test_another_file_in_the_directory_is_no_news(file: Path) -> None:
    async with watching(file) as seen:
        file.with_name("text~").write_bytes(b"x")
        assert news(seen) == (False, False)
        assert seen.events == 0


async def test_a_name_that_is_no_utf_8_is_watched(file: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(file) + b"\xe9"))
    async with watching(odd) as seen:
        write(odd)
        assert news(seen)[0]


async def test_a_directory_that_is_removed_is_a_change_of_shape(file: Path) -> None:
    async with watching(file) as seen:
        os.unlink(file)
        news(seen)
        os.rmdir(file.parent)
        assert news(seen) == (False, True)


async def test_who_waits_is_woken_by_a_write(file: Path) -> None:
    async with watching(file) as seen:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(seen.changed)
            write(file)
        assert seen.take() == (True, False)


async def test_what_is_taken_is_not_given_again(file: Path) -> None:
    async with watching(file) as seen:
        write(file)
        assert news(seen) == (True, False)
        assert news(seen) == (False, False)


async def test_two_files_of_one_directory_are_told_apart(file: Path) -> None:
    watcher = InotifyWatcher()
    other = file.with_name("other")
    async with watcher.watching(file) as first, watcher.watching(other) as second:
        other.write_bytes(b"x")
        assert news(first) == (False, False)
        assert news(second)[0]


async def test_a_block_that_ends_leaves_the_other_file_of_the_directory_watched(file: Path) -> None:
    watcher = InotifyWatcher()
    with trio.fail_after(DEADLINE):
        async with watcher.watching(file) as left:
            async with watcher.watching(file.with_name("other")):
                pass
            write(file)
            await left.changed()


async def test_an_overflow_is_news_for_every_file(file: Path) -> None:
    watcher = InotifyWatcher()
    elsewhere = file.parent.parent / "elsewhere" / "text"
    elsewhere.parent.mkdir()
    async with watcher.watching(file) as first, watcher.watching(elsewhere) as second:
        overflow(file.with_name("other"))
        assert news(first) == (True, True)
        assert second.take() == (True, True)


async def test_after_an_overflow_nobody_is_taken_for_a_writer_who_may_have_finished(file: Path) -> None:
    async with watching(file) as seen:
        with file.open("wb", buffering=0) as half:
            half.write(b"x")
            overflow(file.with_name("other"))
        seen.poll()
        assert not seen.writing


async def test_the_instance_goes_with_the_last_block(file: Path) -> None:
    before = descriptors()
    async with watching(file):
        assert descriptors() != before
    assert descriptors() == before


async def test_200_texts_need_one_inotify_instance(tmp_path: Path) -> None:
    watcher = InotifyWatcher()
    files = [make_text(tmp_path / "files", id=f"{count:016x}").file for count in range(200)]

    def instances() -> int:
        found = [os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
        return sum("inotify" in name for name in found)

    before = instances()
    async with trio.open_nursery() as nursery:
        ready = []

        async def watch(file: Path, *, task_status: trio.TaskStatus[None]) -> None:
            async with watcher.watching(file) as seen:
                task_status.started()
                await seen.changed()
                ready.append(file)

        for file in files:
            await nursery.start(watch, file)
        assert instances() == before + 1
        with trio.fail_after(DEADLINE):
            for file in files:
                file.write_bytes(b"x")
            while nursery.child_tasks:
                await trio.lowlevel.checkpoint()
    assert sorted(ready) == files
    assert instances() == before


async def test_a_directory_that_is_not_there_is_an_error_and_leaves_no_instance(tmp_path: Path) -> None:
    before = descriptors()
    with pytest.raises(FileNotFoundError):
        async with InotifyWatcher().watching(tmp_path / "none" / "text"):
            pass
    assert descriptors() == before


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOSPC])
async def test_a_text_is_polled_where_inotify_is_used_up_meanwhile(
    file: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = InotifyWatcher()

    def used_up(*_args: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(inotify.Inotify, "add", used_up)
    with trio.fail_after(DEADLINE):
        async with watcher.watching(file) as seen:
            assert not seen.exact
            write(file)
            await seen.changed()
    assert seen.take() == (True, True)


async def test_watchfiles_says_nothing_of_another_file_of_the_directory(file: Path) -> None:
    with trio.fail_after(DEADLINE):
        async with PortableWatcher().watching(file) as seen:
            file.with_name("other").write_bytes(b"x")
            file.with_name("more").write_bytes(b"x")
            with trio.move_on_after(0.3):
                await seen.changed()
            assert seen.take() == (False, False)
            write(file)
            await seen.changed()


async def test_watchfiles_does_not_know_when_a_write_is_complete(file: Path) -> None:
    async with PortableWatcher().watching(file) as seen:
        assert not seen.exact


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.write_bytes(b"longer than before\n"),
        lambda file: file.unlink(),
        lambda file: file.chmod(0o640),
        lambda file: (file.unlink(), file.symlink_to("/dev/null")),
    ],
    ids=["written", "deleted", "mode", "replaced"],
)
async def test_polling_sees_a_change(
    file: Path, change: Callable[[Path], object], autojump_clock: trio.abc.Clock
) -> None:
    async with PollingWatcher().watching(file) as seen:
        change(file)
        with trio.fail_after(2 * watch.POLL):
            await seen.changed()
    assert seen.take() == (True, True)


async def test_polling_says_a_change_once(file: Path, autojump_clock: trio.abc.Clock) -> None:
    async with PollingWatcher().watching(file) as seen:
        os.unlink(file)
        await seen.changed()
        seen.take()
        with trio.move_on_after(4 * watch.POLL) as pause:
            await seen.changed()
    assert pause.cancelled_caught


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (0, InotifyWatcher),
        (errno.EMFILE, PollingWatcher),
        (errno.ENFILE, PollingWatcher),
        (errno.ENOSPC, PollingWatcher),
        (errno.ENOSYS, PortableWatcher),
    ],
)
def test_the_best_is_what_the_system_offers(number: int, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: object) -> None:
        raise OSError(number, os.strerror(number))

    if number:
        monkeypatch.setattr(inotify.Inotify, "__init__", refuse)
    assert type(best_watcher()) is kind
