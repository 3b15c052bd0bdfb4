import pytest
import trio
import trio.testing

from rbridge.server.config import Limits
from rbridge.server.heartbeat import Heartbeat
from rbridge.server.peer import Peer
from rbridge.server.sending import SaveBody
from rbridge.wire.limits import BEAT_BUSY, BEAT_IDLE, DEAD_BUSY, DEAD_IDLE
from rbridge.wire.records import NEED_DATA, Body, Record
from tests.server.conftest import GREETING, SECRET, Host


class Line:
    """A link connection without its reader."""

    def __init__(self):
        there, here = trio.testing.memory_stream_pair()
        self.peer = Peer(here, "test", Limits(), ours=True)
        self.host = Host(there)
        self.changes = 0
        self.heart = Heartbeat(self.peer, self.peer.awaited, self.note)

    def note(self):
        self.changes += 1

    async def take(self):
        """Take in what the host said."""
        self.peer.wire.receive_data(bytes(await self.peer.stream.receive_some(65536)))
        while self.peer.wire.next_event() is not NEED_DATA:
            pass
        return self.heart.listen()

    async def linked(self):
        await self.peer.greet(GREETING)
        await self.host.event()
        await self.host.say("link", host="gpu1", version="0", user="u", session=SECRET)
        await self.take()
        return self


@pytest.fixture
async def line():
    return await Line().linked()


async def heard_at(line, count):
    """When the host heard each of *count* beats, counted from now."""
    begin, times = trio.current_time(), []
    for _ in range(count):
        assert (await line.host.hear(beats=True))[0] == "beat"
        times.append(trio.current_time() - begin)
    return times


async def test_an_idle_side_beats_every_15_seconds(autojump_clock, line, nursery):
    nursery.start_soon(line.heart.run)
    assert await heard_at(line, 3) == pytest.approx([BEAT_IDLE, 2 * BEAT_IDLE, 3 * BEAT_IDLE])


async def test_what_else_is_said_stands_for_a_beat(autojump_clock, line, nursery):
    nursery.start_soon(line.heart.run)
    await trio.sleep(10)
    await line.peer.focus("t")
    assert (await line.host.hear())[0] == "focus"
    assert await heard_at(line, 1) == pytest.approx([BEAT_IDLE])


async def test_beats_come_faster_while_a_save_is_awaited(autojump_clock, line, nursery):
    nursery.start_soon(line.heart.run)
    await trio.sleep(7)
    line.peer.awaited.begin("t", 1)
    assert await heard_at(line, 3) == pytest.approx([0, BEAT_BUSY, 2 * BEAT_BUSY])
    line.peer.awaited.end("t", 1)
    assert await heard_at(line, 1) == pytest.approx([BEAT_IDLE])


async def test_beats_come_faster_while_a_body_arrives(autojump_clock, line, nursery):
    nursery.start_soon(line.heart.run)
    await line.host.begin(1000)
    await line.take()
    assert await heard_at(line, 2) == pytest.approx([BEAT_BUSY, 2 * BEAT_BUSY])


async def test_no_beat_falls_into_the_middle_of_a_record(autojump_clock, line, nursery, tmp_path):
    nursery.start_soon(line.heart.run)
    sends = line.peer.stream.send_all

    async def slow(data):
        await trio.sleep(100)
        await sends(data)

    line.peer.stream.send_all = slow
    nursery.start_soon(line.peer.save, "t", 1, SaveBody({}, 4, data=b"text"))
    assert await line.host.hear() == ("save", {"token": "t", "save": "1"}, b"text")


async def test_it_ends_when_the_connection_has(autojump_clock, line):
    with trio.fail_after(1000):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(line.heart.run)
            await line.peer.end()


async def test_a_silent_peer_is_dead_after_40_seconds(autojump_clock, line):
    assert line.heart.listen() - trio.current_time() == DEAD_IDLE


async def test_in_the_middle_of_a_record_after_12(autojump_clock, line):
    await line.host.raw(line.host.wire.send(Record("open", {"token": "t"}, length=10)))
    assert await line.take() - trio.current_time() == DEAD_BUSY
    await line.host.raw(line.host.wire.send(Body(b"x")))
    await trio.sleep(10)
    assert await line.take() - trio.current_time() == DEAD_BUSY


async def test_while_a_save_is_awaited_after_12_counted_from_when_it_was_said(autojump_clock, line):
    begin = line.heart.listen() - DEAD_IDLE
    await trio.sleep(20)
    line.peer.awaited.begin("t", 1)
    assert line.changes == 0  # nobody watches before it runs
    assert line.heart.deadline() == begin + 20 + DEAD_BUSY
    await trio.sleep(5)
    line.peer.awaited.begin("t", 2)
    assert line.heart.deadline() == begin + 20 + DEAD_BUSY
    line.peer.awaited.end("t", 1)
    assert line.heart.deadline() == begin + 25 + DEAD_BUSY
    assert line.heart.listen() == begin + 25 + DEAD_BUSY
    line.peer.awaited.end("t")
    assert line.heart.deadline() == begin + 25 + DEAD_IDLE


async def test_a_save_never_prolongs_the_wait(autojump_clock, line):
    begin = line.heart.listen() - DEAD_IDLE
    await trio.sleep(35)
    line.peer.awaited.begin("t", 1)
    assert line.heart.deadline() == begin + DEAD_IDLE


async def test_whoever_waits_is_told_that_the_deadline_changed(autojump_clock, line, nursery):
    nursery.start_soon(line.heart.run)
    await trio.testing.wait_all_tasks_blocked()
    line.peer.awaited.begin("t", 1)
    line.peer.awaited.clear()
    assert line.changes == 2
