"""What the courier makes of one file's changes; here the test is the editor, and writes by itself."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from rbridge.adapters import courier as module
from rbridge.adapters import snapshot
from rbridge.adapters.base import Outcome, Result, State, Text
from rbridge.adapters.courier import Courier
from rbridge.adapters.watch import InotifyWatcher, Watch, Watcher
from tests.adapters.desk import FakeDesk, make_text
from tests.client.saving import disk
from tests.harness.wait import until_async

DEADLINE = 20.0


class Round:
    """One text with its courier under way."""

    def __init__(self, text: Text, desk: FakeDesk, courier: Courier, private: Path, watch: Watch) -> None:
        self.text = text
        self.file = text.file
        self.desk = desk
        self.courier = courier
        self.private = private
        self.watch = watch
        self.ended = trio.Event()

    async def run(self) -> None:
        await self.courier.run()
        self.ended.set()

    async def end(self) -> None:
        self.courier.end()
        await self.ended.wait()


@asynccontextmanager
async def delivering(
    tmp_path: Path, *, desk: FakeDesk | None = None, private: Path | None = None, **more: object
) -> AsyncIterator[Round]:
    """A courier that delivers what the block writes; its end is the block's to ask for."""
    text = make_text(tmp_path / "files", **more)  # type: ignore[arg-type]
    mine = private or tmp_path / "private"
    mine.mkdir(exist_ok=True)
    watcher: Watcher = InotifyWatcher()
    desk = desk or FakeDesk()
    with trio.fail_after(DEADLINE):
        async with watcher.watching(text.file) as watch, trio.open_nursery() as nursery:
            courier = Courier(text, desk, watch, mine, "ed")
            await courier.start()
            made = Round(text, desk, courier, mine, watch)
            nursery.start_soon(made.run)
            yield made
            nursery.cancel_scope.cancel()


async def test_several_saves_arrive_in_their_order(tmp_path: Path) -> None:
    async with delivering(tmp_path) as on:
        for data in (b"1\n", b"2\n", b"3\n"):
            on.file.write_bytes(data)
            await on.desk.until_last(data)
    assert on.desk.saves == [b"1\n", b"2\n", b"3\n"]


async def test_the_bytes_that_the_host_has_are_not_sent_again(tmp_path: Path) -> None:
    async with delivering(tmp_path, data=b"as it was\n") as on:
        on.file.write_bytes(b"as it was\n")
        await on.end()
    assert on.desk.saves == []
    assert not on.courier.touched


async def test_a_text_that_was_changed_and_changed_back_is_sent_twice(tmp_path: Path) -> None:
    async with delivering(tmp_path, data=b"a\n") as on:
        on.file.write_bytes(b"b\n")
        await on.desk.until_last(b"b\n")
        on.file.write_bytes(b"a\n")
        await on.desk.until_last(b"a\n")
    assert on.desk.saves == [b"b\n", b"a\n"]


async def test_the_last_write_is_delivered_though_the_editor_is_gone(tmp_path: Path) -> None:
    async with delivering(tmp_path) as on:
        on.file.write_bytes(b"last\n")
        await on.end()
    assert on.desk.saves == [b"last\n"]


async def test_of_an_editor_that_died_in_the_middle_of_a_write_the_half_is_not_lost_but_sent(
    tmp_path: Path,
) -> None:
    """Something else still holds the file open: after some attempts what is there counts."""
    async with delivering(tmp_path) as on:
        with on.file.open("wb", buffering=0) as held:
            held.write(b"half")
            await on.end()
    assert on.desk.saves == [b"half"]


@pytest.mark.parametrize("result", [Result.SAVED, Result.SENT])
async def test_what_was_delivered_is_not_offered_again(tmp_path: Path, result: Result) -> None:
    desk = FakeDesk()
    desk.answers = [Outcome(result)]
    async with delivering(tmp_path, desk=desk) as on:
        on.file.write_bytes(b"x\n")
        await desk.until_saved(1)
        on.file.write_bytes(b"x\n")
        await on.end()
    assert (desk.saves, desk.told) == ([b"x\n"], [])


@pytest.mark.parametrize("result", [Result.REFUSED, Result.UNCERTAIN])
async def test_what_was_not_delivered_is_offered_again_when_it_is_saved_again(
    tmp_path: Path, result: Result
) -> None:
    desk = FakeDesk()
    desk.answers = [Outcome(result, "no")]
    async with delivering(tmp_path, desk=desk) as on:
        on.file.write_bytes(b"x\n")
        await desk.until_told("no")
        on.file.write_bytes(b"x\n")
        await desk.until_saved(2)
        await on.end()
    assert (desk.saves, desk.told) == ([b"x\n", b"x\n"], ["no"])


async def test_what_is_kept_in_the_spool_is_told_and_not_offered_again(tmp_path: Path) -> None:
    desk = FakeDesk()
    desk.answers = [Outcome(Result.KEPT, "kept on this laptop")]
    async with delivering(tmp_path, desk=desk) as on:
        on.file.write_bytes(b"x\n")
        await desk.until_told("kept")
        on.file.write_bytes(b"x\n")
        await on.end()
    assert (desk.saves, desk.told) == ([b"x\n"], ["kept on this laptop"])


async def test_a_refusal_without_words_names_the_text(tmp_path: Path) -> None:
    desk = FakeDesk()
    desk.answers = [Outcome(Result.REFUSED)]
    async with delivering(tmp_path, desk=desk) as on:
        on.file.write_bytes(b"x\n")
        assert await desk.until_told("not saved") == "train.py on gpu1 was not saved: refused"


async def test_a_message_of_the_hosts_is_cleaned(tmp_path: Path) -> None:
    desk = FakeDesk()
    desk.answers = [Outcome(Result.REFUSED, "no\x1b]0;title\x07\nway")]
    async with delivering(tmp_path, desk=desk) as on:
        on.file.write_bytes(b"x\n")
        assert "\x1b" not in await desk.until_told("way")


async def test_a_save_of_a_read_only_text_is_told_once_per_save_and_sends_nothing(tmp_path: Path) -> None:
    async with delivering(tmp_path, read_only=True) as on:
        assert stat.S_IMODE(on.file.stat().st_mode) == 0o400
        on.file.chmod(0o600)
        on.file.write_bytes(b"forced\n")
        said = await on.desk.until_told("read-only")
        await on.end()
    assert said == "train.py on gpu1 is read-only: what ed saved was not sent; the host's file is intact"
    assert (on.desk.saves, len(on.desk.told)) == ([], 1)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ("deleted", "ed deleted its copy of train.py on gpu1: the host's file is untouched"),
        ("directory", "ed put a directory in place of train.py on gpu1: nothing was sent"),
        ("symlink", "ed put a symbolic link in place of train.py on gpu1: nothing was sent"),
        ("fifo", "ed put a fifo in place of train.py on gpu1: nothing was sent"),
    ],
)
async def test_a_file_that_lost_its_shape_when_the_editor_ended_is_told(
    tmp_path: Path, shape: str, said: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not the host's\n")
    async with delivering(tmp_path) as on:
        on.file.unlink()
        if shape == "directory":
            on.file.mkdir()
        elif shape == "symlink":
            on.file.symlink_to(secret)
        elif shape == "fifo":
            os.mkfifo(on.file)
        await on.end()
    assert (on.desk.saves, on.desk.told) == ([], [said])
    assert on.courier.touched


async def test_an_editor_that_replaces_the_file_in_two_steps_has_not_deleted_it(tmp_path: Path) -> None:
    async with delivering(tmp_path) as on:
        on.file.unlink()
        await trio.testing.wait_all_tasks_blocked(0.01)  # the courier saw it go
        on.file.write_bytes(b"new\n")
        await on.desk.until_last(b"new\n")
    assert on.desk.told == []


async def test_the_same_trouble_is_told_again_after_a_save_went_well(tmp_path: Path) -> None:
    async with delivering(tmp_path) as on:
        for count in (1, 2):
            on.file.unlink()
            on.file.mkdir()
            await until_async(lambda: len(on.desk.told) == count, DEADLINE, "it is told")  # noqa: B023
            on.file.rmdir()
            on.file.write_bytes(b"%d\n" % count)
            await on.desk.until_last(b"%d\n" % count)
    assert len(set(on.desk.told)) == 1


async def test_a_full_memory_disk_is_told_and_the_next_save_is_delivered(tmp_path: Path) -> None:
    with disk(tmp_path / "small", "size=64k") as small:
        async with delivering(tmp_path, private=small) as on:
            on.file.write_bytes(bytes(1 << 20))
            said = await on.desk.until_told("cannot copy")
            assert list(small.iterdir()) == []
            on.file.write_bytes(b"small\n")
            await on.desk.until_last(b"small\n")
    assert said == (
        "cannot copy what ed saved of train.py on gpu1: No space left on device; nothing was sent"
    )
    assert on.desk.saves == [b"small\n"]


async def test_a_file_that_keeps_changing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_args: object, **_more: object) -> None:
        raise snapshot.Unsettled

    monkeypatch.setattr(module, "QUIET", 0.001)
    monkeypatch.setattr(snapshot, "take", never)
    async with delivering(tmp_path) as on:
        on.file.write_bytes(b"x\n")
        assert "keeps changing" in await on.desk.until_told("train.py on gpu1")
        await on.end()
    assert len(on.desk.told) == 1


async def test_every_copy_is_removed_when_it_is_answered(tmp_path: Path) -> None:
    desk = FakeDesk()
    desk.gate = trio.Event()
    async with delivering(tmp_path, desk=desk) as on:
        on.file.write_bytes(b"x\n")
        await desk.until_saved(1)
        (copy,) = on.private.iterdir()
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        desk.gate.set()
        await on.end()
        assert list(on.private.iterdir()) == []


async def test_a_cancellation_during_a_save_removes_its_copy(tmp_path: Path) -> None:
    desk = FakeDesk()
    desk.gate = trio.Event()
    async with delivering(tmp_path, desk=desk) as on:
        on.file.write_bytes(b"x\n")
        await desk.until_saved(1)
    assert list(on.private.iterdir()) == []


async def test_after_going_on_writes_are_delivered_as_before(tmp_path: Path) -> None:
    async with delivering(tmp_path) as on, trio.open_nursery() as nursery:
        await on.end()
        nursery.start_soon(on.courier.go_on)
        on.file.write_bytes(b"later\n")
        await on.desk.until_last(b"later\n")
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("read_only", "mode"), [(False, 0o640), (True, 0o400)])
async def test_a_replaced_text_keeps_its_mode(tmp_path: Path, read_only: bool, mode: int) -> None:
    new = tmp_path / "new"
    new.write_bytes(b"from the host\n")
    async with delivering(tmp_path, read_only=read_only) as on:
        if not read_only:
            on.file.chmod(mode)
        assert await on.courier.replace(new)
        assert stat.S_IMODE(on.file.stat().st_mode) == mode
        await on.end()
    assert on.desk.saves == []
    assert new.read_bytes() == b"from the host\n"


async def test_a_refused_text_may_be_replaced_by_the_hosts(tmp_path: Path) -> None:
    """Its save was answered: the user knows, and asked for the host's."""
    desk = FakeDesk()
    desk.answers = [Outcome(Result.REFUSED, "conflict")]
    new = tmp_path / "new"
    new.write_bytes(b"from the host\n")
    async with delivering(tmp_path, desk=desk) as on:
        on.file.write_bytes(b"mine\n")
        await desk.until_told("conflict")
        assert await on.courier.replace(new)
    assert on.file.read_bytes() == b"from the host\n"


async def test_a_file_that_is_not_there_is_not_replaced(tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.write_bytes(b"from the host\n")
    async with delivering(tmp_path) as on:
        on.file.unlink()
        assert not await on.courier.replace(new)
        assert not on.file.exists()
        assert list(on.private.iterdir()) == []


async def test_a_text_for_which_there_is_no_room_does_not_replace_the_old_one(tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.write_bytes(bytes(1 << 20))
    with disk(tmp_path / "small", "size=64k") as small:
        async with delivering(tmp_path, private=small, data=b"old\n") as on:
            assert not await on.courier.replace(new)
            assert list(small.iterdir()) == []
    assert on.file.read_bytes() == b"old\n"
    assert on.desk.told == [
        "cannot show the host's new text of train.py on gpu1 in ed: No space left on device"
    ]


async def test_in_a_conflict_the_old_text_saved_again_is_a_save(tmp_path: Path) -> None:
    async with delivering(tmp_path, data=b"mine\n") as on:
        await on.courier.show(State.CONFLICT)
        on.file.write_bytes(b"mine\n")
        await on.desk.until_last(b"mine\n")
    assert on.desk.told == []


async def test_a_conflict_that_a_refusal_told_already_is_not_told_again(tmp_path: Path) -> None:
    desk = FakeDesk()
    desk.answers = [Outcome(Result.REFUSED, "train.py on gpu1 changed there")]
    async with delivering(tmp_path, desk=desk) as on:
        on.file.write_bytes(b"x\n")
        await desk.until_told("changed there")
        await on.courier.show(State.CONFLICT, "train.py on gpu1 changed there")
    assert desk.told == ["train.py on gpu1 changed there"]


@pytest.mark.parametrize("state", [s for s in State if s is not State.CONFLICT])
async def test_other_states_are_not_told(tmp_path: Path, state: State) -> None:
    async with delivering(tmp_path) as on:
        await on.courier.show(state, "a message")
    assert on.desk.told == []


async def test_a_large_text_is_known_by_how_it_was_laid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HASHED", -1)
    async with delivering(tmp_path) as on:
        assert on.courier.resume == {}, "before it is known what finds the editor again"
        on.courier.trace = {"kind": "x"}
        resume = json.loads(json.dumps(on.courier.resume))
        assert resume == {"kind": "x", "editor": "ed", "laid": list(snapshot.written_of(on.file))}
        again = Courier(on.text, on.desk, on.watch, on.private, "ed")
        again.go_on_from({**resume, "known": ""})
        again.end()
        await again.run()
        assert on.desk.saves == []


@asynccontextmanager
async def unanswered(tmp_path: Path) -> AsyncIterator[tuple[Round, Path]]:
    """A courier whose save the desk answers when the block opens its gate, and the host's new text."""
    desk = FakeDesk()
    desk.gate = trio.Event()
    new = tmp_path / "new"
    new.write_bytes(b"from the host\n")
    async with delivering(tmp_path, desk=desk) as on:
        on.file.write_bytes(b"mine\n")
        await desk.until_saved(1)
        yield on, new


async def test_a_text_whose_save_is_not_answered_is_not_replaced(tmp_path: Path) -> None:
    async with unanswered(tmp_path) as (on, new):
        assert not await on.courier.replace(new)
        on.desk.gate.set()
    assert on.file.read_bytes() == b"mine\n"


async def test_the_hosts_text_that_came_in_the_moment_of_a_save_is_no_save(tmp_path: Path) -> None:
    async with unanswered(tmp_path) as (on, new):
        on.courier._asked = False  # it was looked at just before
        assert await on.courier.replace(new)
        on.desk.gate.set()
        await on.end()
    assert on.desk.saves == [b"mine\n"]
