"""The line of the documents to be opened: in order, few at a time, and past those that hang."""

from __future__ import annotations

import threading

import pytest

from rbridge.client import opens, reading
from rbridge.client.opens import AT_ONCE
from rbridge.client.pool import STUCK
from rbridge.errors import Denied


@pytest.fixture
def held(host, here, monkeypatch):
    """``held("b")``: reading that file hangs until its gate is set; the host has ``a`` open."""
    here.file("a", "a")
    first = host.begin("a")
    host.until(lambda: first.open)
    gates: dict[str, threading.Event] = {}
    real = reading.read

    def read(document, *rest):
        gate = gates.get(document.source.path)
        assert gate is None or gate.wait(20)
        return real(document, *rest)

    monkeypatch.setattr(opens.reading, "read", read)

    def hold(*names: str) -> dict[str, threading.Event]:
        for name in names:
            gates[name] = threading.Event()
        return gates

    yield hold
    for gate in gates.values():
        gate.set()


def said(host) -> list[str]:
    return [one["real-path"].rpartition("/")[2] for one in host.main.all("open")][1:]


def test_they_are_said_in_the_order_in_which_they_were_asked_for(host, here, held):
    gates = held("b")
    for name in "bcd":
        here.file(name, name)
    asker = host.open("b", "c", "d")
    host.turns(10)
    assert said(host) == []
    gates["b"].set()
    host.until(lambda: len(asker.open) == 3)
    assert said(host) == ["b", "c", "d"]


def test_those_behind_one_that_hangs_go_first_after_a_while(host, here, held):
    gates = held("b")
    for name in "bcd":
        here.file(name, name)
    asker = host.open("b", "c", "d")
    host.turns(10)
    host.skip(STUCK + 0.1)
    host.until(lambda: len(asker.open) == 2)
    assert said(host) == ["c", "d"]
    later = host.open("a")
    assert later.lines  # the one that is open already is shown at once
    gates["b"].set()
    host.until(lambda: len(asker.open) == 3)
    assert said(host) == ["c", "d", "b"]


def test_few_are_read_at_a_time(host, here, held):
    names = [f"f{number}" for number in range(3 * AT_ONCE)]
    gates = held(names[0])
    for name in names:
        here.file(name, name)
    asker = host.open(*names)
    host.turns(20)
    line = host.resident.session.texts.opens._line
    assert sum(one.begun for one in line) == AT_ONCE
    gates[names[0]].set()
    host.until(lambda: len(asker.open) == len(names))
    assert said(host) == names
    host.until(lambda: not line)


def test_what_cannot_be_read_is_told_and_those_behind_it_opened(host, here, held, monkeypatch):
    real = opens.reading.read

    def read(document, *rest):
        if document.source.path == "b":
            raise Denied("cannot read b")
        if document.source.path == "c":
            raise OSError(5, "Input/output error")
        return real(document, *rest)

    monkeypatch.setattr(opens.reading, "read", read)
    for name in "bcd":
        here.file(name, name)
    asker = host.open("b", "c", "d")
    host.until(lambda: asker.open and len(asker.errors) == 2)
    assert [str(one) for one in asker.errors] == ["cannot read b", "c: not opened: input/output error"]
    assert said(host) == ["d"]


def test_one_that_is_read_when_the_connection_is_another_is_asked_for_by_resume(host, here, held, laptop):
    gates = held("b")
    here.file("b", "b")
    known = host.laptop.known
    asker = host.open("b")
    host.turns()
    host.laptop.hang_up()
    host.until(lambda: not host.resident.attached)
    host.laptop = laptop()
    host.laptop.known = known
    host.laptop.answers["resume"] = lambda line, heard: line.say("close", token=heard.token, unknown="yes")
    host.skip(1.1)
    host.until(lambda: host.resident.attached)
    gates["b"].set()
    host.until(lambda: asker.open)
    assert "b" in [one.body.decode() for one in host.main.all("open")]
