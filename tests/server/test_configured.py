"""Configured ports of a host: when its client is asked for them, and what is said when it fails."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import trio

from rbridge.server import configured
from rbridge.server.configured import LONGEST, LOOK, Configured
from rbridge.server.ports import Ports
from rbridge.ssh.events import State
from rbridge.ssh.master import Ran


class Keeper:
    """A tunnel that stands as the test says."""

    def __init__(self):
        self.state = State.UP
        self.carrier = SimpleNamespace(control="/control")
        self._news = trio.Event()

    def becomes(self, state):
        self.state = state
        self._news.set()
        self._news = trio.Event()

    async def wait_for(self, states, seconds):
        with trio.move_on_after(seconds):
            while self.state not in states and self.state is not State.ENDED:
                await self._news.wait()
        return self.state


@dataclass(eq=False)
class Port:
    number: int
    session: SimpleNamespace
    identity: str = "m"


class Looked:
    """Configured ports 8888 and 6006 (16006 here) of a host whose client does what *answer* says."""

    def __init__(self, monkeypatch):
        self.keeper, self.ports = Keeper(), Ports()
        self.told: list[str] = []
        self.asked: list[str] = []
        self.answer = Ran(0, b"", b"")
        kept = SimpleNamespace(
            name="gpu1", identity="m", remote="/r.sock", destination=SimpleNamespace(asked="gpu1")
        )
        wanted = ((8888, 8888), (6006, 16006))
        self.configured = Configured(kept, self.keeper, wanted, self.ports, self.told.append)
        monkeypatch.setattr(configured.master, "run", self.run)

    async def run(self, argv, deadline):
        assert argv[:-1] == configured.master.over("/control")
        number, _, here = argv[-1].rpartition(" ")[2].strip("'").partition(":")
        self.asked.append(f"{number}:{here}")
        if self.answer.code == 0:
            self.have(int(number))
        return self.answer

    def have(self, number, connected=True):
        self.ports.all.add(Port(number, SimpleNamespace(peer=object() if connected else None)))


@pytest.fixture
async def looked(monkeypatch, nursery):
    made = Looked(monkeypatch)
    nursery.start_soon(made.configured.run)
    yield made
    nursery.cancel_scope.cancel()


async def test_each_is_asked_for_once_while_it_is_there(looked, autojump_clock):
    await trio.sleep(10 * LOOK)
    assert looked.asked == ["8888:8888", "6006:16006"]
    assert looked.told == []


async def test_one_that_is_gone_or_whose_host_is_not_heard_is_asked_for_again(looked, autojump_clock):
    await trio.sleep(LOOK / 2)
    looked.ports.all.clear()
    looked.have(8888, connected=False)
    looked.have(6006)
    await trio.sleep(2 * LOOK)
    assert looked.asked == ["8888:8888", "6006:16006", "8888:8888"]


async def test_one_that_the_user_closed_stays_away(looked, autojump_clock):
    await trio.sleep(LOOK / 2)
    looked.ports.all.clear()
    looked.ports.declined.add(("m", 8888))
    await trio.sleep(2 * LOOK)
    assert looked.asked == ["8888:8888", "6006:16006", "6006:16006"]
    looked.ports.forget("m")
    await trio.sleep(2 * LOOK)
    assert looked.asked[3:] == ["8888:8888"]


async def test_a_failure_is_told_once_and_tried_less_and_less_often(looked, autojump_clock):
    await trio.sleep(LOOK / 2)
    looked.ports.all.clear()
    looked.have(6006)
    looked.answer = Ran(77, b"", b"hello from .bashrc\nrbridge: ports are turned off\n")
    begin = len(looked.asked)
    await trio.sleep(LONGEST)
    assert looked.told == ["gpu1: port 8888 is not here: ports are turned off"]
    assert 5 < len(looked.asked) - begin < 12
    looked.answer = Ran(69, b"", b"")
    await trio.sleep(2 * LONGEST)
    assert looked.told[1:] == ["gpu1: port 8888 is not here: exit code 69"]


async def test_a_client_that_does_not_answer_is_said_to_be_late(looked, autojump_clock):
    await trio.sleep(LOOK / 2)
    looked.ports.all.clear()
    looked.have(6006)
    looked.answer = Ran(-9, b"", b"", late=True)
    await trio.sleep(2 * LOOK)
    assert looked.told == ["gpu1: port 8888 is not here: the client there has not had it within 60 s"]


async def test_nothing_is_asked_while_the_tunnel_is_down_and_at_once_when_it_stands_again(
    looked, autojump_clock
):
    await trio.sleep(LOOK / 2)
    looked.keeper.becomes(State.DOWN)
    looked.ports.all.clear()
    await trio.sleep(LONGEST)
    assert len(looked.asked) == 2
    looked.keeper.becomes(State.UP)
    await trio.sleep(0.01)
    assert len(looked.asked) == 4


async def test_it_ends_with_the_tunnel(looked, autojump_clock):
    looked.keeper.becomes(State.ENDED)
    with trio.fail_after(LOOK):
        await looked.configured.run()
