import pytest
import trio

from rbridge.server.turns import Turns


@pytest.fixture
def turns(nursery):
    return Turns(nursery.start_soon)


async def test_steps_are_done_in_order_and_each_whole(turns):
    done = []

    def step(number):
        async def run():
            for _ in range(3 - number):
                await trio.lowlevel.checkpoint()
            done.append(number)

        return run

    for number in range(3):
        turns.add(step(number))
    assert turns
    await turns.idle()
    assert done == [0, 1, 2]
    assert not turns


async def test_a_step_may_add_another(turns):
    done = []

    async def second():
        done.append(2)

    async def first():
        turns.add(second)
        done.append(1)

    turns.add(first)
    await turns.idle()
    assert done == [1, 2]


async def test_cleared_the_step_under_way_is_cancelled_and_new_ones_are_done(turns):
    done = []

    async def forever():
        try:
            await trio.sleep_forever()
        finally:
            done.append("cancelled")

    async def step():
        done.append("new")

    async def never():
        done.append("old")

    turns.add(forever)
    turns.add(never)
    await trio.testing.wait_all_tasks_blocked()
    turns.clear()
    assert not turns
    turns.add(step)
    await turns.idle()
    await trio.testing.wait_all_tasks_blocked()
    assert sorted(done) == ["cancelled", "new"]


async def test_cleared_before_it_began_nothing_is_done(turns):
    done = []

    async def step(name):
        done.append(name)

    turns.add(lambda: step("old"))
    turns.clear()
    turns.add(lambda: step("new"))
    await turns.idle()
    await trio.testing.wait_all_tasks_blocked()
    assert done == ["new"]


async def test_without_anything_to_do_it_is_idle(turns):
    await turns.idle()
    turns.clear()
