import zlib
from hashlib import sha256

import pytest
import trio.testing

from rbridge.errors import RemoteProtocolError
from rbridge.server.arrivals import REFRESH, Arrivals
from rbridge.server.ground import Ground


class World:
    def __init__(self, directory, nursery):
        directory.mkdir()
        self.ground = Ground(directory)
        self.arrived, self.fetched, self.told, self.shown = [], [], [], []
        self.arrivals = Arrivals(
            "x on gpu1",
            self.ground,
            True,
            1000,
            nursery.start_soon,
            self.take,
            lambda: self.fetched.append(1),
            self.told.append,
        )

    def take(self, file, digest):
        assert sha256(file.read_bytes()).hexdigest() == digest
        self.arrived.append(file.read_bytes())
        file.unlink()

    async def show(self, log):
        self.shown.append(log.read_bytes())

    async def changed(self, data, body=None, *, answered=False, **more):
        digest = sha256(data).hexdigest()
        sink = self.arrivals.changed({"sha256": digest, "size": str(len(data)), **more})
        await self.send(sink, data if body is None else body, answered)

    async def appended(self, data, **more):
        await self.send(self.arrivals.appended(more), data, False)

    async def send(self, sink, data, answered):
        await sink.write(data)
        if answered:
            self.arrivals.answered()
        sink.complete()
        await trio.testing.wait_all_tasks_blocked()


@pytest.fixture
async def world(tmp_path, nursery):
    return World(tmp_path / "ID", nursery)


@pytest.fixture
async def until():
    from tests.harness.wait import until_async

    return until_async


async def test_a_text_arrives(world, until):
    await world.changed(b"new")
    await until(lambda: world.arrived == [b"new"])
    assert list(world.ground.directory.iterdir()) == []


async def test_what_cannot_be_read_is_fetched_and_then_given_up(world, until):
    await world.changed(b"new", b"bad")
    await until(lambda: world.fetched == [1])
    await world.changed(b"new", b"bad", fetched="yes")
    await until(lambda: world.told)
    assert "the host's new text cannot be read" in world.told[0]
    assert (world.fetched, world.arrived) == ([1], [])
    assert list(world.ground.directory.iterdir()) == []


async def test_a_text_from_before_an_acknowledged_save_is_asked_for_again(world, until):
    await world.changed(b"new", answered=True)
    await until(lambda: world.fetched == [1])
    assert world.arrived == []


async def test_a_file_that_keeps_growing_is_offered_once(world, until):
    await world.changed(b"1", grows="yes")
    await world.changed(b"2", grows="yes")
    await until(lambda: len(world.arrived) == 2)
    assert world.told == ["x on gpu1 keeps growing: 'rbridge open --follow' shows what is appended"]


async def test_a_head_that_is_malformed_is_an_error(world):
    for headers in ({}, {"sha256": "0" * 64, "size": "1001"}):
        with pytest.raises(RemoteProtocolError):
            world.arrivals.changed(headers)
    with pytest.raises(RemoteProtocolError):
        world.arrivals.appended({})


async def test_a_growing_file_is_shown_at_most_every_so_often(world, until, tmp_path, mock_clock):
    mock_clock.rate = 0
    (tmp_path / "text").write_bytes(b"begin\n")
    world.arrivals.follow(0, tmp_path / "text", world.show)
    await world.appended(b"1\n", at="6")
    await until_shown(world, 1)
    assert world.shown == [b"begin\n1\n"]
    await world.appended(b"2\n", at="8")
    await world.appended(zlib.compress(b"3\n"), at="10", encoding="zlib", size="2")
    log = world.arrivals._log.path
    await drained(lambda: log.read_bytes().endswith(b"3\n"))
    assert len(world.shown) == 1
    mock_clock.jump(REFRESH)
    await until_shown(world, 2)
    assert world.shown[1] == b"begin\n1\n2\n3\n"


async def test_an_append_to_what_does_not_grow_is_passed_over(world, until):
    await world.appended(b"1\n", at="6")
    await until(lambda: list(world.ground.directory.iterdir()) == [])


async def drained(condition):
    """With a clock that stands: let the threads come back."""
    while not condition():
        await trio.to_thread.run_sync(lambda: None)


async def until_shown(world, count):
    await drained(lambda: len(world.shown) >= count)
