"""JSON-RPC over a stream: frames, and two peers that ask each other."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from rbridge import jsonrpc
from rbridge.errors import RemoteProtocolError
from rbridge.jsonrpc import LIMIT, Peer, RpcError, frame, parse
from rbridge.lsp.framing import Frames

MESSAGES = [{"a": 1}, {"text": "ä€😀\0\n"}, [], "x", 7, {}]


def taken(frames: Frames) -> list[Any]:
    found = []
    while (body := frames.next()) is not None:
        found.append(parse(body))
    return found


# Frames


def test_a_frame_is_a_length_and_json() -> None:
    assert frame({"a": "ä"}) == b'Content-Length: 10\r\n\r\n{"a":"\xc3\xa4"}'


def test_messages_come_out_as_they_went_in_whole_and_byte_by_byte() -> None:
    data = b"".join(map(frame, MESSAGES))
    whole = Frames(LIMIT)
    whole.feed(data)
    assert taken(whole) == MESSAGES
    frames, found = Frames(LIMIT), []
    for number in range(len(data)):
        frames.feed(data[number : number + 1])
        found += taken(frames)
    assert found == MESSAGES


@pytest.mark.parametrize("body", [b"{]", b"null", b"NaN", b'"\xff"', b"[" * 200_000, b"9" * 20_000])
def test_what_is_no_json_is_an_error(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse(body)


@pytest.mark.parametrize("message", [{"a": float("nan")}, {"a": "\ud800"}])
def test_what_json_cannot_say_is_not_sent(message: Any) -> None:
    with pytest.raises(ValueError, match="."):
        frame(message)


# Peers


def nobody(method: str, params: Any) -> None:
    raise RpcError(jsonrpc.METHOD_NOT_FOUND, f"there is no {method}", {"params": params})


async def forever() -> None:
    await trio.sleep_forever()


def silent(method: str, params: Any) -> Any:
    return forever()


@asynccontextmanager
async def pair(one: Any = nobody, two: Any = nobody, **more: Any) -> AsyncIterator[tuple[Peer, Peer]]:
    streams = trio.testing.memory_stream_pair()
    peers = Peer(streams[0], one, **more), Peer(streams[1], two)

    async def run(peer: Peer, stream: trio.abc.Stream) -> None:
        async with stream:
            await peer.run()

    async with trio.open_nursery() as nursery:
        for peer, stream in zip(peers, streams, strict=True):
            nursery.start_soon(run, peer, stream)
        yield peers
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def raw(handle: Any = nobody) -> AsyncIterator[tuple[trio.abc.Stream, Callable[[], Any]]]:
    """A peer, and a stream to say things to it; the callable reads its next message, None at the end."""
    here, there = trio.testing.memory_stream_pair()
    frames = Frames(LIMIT)

    async def heard() -> Any:
        while (body := frames.next()) is None:
            data = await here.receive_some()
            if not data:
                return None
            frames.feed(bytes(data))
        return parse(body)

    async def run() -> None:
        async with there:
            await Peer(there, handle).run()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        yield here, heard
        nursery.cancel_scope.cancel()


async def test_both_ends_ask_and_are_answered() -> None:
    def answer(method: str, params: Any) -> Any:
        async def later() -> Any:
            return {"method": method, "params": params}

        return later()

    async with pair(answer, answer) as (one, two):
        for peer in (one, two):
            assert await peer.request("m", {"a": 1}) == {"method": "m", "params": {"a": 1}}


async def test_errors_come_as_they_were_raised() -> None:
    async with pair() as (one, _):
        with pytest.raises(RpcError) as caught:
            await one.request("m", [1])
    error = caught.value
    assert (error.code, error.message, error.data) == (-32601, "there is no m", {"params": [1]})


async def test_answers_may_come_in_any_order() -> None:
    gates = {"a": trio.Event(), "b": trio.Event()}

    def answer(method: str, params: Any) -> Any:
        async def later() -> str:
            await gates[method].wait()
            return method

        return later()

    async with pair(nobody, answer) as (one, _), trio.open_nursery() as nursery:
        found = []

        async def ask(method: str) -> None:
            found.append(await one.request(method, {}))
            gates["a"].set()

        nursery.start_soon(ask, "a")
        nursery.start_soon(ask, "b")
        gates["b"].set()
    assert found == ["b", "a"]


async def test_what_is_said_is_taken_in_in_order() -> None:
    heard = []
    all_said = trio.Event()

    def take(method: str, params: Any) -> None:
        heard.append(params)
        if len(heard) == 100:
            all_said.set()

    async with pair(nobody, take) as (one, _):
        for number in range(100):
            one.notify("n", number)
        await all_said.wait()
    assert heard == list(range(100))


async def test_a_request_without_an_awaitable_is_answered_with_null() -> None:
    async with pair(nobody, lambda method, params: None) as (one, _):
        assert await one.request("m", {}) is None


async def test_a_fault_of_ours_is_an_internal_error_and_the_connection_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(method: str, params: Any) -> Any:
        async def later() -> Any:
            raise ZeroDivisionError

        if method == "now":
            raise ZeroDivisionError
        return later() if method == "later" else unsayable()

    async def unsayable() -> str:
        return "\ud800"

    async with pair(nobody, fail) as (one, _):
        for method in ("now", "later", "unsayable"):
            with caplog.at_level(logging.CRITICAL), pytest.raises(RpcError) as caught:
                await one.request(method, {})
            assert caught.value.code == -32603


async def test_a_request_is_given_up_after_its_time(autojump_clock: trio.testing.MockClock) -> None:
    async with pair(nobody, silent) as (one, _):
        with pytest.raises(trio.TooSlowError):
            await one.request("m", {}, 10)


async def test_requests_end_with_the_connection() -> None:
    async with pair(nobody, silent) as (one, two):
        async with trio.open_nursery() as nursery:

            async def ask() -> None:
                with pytest.raises(trio.BrokenResourceError):
                    await one.request("m", {})

            nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked()
            two.end()
        with pytest.raises(trio.BrokenResourceError):
            one.notify("n", {})


async def test_what_was_said_before_the_end_is_sent() -> None:
    heard = []
    async with pair(nobody, lambda method, params: heard.append(method)) as (one, _):
        for _ in range(3):
            one.notify("bye", {})
        one.end()
        await trio.testing.wait_all_tasks_blocked()
    assert heard == ["bye"] * 3


async def test_one_that_takes_nothing_is_let_go(autojump_clock: trio.testing.MockClock) -> None:
    here, there = trio.testing.lockstep_stream_pair()
    async with here, there:
        peer = Peer(there, nobody)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.run)
            await trio.testing.wait_all_tasks_blocked()
            peer.notify("n", {})
    assert trio.current_time() >= jsonrpc.STALL


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ([], -32600),
        ("x", -32600),
        ({"id": 1}, -32600),
        ({"method": 1, "id": 1}, -32600),
        ({"method": "m", "id": [1]}, -32600),
        ({"method": "m", "id": None}, -32600),
    ],
)
async def test_json_that_is_no_message_is_answered_and_the_connection_goes_on(said: Any, code: int) -> None:
    async with raw() as (stream, heard):
        await stream.send_all(frame(said) + frame({"method": "m", "id": "x"}))
        first = await heard()
        assert (first["id"], first["error"]["code"]) == (None, code)
        assert (await heard())["id"] == "x"


@pytest.mark.parametrize(
    "said", [{"id": 99, "result": 1}, {"id": "x", "error": {}}, {"method": "$/unknown", "params": {}}]
)
async def test_answers_to_nothing_and_unknown_notifications_are_passed_over(said: Any) -> None:
    async with raw() as (stream, heard):
        await stream.send_all(frame(said) + frame({"method": "m", "id": 1}))
        assert (await heard())["id"] == 1


async def test_what_is_no_frame_is_said_and_ends_the_connection() -> None:
    async with raw() as (stream, heard):
        await stream.send_all(b"open\ntoken: x\n\n")
        said = await heard()
        assert (said["id"], said["error"]["code"]) == (None, -32700)
        assert await heard() is None


async def test_an_error_that_is_no_error_is_still_one() -> None:
    async with raw(), pair() as (one, two):
        pass
    here, there = trio.testing.memory_stream_pair()
    peer = Peer(there, nobody)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer.run)

        async def ask() -> None:
            with pytest.raises(RpcError) as caught:
                await peer.request("m", {})
            assert caught.value.code == -32603

        nursery.start_soon(ask)
        await here.receive_some()
        await here.send_all(frame({"id": 1, "error": "no"}))
        await trio.testing.wait_all_tasks_blocked()
        await here.aclose()


async def test_too_many_requests_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonrpc, "AT_ONCE", 2)
    async with raw(silent) as (stream, heard):
        await stream.send_all(b"".join(frame({"method": "m", "id": number}) for number in (1, 2, 3)))
        said = await heard()
        assert said["id"] == 3
        assert json.dumps(said["error"]).count("too many")


async def test_an_answer_under_way_is_cancelled_with_the_connection() -> None:
    cancelled = []

    def answer(method: str, params: Any) -> Any:
        async def later() -> None:
            try:
                await trio.sleep_forever()
            finally:
                cancelled.append(method)

        return later()

    async with pair(nobody, answer) as (one, _):
        one.notify("n", {})
        await trio.testing.wait_all_tasks_blocked()
        one.end()
        await trio.testing.wait_all_tasks_blocked()
        assert cancelled == ["n"]


class Slow:
    """Answers nothing before it is cancelled."""

    def __init__(self) -> None:
        self.begun = self.cancelled = 0

    def __call__(self, method: str, params: Any) -> Any:
        return self._wait() if method == "slow" else None

    async def _wait(self) -> None:
        self.begun += 1
        try:
            await trio.sleep_forever()
        finally:
            self.cancelled += 1


async def test_a_request_is_given_up_by_who_asked_it() -> None:
    slow = Slow()
    async with raw(slow) as (stream, heard):
        asked = [{"jsonrpc": "2.0", "id": number, "method": "slow"} for number in (1, "two")]
        given_up = {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": "two"}}
        await stream.send_all(b"".join(map(frame, [*asked, given_up])))
        answer = await heard()
        assert (answer["id"], answer["error"]["code"]) == ("two", -32800)
        assert (slow.begun, slow.cancelled) == (2, 1)


@pytest.mark.parametrize("params", [{"id": 7}, {"id": [1]}, {"id": True}, {}, [], None, {"id": None}])
async def test_what_nobody_asked_cannot_be_given_up(params: Any) -> None:
    async with raw(Slow()) as (stream, heard):
        given_up = {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": params}
        asked = {"jsonrpc": "2.0", "id": 1, "method": "quick"}
        await stream.send_all(frame(given_up) + frame(asked))
        assert (await heard())["id"] == 1
