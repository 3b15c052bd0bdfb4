"""Editors whose plug-in is connected, with a plug-in in Python."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from rbridge.adapters.attached import RETURN, Attached
from rbridge.adapters.base import Text
from rbridge.adapters.buffer import GRACE, OPEN
from rbridge.errors import NotListening
from rbridge.jsonrpc import RpcError
from tests.adapters.conformance import DEADLINE, Conformance, Rig
from tests.adapters.conformance import Shown as Driven
from tests.adapters.desk import FakeDesk, make_text
from tests.adapters.plugin import Plugin, Shown, digest


class AttachedShown(Driven):
    def __init__(self, plugin: Plugin, shown: Shown, nursery: trio.Nursery) -> None:
        self.plugin = plugin
        self.shown = shown
        self.nursery = nursery
        self.text = shown.text
        self.line = shown.head["line"]

    async def save(self, data: bytes) -> None:
        async def write(task_status: trio.TaskStatus[None]) -> None:
            task_status.started()
            try:
                await self.plugin.write(self.shown, data)
            except RpcError as error:
                self.shown.states.append({"error": error.code})
            except trio.BrokenResourceError:
                return  # the test is over

        await self.nursery.start(write)

    async def close(self) -> None:
        async def close(task_status: trio.TaskStatus[None]) -> None:
            task_status.started()
            with suppress(trio.BrokenResourceError):  # the test is over
                await self.plugin.close(self.shown)

        await self.nursery.start(close)

    def forget(self) -> None:
        self.plugin.buffers.pop(self.shown.id, None)


class AttachedRig(Rig):
    def __init__(self, directory: Path, nursery: trio.Nursery) -> None:
        self.files = directory / "files"
        self.files.mkdir()
        self.adapter = Attached()
        self.attached = self.adapter
        self.plugin = Plugin()
        self.waiting = {}
        self.nursery = nursery

    def stream(self) -> trio.abc.Stream:
        """A plug-in's end of a new connection."""
        there, here = trio.testing.memory_stream_pair()
        self.nursery.start_soon(self.attached.serve, here)
        return there

    async def shown(self, text: Text) -> AttachedShown:
        return AttachedShown(self.plugin, await self.plugin.shown(text.id), self.nursery)

    async def revealed(self, shown: Driven, line: int) -> None:
        assert isinstance(shown, AttachedShown)
        head = shown.shown.head
        assert self.plugin.front == [shown.shown.id]
        assert (head["line"], head["newWindow"], head["keepFocus"]) == (line, False, False)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[AttachedRig]:
    async with trio.open_nursery() as nursery:
        made = AttachedRig(tmp_path, nursery)
        async with made.plugin.connected(made.stream()):
            yield made
        nursery.cancel_scope.cancel()


class TestAttached(Conformance):
    pass


@asynccontextmanager
async def opened(
    rig: AttachedRig, plugin: Plugin, desk: FakeDesk | None = None, **more: Any
) -> AsyncIterator[Shown]:
    """A text that is open in *plugin*'s window for the length of the block; it returns by itself then."""
    text = make_text(rig.files, **more)
    async with trio.open_nursery() as nursery:
        with trio.fail_after(DEADLINE):
            await nursery.start(rig.attached.edit, text, desk or FakeDesk())
        yield await plugin.shown(text.id)
        nursery.cancel_scope.cancel()


def another(number: int) -> str:
    return f"0badcafe{number:08}"


async def test_a_text_goes_to_the_window_that_was_focused_last(rig: AttachedRig) -> None:
    second = Plugin()
    async with second.connected(rig.stream()), opened(rig, second, id=another(1)):
        await rig.plugin.tell("buffer/focus")
        async with opened(rig, rig.plugin, id=another(2), path="/b.py") as shown:
            assert second.buffers.keys() == {another(1)}
            await second.tell("buffer/focus")
            await rig.plugin.tell("buffer/focus", id=shown.id)
            async with opened(rig, rig.plugin, id=another(3), path="/c.py"):
                assert second.buffers.keys() == {another(1)}
            # a file that is open already goes to the window that has it
            async with opened(rig, second, id=another(4)):
                assert second.buffers.keys() == {another(1), another(4)}
            async with opened(rig, rig.plugin, id=another(5), host="gpu2"):
                assert second.buffers.keys() == {another(1)}


@pytest.fixture
def clock(mock_clock: trio.testing.MockClock) -> trio.testing.MockClock:
    """One that runs and can be put forward: threads are at work, so it must not jump by itself."""
    mock_clock.rate = 1
    return mock_clock


async def test_the_next_window_gets_what_one_does_not_open(
    rig: AttachedRig, clock: trio.testing.MockClock
) -> None:
    second = Plugin()
    second.silent = True
    async with second.connected(rig.stream()), trio.open_nursery() as nursery:
        nursery.start_soon(rig.attached.edit, make_text(rig.files), FakeDesk())
        await second.until(lambda: second.said)
        clock.jump(OPEN)
        await rig.plugin.close(await rig.plugin.shown())
        assert [method for method, _ in second.said] == ["buffer/open", "buffer/closed"]


async def test_without_a_window_nothing_is_listening(tmp_path: Path) -> None:
    with pytest.raises(NotListening, match="no editor is attached"):
        await Attached().edit(make_text(tmp_path / "files"), FakeDesk())


async def test_a_window_that_is_gone_gets_nothing(rig: AttachedRig) -> None:
    async with Plugin().connected(rig.stream()):
        assert len(rig.attached.windows) == 2
    await trio.testing.wait_all_tasks_blocked()
    assert len(rig.attached.windows) == 1
    async with opened(rig, rig.plugin):
        pass


async def test_a_plugin_that_vanishes_in_a_chunked_write_and_comes_back(rig: AttachedRig) -> None:
    plugin, desk = Plugin(), FakeDesk()
    async with trio.open_nursery() as nursery:
        text = make_text(rig.files)
        async with plugin.connected(rig.stream()):
            await nursery.start(rig.attached.edit, text, desk)
            shown = await plugin.shown(text.id)
            shown.text, shown.modified = b"one two", True
            half = {"id": shown.id, "base": shown.base, "chunk": 0, "of": 2}
            assert await plugin.ask("buffer/write", **half, text="one ") == {"chunk": 0}
        async with plugin.connected(rig.stream()):
            assert [one["id"] for one in plugin.welcome["buffers"]] == [text.id]
            with pytest.raises(RpcError) as caught:
                await plugin.ask("buffer/write", **{**half, "chunk": 1}, text="two")
            assert caught.value.code == -32602
            assert desk.saves == []
            assert (await plugin.write(shown, b"one two"))["outcome"] == "saved"
            await plugin.close(shown)
    assert desk.saves == [b"one two"]


async def test_what_was_written_just_before_the_end_is_delivered(rig: AttachedRig) -> None:
    """As an editor does that saves and quits."""
    plugin, desk = Plugin(), FakeDesk()
    async with trio.open_nursery() as nursery:
        text = make_text(rig.files)
        async with plugin.connected(rig.stream()):
            await nursery.start(rig.attached.edit, text, desk)
            shown = await plugin.shown(text.id)
            for method, more in (
                ("buffer/write", {"base": shown.base, "text": "last\n"}),
                ("buffer/close", {}),
            ):
                plugin.peer.notify(method, {"id": shown.id, **more})
    assert desk.saves == [b"last\n"]


async def test_a_plugin_that_does_not_come_back_has_closed_its_texts(
    rig: AttachedRig, clock: trio.testing.MockClock
) -> None:
    plugin = Plugin()
    async with trio.open_nursery() as nursery:
        async with plugin.connected(rig.stream()):
            await nursery.start(rig.attached.edit, make_text(rig.files), FakeDesk())
        await trio.testing.wait_all_tasks_blocked()
        clock.jump(GRACE - 1)
        await trio.testing.wait_all_tasks_blocked()
        assert nursery.child_tasks
        clock.jump(1)


async def test_a_save_under_way_survives_the_connection(rig: AttachedRig) -> None:
    plugin, desk = Plugin(), FakeDesk()
    desk.gate = trio.Event()
    async with trio.open_nursery() as nursery:
        text = make_text(rig.files)
        async with plugin.connected(rig.stream()):
            await nursery.start(rig.attached.edit, text, desk)
            shown = await plugin.shown(text.id)
            plugin.peer.notify("buffer/write", {"id": shown.id, "base": shown.base, "text": "new\n"})
            await desk.until_saved(1)
        desk.gate.set()
        shown.text, shown.modified = b"new\n and more\n", True
        async with plugin.connected(rig.stream()):
            (state,) = plugin.welcome["buffers"]
            assert state["base"] == digest(b"new\n")
            assert (await plugin.write(shown, shown.text))["outcome"] == "saved"
            await plugin.close(shown)


# After a daemon died


@dataclass
class Left:
    """What a daemon that was killed left of a text in *plugin*."""

    text: Text
    resume: Mapping[str, Any]
    plugin: Plugin
    shown: Shown


@pytest.fixture
async def left(rig: AttachedRig) -> Left:
    """The place of an edit stays, as if nobody had had the time to remove it."""
    plugin, desk, text = Plugin(), FakeDesk(), make_text(rig.files)
    kept = rig.files.parent / "kept"
    async with trio.open_nursery() as nursery:
        async with plugin.connected(rig.stream()):
            pane = await nursery.start(rig.attached.edit, text, desk)
            shown = await plugin.shown(text.id)
            await plugin.write(shown, b"saved\n")
            shown.text, shown.modified = b"saved\nand not saved\n", True
            resume = dict(pane.resume)
            shutil.copytree(rig.files, kept)
        nursery.cancel_scope.cancel()
    shutil.rmtree(rig.files)
    kept.rename(rig.files)
    plugin.buffers[shown.id] = shown
    return Left(text, {**resume, "known": digest(b"saved\n")}, plugin, shown)


async def test_the_next_daemon_goes_on_with_a_plugin_that_comes_back(rig: AttachedRig, left: Left) -> None:
    desk, plugin, shown = FakeDesk(), left.plugin, left.shown
    rig.attached = Attached()
    assert rig.attached.runs(left.text, left.resume)
    async with trio.open_nursery() as nursery:

        async def adopt() -> None:
            await trio.testing.wait_all_tasks_blocked()  # the plug-in is there first
            await rig.attached.adopt(left.text, desk, left.resume)

        nursery.start_soon(adopt)
        async with plugin.connected(rig.stream()):
            assert [one["id"] for one in plugin.welcome["buffers"]] == [shown.id]
            assert shown.text == b"saved\nand not saved\n"
            assert (await plugin.write(shown, shown.text))["outcome"] == "saved"
            await plugin.close(shown)
    assert desk.saves == [b"saved\nand not saved\n"]
    assert not list(rig.files.glob("*/.rbridge-*"))


async def test_the_next_daemon_does_not_wait_for_ever(
    rig: AttachedRig, left: Left, clock: trio.testing.MockClock
) -> None:
    rig.attached = Attached()
    async with trio.open_nursery() as nursery:
        await nursery.start(rig.attached.adopt, left.text, FakeDesk(), left.resume)
        await trio.testing.wait_all_tasks_blocked()
        clock.jump(RETURN - 1)
        await trio.testing.wait_all_tasks_blocked()
        assert nursery.child_tasks
        clock.jump(1)


async def test_a_save_that_the_dead_daemon_did_not_deliver_is_handed_on(rig: AttachedRig, left: Left) -> None:
    desk = FakeDesk()
    left.text.file.write_bytes(b"undelivered\n")
    rig.attached = Attached()
    async with trio.open_nursery() as nursery:
        await nursery.start(rig.attached.adopt, left.text, desk, left.resume)
        await desk.until_last(b"undelivered\n")
        nursery.cancel_scope.cancel()


async def test_what_is_not_there_is_not_gone_on_with(rig: AttachedRig, left: Left) -> None:
    shutil.rmtree(left.text.file.parents[3] / left.resume["private"])
    rig.attached = Attached()
    assert not rig.attached.runs(left.text, left.resume)
    with pytest.raises(NotListening):
        await rig.attached.adopt(left.text, FakeDesk(), left.resume)


async def test_a_question_goes_to_the_window_that_was_focused_last_and_can_ask(rig: AttachedRig) -> None:
    second, third = Plugin(), Plugin()
    second.answer, third.answer = {"answer": "Open"}, {"answer": "Refuse"}
    assert await rig.attached.ask("may it?", ["Open", "Refuse"]) is None  # the only window cannot
    async with second.connected(rig.stream()), third.connected(rig.stream()):
        await rig.plugin.tell("buffer/focus")
        assert await rig.attached.ask("may it?", ["Open", "Refuse"]) == "Refuse"
        await second.tell("buffer/focus")
        assert await rig.attached.ask("may it?", ["Open", "Refuse"]) == "Open"
        assert second.heard("question") == [{"message": "may it?", "answers": ["Open", "Refuse"]}]
    assert rig.plugin.heard("question") == []


async def test_a_question_goes_to_the_next_window_when_one_is_closed(rig: AttachedRig) -> None:
    second, third = Plugin(), Plugin()
    second.answer, third.answer = {"answer": "Open"}, trio.Event()
    answers: list[str | None] = []

    async def ask() -> None:
        answers.append(await rig.attached.ask("may it?", ["Open", "Refuse"]))

    async with second.connected(rig.stream()), trio.open_nursery() as nursery:
        async with third.connected(rig.stream()):
            nursery.start_soon(ask)
            await third.until(lambda: third.heard("question"))
        await second.until(lambda: second.heard("question"))
    assert answers == ["Open"]


async def test_a_text_is_left_with_a_window_that_is_there(rig: AttachedRig) -> None:
    text, desk = make_text(rig.files), FakeDesk()
    async with trio.open_nursery() as nursery:
        pane = await nursery.start(rig.attached.edit, text, desk)
        shown = await rig.plugin.shown(text.id)
        assert pane.leave()
        nursery.cancel_scope.cancel()
    await trio.testing.wait_all_tasks_blocked()
    assert not shown.closed
    assert "buffer/closed" not in [method for method, _ in rig.plugin.said]
    next_one = Attached()
    assert next_one.runs(text, pane.resume)
    assert not desk.told


async def test_a_text_whose_window_is_away_or_that_was_closed_is_not_left(rig: AttachedRig) -> None:
    text, other = make_text(rig.files), make_text(rig.files, id=another(2), path="/b.py")
    async with trio.open_nursery() as nursery:
        first = await nursery.start(rig.attached.edit, text, FakeDesk())
        second = await nursery.start(rig.attached.edit, other, FakeDesk())
        first.closing = True
        assert not first.leave()
        second.lost(second.window)
        assert not second.leave()
        nursery.cancel_scope.cancel()
