"""A server that crashes, lies or falls silent: how often it is started again, and what the user hears."""

from __future__ import annotations

import logging

import pytest
import trio
import trio.testing

from rbridge.lsp import remote
from rbridge.lsp.framing import framed
from rbridge.lsp.messages import CONTENT_MODIFIED
from tests.lsp.stage import PATH, TEXT, Stage, hover, open_texts


async def crash(stage: Stage, words: str = "ImportError: no module named jedi") -> None:
    server = await (await stage.server()).begin()
    await server.heard("initialize")
    await server.end("exited", words, "1")


async def test_five_crashes_are_enough_and_said_once_with_the_last_words(stage: Stage):
    client = stage.client()
    await client.begin(options={"uri": stage.uri, "primary": True})
    for _ in range(remote.CRASHES):
        await crash(stage)
    found = (await client.answer(1))["result"]["capabilities"]
    assert "rbridge.list" in found["executeCommandProvider"]["commands"]
    assert await client.told() == (
        "rbridge: pylsp on gpu1 ended 5 times and is not started again: ImportError: no module named jedi"
    )
    await hover(client, stage, 2)
    assert (await client.answer(2))["error"]["code"] == CONTENT_MODIFIED
    assert stage.none_asked_for
    await client.ask(3, "workspace/executeCommand", {"command": "rbridge.restartServer"})
    assert (await client.answer(3))["result"] is None
    server = await (await stage.server()).begin()  # installed meanwhile
    await server.handshake()
    await client.say("initialized")
    await client.say("textDocument/didOpen", {"textDocument": stage.item()})
    await hover(client, stage, 4)
    await server.heard("initialized")
    await server.heard("textDocument/didOpen")
    assert (await server.heard("textDocument/hover"))["id"] == 4


async def test_crashes_that_are_far_apart_are_not_counted_together(
    stage: Stage, clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(remote, "WINDOW", 8.0)
    client = stage.client()
    await client.begin(options={"uri": stage.uri})
    for _ in range(2 * remote.CRASHES):
        await crash(stage)
        clock.jump(3)
    await (await (await stage.server()).begin()).handshake()
    await client.answer(1)


async def test_pauses_grow(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(remote, "PAUSES", (0.001, 0.002, 0.003))
    pauses = []

    async def pause(_remote: remote.Remote, seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(remote.Remote, "_pause", pause)
    client = stage.client()
    await client.begin(options={"uri": stage.uri})
    for _ in range(4):
        await crash(stage)
    await stage.server()
    assert pauses == [0.001, 0.002, 0.003, 0.003]


@pytest.mark.parametrize(
    "data",
    [
        b"Traceback (most recent call last):\n",
        b"Content-Length: 1000000000\r\n\r\n",
        b"Content-Length: " + b"1" * 5000,
        framed(b"{"),
        framed(b"[]"),
        framed(b'{"method": 7}'),
        framed(b'{"method": "x", "method": "y"}'),
    ],
)
async def test_a_server_that_says_what_is_no_message_is_one_that_crashed(
    stage: Stage, data: bytes, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    client = stage.client()
    server = await stage.started(client)
    await server.raw(data)
    again = await (await stage.server()).begin()
    assert server.done
    assert "what is no message" in caplog.text
    await again.handshake()
    assert await open_texts(again) == {f"file://{PATH}": TEXT}


async def test_answers_to_nothing_and_second_answers_are_left_out(stage: Stage):
    client = stage.client()
    server = await stage.started(client)
    await hover(client, stage, 2)
    await server.heard("textDocument/hover")
    for number in (99, 2, 2, "2", None, 1.5):
        await server.say(id=number, result={"contents": str(number)})
    await server.say(method="window/logMessage", params={"type": 3, "message": "last"})
    assert (await client.answer(2))["result"] == {"contents": "2"}
    assert (await client.hear())["method"] == "window/logMessage"


async def test_a_server_that_never_answers_holds_up_nothing(stage: Stage):
    client = stage.client()
    server = await stage.started(client)
    for number in range(2, 50):
        await hover(client, stage, number)
        await server.heard("textDocument/hover")
    await client.say("exit")
    await server.heard("exit")
    assert await client.hear() is None


async def test_a_server_may_speak_before_it_answers_initialize(stage: Stage):
    client = stage.client()
    await client.begin(options={"uri": stage.uri})
    server = await (await stage.server()).begin()
    asked = await server.heard("initialize")
    await server.say(method="window/logMessage", params={"type": 3, "message": "indexing"})
    assert (await client.hear())["params"]["message"] == "indexing"
    await server.say(id=asked["id"], result={"capabilities": {}})
    await client.answer(1)


async def test_a_server_that_refuses_initialize_is_heard(stage: Stage):
    client = stage.client()
    await client.begin(options={"uri": stage.uri})
    server = await (await stage.server()).begin()
    asked = await server.heard("initialize")
    await server.say(id=asked["id"], error={"code": -32803, "message": "no licence"})
    assert (await client.answer(1))["error"]["message"] == "no licence"


async def test_a_server_that_ends_after_shutdown_is_not_started_again(stage: Stage):
    client = stage.client()
    server = await stage.started(client)
    await client.ask(2, "shutdown")
    await server.heard("shutdown")
    await server.say(id=2, result=None)
    await client.answer(2)
    await server.end("exited", status="0")
    await trio.testing.wait_all_tasks_blocked(0.05)
    assert stage.none_asked_for
    await client.say("exit")
    assert await client.hear() is None
