"""Tasks beside a block: when they end, and which errors come out. Work aside: where it is done."""

from __future__ import annotations

import threading

import pytest
import trio
import trio.testing

from rbridge.adapters.tasks import SMALL, aside, beside
from rbridge.errors import NotListening

DEADLINE = 10.0


async def test_the_tasks_are_cancelled_when_the_block_is_over() -> None:
    ended: list[int] = []

    async def task(number: int) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(number)

    with trio.fail_after(DEADLINE):
        async with beside(lambda: task(1), lambda: task(2)):
            await trio.testing.wait_all_tasks_blocked()
    assert sorted(ended) == [1, 2]


async def test_a_task_that_returns_leaves_the_block_running() -> None:
    async def task() -> None:
        done.set()

    done = trio.Event()
    with trio.fail_after(DEADLINE):
        async with beside(task):
            await done.wait()
            await trio.lowlevel.checkpoint()


async def test_an_error_of_the_block_comes_out_as_it_is() -> None:
    error = NotListening("cannot start ed", "install it")
    with trio.fail_after(DEADLINE), pytest.raises(NotListening) as caught:
        async with beside(trio.sleep_forever):
            raise error
    assert caught.value is error


async def test_an_error_of_a_task_ends_the_block_and_comes_in_a_group() -> None:
    async def task() -> None:
        raise OSError("gone")

    with trio.fail_after(DEADLINE), pytest.raises(Exception, match="Trio nursery") as caught:
        async with beside(task):
            await trio.sleep_forever()
    assert [str(error) for error in caught.value.exceptions] == ["gone"]  # type: ignore[attr-defined]


async def test_a_cancellation_from_outside_passes_through() -> None:
    with trio.fail_after(DEADLINE), trio.CancelScope() as scope:
        async with beside(trio.sleep_forever):
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught


async def test_without_a_task_it_is_just_the_block() -> None:
    async with beside():
        pass


async def test_work_on_a_small_text_is_done_at_once_and_on_a_large_one_in_a_thread() -> None:
    here = threading.get_ident()
    assert await aside(SMALL, threading.get_ident) == here
    assert await aside(SMALL + 1, threading.get_ident) != here


@pytest.mark.parametrize("size", [0, SMALL + 1])
async def test_what_work_on_a_text_raises_comes_out_as_it_is(size: int) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        await aside(size, int, "x")
