"""Pages of directories, and those that are asked for ahead."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from rbridge.adapters.folder import FolderError, Item
from rbridge.server import pages as module
from rbridge.server.pages import Pages
from rbridge.wire import limits

NAMES = [f"{number:02}" for number in range(20)]


class Host:
    """A directory of NAMES, in pages of at most *size*; *asked* is what was asked of it."""

    def __init__(self, size=5):
        self.size = size
        self.asked = []
        self.goes_on = trio.Event()
        self.goes_on.set()
        self.error = None
        self.cancelled = 0

    async def ask(self, path, after, limit, take):
        self.asked.append((path, after, limit))
        names = [name for name in NAMES if name > after][:limit]
        try:
            for at in range(0, len(names), self.size):
                await self.goes_on.wait()
                if self.error is not None:
                    raise self.error
                page = names[at : at + self.size]
                take([Item(name, "file") for name in page], "" if page[-1] == NAMES[-1] else page[-1])
        except trio.Cancelled:
            self.cancelled += 1
            raise


@asynccontextmanager
async def opened(host):
    async with trio.open_nursery() as nursery:
        yield Pages(host.ask, lambda task: nursery.start_soon(task) or True)
        nursery.cancel_scope.cancel()


async def rest(pages, path, after, limit=3):
    """All that is behind *after*, in pages of *limit*."""
    found = []
    while after:
        items, after = await pages.page(path, after, limit)
        assert len(items) <= limit
        found += [one.name for one in items]
    return found


async def test_a_first_page_is_asked_for_by_itself():
    host = Host()
    async with opened(host) as pages:
        items, after = await pages.page("d", "", 3)
        assert ([one.name for one in items], after) == (NAMES[:3], "02")
        await trio.testing.wait_all_tasks_blocked()
        assert host.asked == [("d", "", 3)]


@pytest.mark.parametrize("size", [1, 3, 5, 20])
@pytest.mark.parametrize("limit", [1, 3, 20])
async def test_all_others_are_asked_for_at_once_and_each_name_comes_once(size, limit):
    host = Host(size)
    async with opened(host) as pages:
        _, after = await pages.page("d", "", 3)
        assert await rest(pages, "d", after, limit) == NAMES[3:]
        assert host.asked == [("d", "", 3), ("d", "02", limits.FOUND)]


async def test_more_than_one_request_may_have_is_asked_for_again(monkeypatch):
    monkeypatch.setattr(limits, "FOUND", 6)
    host = Host()
    async with opened(host) as pages:
        assert await rest(pages, "d", "02") == NAMES[3:]
        assert host.asked == [("d", after, 6) for after in ("02", "08", "14")]


async def test_one_who_asks_for_the_same_page_at_the_same_time_gets_it_too():
    host = Host()
    host.goes_on = trio.Event()
    found = []

    async def ask():
        found.append(await pages.page("d", "02", 3))

    async with opened(host) as pages, trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        host.goes_on.set()
    assert [[one.name for one in items] for items, _ in found] == [NAMES[3:6]] * 2


async def test_of_one_directory_at_a_time_they_are_asked_for_ahead():
    host = Host()
    async with opened(host) as pages:
        await pages.page("d", "02", 3)
        items, after = await pages.page("e", "04", 3)
        assert ([one.name for one in items], after) == (NAMES[5:8], "07")
        assert host.asked == [("d", "02", limits.FOUND), ("e", "04", 3)]
        assert await rest(pages, "d", "05") == NAMES[6:]


@pytest.mark.parametrize("after", ["", "07"])
async def test_a_directory_that_is_looked_at_anew_is_asked_for_anew(after):
    host = Host()
    host.goes_on = trio.Event()
    async with opened(host) as pages, trio.open_nursery() as nursery:
        nursery.start_soon(pages.page, "d", "02", 3)
        await trio.testing.wait_all_tasks_blocked()
        host.goes_on.set()
        await trio.testing.wait_all_tasks_blocked()
        await pages.page("d", after, 3)
        assert host.asked[1:] == [("d", after, limits.FOUND if after else 3)]


async def test_what_nobody_asks_for_is_let_go_after_a_while(autojump_clock):
    host = Host()
    async with opened(host) as pages:
        _, after = await pages.page("d", "02", 3)
        await trio.sleep(module.KEPT - 1)
        _, after = await pages.page("d", after, 3)
        await trio.sleep(module.KEPT - 1)
        _, after = await pages.page("d", after, 3)
        assert len(host.asked) == 1
        await trio.sleep(module.KEPT + 1)
        await pages.page("d", after, 3)
        assert host.asked[1:] == [("d", "11", limits.FOUND)]


async def test_what_came_before_an_error_is_had_and_then_the_error():
    host = Host(3)
    error = FolderError("gone", "d: it was removed")

    async def ask(path, after, limit, take):
        take([Item("03", "file")], "03")
        raise error

    host.ask = ask
    async with opened(host) as pages:
        items, after = await pages.page("d", "02", 3)
        assert ([one.name for one in items], after) == (["03"], "03")
        with pytest.raises(FolderError, match="it was removed"):
            await pages.page("d", after, 3)


async def test_with_the_host_gone_nothing_of_it_is_told_and_who_waits_hears_that():
    host = Host()
    async with opened(host) as pages:
        _, after = await pages.page("d", "02", 3)
        pages.lost(FolderError("not-connected", "the connection is lost"))
        host.error = FolderError("not-connected", "not connected")
        with pytest.raises(FolderError, match="not connected"):
            await pages.page("d", after, 3)
        host.goes_on, host.error = trio.Event(), None
        async with trio.open_nursery() as nursery:

            async def ask():
                with pytest.raises(FolderError, match="the connection is lost"):
                    await pages.page("d", after, 3)

            nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked()
            pages.lost(FolderError("not-connected", "the connection is lost"))
        assert host.cancelled == 2  # the host need not go on with either


async def test_a_folder_that_is_closed_leaves_nobody_waiting():
    host = Host()
    host.goes_on = trio.Event()
    heard = []

    async def ask(pages):
        try:
            await pages.page("d", "02", 3)
        except FolderError as error:
            heard.append(str(error))

    async with trio.open_nursery() as nursery, opened(host) as pages:
        nursery.start_soon(ask, pages)
        await trio.testing.wait_all_tasks_blocked()
    assert heard == ["the folder was closed"]


async def test_without_a_task_for_it_nothing_is_asked_for_ahead():
    host = Host()
    pages = Pages(host.ask, lambda task: False)
    assert await rest(pages, "d", "16") == NAMES[17:]
    assert host.asked == [("d", "16", 3)]


async def test_one_who_gives_up_waiting_spoils_nothing():
    host = Host()
    host.goes_on = trio.Event()
    async with opened(host) as pages:
        with trio.move_on_after(0):
            await pages.page("d", "02", 3)
        host.goes_on.set()
        assert await rest(pages, "d", "02") == NAMES[3:]
        assert len(host.asked) == 1
