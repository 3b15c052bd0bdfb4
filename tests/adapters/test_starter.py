"""Editors that are started for the sake of their plug-in."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from rbridge.adapters import starter
from rbridge.adapters.attached import Attached
from rbridge.adapters.process import Running, Start
from rbridge.adapters.starter import Bare, Starter
from rbridge.errors import NotListening
from tests.adapters.desk import make_text
from tests.adapters.plugin import Plugin
from tests.adapters.traces import none_left


class Machine:
    """Opens windows on paper; *comes* runs when an editor was started."""

    def __init__(self, comes: Callable[[], object] = lambda: None, error: str = "") -> None:
        self.started: list[Start] = []
        self._comes = comes
        self._error = error

    def describe(self) -> str:
        return "on paper"

    @asynccontextmanager
    async def open(self, start: Start) -> AsyncIterator[Running]:
        await trio.lowlevel.checkpoint()
        self.started.append(start)
        if self._error:
            raise NotListening(self._error)
        self._comes()
        yield None  # type: ignore[misc]  # nobody looks at it


class Room:
    """A laptop to which plug-ins may come."""

    def __init__(self, files: Path, nursery: trio.Nursery) -> None:
        self.files = files
        self.attached = Attached()
        self._nursery = nursery

    def comes(self) -> None:
        self._nursery.start_soon(self._come)

    async def _come(self) -> None:
        there, here = trio.testing.memory_stream_pair()
        self._nursery.start_soon(self.attached.serve, here)
        async with Plugin().connected(there):
            await trio.sleep_forever()

    async def start(self, machine: Machine) -> str:
        return await self.starter(machine).start(make_text(self.files), self.attached)

    def starter(self, machine: Machine) -> Starter:
        return Starter(Bare("ned", ["/bin/ned", "-x"], machine, {}))


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with trio.open_nursery() as nursery:
        yield Room(tmp_path, nursery)
        nursery.cancel_scope.cancel()


async def test_it_starts_the_editor_and_waits_for_its_plug_in(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.chmod(tmp_path, 0o700)
    monkeypatch.setenv("RBRIDGE_RUNTIME_DIR", str(tmp_path))
    machine = Machine(room.comes)
    text = make_text(room.files)
    with none_left(room.files):
        assert await room.starter(machine).start(text, room.attached) == ""
    (start,) = machine.started
    assert start.argv == ["/bin/ned", "-x"]
    assert start.added == {"RBRIDGE_RUNTIME_DIR": str(tmp_path)}
    assert len(room.attached.windows) == 1


async def test_one_start_serves_all_that_come_meanwhile(room: Room) -> None:
    machine = Machine(room.comes)
    starter = room.starter(machine)
    texts = [make_text(room.files / str(n)) for n in range(3)]
    async with trio.open_nursery() as nursery:
        for text in texts:
            nursery.start_soon(starter.start, text, room.attached)
    assert len(machine.started) == 1


async def test_a_plug_in_that_does_not_come_is_not_waited_for_longer(
    room: Room, autojump_clock: trio.testing.MockClock
) -> None:
    assert await room.start(Machine()) == "ned was started, and its plug-in did not connect in 8 s"
    assert trio.current_time() >= starter.PATIENCE


async def test_why_it_could_not_be_started_is_told(room: Room) -> None:
    assert await room.start(Machine(error="no display")) == "no display"


def test_it_says_what_it_will_start() -> None:
    assert Starter(Bare("nvim", ["/bin/nvim"], Machine())).describe() == "nvim on paper"
