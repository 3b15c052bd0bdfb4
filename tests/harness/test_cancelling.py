import pytest
import trio

from tests.harness import cancelling
from tests.harness.cancelling import at_every_step


async def test_each_await_is_cancelled_once_and_then_none():
    seen = []

    async def scenario():
        seen.append(0)
        for number in range(1, 4):
            await trio.lowlevel.checkpoint()
            seen[-1] = number

    after = []

    async def look():
        after.append(seen[-1])

    steps = await at_every_step(scenario, look)
    assert steps >= 4
    assert after[-1] == 3
    assert set(after) == {0, 1, 2, 3}
    assert after == sorted(after)


async def test_tasks_that_the_scenario_starts_count_too():
    ends = []

    async def child():
        try:
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()
        except trio.Cancelled:
            ends.append("cancelled")
            raise
        ends.append("done")

    async def scenario():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)

    async def nothing():
        pass

    await at_every_step(scenario, nothing)
    assert ends.count("cancelled") >= 2
    assert ends[-1] == "done"


async def test_tasks_can_be_chosen_by_name():
    async def chosen_one():
        await trio.lowlevel.checkpoint()

    async def another():
        for _ in range(50):
            await trio.lowlevel.checkpoint()

    async def scenario():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(another)
            nursery.start_soon(chosen_one)

    async def nothing():
        pass

    assert await at_every_step(scenario, nothing, of="chosen_one") < 10


async def test_what_never_ends_is_an_error(monkeypatch):
    monkeypatch.setattr(cancelling, "MOST", 5)

    async def scenario():
        while True:
            await trio.lowlevel.checkpoint()

    async def nothing():
        pass

    with pytest.raises(AssertionError, match="more than 5 steps"):
        await at_every_step(scenario, nothing)
