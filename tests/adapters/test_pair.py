"""Two texts that are to be seen beside each other."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from rbridge.adapters.pair import MEET, PAIRS, Half, Pair, Pairs
from rbridge.errors import NotListening


class Window:
    """Shows diffs, or says *why* not."""

    def __init__(self, why: str = "") -> None:
        self.why = why
        self.compared: list[tuple[Any, Any]] = []

    async def compare(self, left: Any, right: Any) -> str:
        await trio.lowlevel.checkpoint()
        self.compared.append((left, right))
        return self.why


class Text:
    line, column = 3, 1


class Buffer:
    text = Text()

    def __init__(self, window: Window | None) -> None:
        self.window = window
        self.revealed: list[tuple[int, int]] = []

    async def reveal(self, line: int, column: int) -> None:
        await trio.lowlevel.checkpoint()
        self.revealed.append((line, column))


def halves() -> tuple[Half, Half]:
    pair = Pair()
    return Half(pair, "left"), Half(pair, "right")


async def opened(half: Half, buffer: Buffer) -> None:
    async def opening(which: Buffer) -> None:
        assert which is buffer
        await trio.lowlevel.checkpoint()

    await half.opened(buffer, opening)


@pytest.mark.parametrize("first", ["left", "right"])
async def test_the_window_shows_both_once_whichever_comes_first(first: str) -> None:
    window = Window()
    left, right = halves()
    sides = {"left": (left, Buffer(window)), "right": (right, Buffer(window))}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(opened, *sides.pop(first))
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(opened, *sides.popitem()[1])
    assert len(window.compared) == 1
    assert window.compared[0] == (left.pair.sides["left"], left.pair.sides["right"])
    assert left.shown
    assert right.shown
    assert [half.note("vim") for half in (left, right)] == ["", ""]
    assert window.compared[0][0].revealed == []


async def test_both_at_once_are_shown_once() -> None:
    window = Window()
    left, right = halves()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(opened, left, Buffer(window))
        nursery.start_soon(opened, right, Buffer(window))
    assert len(window.compared) == 1


async def test_the_second_is_opened_after_the_first() -> None:
    left, right = halves()
    went_on = trio.Event()
    order: list[str] = []

    async def slow(_: Buffer) -> None:
        await went_on.wait()
        order.append("left")

    async def quick(_: Buffer) -> None:
        await trio.lowlevel.checkpoint()
        order.append("right")

    window = Window()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(left.opened, Buffer(window), slow)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(right.opened, Buffer(window), quick)
        await trio.testing.wait_all_tasks_blocked()
        assert order == []
        went_on.set()
    assert order == ["left", "right"]


async def test_one_that_stays_alone_is_seen_after_a_while(autojump_clock: trio.testing.MockClock) -> None:
    left, _ = halves()
    buffer = Buffer(Window())
    began = trio.current_time()
    await opened(left, buffer)
    assert trio.current_time() - began == pytest.approx(MEET)
    assert buffer.revealed == [(3, 1)]
    assert "did not come in time" in left.note("vim")


async def test_one_that_comes_late_is_compared_all_the_same(autojump_clock: trio.testing.MockClock) -> None:
    left, right = halves()
    window = Window()
    await opened(left, Buffer(window))
    assert not left.shown
    await opened(right, Buffer(window))
    assert right.shown
    assert len(window.compared) == 1


async def test_what_a_window_cannot_show_is_opened_and_the_left_one_says_why() -> None:
    window = Window("no room")
    left, right = halves()
    one, other = Buffer(window), Buffer(window)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(opened, left, one)
        nursery.start_soon(opened, right, other)
    assert (one.revealed, other.revealed) == ([(3, 1)], [(3, 1)])
    assert [half.note("vim") for half in (left, right)] == ["no room", ""]


@pytest.mark.parametrize("there", [True, False])
async def test_two_windows_or_none_show_no_diff(there: bool) -> None:
    left, right = halves()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(opened, left, Buffer(Window() if there else None))
        nursery.start_soon(opened, right, Buffer(Window() if there else None))
    assert "in two windows" in left.why


async def test_one_that_cannot_be_opened_does_not_keep_the_other_waiting() -> None:
    left, right = halves()
    buffer = Buffer(Window())

    async def fails(_: Buffer) -> None:
        await trio.lowlevel.checkpoint()
        raise NotListening("no window")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(opened, left, buffer)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(NotListening):
            await right.opened(Buffer(None), fails)
    assert "could not be opened there" in left.note("vim")
    assert buffer.revealed == [(3, 1)]


async def test_a_comparison_that_is_given_up_is_none() -> None:
    left, right = halves()

    class Slow(Window):
        async def compare(self, left: Any, right: Any) -> str:
            await trio.sleep_forever()
            return ""

    window = Slow()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(opened, left, Buffer(window))
        await trio.testing.wait_all_tasks_blocked()
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as inner:
                inner.start_soon(opened, right, Buffer(window))
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
    assert left.why == "it was given up"


def test_an_editor_that_never_looked_shows_none() -> None:
    left, right = halves()
    assert left.note("nano") == "nano shows no diff: both files are open"
    assert right.note("nano") == ""


def test_halves_of_one_name_are_a_pair() -> None:
    pairs = Pairs()
    one, other = pairs.half("left", "a"), pairs.half("left", "b")
    assert pairs.half("right", "a").pair is one.pair
    assert pairs.half("right", "b").pair is other.pair
    assert pairs.half("left", "a").pair is not one.pair


def test_no_more_than_so_many_wait() -> None:
    pairs = Pairs()
    first = pairs.half("left", "0")
    for number in range(1, PAIRS + 1):
        pairs.half("left", str(number))
    assert len(pairs._waiting) == PAIRS
    assert pairs.half("right", "0").pair is not first.pair


async def test_a_text_that_is_on_its_way_is_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    left, right = halves()
    window = Window()
    right.arrives()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(opened, left, Buffer(window))
        await trio.sleep(10 * MEET)
        assert window.compared == []
        nursery.start_soon(opened, right, Buffer(window))
    assert left.shown


async def test_a_text_that_does_not_arrive_after_all_is_not_waited_for() -> None:
    left, right = halves()
    buffer = Buffer(Window())
    right.arrives()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(opened, left, buffer)
        await trio.testing.wait_all_tasks_blocked()
        right.fails()
    assert "the other file was not opened" in left.note("vim")
    assert buffer.revealed == [(3, 1)]
