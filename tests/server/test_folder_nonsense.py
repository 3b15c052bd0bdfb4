"""A hostile host answers requests about a folder: one request fails, and nobody else is disturbed."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
import trio
import trio.testing

from rbridge.adapters.folder import FolderError
from tests.server.folders import asked, asked_for, asking, reply, shown

NONSENSE = (
    b"not json",
    b"[1, 2]",
    b'"' + b"x" * 10,
    b"\xff\xfe",
    json.dumps({"entries": 5}).encode(),
    json.dumps({"entries": [5]}).encode(),
    json.dumps({"entries": [{"name": "..", "type": "file"}]}).encode(),
    json.dumps({"entries": [{"name": ".", "type": "file"}]}).encode(),
    json.dumps({"entries": [{"name": "", "type": "file"}]}).encode(),
    json.dumps({"entries": [{"name": "a/b", "type": "file"}]}).encode(),
    json.dumps({"entries": [{"name": "a%2Fb", "type": "file"}]}).encode(),
    json.dumps({"entries": [{"name": "a%00", "type": "file"}]}).encode(),
    json.dumps({"entries": [{"name": "a%zz", "type": "file"}]}).encode(),
    json.dumps({"entries": [{"name": "\ud800", "type": "file"}]}).encode(),
    json.dumps({"entries": [{"name": "n" * 256, "type": "file"}]}).encode(),
    json.dumps({"entries": [{"name": 7, "type": "file"}]}).encode(),
    json.dumps({"entries": [{"name": "a", "type": "socket"}]}).encode(),
    json.dumps({"entries": [{"name": "a", "type": "file", "size": -1}]}).encode(),
    json.dumps({"entries": [{"name": "a", "type": "file", "size": 1.5}]}).encode(),
    json.dumps({"entries": [{"name": "a", "type": "file", "size": True}]}).encode(),
    json.dumps({"entries": [{"name": "a", "type": "file", "mtime": 1 << 70}]}).encode(),
    json.dumps({"entries": [{"name": "a", "type": "file", "link": 1}]}).encode(),
    json.dumps({"entries": [], "next": ".."}).encode(),
    json.dumps({"entries": [{"name": str(n), "type": "file"} for n in range(2001)]}).encode(),
    b"[" * 100_000,
)


@pytest.mark.parametrize("nonsense", NONSENSE, ids=range(len(NONSENSE)))
async def test_an_answer_that_makes_no_sense_fails_one_request(laptop, nonsense):
    host, folder = await shown(laptop)
    async with asking(folder.desk.listing("")) as ask, asking(folder.desk.stat("b")) as other:
        number, untouched = await asked_for(host, "", "b")
        await reply(host, number, nonsense)
        with pytest.raises(FolderError, match="makes no sense"):
            await ask.over()
        assert not other.done.is_set()
        await reply(host, untouched, {"type": "file"})
        await other.over()


async def test_a_million_entries_are_an_error_and_not_a_large_heap(laptop):
    host, folder = await shown(laptop)
    async with asking(folder.desk.listing("")) as ask:
        number, _, _ = await asked(host)
        entry = b'{"name": "a", "type": "file"},'
        await reply(host, number, b'{"entries": [' + entry * 1_000_000)
        with pytest.raises(FolderError, match="larger than anything"):
            await ask.over()
    async with asking(folder.desk.stat("a")) as ask:
        number, _, _ = await asked(host)
        await reply(host, number, {"type": "file"})
        await ask.over()


async def test_more_than_was_asked_for_is_an_error(laptop):
    host, folder = await shown(laptop)
    async with asking(folder.desk.find("", 3, list)) as ask:
        number, _, _ = await asked(host)
        await reply(host, number, {"paths": ["a", "b"]}, more="yes")
        await reply(host, number, {"paths": ["a", "b", "c", "d"]})
        with pytest.raises(FolderError, match="more paths than were asked for"):
            await ask.over()


async def test_answers_to_what_was_never_asked_are_passed_over(laptop):
    host, folder = await shown(laptop)
    await reply(host, "77", {"entries": []})
    await reply(host, "78", b"\0" * 100_000, token="nosuch")
    async with asking(folder.desk.stat("a")) as ask:
        number, _, _ = await asked(host)
        await reply(host, number, {"type": "file"})
        await ask.over()


@pytest.mark.parametrize("request_", ["0", "-1", "x", ""])
async def test_an_answer_without_a_number_ends_the_connection(laptop, request_):
    host, _folder = await shown(laptop)
    with suppress(trio.BrokenResourceError):
        await host.say("answer", b"{}", token="f", request=request_)
    assert await host.closed()
