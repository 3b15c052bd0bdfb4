"""Who is silent, and for how long."""

from __future__ import annotations

import os

import pytest

from rbridge.wire.limits import BEAT_BUSY, BEAT_IDLE, DEAD_BUSY, DEAD_IDLE
from tests.client.laptop import sha


@pytest.fixture
def quiet(host, here):
    """An open file called a, and a laptop that says nothing by itself any more."""
    here.file("a", "old")
    asker = host.begin("-w", "a")
    host.until(lambda: asker.open)
    host.until(lambda: host.resident.documents[0].target)
    host.main.silent = True
    return asker


def test_a_beat_after_silence_and_not_before(host, quiet):
    host.skip(BEAT_IDLE - 1)
    assert not host.main.all("beat")
    host.skip(1.5)
    host.heard("beat")
    host.main.say("beat")
    host.skip(BEAT_IDLE - 1)
    assert len(host.main.all("beat")) == 1
    host.skip(1.5)
    host.heard("beat", 2)


def test_what_is_heard_keeps_it_alive(host, quiet):
    for _ in range(6):
        host.skip(DEAD_IDLE / 3)
        host.main.say("beat")
        host.until(lambda: host.clock() - host.resident.session.main.heard < 5)
    assert host.resident.attached
    assert len(quiet.lines) == 1


def test_silence_is_death_after_40_seconds(host, quiet):
    host.laptop.answers["link"] = lambda line, heard: None  # a search is successful meanwhile
    host.skip(DEAD_IDLE - 1)
    assert host.resident.session.main is not None
    first = host.laptop.lines[0]
    host.skip(1.5)
    host.until(lambda: first.ended)
    host.until(lambda: not host.resident.attached)


def test_in_the_middle_of_a_record_after_12(host, quiet):
    token = host.resident.documents[0].source.token
    said = host.main.spell("save", b"new", token=token, save=1, sha256=sha(b"new"), size=3, base=sha(b"old"))
    host.laptop.answers["link"] = lambda line, heard: None
    host.main.sock.sendall(said[:-2])
    host.until(lambda: host.resident.session.main.midway)
    host.skip(DEAD_BUSY - 1)
    assert host.resident.attached
    host.skip(2.5)
    host.until(lambda: not host.resident.attached)
    assert "the connection was lost in the middle" in quiet.lines[1]


def test_in_the_middle_of_a_record_we_say_so_more_often(host, quiet):
    token = host.resident.documents[0].source.token
    said = host.main.spell("save", b"new", token=token, save=1, sha256=sha(b"new"), size=3, base=sha(b"old"))
    host.main.sock.sendall(said[:-2])
    host.until(lambda: host.resident.session.main.midway)
    host.skip(BEAT_BUSY + 0.1)
    host.heard("beat")


def test_in_the_middle_of_a_record_on_a_further_connection_we_say_so_on_the_main_one_too(host, quiet):
    """A large text takes a minute on a slow line; the daemon, which waits for its answer, would hang up."""
    token = host.resident.documents[0].source.token
    host.main.say("dial", dial=1)
    host.until(lambda: len([line for line in host.laptop.lines if line.heard]) == 2)
    host.until(lambda: host.resident.session.joins.channels)
    other = host.laptop.lines[-1]
    other.silent = True
    said = other.spell("save", b"new", token=token, save=1, sha256=sha(b"new"), size=3, base=sha(b"old"))
    other.sock.sendall(said[:-2])
    host.until(lambda: host.resident.session.joins.channels[0].midway)
    for count in (1, 2):
        host.skip(BEAT_BUSY + 0.1)
        host.heard("beat", count)


def test_one_that_is_silent_is_looked_for_elsewhere_and_dropped_when_it_is_found(
    host, quiet, laptop, rendezvous
):
    """A tunnel came back beside the one that died, and nobody has noticed that yet."""
    old = host.laptop
    host.resident.session.options.socket = ""
    known = old.known
    host.laptop = laptop(str(rendezvous / "new.sock"))
    host.laptop.known = known
    old.greet = False
    host.skip(BEAT_IDLE + 5.5)
    host.skip(1.1)
    host.heard("resume")
    host.until(lambda: old.lines[0].ended)
    assert host.resident.attached


def test_a_look_elsewhere_ends_when_it_is_heard_again(host, quiet):
    host.laptop.greet = False
    host.skip(BEAT_IDLE + 5.5)
    host.until(lambda: host.laptop.held)
    assert host.resident.session.search is not None
    host.main.say("beat")
    host.turns()
    host.skip(2.6)
    assert host.resident.session.search is None
    assert host.resident.attached


def test_an_answer_to_link_that_does_not_come_is_not_waited_for(host, quiet, laptop):
    known = host.laptop.known
    host.laptop.hang_up()
    host.until(lambda: not host.resident.attached)
    host.laptop = laptop()
    host.laptop.known = known
    host.laptop.answers["link"] = lambda line, heard: None
    host.clock.skipped += 1.1
    host.until(lambda: host.main)
    host.laptop.answers["link"] = host.laptop.linked
    host.skip(DEAD_BUSY + 3)
    host.skip(1.1)
    host.heard("resume")


def test_where_the_socket_is_another_one_now_an_open_goes_over_to_it(host, quiet, here):
    session = host.resident.session
    before = session.peer
    path = before.endpoint.path
    assert not session.heart.moved()
    os.link(path, path + ".new")  # which changes what stat tells of it
    assert session.heart.moved()
    here.file("b", "other")
    host.open("-w", "b")
    host.until(lambda: session.peer is not before and session.ready)
    assert not session.heart.moved()
