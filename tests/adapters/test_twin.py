"""One editor for both texts of a diff."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from rbridge.adapters import lifeline
from rbridge.adapters.pair import MEET, Half, Pair
from rbridge.adapters.process import Running, Start
from rbridge.adapters.twin import Twin
from rbridge.errors import NotListening


class Editor:
    """Ends when it is told."""

    def __init__(self, resume: Mapping[str, Any]) -> None:
        self.resume = resume
        self.end = trio.Event()
        self.left = False

    async def wait(self) -> int | None:
        await self.end.wait()
        return 7

    def last_words(self) -> str:
        return "last"


class Opener:
    def __init__(self, resume: Mapping[str, Any] | None = None) -> None:
        self.started: list[Start] = []
        self.editors: list[Editor] = []
        self.fails = False
        self._resume = {"pid": 1} if resume is None else resume

    def describe(self) -> str:
        return "in a box"

    @asynccontextmanager
    async def open(self, start: Start) -> AsyncIterator[Running]:
        if self.fails:
            raise NotListening("cannot start ed")
        self.started.append(start)
        self.editors.append(Editor(self._resume))
        try:
            yield self.editors[-1]
        finally:
            self.editors[-1].left = True


class Side:
    """One text's edit."""

    def __init__(self, half: Half, opener: Opener, command: Sequence[str] = ("ed", "-d")) -> None:
        self.file = Path("/files") / half.side
        self.twin = Twin(half, self.file, opener, lambda right: [*command, str(right)] if command else [])
        self.scope = trio.CancelScope()
        self.status: int | None = None
        self.running: Running | None = None
        self.error = ""
        self.over = trio.Event()

    async def run(self, guards: Sequence[str] = ()) -> None:
        start = Start("ed", ["ed", str(self.file)], Path("/"), Path("/private"), {}, guards=guards)
        try:
            with self.scope:
                async with self.twin.open(start) as self.running:
                    self.status = await self.running.wait()
        except NotListening as error:
            self.error = str(error)
        self.over.set()


def sides(opener: Opener, **more: Any) -> tuple[Side, Side]:
    pair = Pair()
    return Side(Half(pair, "left"), opener, **more), Side(Half(pair, "right"), opener, **more)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_the_left_one_starts_it_with_both_and_its_end_is_that_of_both(order: tuple[int, int]) -> None:
    opener = Opener()
    both = sides(opener)
    async with trio.open_nursery() as nursery:
        for number in order:
            nursery.start_soon(both[number].run)
            await trio.testing.wait_all_tasks_blocked()
        (start,) = opener.started
        assert list(start.argv) == ["ed", "-d", "/files/right"]
        assert start.added == {}
        opener.editors[0].end.set()
    assert [one.status for one in both] == [7, 7]
    assert both[0].running is not None
    assert both[1].running is not None
    assert [both[0].running.last_words(), both[1].running.last_words()] == ["last", "last"]
    assert [both[0].running.resume, both[1].running.resume] == [{"pid": 1}, {"pid": 1}]


async def test_an_editor_with_guards_keeps_what_it_makes_in_memory() -> None:
    opener = Opener()
    left, right = sides(opener)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(left.run, ["-n"])
        nursery.start_soon(right.run, ["-n"])
        await trio.testing.wait_all_tasks_blocked()
        assert opener.started[0].added == {"TMPDIR": "/private"}
        opener.editors[0].end.set()


async def test_only_the_left_one_holds_the_line_to_an_editor() -> None:
    opener = Opener({"kind": lifeline.KIND, "window": "@1"})
    left, right = sides(opener)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(left.run)
        nursery.start_soon(right.run)
        await trio.testing.wait_all_tasks_blocked()
        assert left.running is not None
        assert right.running is not None
        assert (left.running.resume["window"], right.running.resume) == ("@1", {})
        opener.editors[0].end.set()


async def test_the_end_of_the_left_edit_ends_the_right_one() -> None:
    opener = Opener()
    left, right = sides(opener)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(left.run)
        nursery.start_soon(right.run)
        await trio.testing.wait_all_tasks_blocked()
        left.scope.cancel()
        with trio.fail_after(5):
            await right.over.wait()
    assert opener.editors[0].left
    assert right.status is None


async def test_the_end_of_the_right_edit_leaves_the_left_one() -> None:
    opener = Opener()
    left, right = sides(opener)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(left.run)
        nursery.start_soon(right.run)
        await trio.testing.wait_all_tasks_blocked()
        right.scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert not opener.editors[0].left
        opener.editors[0].end.set()
    assert left.status == 7


async def test_one_that_stays_alone_is_opened_alone(autojump_clock: trio.testing.MockClock) -> None:
    opener = Opener()
    left, _ = sides(opener)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(left.run)
        await trio.sleep(MEET + 1)
        assert list(opener.started[0].argv) == ["ed", "/files/left"]
        opener.editors[0].end.set()
    assert left.status == 7


async def test_a_command_with_room_for_one_file_opens_both() -> None:
    opener = Opener()
    left, right = sides(opener, command=())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(left.run)
        nursery.start_soon(right.run)
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(one.argv[-1] for one in opener.started) == ["/files/left", "/files/right"]
        assert "a place for one file only" in left.twin._half.note("ed")
        for editor in opener.editors:
            editor.end.set()


async def test_an_editor_that_does_not_start_fails_for_both() -> None:
    opener = Opener()
    opener.fails = True
    left, right = sides(opener)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(left.run)
        nursery.start_soon(right.run)
    assert (left.error, right.error) == ("cannot start ed", "cannot start ed")


async def test_a_text_that_another_editor_has_is_not_compared() -> None:
    opener = Opener()
    pair = Pair()
    left = Side(Half(pair, "left"), opener)
    Half(pair, "right").comes("a buffer")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(left.run)
        await trio.testing.wait_all_tasks_blocked()
        assert "open in another editor" in pair.ended[0] if pair.ended else False
        opener.editors[0].end.set()
    assert Twin(Half(pair, "left"), Path("/x"), opener, lambda right: []).describe() == "in a box"
