"""Requests: numbered, bounded, and given up; what can be asked is in test_folder."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from rbridge.adapters.folder import FolderError
from tests.server.conftest import beating
from tests.server.folders import asked, asked_for, asking, reply, shown


async def test_requests_may_be_answered_in_any_order(laptop):
    host, folder = await shown(laptop)
    async with asking(folder.desk.stat("a")) as one, asking(folder.desk.stat("b")) as two:
        first, second = await asked_for(host, "a", "b")
        await reply(host, second, {"type": "directory"})
        assert (await two.over()).kind == "directory"
        await reply(host, first, {"type": "file"})
        assert (await one.over()).kind == "file"


async def test_one_that_nobody_wants_is_cancelled_on_the_host(laptop):
    host, folder = await shown(laptop)
    async with asking(folder.desk.find("x", 10, list)) as ask:
        number, _, _ = await asked(host)
        ask.scope.cancel()
        assert await host.hear() == ("cancel", {"token": "f", "request": number}, b"")
        await reply(host, number, {"paths": ["late"]}, more="yes")
        await reply(host, number, reason="cancelled", message="")
    async with asking(folder.desk.stat("a")) as ask:
        number, _, _ = await asked(host)
        await reply(host, number, {"type": "file"})
        await ask.over()


async def test_a_host_that_does_not_answer_is_given_up(laptop, autojump_clock, nursery):
    host, folder = await shown(laptop)
    nursery.start_soon(beating, host)
    begin = trio.current_time()
    with pytest.raises(FolderError, match="does not answer") as caught:
        await folder.desk.stat("a")
    assert caught.value.reason == "no-answer"
    assert trio.current_time() - begin == pytest.approx(120)


async def test_the_host_is_not_asked_more_at_once_than_it_takes(laptop, nursery):
    host, folder = await shown(laptop)
    for number in range(100):
        nursery.start_soon(folder.desk.stat, str(number))
    numbers = [(await asked(host))[0] for _ in range(60)]
    await laptop.quiet()
    with trio.move_on_after(0.05) as silence:
        await host.hear()
    assert silence.cancelled_caught
    for number in numbers:
        await reply(host, number, {"type": "file"})
    for _ in range(40):
        number, _, _ = await asked(host)
        await reply(host, number, {"type": "file"})
