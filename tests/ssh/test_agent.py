"""The laptop's end of an agent: a real one behind a shell in place of ssh, servers in place of the daemon."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path

import pytest
import trio

from rbridge.errors import RemoteProtocolError, TryAgain
from rbridge.ssh import agent
from rbridge.ssh.agent import Agent, NotStarted, start
from rbridge.wire.channels import MOST
from tests.harness.cancelling import at_every_step
from tests.harness.environment import ROOT, Home
from tests.harness.wait import until_async

SHELL = ("/bin/sh", "-c")
MB = 1 << 20

Serve = Callable[[trio.SocketStream], Awaitable[None]]


class Ends:
    """Where the agent listens, and where what comes through it is served."""

    def __init__(self, home: Home, nursery: trio.Nursery) -> None:
        self.there = home.path / "there"
        self.there.mkdir(0o700, exist_ok=True)
        self.remote = str(self.there / "tunnel.sock")
        self.local = str(home.path / "local.sock")
        self.client: tuple[str, ...] = ("env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "rbridge")
        self.ended: list[Exception] = []
        self._nursery = nursery

    async def begin(self, serve: Serve) -> Agent:
        """A carrying agent; its connections are given to *serve*."""
        listener = trio.socket.socket(socket.AF_UNIX)
        await listener.bind(self.local)
        listener.listen(64)
        self._nursery.start_soon(trio.serve_listeners, serve, [trio.SocketListener(listener)])
        made = await self.start()
        self._nursery.start_soon(self._carry, made)
        return made

    async def start(self) -> Agent:
        return await start(SHELL, self.client, self.remote, "gpu1")

    async def _carry(self, made: Agent) -> None:
        self.ended.append(await made.carry(self.local))

    async def connect(self) -> trio.SocketStream:
        return await trio.open_unix_socket(self.remote)


@pytest.fixture
async def ends(home: Home, nursery: trio.Nursery) -> Ends:
    return Ends(home, nursery)


async def echo(stream: trio.SocketStream) -> None:
    async with stream:
        async for data in stream:
            await stream.send_all(data)


async def said(stream: trio.SocketStream) -> bytes:
    """All until the end."""
    heard = bytearray()
    async for data in stream:
        heard += data
    return bytes(heard)


async def test_what_is_said_is_heard_and_its_end_too(ends: Ends) -> None:
    await ends.begin(echo)
    async with await ends.connect() as client:
        await client.send_all(b"hello")
        await client.send_eof()
        assert await said(client) == b"hello"


async def test_thirty_at_once_and_one_that_stalls(ends: Ends) -> None:
    await ends.begin(echo)
    stalled = await ends.connect()
    with trio.move_on_after(1):
        while True:
            await stalled.send_all(bytes(MB))  # and never reads the echo

    text = os.urandom(3 * MB)
    wholes = []

    async def one() -> None:
        async with await ends.connect() as client, trio.open_nursery() as nursery:
            nursery.start_soon(speak, client)
            wholes.append(sha256(await said(client)).digest())

    async def speak(client: trio.SocketStream) -> None:
        await client.send_all(text)
        await client.send_eof()

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            for _ in range(30):
                nursery.start_soon(one)
    assert wholes == [sha256(text).digest()] * 30
    await stalled.aclose()


async def test_the_last_words_of_a_client_that_goes_at_once_arrive(ends: Ends) -> None:
    heard: list[bytes] = []

    async def slow(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.send_all(bytes(10_000))  # which the client does not read
            await until_async(lambda: gone)
            heard.append(await said(stream))

    await ends.begin(slow)
    gone = False
    client = await ends.connect()
    await client.send_all(bytes(MB))
    await client.aclose()
    gone = True
    await until_async(lambda: heard)
    assert heard == [bytes(MB)]


async def test_a_daemon_that_hangs_up_is_heard_of_at_the_host(ends: Ends) -> None:
    async def refuse(stream: trio.SocketStream) -> None:
        await stream.send_all(b"no")
        await stream.aclose()

    await ends.begin(refuse)
    async with await ends.connect() as client:
        assert await said(client) == b"no"
        with pytest.raises(trio.BrokenResourceError):
            await client.send_all(bytes(64 * MB))


async def test_where_no_daemon_listens_the_connection_ends(ends: Ends) -> None:
    made = await ends.start()
    ends._nursery.start_soon(made.carry, ends.local)
    async with await ends.connect() as client:
        assert await said(client) == b""


async def test_an_agent_that_is_killed_is_missed_at_once(ends: Ends) -> None:
    made = await ends.begin(echo)
    made._process.kill()
    await until_async(lambda: ends.ended)
    assert isinstance(ends.ended[0], TryAgain)


async def test_its_last_words_are_the_reason(ends: Ends) -> None:
    await ends.begin(echo)
    os.unlink(ends.remote)
    await until_async(lambda: ends.ended)
    assert "tunnel.sock was removed or replaced: this agent ends" in str(ends.ended[0])


async def test_one_that_is_stuck_is_ended_once_it_is_doubted(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await ends.begin(echo)
    async with await ends.connect() as client:
        await client.send_all(b"x")
        assert await client.receive_some(1) == b"x"
        monkeypatch.setattr(agent, "ANSWER", 20.0)
        made.doubt()
        heard = made._heard
        await until_async(heard.is_set)  # it answers
        monkeypatch.setattr(agent, "ANSWER", 0.2)
        made._process.send_signal(signal.SIGSTOP)
        made.doubt()
        await until_async(lambda: ends.ended)
    assert "did not answer within 0.2 s" in str(ends.ended[0])


async def test_nonsense_from_the_host_ends_it(ends: Ends) -> None:
    ends.client = ("sh", "-c", 'printf "welcome\\n%s 1\\nGET / HTTP/1.1\\r\\n" "$3"; exec cat', "x")
    await ends.begin(echo)
    await until_async(lambda: ends.ended)
    assert isinstance(ends.ended[0], RemoteProtocolError)


HOST = """
import struct, sys
def said(kind, number, count=0):
    return struct.pack(">cII", kind, number, count) + bytes(count if kind == b"D" else 0)
out = sys.stdout.buffer
out.write(b"\\n%s 1\\n" % sys.argv[3].encode())
for number in range(1, COUNT + 1):
    out.write(FRAMES)
out.flush()
while sys.stdin.buffer.read(1):
    pass
"""


def scripted(count: int, frames: str) -> tuple[str, ...]:
    """A host that says *frames* for *count* connections at once, and no more."""
    return (sys.executable, "-c", HOST.replace("COUNT", str(count)).replace("FRAMES", frames))


async def test_as_many_as_there_may_be_come_at_once_and_none_is_lost(ends: Ends) -> None:
    come: list[trio.SocketStream] = []

    async def hold(stream: trio.SocketStream) -> None:
        come.append(stream)
        await trio.sleep_forever()

    ends.client = scripted(MOST, 'said(b"O", number)')
    made = await ends.begin(hold)
    await until_async(lambda: len(made._connections) == MOST)
    await until_async(lambda: len(come) >= MOST)


async def test_what_a_host_has_let_go_still_counts_while_nobody_takes_it(ends: Ends) -> None:
    ends.client = scripted(
        4 * MOST,
        'said(b"O", number) + said(b"D", number, 65536) * 4 + said(b"E", number) + said(b"R", number)',
    )

    async def hold(stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    made = await ends.begin(hold)
    await until_async(lambda: made._channels._last == 4 * MOST)
    assert len(made._connections) == MOST + agent.LEFT
    assert made._channels._spare == 0
    await made.close()
    await until_async(lambda: ends.ended)
    assert made._channels._spare == agent.SPARE


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        ("echo no such command >&2; exit 64", 64, "no such command"),
        ("exit 3", 3, "without a word"),
        ('printf "\\n%s 9\\n" "$3"; cat', 64, "of another version"),
        ("exec yes", None, "only other output"),
        ("no-such-program", 127, "not found"),
    ],
)
async def test_one_that_does_not_begin_says_why(ends: Ends, script: str, code: int, words: str) -> None:
    ends.client = ("sh", "-c", script, "x")
    with pytest.raises(NotStarted, match=words) as raised:
        await ends.start()
    assert raised.value.code == code


async def test_silence_is_not_waited_out(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "START", 0.2)
    ends.client = ("sh", "-c", "exec cat", "x")
    with pytest.raises(NotStarted, match=r"nothing within 0\.2 s") as raised:
        await ends.start()
    assert raised.value.code is None


async def test_cancelled_anywhere_it_leaves_no_process(home: Home) -> None:
    where = str(home.path / "there").encode()

    def left() -> list[Path]:
        return [path for path in Path("/proc").glob("[0-9]*/cmdline") if where in words(path)]

    def words(path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError:
            return b""

    async def whole() -> None:
        async with trio.open_nursery() as nursery:
            ends = Ends(home, nursery)
            made = await ends.start()
            nursery.start_soon(made.carry, ends.local)
            async with await ends.connect() as client:
                assert await said(client) == b""
            await made.close()

    async def nothing_left() -> None:
        await until_async(lambda: not left())

    assert await at_every_step(whole, nothing_left) > 5
