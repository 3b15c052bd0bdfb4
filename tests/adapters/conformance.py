"""What every adapter must do, whatever editor is behind it. A test module per adapter derives its own class
and gives the ``rig``: the adapter, and the other end of it, an editor that the test drives.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from rbridge.adapters.base import Adapter, Outcome, Pane, Result, State, Text
from tests.adapters.desk import FakeDesk, make_text
from tests.adapters.traces import none_left

DEADLINE = 15.0
MIB = 1 << 20

TEXTS = {
    "plain": b"one\ntwo\n",
    "crlf": b"one\r\ntwo\r\n",
    "no final newline": b"one\ntwo",
    "nul": b"one\0two\n\0",
    "latin-1": b"caf\xe9\n",
    "empty": b"",
    "protocol": b"save\ntoken: x\ndata: 3\n\n.\n",
    "5 MiB": bytes(range(256)) * (5 * MIB // 256),
}


class Shown(ABC):
    """One text in the editor, as the test drives it."""

    text: bytes
    line: int

    @abstractmethod
    async def save(self, data: bytes) -> None:
        """Save *data*; returns when the editor is done with it."""

    @abstractmethod
    async def close(self) -> None:
        """Close the text as a user does."""

    @abstractmethod
    def forget(self) -> None:
        """Close what the test itself holds of it."""


class Rig(ABC):
    """An adapter with its editor."""

    adapter: Adapter
    files: Path
    waiting: dict[str, Shown]

    @abstractmethod
    async def shown(self, text: Text) -> Shown:
        """Wait until the editor shows *text*."""

    async def revealed(self, shown: Shown, line: int) -> None:
        """Wait until the editor has brought *shown* to the front, at *line*; one that cannot does nothing."""
        await trio.lowlevel.checkpoint()

    async def settle(self) -> None:
        """Close the test's own ends of what nobody asked for."""
        await trio.testing.wait_all_tasks_blocked(0.01)
        while self.waiting:
            self.waiting.popitem()[1].forget()


@asynccontextmanager
async def editing(rig: Rig, text: Text, desk: FakeDesk) -> AsyncIterator[Edit]:
    """Have *text* edited for the length of the block; what is still open then is cancelled."""
    edit = Edit()
    async with trio.open_nursery() as nursery:

        async def run(task_status: trio.TaskStatus[Pane]) -> None:
            await rig.adapter.edit(text, desk, task_status=task_status)
            edit.returned.set()

        with trio.fail_after(DEADLINE):
            edit.pane = await nursery.start(run)
            edit.shown = await rig.shown(text)
        yield edit
        nursery.cancel_scope.cancel()
    edit.shown.forget()


class Edit:
    """An edit under way."""

    pane: Pane
    shown: Shown

    def __init__(self) -> None:
        self.returned = trio.Event()

    async def over(self) -> None:
        """Wait until edit() returned."""
        with trio.fail_after(DEADLINE):
            await self.returned.wait()


class Conformance:
    """The suite. *least_steps*: in how many places an open can be cancelled, at the least."""

    least_steps = 4

    @pytest.mark.parametrize("data", TEXTS.values(), ids=TEXTS.keys())
    async def test_the_editor_gets_exactly_the_text(self, rig: Rig, data: bytes) -> None:
        desk = FakeDesk()
        async with editing(rig, make_text(rig.files, data), desk) as edit:
            assert edit.shown.text == data

    @pytest.mark.parametrize("data", TEXTS.values(), ids=TEXTS.keys())
    async def test_a_save_delivers_exactly_the_bytes(self, rig: Rig, data: bytes) -> None:
        desk = FakeDesk()
        async with editing(rig, make_text(rig.files, b"before\n"), desk) as edit:
            await edit.shown.save(data)
            await desk.until_last(data)
        assert desk.told == []

    async def test_it_opens_at_the_line(self, rig: Rig) -> None:
        async with editing(rig, make_text(rig.files, line=2, column=3), FakeDesk()) as edit:
            assert edit.shown.line == 2

    async def test_it_is_shown_again_and_nothing_else_happens(self, rig: Rig) -> None:
        desks = FakeDesk(), FakeDesk()
        one = make_text(rig.files, b"1\n", id="0badcafe00000001")
        two = make_text(rig.files, b"2\n", id="0badcafe00000002", host="gpu2")
        async with editing(rig, one, desks[0]) as first, editing(rig, two, desks[1]) as second:
            desks[0].gate = trio.Event()
            await first.shown.save(b"one\n")
            await desks[0].until_saved(1)
            await first.pane.reveal(3, 2)
            await rig.revealed(first.shown, 3)
            await first.pane.reveal()
            desks[0].gate.set()
            await first.shown.save(b"one again\n")
            await desks[0].until_last(b"one again\n")
            await second.shown.save(b"two\n")
            await second.shown.close()
            await second.over()
            await first.shown.close()
            await first.over()
            await first.pane.reveal(1)
        assert (desks[0].saves, desks[1].saves) == ([b"one\n", b"one again\n"], [b"two\n"])
        assert desks[0].told == desks[1].told == []

    async def test_it_returns_when_the_editor_closes_the_text(self, rig: Rig) -> None:
        desk = FakeDesk()
        async with editing(rig, make_text(rig.files), desk) as edit:
            await edit.shown.save(b"saved\n")
            await edit.shown.close()
            await edit.over()
        assert desk.saves == [b"saved\n"]
        assert desk.told == []

    async def test_of_many_quick_saves_the_last_one_arrives(self, rig: Rig) -> None:
        desk = FakeDesk()
        async with editing(rig, make_text(rig.files), desk) as edit:
            for count in range(30):
                await edit.shown.save(b"%d\n" % count)
            await edit.shown.close()
            await edit.over()
        assert desk.saves[-1] == b"29\n"
        assert all(save.endswith(b"\n") for save in desk.saves), "a torn save was delivered"

    async def test_saves_during_a_save_lead_to_one_more(self, rig: Rig) -> None:
        desk = FakeDesk()
        desk.gate = trio.Event()
        async with editing(rig, make_text(rig.files), desk) as edit:
            await edit.shown.save(b"first\n")
            await desk.until_saved(1)
            for count in range(5):
                await edit.shown.save(b"%d\n" % count)
            await edit.shown.close()
            assert not edit.returned.is_set()
            desk.gate.set()
            await edit.over()
        assert desk.saves[0] == b"first\n"
        assert desk.saves[-1] == b"4\n"

    async def test_a_refused_save_is_shown_and_the_next_one_is_delivered(self, rig: Rig) -> None:
        desk = FakeDesk()
        desk.answers = [Outcome(Result.REFUSED, "cannot save train.py on gpu1: disk full")]
        async with editing(rig, make_text(rig.files), desk) as edit:
            await edit.shown.save(b"first\n")
            await desk.until_told("disk full")
            await edit.shown.save(b"second\n")
            await desk.until_last(b"second\n")
            await edit.shown.close()
            await edit.over()
        assert desk.told == ["cannot save train.py on gpu1: disk full"]

    async def test_the_same_bytes_saved_again_after_a_refusal_are_delivered_again(self, rig: Rig) -> None:
        desk = FakeDesk()
        desk.answers = [Outcome(Result.REFUSED, "disk full")]
        async with editing(rig, make_text(rig.files), desk) as edit:
            await edit.shown.save(b"mine\n")
            await desk.until_told("disk full")
            await edit.shown.save(b"mine\n")
            await desk.until_saved(2)
        assert desk.saves == [b"mine\n", b"mine\n"]

    async def test_a_refused_save_is_not_repeated_at_the_end(self, rig: Rig) -> None:
        desk = FakeDesk()
        desk.answers = [Outcome(Result.REFUSED, "disk full"), Outcome(Result.REFUSED, "disk full")]
        async with editing(rig, make_text(rig.files), desk) as edit:
            await edit.shown.save(b"mine\n")
            await desk.until_told("disk full")
            await edit.shown.close()
            await edit.over()
        assert desk.saves == [b"mine\n"]
        assert desk.told == ["disk full"]

    async def test_a_save_of_a_read_only_text_is_refused_here(self, rig: Rig) -> None:
        desk = FakeDesk()
        async with editing(rig, make_text(rig.files, read_only=True), desk) as edit:
            await edit.shown.save(b"forced\n")
            await desk.until_told("read-only")
            await edit.shown.close()
            await edit.over()
        assert desk.saves == []

    async def test_two_texts_at_once_do_not_mix(self, rig: Rig) -> None:
        desks = FakeDesk(), FakeDesk()
        one = make_text(rig.files, b"1\n", id="0badcafe00000001")
        two = make_text(rig.files, b"2\n", id="0badcafe00000002", host="gpu2")
        async with editing(rig, one, desks[0]) as first, editing(rig, two, desks[1]) as second:
            assert (first.shown.text, second.shown.text) == (b"1\n", b"2\n")
            await second.shown.save(b"two\n")
            await first.shown.save(b"one\n")
            await first.shown.close()
            await first.over()
            await second.shown.save(b"two again\n")
            await second.shown.close()
            await second.over()
        assert (desks[0].saves, desks[1].saves[-1]) == ([b"one\n"], b"two again\n")

    async def test_cancelling_leaves_nothing(self, rig: Rig) -> None:
        desk = FakeDesk()
        text = make_text(rig.files)
        async with editing(rig, text, desk) as edit:  # what is loaded once is loaded now
            await edit.shown.save(b"x\n")
            await desk.until_saved(1)
        again = make_text(rig.files, id="0badcafe00000002")
        with none_left(rig.files):
            async with editing(rig, again, desk) as edit:
                await edit.shown.save(b"y\n")
                await desk.until_saved(2)

    async def test_cancelling_during_a_save_leaves_nothing(self, rig: Rig) -> None:
        desk = FakeDesk()
        async with editing(rig, make_text(rig.files), desk):
            pass
        again = make_text(rig.files, id="0badcafe00000002")
        desk.gate = trio.Event()
        with none_left(rig.files):
            async with editing(rig, again, desk) as edit:
                await edit.shown.save(b"y\n")
                await desk.until_saved(1)

    async def test_it_can_be_cancelled_at_every_await(self, rig: Rig) -> None:
        desk = FakeDesk()
        async with editing(rig, make_text(rig.files), desk):
            pass
        steps = 0
        over = False
        while not over:
            steps += 1
            text = make_text(rig.files, id=f"{steps:016x}")
            with none_left(rig.files):
                over = await _cancelled_at(steps, rig, text, desk)
                await rig.settle()
        assert steps >= self.least_steps

    async def test_a_conflict_is_told(self, rig: Rig) -> None:
        desk = FakeDesk()
        async with editing(rig, make_text(rig.files), desk) as edit:
            await edit.pane.show(State.SAVING)
            await edit.pane.show(State.CONFLICT, "train.py on gpu1 changed there")
        assert desk.told == ["train.py on gpu1 changed there"]

    async def test_it_describes_itself_in_one_line(self, rig: Rig) -> None:
        assert rig.adapter.describe().isprintable()
        assert rig.adapter.name


class _CancelAfter(trio.abc.Instrument):
    """Cancels *scope* after so many steps of any tasks."""

    def __init__(self, steps: int, scope: trio.CancelScope) -> None:
        self._left = steps
        self._scope = scope

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self._left -= 1
        if self._left == 0:
            self._scope.cancel()


async def _cancelled_at(steps: int, rig: Rig, text: Text, desk: FakeDesk) -> bool:
    """Cancel an edit at its *steps*-th await; true if it was open before that."""
    open_before = False
    with trio.CancelScope() as scope:
        watch = _CancelAfter(steps, scope)
        trio.lowlevel.add_instrument(watch)
        try:

            class Status:
                def started(self, pane: Pane) -> None:
                    nonlocal open_before
                    open_before = True
                    scope.cancel()

            await rig.adapter.edit(text, desk, task_status=Status())  # type: ignore[arg-type]
        finally:
            trio.lowlevel.remove_instrument(watch)
    assert scope.cancelled_caught
    return open_before
