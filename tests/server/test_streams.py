"""Bytes to and from a host over a connection of their own."""

import pytest
import trio
import trio.testing

from rbridge.errors import RemoteProtocolError
from rbridge.server import streams
from rbridge.server.peer import PeerGone
from rbridge.server.streams import StreamEnded, streaming
from tests.server.conftest import SECRET, opened


async def beginning(laptop):
    """A host with a document, its session, and a further connection of it that is spare."""
    main, _ = await opened(laptop)
    (session,) = laptop.sessions
    joined = []

    async def join():
        _, headers, _ = await main.hear()
        joined.append(laptop.connect())
        await joined[0].link(session=SECRET, standing="joined", join=headers["dial"])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(join)
        async with session.dialled():
            pass
    return session, joined[0]


class Use:
    """What is done with a stream, in a task of its own."""

    def __init__(self, session, **said):
        self.session = session
        self.said = said
        self.heard = bytearray()
        self.begun = None
        self.end = None
        self.over = trio.Event()
        self.leave = trio.CancelScope()
        self.stream = None

    async def run(self):
        try:
            async with streaming(self.session, "t", self.said) as (self.stream, self.begun):
                with self.leave:
                    while True:
                        self.heard += await self.stream.receive()
        except (StreamEnded, PeerGone, RemoteProtocolError) as error:
            self.end = error
        self.over.set()


async def test_bytes_go_both_ways_until_the_host_ends_it(laptop, nursery):
    session, host = await beginning(laptop)
    use = Use(session, to="lsp", server="a b")
    nursery.start_soon(use.run)
    assert await host.hear() == ("stream", {"token": "t", "to": "lsp", "server": "a b"}, b"")
    await host.say("streaming", token="t", root="/caf%C3%A9")
    await laptop.until(lambda: use.begun)
    assert (use.begun["root"], use.begun["language"]) == ("/café", "")
    for data in (b"one", b"", b"two" * 100_000):
        await host.say("bytes", data)
        await use.stream.send(data)
        assert await host.hear() == ("bytes", {}, data)
    await laptop.until(lambda: use.heard == b"one" + b"two" * 100_000)
    await host.say("ended", token="t", reason="exited", status="3", message="last%20words")
    await use.over.wait()
    assert (use.end.reason, use.end.status) == ("exited", "3")
    assert str(use.end) == "last words"
    with pytest.raises(StreamEnded):
        await use.stream.send(b"more")


async def test_the_connection_serves_for_the_next_one_afterwards(laptop, nursery):
    session, host = await beginning(laptop)
    for _ in range(3):
        use = Use(session, to="servers")
        nursery.start_soon(use.run)
        assert (await host.hear())[0] == "stream"
        await host.say("streaming", token="t")
        await host.say("bytes", b"{}")
        await host.say("ended", token="t", reason="closed")
        await use.over.wait()
        assert (bytes(use.heard), use.end.reason) == (b"{}", "closed")
    assert len(session._spare) == 1


async def test_one_that_is_refused_never_begins(laptop, nursery):
    session, host = await beginning(laptop)
    use = Use(session, to="lsp")
    nursery.start_soon(use.run)
    await host.hear()
    await host.say("ended", token="t", reason="none", message="install%20one")
    await use.over.wait()
    assert (use.begun, use.end.reason, str(use.end)) == (None, "none", "install one")
    assert len(session._spare) == 1


async def test_who_leaves_says_so_and_what_comes_meanwhile_is_thrown_away(laptop, nursery):
    session, host = await beginning(laptop)
    use = Use(session, to="lsp")
    nursery.start_soon(use.run)
    await host.hear()
    await host.say("streaming", token="t")
    await laptop.until(lambda: use.begun)
    use.leave.cancel()
    assert await host.hear() == ("ended", {"token": "t"}, b"")
    assert not use.over.is_set()
    await host.say("bytes", b"x" * 300_000)
    await host.say("ended", token="t", reason="closed")
    await use.over.wait()
    assert len(session._spare) == 1


async def test_a_host_that_does_not_end_it_loses_the_connection(laptop, nursery, clock):
    session, host = await beginning(laptop)
    use = Use(session, to="lsp")
    nursery.start_soon(use.run)
    await host.hear()
    await host.say("streaming", token="t")
    await laptop.until(lambda: use.begun)
    use.leave.cancel()
    await host.hear()
    clock.jump(streams.LEAVE + 1)
    await use.over.wait()
    assert await host.closed()
    await laptop.until(lambda: not session._spare and not session._joined)


async def test_a_host_that_goes_on_where_nobody_listens_is_let_go(laptop, nursery, monkeypatch):
    """Its connection's reader must not wait for ever for who has left."""
    monkeypatch.setattr(streams, "LEAVE", 0)
    session, host = await beginning(laptop)
    async with trio.open_nursery() as inner:
        inner.start_soon(begin_it, host)
        async with streaming(session, "t", {"to": "lsp"}):
            for _ in range(10):
                await host.say("bytes", b"x" * 70_000)
            await trio.testing.wait_all_tasks_blocked()
    await laptop.until(lambda: not session._joined)


@pytest.mark.parametrize("begun", [False, True])
async def test_a_connection_that_is_lost_ends_it(laptop, nursery, begun):
    session, host = await beginning(laptop)
    use = Use(session, to="lsp")
    nursery.start_soon(use.run)
    await host.hear()
    if begun:
        await host.say("streaming", token="t")
        await laptop.until(lambda: use.begun)
    await host.hang_up()
    await use.over.wait()
    assert use.end.reason == "lost"
    assert "is lost" in str(use.end)


async def test_one_is_cancelled_at_any_moment(laptop, nursery):
    session, host = await beginning(laptop)
    use = Use(session, to="lsp")
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as inner:
            inner.start_soon(use.run)
            await host.hear()
            inner.start_soon(answer_the_end, host)
            scope.cancel()
    await laptop.until(lambda: session._spare)


async def answer_the_end(host):
    with trio.CancelScope(shield=True):
        assert (await host.hear())[0] == "ended"
        await host.say("ended", token="t", reason="closed")


async def test_who_does_not_take_the_bytes_does_not_read_the_connection(laptop, nursery):
    session, host = await beginning(laptop)
    async with trio.open_nursery() as inner:
        inner.start_soon(begin_it, host)
        async with streaming(session, "t", {"to": "lsp"}) as (stream, _):
            for number in range(50):
                await host.say("bytes", b"%d" % number * 1000)
            await trio.testing.wait_all_tasks_blocked()
            assert stream._take.statistics().tasks_waiting_send == 1
            got = b""
            while len(got) < 90_000:
                got += await stream.receive()
            inner.start_soon(answer_the_end, host)
    assert got == b"".join(b"%d" % number * 1000 for number in range(50))


async def begin_it(host):
    await host.hear()
    await host.say("streaming", token="t")


async def test_the_main_connection_is_not_for_streams(laptop):
    await opened(laptop)
    (session,) = laptop.sessions
    laptop.configure(dial=0.01)
    with pytest.raises(PeerGone, match="gpu1 opens no further connection"):
        async with streaming(session, "t", {"to": "lsp"}):
            raise AssertionError


async def test_a_host_that_is_away_has_none(laptop):
    host, _ = await opened(laptop)
    (session,) = laptop.sessions
    await host.hang_up()
    await laptop.until(lambda: session.peer is None)
    with pytest.raises(PeerGone, match="there is no connection"):
        async with streaming(session, "t", {"to": "lsp"}):
            raise AssertionError
