"""Texts that were asked for out of a folder; more of them in test_browsing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from rbridge.adapters.base import Desk, Text
from rbridge.adapters.fetched import COMING, Fetched
from rbridge.errors import CannotCreate, NotListening
from rbridge.jsonrpc import RpcError
from tests.adapters.desk import FakeDesk, make_text


async def never(text: Text, desk: Desk, status: Any, shown: Any) -> None:
    await trio.sleep_forever()


async def test_one_that_never_comes_is_given_up(autojump_clock: Any) -> None:
    begin = trio.current_time()
    with pytest.raises(RpcError, match="closed meanwhile"):
        await Fetched(never, print).head()
    assert trio.current_time() - begin == pytest.approx(COMING)


async def test_one_that_cannot_be_shown_says_why(tmp_path: Path) -> None:
    async def fail(text: Text, desk: Desk, status: Any, shown: Any) -> None:
        raise CannotCreate("no room for it")

    fetched = Fetched(fail, print)
    with pytest.raises(CannotCreate):
        await fetched.edit(make_text(tmp_path), FakeDesk())
    with pytest.raises(RpcError, match="no room for it"):
        await fetched.head()


async def test_one_that_nobody_wants_is_not_shown(tmp_path: Path) -> None:
    fetched = Fetched(never, print)
    fetched.forget()
    with pytest.raises(NotListening):
        await fetched.edit(make_text(tmp_path), FakeDesk())


async def test_one_that_nobody_heard_of_is_closed(tmp_path: Path) -> None:
    async def show(text: Text, desk: Desk, status: Any, shown: Any) -> None:
        shown({"id": text.id})

    closed: list[str] = []
    fetched = Fetched(show, closed.append)
    text = make_text(tmp_path)
    await fetched.edit(text, FakeDesk())
    assert await fetched.head() == {"id": text.id}
    fetched.forget()
    assert closed == [text.id]


async def test_one_that_is_given_up_while_it_is_made_ready_is_closed(tmp_path: Path) -> None:
    async def show(text: Text, desk: Desk, status: Any, shown: Any) -> None:
        fetched.forget()
        shown({"id": text.id})

    closed: list[str] = []
    fetched = Fetched(show, closed.append)
    text = make_text(tmp_path)
    await fetched.edit(text, FakeDesk())
    assert closed == [text.id]
