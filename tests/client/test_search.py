"""Looking for the daemon that was lost."""

from __future__ import annotations

import os
import socket

import pytest

from rbridge.client import elsewhere, locate, lookup, search
from rbridge.client.loop import Loop
from rbridge.client.options import parse
from rbridge.client.search import Search
from rbridge.client.settings import Endpoint
from tests.client.laptop import IDENTITY, Clock, Here


class Stage(Here):
    """A search, and what it has found."""

    def __init__(self, laptop) -> None:
        self.clock = Clock()
        self.loop = Loop(self.clock)
        self.log = []
        self.laptop = laptop
        self.found: list[object] = []
        self.search: Search = None  # type: ignore[assignment]

    def begin(self, *words: str, endpoint: Endpoint | None = None) -> None:  # type: ignore[override]
        first = endpoint or Endpoint("unix", "test", path=str(self.laptop.path))
        options = parse([*(words or ("-s", str(self.laptop.path))), "a"])
        self.search = Search(self.loop, IDENTITY, options, first, self.found.append)

    def looks(self, count: int) -> None:
        for _ in range(count):
            self.skip(1.1)

    def close(self) -> None:
        if self.search is not None:
            self.search.close()
        for peer in self.found:
            peer.sock.close()
        self.loop.close()


@pytest.fixture
def stage(laptop):
    made = Stage(laptop())
    yield made
    made.close()


def test_the_one_of_the_same_identity_is_taken(stage):
    stage.begin()
    stage.until(lambda: stage.found)
    assert stage.found[0].said.identity == IDENTITY
    stage.looks(3)
    assert stage.laptop.accepted == 1


def test_another_identity_is_left_alone_until_there_is_another_socket(stage, laptop):
    stage.laptop.hang_up()
    stage.laptop = laptop(identity="ffffffffffffffff")
    stage.begin()
    stage.until(lambda: stage.laptop.accepted)
    stage.looks(5)
    assert stage.laptop.accepted == 1
    assert all(not line.heard for line in stage.laptop.lines)
    stage.laptop.hang_up()
    stage.laptop = laptop()
    stage.looks(1)
    stage.until(lambda: stage.found)


def test_an_attempt_that_hears_nothing_is_kept_and_not_repeated(stage):
    stage.laptop.greet = False
    stage.begin()
    stage.until(lambda: stage.laptop.held)
    stage.skip(3600)
    stage.looks(10)
    assert stage.laptop.accepted == 1
    stage.laptop.greet_held()
    # it counts as held, or as a line, but for a moment as neither
    stage.until(lambda: stage.found and stage.laptop.accepted)
    assert stage.laptop.accepted == 1


def test_it_is_given_up_when_there_is_another_socket_of_that_name(stage, laptop):
    stage.laptop.greet = False
    stage.begin()
    stage.until(lambda: stage.laptop.held)
    old = stage.laptop
    old.path.unlink()
    stage.laptop = laptop()
    stage.looks(1)
    stage.until(lambda: stage.found)
    assert old.held[0].recv(1) == b""


def test_one_that_failed_is_tried_again(stage, laptop):
    stage.laptop.hang_up()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(stage.laptop.path))
    stage.begin()
    stage.looks(3)
    assert not stage.found
    stage.laptop.path.unlink()
    stage.laptop = laptop()
    stage.looks(1)
    stage.until(lambda: stage.found)


def test_it_looks_every_second_and_rarely_after_ten_minutes(stage, monkeypatch):
    stage.laptop.hang_up()
    looks = []
    real = Search._endpoints
    monkeypatch.setattr(Search, "_endpoints", lambda self: looks.append(1) or real(self))
    stage.begin()
    stage.looks(5)
    assert len(looks) == 6
    stage.skip(search.TIRED)
    before = len(looks)
    stage.looks(10)
    assert len(looks) - before == 5
    assert search.RARELY < 3  # seconds after the tunnel's return a session goes on, however long it was away


def test_a_socket_that_appears_elsewhere_is_found(stage, laptop, rendezvous):
    stage.laptop.hang_up()
    stage.begin("-v")
    stage.looks(1)
    stage.laptop = laptop(str(rendezvous / "tunnel.sock"))
    stage.looks(1)
    stage.until(lambda: stage.found)


def test_ways_through_other_machines_are_made_unless_the_command_named_where_it_is(stage, monkeypatch):
    looked = []
    monkeypatch.setattr(elsewhere.Detour, "look", lambda self: looked.append(self))
    gone = Endpoint("unix", "test", path="/nowhere.sock")
    stage.begin("-s", gone.path, endpoint=gone)
    assert not looked  # it may be back at once
    stage.looks(4)
    assert len(looked) > 1
    assert len(set(looked)) == 1
    stage.search.close()
    looked.clear()
    gone.only = True
    stage.begin("-s", gone.path, endpoint=gone)
    stage.looks(4)
    assert not looked


def test_what_the_command_named_is_all_that_is_tried(stage, laptop, rendezvous):
    stage.laptop.hang_up()
    stage.begin()
    elsewhere = laptop(str(rendezvous / "tunnel.sock"))
    stage.looks(3)
    assert elsewhere.accepted == 0


def test_a_listener_of_somebody_else_is_not_taken(stage, monkeypatch):
    monkeypatch.setattr(locate.system, "peer_uid", lambda sock: os.geteuid() + 1)
    stage.begin()
    stage.looks(5)
    assert not stage.found
    assert stage.laptop.accepted <= 1


def test_what_was_found_in_vain_can_be_avoided(stage):
    stage.begin()
    stage.until(lambda: stage.found)
    stage.search.avoid(stage.found[0])
    stage.search.again()
    stage.looks(5)
    assert len(stage.found) == 1
    stage.skip(30)
    stage.looks(1)
    stage.until(lambda: len(stage.found) == 2)


def test_tcp_and_a_name_that_has_to_be_asked_for(stage, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr(
            lookup, "looked_up", lambda host, port, end: [(socket.AF_INET, ("127.0.0.1", port))]
        )
        stage.begin(
            "-H",
            "tunnel.example",
            "-p",
            str(port),
            endpoint=Endpoint("tcp", "x", host="tunnel.example", port=port),
        )
        stage.turns()
        stage.looks(1)
        listener.settimeout(20)
        sock, _ = listener.accept()
        with sock:
            sock.sendall(stage.laptop.greeting.encode() + b"\n")
            stage.until(lambda: stage.found)


def test_the_end_closes_what_is_under_way(stage):
    stage.laptop.greet = False
    stage.begin()
    stage.until(lambda: stage.laptop.held)
    stage.search.close()
    assert stage.laptop.held[0].recv(1) == b""
    stage.looks(3)
    assert stage.laptop.accepted == 1
