"""How a buffer ends, loses its window, and is found again by the next daemon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import trio
import trio.testing

from rbridge.adapters import buffer as module
from rbridge.adapters.base import Outcome, Result, Standing, State, Text
from rbridge.adapters.buffer import Buffer
from rbridge.adapters.place import place_again
from tests.adapters.buffers import NEW, OLD, Open, Screen
from tests.adapters.desk import FakeDesk
from tests.adapters.plugin import data_of, digest
from tests.harness.wait import until_async

# The end


async def test_it_is_over_when_the_plugin_closed_it_and_all_is_delivered(
    open_: Open, nursery: trio.Nursery
) -> None:
    open_.desk.gate = trio.Event()
    asked = open_.buffer.write({"base": digest(OLD), "text": "new"})
    closed = open_.buffer.close({})
    ended = trio.Event()

    async def over() -> None:
        await open_.buffer.over()
        ended.set()

    nursery.start_soon(over)
    results: list[Any] = []

    async def collect(awaitable: Any) -> None:
        results.append(await awaitable)

    nursery.start_soon(collect, asked)
    await open_.desk.until_saved(1)
    nursery.start_soon(collect, closed)
    await trio.testing.wait_all_tasks_blocked()
    assert (ended.is_set(), results) == (False, [])
    open_.desk.gate.set()
    await ended.wait()
    await until_async(lambda: len(results) == 2)
    assert {"outcome": "saved", "base": digest(b"new")} in results
    assert {} in results


async def test_a_plugin_that_does_not_come_back_ends_it(open_: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE", 0.01)
    open_.buffer.lost(Screen())
    assert open_.buffer.window is open_.screen
    open_.buffer.lost(open_.screen)
    with trio.fail_after(10):
        await open_.buffer.over()


async def test_a_plugin_that_comes_back_in_time_does_not_end_it(
    open_: Open, monkeypatch: pytest.MonkeyPatch, nursery: trio.Nursery
) -> None:
    ended = trio.Event()

    async def over() -> None:
        await open_.buffer.over()
        ended.set()

    nursery.start_soon(over)
    open_.buffer.lost(open_.screen)
    await trio.testing.wait_all_tasks_blocked()
    open_.buffer.goes_to(open_.screen)
    await trio.testing.wait_all_tasks_blocked()
    assert not ended.is_set()
    open_.buffer.close({}).close()  # type: ignore[attr-defined]
    await ended.wait()


async def test_half_a_text_goes_with_its_connection(open_: Open) -> None:
    await open_.write(b"half", chunk=0, of=2)
    assert open_.private() == ["save", "shown"]
    open_.buffer.lost(open_.screen)
    assert open_.private() == ["shown"]
    open_.buffer.goes_to(open_.screen)
    assert (await open_.refused(b"half", chunk=1, of=2)).code == -32602


async def test_the_plugin_hears_of_an_end_that_it_did_not_ask_for(open_: Open) -> None:
    open_.buffer.gone()
    open_.buffer.gone()
    assert open_.screen.said == [("buffer/closed", {"id": open_.text.id, "message": ""})]


async def test_opening_and_closed_are_no_states_for_a_plugin(open_: Open) -> None:
    await open_.buffer.show(State.OPENING)
    await open_.buffer.show(State.CLOSED)
    assert open_.screen.said == []


# After the daemon died


async def adopted(
    text: Text, resume: Mapping[str, Any], known: bytes
) -> tuple[list[bytes], dict[str, Any], bytes]:
    """What the next daemon hands on, says of the document, and has for its plug-in."""
    desk = FakeDesk()
    desk.stands = Standing(State.CLEAN, digest(known))
    with place_again(text, resume) as place:
        buffer = Buffer(text, desk, place)
        await buffer.go_on_from({**resume, "known": digest(known)})
        first = buffer.standing()["state"]
        one = Open(text, buffer, desk)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(buffer.deliver)
            await buffer._delivered()
            said, read = buffer.standing(), data_of(await one.read())
            assert (await one.write(b"last\n", OLD))["outcome"] == "saved"  # a base of before still counts
            nursery.cancel_scope.cancel()
    assert first == ("saving" if desk.saves[:-1] else "clean")  # a window that is back at once hears of it
    return desk.saves[:-1], said, read


async def test_what_was_saved_and_acknowledged_goes_on(open_: Open) -> None:
    await open_.write(NEW)
    saves, said, read = await adopted(open_.text, dict(open_.buffer.resume), NEW)
    assert (saves, said["base"], read) == ([], digest(NEW), NEW)


async def test_what_was_saved_and_not_acknowledged_is_handed_on(open_: Open) -> None:
    open_.desk.answers = [Outcome(Result.UNCERTAIN, "no answer")]
    await open_.refused(NEW)
    saves, said, read = await adopted(open_.text, dict(open_.buffer.resume), OLD)
    assert (saves, said["base"], read) == ([NEW], digest(NEW), NEW)


async def test_half_a_text_is_not_found_again(open_: Open) -> None:
    await open_.write(NEW[:2], chunk=0, of=2)
    saves, said, read = await adopted(open_.text, dict(open_.buffer.resume), OLD)
    assert (saves, said["base"], read) == ([], digest(OLD), OLD)


async def test_without_a_copy_of_the_hosts_text_there_is_the_newest(open_: Open) -> None:
    await open_.write(NEW)
    for one in open_.buffer._place.private.iterdir():
        one.unlink()
    saves, said, _ = await adopted(open_.text, dict(open_.buffer.resume), OLD)
    assert (saves, said["base"]) == ([NEW], digest(NEW))
