"""Further connections of a session."""

from __future__ import annotations

import os
import zlib

import pytest

from rbridge.client import joins
from tests.client.laptop import sha

MEGABYTE = 1 << 20


@pytest.fixture
def opened(host, here):
    here.file("a", "old")
    asker = host.begin("-w", "a")
    host.until(lambda: asker.open)
    return asker


def joined(host, count: int = 1):
    """The connection that joined, when it has."""

    def lines():
        return [one for one in host.laptop.lines if one.heard and "join" in one.heard[0].headers]

    host.until(lambda: len(lines()) >= count)
    return lines()[count - 1]


def token(host) -> str:
    return host.resident.documents[0].source.token


def test_a_dial_is_answered_with_its_number_and_saves_come_there(host, here, opened):
    host.main.say("dial", dial=9)
    line = joined(host)
    link = line.heard[0]
    assert (link["join"], link["session"]) == ("9", host.main.heard[0]["session"])
    assert "resume" not in link.headers
    line.save(token(host), 1, b"n" * 3_000_000, b"old")
    host.until(lambda: line.all("saved"))
    assert (here.path / "a").stat().st_size == 3_000_000
    assert not host.main.all("saved")


def test_the_end_of_a_joined_connection_detaches_nothing(host, here, opened):
    host.main.say("dial", dial=1)
    line = joined(host)
    said = line.spell("save", b"new", token=token(host), save=1, sha256=sha(b"new"), size=3, base=sha(b"old"))
    line.sock.sendall(said[:-2])
    line.cut()
    host.until(lambda: not host.resident.session.joins.channels)
    assert host.resident.attached
    assert os.listdir(here.path) == ["a"]
    host.main.save(token(host), 1, b"new", b"old")
    host.heard("saved")


def test_a_save_of_a_connection_that_ended_is_answered_on_the_main_one(host, opened):
    host.main.say("dial", dial=1)
    line = joined(host)
    line.save(token(host), 1, b"new", b"old")
    line.cut()
    host.until(lambda: host.main.all("saved") or line.all("saved"))


def test_what_makes_no_sense_there_ends_only_it(host, opened):
    host.main.say("dial", dial=1)
    line = joined(host)
    host.until(lambda: host.resident.session.joins.channels)
    line.sock.sendall(b"save\nwhat\n")
    host.until(lambda: line.ended)
    assert host.resident.attached


def test_a_dial_that_leads_to_another_laptop_is_not_answered(host, opened):
    host.laptop.greeting = host.laptop.greeting.replace("id=00", "id=ff")
    host.main.say("dial", dial=1)
    host.until(lambda: any("another laptop" in line for line in host.log))
    assert not [one for one in host.laptop.lines[1:] if one.heard]


def test_a_large_file_goes_over_a_connection_of_its_own_that_ends_when_it_is_open(host, here, opened):
    text = os.urandom(3 * MEGABYTE)
    here.file("big", text)
    asker = host.open("big")
    host.until(lambda: asker.open)
    line = joined(host)
    assert line.heard[0]["join"] == "0"
    (said,) = line.all("open")
    assert said.body == text
    host.until(lambda: line.ended)
    host.main.save(said.token, 1, b"small", text)
    host.heard("saved")


def test_large_files_of_the_first_command_as_well(host, here):
    here.file("a", os.urandom(3 * MEGABYTE))
    here.file("b", "b")
    asker = host.begin("a", "b")
    host.until(lambda: len(asker.open) == 2)
    assert host.main.all("open")[0].body == b"b"
    line = joined(host)
    assert len(line.all("open")[0].body) == 3 * MEGABYTE
    host.until(lambda: line.ended)
    host.until(lambda: all(one.target for one in host.resident.documents))
    assert [one.source.fd for one in host.resident.documents] == [-1, -1]


def test_a_file_that_cannot_be_sent_because_the_connection_ends_is_sent_when_it_is_back(
    host, here, opened, laptop
):
    here.file("big", os.urandom(3 * MEGABYTE))
    host.laptop.answers["link"] = lambda line, heard: None
    asker = host.open("big")
    joined(host)
    host.laptop.hang_up()
    host.until(lambda: host.resident.session.unsaid)  # the attempt has ended too
    assert not host.resident.attached
    known = host.laptop.known
    host.laptop = laptop()
    host.laptop.known = known
    host.clock.skipped += 1.1
    host.until(lambda: asker.open)
    assert len(joined(host).all("open")[0].body) == 3 * MEGABYTE


def test_an_attempt_that_ends_when_the_daemon_is_back_already_fails_nothing(host, here, opened):
    here.file("big", bytes(3 * MEGABYTE))
    host.laptop.answers["link"] = lambda line, heard: None
    asker = host.open("big")
    joined(host)
    document = host.resident.documents[-1]
    before = object()  # the main connection of that time; at the resume the daemon was asked what it has
    host.resident.session.texts.not_sent(document, OSError(104, "connection reset"), before)
    assert asker.errors == []
    assert document in host.resident.documents
    host.resident.session.texts.not_sent(document, OSError(104, "reset"), host.resident.session.main)
    assert len(asker.errors) == 1


@pytest.mark.parametrize("random", [False, True])
def test_a_large_text_that_is_fetched_goes_there_too(host, here, opened, random):
    text = os.urandom(2 * MEGABYTE) if random else b"line\n" * 1_000_000
    (here.path / "a").write_bytes(text)
    host.main.say("fetch", token=token(host))
    line = joined(host)
    host.until(lambda: line.all("changed"))
    (said,) = line.all("changed")
    assert (said["sha256"], said["size"], said["fetched"]) == (sha(text), str(len(text)), "yes")
    assert said.headers.get("encoding", "") == ("" if random else "zlib")
    assert (said.body if random else zlib.decompress(said.body)) == text
    assert host.resident.attached


def test_no_more_connections_than_that_are_dialled(host, opened, monkeypatch):
    monkeypatch.setattr(joins, "DIALS", 3)
    for number in range(1, 9):
        host.main.say("dial", dial=number)
    host.until(lambda: len(host.resident.session.joins.channels) == 3)
    host.until(lambda: len([line for line in host.log if "3 of them are open already" in line]) == 5)
    assert len(host.resident.session.joins.channels) == 3
