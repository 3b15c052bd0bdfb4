"""One connection in the loop."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from rbridge.client.channel import Channel, Owner
from rbridge.client.loop import Loop
from rbridge.wire.connection import EDITOR, HOST, Connection
from rbridge.wire.records import NEED_DATA, End, Greeting, Record


class Noting(Owner):
    def __init__(self) -> None:
        self.told: list[object] = []

    def record(self, channel, record) -> None:
        self.told.append(record.command)
        if record.command == "focus":
            channel.pause()

    def body(self, channel, data) -> None:
        self.told.append(data)

    def end(self, channel) -> None:
        self.told.append("end")

    def eof(self, channel) -> None:
        self.told.append("eof")
        channel.close()

    def nonsense(self, channel, error) -> None:
        self.told.append(error)
        channel.close()


class Stage:
    """A channel, and the other end of it: both have greeted and said link."""

    def __init__(self) -> None:
        self.now = 5.0
        self.loop = Loop(lambda: self.now)
        ours, self.other = socket.socketpair()
        ours.setblocking(False)
        self.other.setblocking(False)
        self.wire, self.theirs = Connection(HOST), Connection(EDITOR)
        self.wire.receive_data(self.theirs.send(Greeting("220 x RMATE rbridge/1 link/1")))
        self.wire.next_event()
        self.feed(self.wire.say(Record("link", {})))
        self.owner = Noting()
        self.channel = Channel(self.loop, SimpleNamespace(sock=ours, wire=self.wire), self.owner)

    def feed(self, data: bytes) -> list[object]:
        self.theirs.receive_data(data)
        events = []
        while (event := self.theirs.next_event()) is not NEED_DATA:
            events.append(event)
        return events

    def heard(self) -> list[str]:
        return [event.command for event in self.feed(self.other.recv(1 << 20)) if isinstance(event, Record)]

    def close(self) -> None:
        self.channel.close()
        self.other.close()
        self.loop.close()


@pytest.fixture
def stage():
    made = Stage()
    yield made
    made.close()


def test_records_and_bodies_go_to_the_owner(stage):
    stage.channel.start()
    stage.other.sendall(stage.theirs.send(Record("save", {"token": "a"}, 3)) + b"ab")
    stage.loop.turn(1)
    assert stage.owner.told == ["save", b"ab"]
    assert stage.channel.midway
    stage.other.sendall(b"c\n")
    stage.loop.turn(1)
    assert stage.owner.told == ["save", b"ab", b"c", "end"]
    assert not stage.channel.midway


def test_what_was_read_before_is_heard_at_the_start(stage):
    stage.wire.receive_data(stage.theirs.say(Record("beat", {})))
    stage.channel.start()
    assert stage.owner.told == ["beat", "end"]


def test_times_are_those_of_the_last_bytes(stage):
    stage.channel.start()
    stage.now = 8.0
    stage.other.sendall(stage.theirs.say(Record("beat", {})))
    stage.loop.turn(1)
    assert (stage.channel.heard, stage.channel.said) == (8.0, 5.0)
    stage.now = 9.0
    stage.channel.say(Record("beat", {}))
    assert (stage.channel.heard, stage.channel.said) == (8.0, 9.0)


def test_what_cannot_be_written_waits_and_is_made_only_then(stage):
    stage.channel.start()
    made = []

    def large() -> bytes:
        made.append(1)
        head = stage.wire.send(Record("open", {"token": "a"}, 1 << 20))
        stage.wire.body_sent(1 << 20)
        return head + bytes(1 << 20) + stage.wire.send(End())

    for _ in range(3):
        stage.channel.later(large)
    stage.channel.say(Record("beat", {}))
    assert made == [1]
    assert stage.channel.waiting
    heard = []
    while "beat" not in heard:
        stage.loop.turn(0.01)
        heard += stage.heard()
    assert heard == ["open"] * 3 + ["beat"]
    assert not stage.channel.waiting


def test_a_pause_keeps_what_has_come_and_the_rest_in_the_socket(stage):
    stage.channel.start()
    stage.other.sendall(
        stage.theirs.say(Record("focus", {"token": "a"})) + stage.theirs.say(Record("beat", {}))
    )
    stage.loop.turn(1)
    stage.other.sendall(stage.theirs.say(Record("beat", {})))
    stage.loop.turn(0)
    assert stage.owner.told == ["focus"]
    stage.now = 30.0
    stage.channel.go_on()
    stage.loop.turn(0)
    assert stage.owner.told == ["focus", "end", "beat", "end", "beat", "end"]
    assert stage.channel.heard == 30.0


def test_the_end_of_the_stream_is_told(stage):
    stage.channel.start()
    stage.other.close()
    stage.loop.turn(1)
    assert stage.owner.told == ["eof"]
    stage.channel.say(Record("beat", {}))


def test_what_was_said_before_the_other_side_broke_is_still_heard(stage):
    stage.channel.start()
    stage.other.sendall(stage.theirs.say(Record("beat", {})))
    stage.other.close()
    stage.channel.say(Record("beat", {}))
    stage.channel.say(Record("beat", {}))
    for _ in range(3):
        stage.loop.turn(0)
    assert stage.owner.told == ["beat", "end", "eof"]


def test_nonsense_is_told(stage):
    stage.channel.start()
    stage.other.sendall(b"save\nwhat\n")
    stage.loop.turn(1)
    assert "is no header" in str(stage.owner.told[0])


def test_a_body_may_be_of_any_pieces(stage):
    stage.channel.start()
    for byte in stage.theirs.send(Record("save", {"token": "a"}, 2)) + b"xy\n":
        stage.other.sendall(bytes((byte,)))
        stage.loop.turn(1)
    assert stage.owner.told == ["save", b"x", b"y", "end"]


def test_a_hang_up_while_it_is_paused_wakes_nobody(stage):
    stage.channel.start()
    stage.channel.pause()
    stage.other.close()
    assert stage.loop._wait(0.0) == []
    stage.channel.go_on()
    stage.loop.turn(0.0)
    assert stage.owner.told == ["eof"]


def connected() -> tuple[socket.socket, socket.socket]:
    """Both ends of a TCP connection on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ours = socket.create_connection(listening.getsockname())
        other, _ = listening.accept()
    ours.setblocking(False)
    other.settimeout(10)
    return ours, other


def test_what_is_said_last_arrives_though_something_was_left_unread(stage: Stage) -> None:
    ours, other = connected()
    stage.channel.peer.sock.close()
    stage.channel.peer.sock = ours
    other.sendall(b"x" * 100)
    stage.channel.say(Record("close", {"token": "t"}))
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(_to_the_end, other)
        stage.channel.finish(10)
        assert b"close" in read.result()
    assert stage.channel.closed


def _to_the_end(sock: socket.socket) -> bytes:
    """All that comes; it is closed then."""
    with sock:
        said = b""
        while data := sock.recv(4096):
            said += data
    return said


def test_the_other_side_is_not_waited_for_for_ever(stage: Stage) -> None:
    stage.channel._loop = Loop(time.monotonic)
    begun = time.monotonic()
    stage.channel.finish(0.05)
    assert stage.channel.closed
    assert time.monotonic() - begun < 5


def test_finishing_a_connection_that_broke_does_nothing_more(stage: Stage) -> None:
    stage.other.close()
    stage.channel.finish(5)
    assert stage.channel.closed


def test_the_parts_of_a_record_are_written_whole_though_the_other_side_is_slow(stage):
    parts = (b"head", b"", b"x" * (1 << 20), b"end")
    stage.channel.later(lambda: parts)
    assert stage.channel.waiting
    heard = bytearray()
    while stage.channel.waiting:
        heard += stage.other.recv(1 << 20)
        stage.loop.turn(1.0)
    heard += stage.other.recv(1 << 20)
    assert bytes(heard) == b"".join(parts)
