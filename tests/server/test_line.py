"""The line over scripted peers: what is said, where, and what happens when one is gone."""

from contextlib import asynccontextmanager

import pytest
import trio.testing

from rbridge.adapters.base import State
from rbridge.errors import LocalProtocolError
from rbridge.server.line import LARGE, Line
from rbridge.server.peer import PeerGone
from rbridge.server.sending import SaveBody


class Peer:
    """Notes what is said to it; *fault* is raised instead, once."""

    def __init__(self, name, said):
        self.name = name
        self.said = said
        self.fault = None

    async def hear(self, *what):
        await trio.lowlevel.checkpoint()
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        self.said.append((self.name, *what))

    async def state(self, token, state, message):
        await self.hear("state", state, message)

    async def save(self, token, serial, body, sent):
        await self.hear("save", serial)
        sent(body.size)

    async def fetch(self, token):
        await self.hear("fetch")


class Session:
    secret = identity = ""
    may_dial = True

    def __init__(self):
        self.said = []
        self.peer = Peer("main", self.said)
        self.other = Peer("other", self.said)

    @asynccontextmanager
    async def dialled(self):
        yield self.other


@pytest.fixture
def session():
    return Session()


@pytest.fixture
def line(session, nursery):
    return Line(session, "t", "x on gpu1", nursery.start_soon, lambda: session.said.append("broken"))


def save(line, serial, size):
    line.say(lambda peer: line.save(peer, serial, SaveBody({}, size)))


async def test_all_goes_out_in_order(line, session):
    line.say(lambda peer: peer.fetch("t"))
    save(line, 1, 10)
    line.state(State.DIRTY, "m")
    await trio.testing.wait_all_tasks_blocked()
    assert session.said == [("main", "fetch"), ("main", "save", 1), ("main", "state", "dirty", "m")]


async def test_how_far_a_save_has_come_is_known(line, session):
    assert line.travel is None
    save(line, 3, 10)
    await trio.testing.wait_all_tasks_blocked()
    assert line.travel == (3, 10, 10)
    session.peer.fault = LocalProtocolError("no")
    save(line, 4, 20)
    await trio.testing.wait_all_tasks_blocked()
    assert line.travel == (4, 0, 20)
    line.cut()
    assert line.travel is None


async def test_a_large_body_goes_over_another_connection(line, session):
    save(line, 1, LARGE + 1)
    await trio.testing.wait_all_tasks_blocked()
    session.may_dial = False
    save(line, 2, LARGE + 1)
    await trio.testing.wait_all_tasks_blocked()
    assert session.said == [("other", "save", 1), ("main", "save", 2)]


async def test_if_only_the_other_connection_is_gone_the_main_one_is_used(line, session):
    session.other.fault = PeerGone("gone")
    save(line, 1, LARGE + 1)
    await trio.testing.wait_all_tasks_blocked()
    assert session.said == [("main", "save", 1)]


async def test_a_connection_that_is_gone_is_said(line, session):
    session.peer.fault = PeerGone("gone")
    save(line, 1, 10)
    await trio.testing.wait_all_tasks_blocked()
    assert session.said == ["broken"]


async def test_what_cannot_be_said_is_passed_over(line, session):
    session.peer.fault = LocalProtocolError("no")
    line.say(lambda peer: peer.fetch("t"))
    save(line, 1, 10)
    await trio.testing.wait_all_tasks_blocked()
    assert session.said == [("main", "save", 1)]


async def test_without_a_connection_nothing_is_said(line, session):
    peer, session.peer = session.peer, None
    save(line, 1, 10)
    await trio.testing.wait_all_tasks_blocked()
    session.peer = peer
    save(line, 2, 10)
    save(line, 3, 10)
    line.cut()
    save(line, 4, 10)
    await trio.testing.wait_all_tasks_blocked()
    assert session.said == [("main", "save", 4)]


async def test_the_host_is_not_told_what_it_knows(line, session):
    for state in (State.CLEAN, State.SAVING, State.DIRTY, State.SAVING, State.DIRTY, State.CONFLICT):
        line.state(state, "")
    line.believes(State.CLEAN)
    line.state(State.CLEAN, "")
    line.state(State.CLEAN, "it is gone")
    await trio.testing.wait_all_tasks_blocked()
    assert [(what[2], what[3]) for what in session.said] == [
        ("dirty", ""),
        ("conflict", ""),
        ("clean", "it is gone"),
    ]


async def test_what_the_host_knows_is_not_said_and_a_message_that_is_over_is(line, session):
    for message in ("", "it was deleted", "it was deleted", "", ""):
        line.state(State.CLEAN, message)
    line.state(State.CONFLICT, "both changed")
    line.believes(State.CLEAN)
    line.state(State.CLEAN, "")
    await trio.testing.wait_all_tasks_blocked()
    assert [said[2:] for said in session.said] == [
        ("clean", "it was deleted"),
        ("clean", ""),
        ("conflict", "both changed"),
    ]
