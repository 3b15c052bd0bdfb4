"""Cancellation at every await of daemon and session: nothing is left, and no text is lost.

A scenario is played again and again in a daemon of its own, and all of it is cancelled one step later each
time: connections, sessions, documents and their editors.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from rbridge.adapters.base import Result
from rbridge.server import line
from rbridge.server.log import logger
from rbridge.server.spool import Spool
from tests.harness.cancelling import at_every_step
from tests.server.conftest import SECRET, Edit, Host, Laptop, digest, resume

Count = Callable[..., None]
OLD, NEW, THEIRS = b"old text\n" * 20, b"old text\n" * 19 + b"new text\n", b"their text\n"


class Stage:
    """A daemon whose tasks belong to *nursery*, and what became of the texts."""

    def __init__(self, directory: Path, nursery: trio.Nursery) -> None:
        self.laptop = Laptop(directory, nursery)
        self.laptop.spool = Spool(str(directory / "spool"), 1 << 26)
        tools = self.laptop.documents.tools
        self.laptop.documents.tools = replace(tools, spool=self.laptop.spool)
        self.nursery = nursery
        self.written: list[bytes] = []
        self.acknowledged: list[bytes] = []
        self.told: list[Result] = []

    async def opened(self) -> tuple[Host, Edit]:
        host = self.laptop.connect()
        await host.link(session=SECRET)
        await host.open(OLD)
        edit = await self.laptop.editor.opened()
        assert (await host.hear())[0] == "opened"
        return host, edit

    def save(self, edit: Edit, data: bytes = NEW) -> None:
        self.nursery.start_soon(self._save, edit, data)

    async def _save(self, edit: Edit, data: bytes) -> None:
        self.written.append(data)
        self.told.append((await edit.save(data)).result)

    async def heard(self, host: Host) -> dict[str, str]:
        """The save that comes next."""
        while (heard := await host.hear())[0] != "save":
            assert heard[0] in ("opened", "fetch"), heard
        return heard[1]

    async def acknowledge(self, host: Host, said: dict[str, str], data: bytes = NEW) -> None:
        self.acknowledged.append(data)
        await host.say("saved", token="t", save=said["save"])

    async def cut(self, host: Host) -> None:
        await host.hang_up()
        (session,) = self.laptop.sessions
        while session.peer is not None:
            await trio.lowlevel.checkpoint()

    async def back(self, text: bytes, **more: str) -> Host:
        host = self.laptop.connect()
        await host.link(session=SECRET, standing="resumed", resume="yes")
        await resume(host, text, **more)
        return host


Script = Callable[[Stage], Awaitable[None]]


async def a_text_is_opened_and_closed(stage: Stage) -> None:
    host, edit = await stage.opened()
    edit.close()
    assert (await host.hear())[0] == "close"


async def a_save_is_acknowledged(stage: Stage) -> None:
    host, edit = await stage.opened()
    stage.save(edit)
    await stage.acknowledge(host, await stage.heard(host))
    await stage.laptop.until(lambda: stage.told == [Result.SAVED])


async def a_save_is_refused(stage: Stage) -> None:
    host, edit = await stage.opened()
    stage.save(edit)
    said = await stage.heard(host)
    await host.say("refused", token="t", save=said["save"], reason="no-space", message="disk full")
    await stage.laptop.until(lambda: stage.told == [Result.REFUSED])


async def a_conflict_is_settled(stage: Stage) -> None:
    host, edit = await stage.opened()
    stage.save(edit)
    said = await stage.heard(host)
    size, sha256 = str(len(THEIRS)), digest(THEIRS)
    more = {"reason": "conflict", "message": "changed", "size": size, "sha256": sha256}
    await host.say("refused", token="t", save=said["save"], **more)
    await stage.laptop.until(lambda: stage.told)
    await host.say("changed", THEIRS, token="t", size=size, sha256=sha256)
    await host.say("resolve", token="t", choose="mine")
    said = await stage.heard(host)
    assert said["over"] == sha256
    await stage.acknowledge(host, said)
    await stage.laptop.until(lambda: not stage.laptop.kept())


async def a_save_is_delivered_after_a_cut(stage: Stage) -> None:
    host, edit = await stage.opened()
    await stage.cut(host)
    stage.save(edit)
    await stage.laptop.until(lambda: stage.told == [Result.KEPT])
    host = await stage.back(OLD)
    await stage.acknowledge(host, await stage.heard(host))
    await stage.laptop.until(lambda: not stage.laptop.kept())


async def an_answer_is_lost_and_resume_settles_it(stage: Stage) -> None:
    host, edit = await stage.opened()
    stage.save(edit)
    said = await stage.heard(host)
    await stage.cut(host)
    stage.acknowledged.append(NEW)
    host = await stage.back(NEW, save=said["save"])
    await stage.laptop.until(lambda: not stage.laptop.kept())
    assert (await host.hear())[0] == "opened"


async def the_file_changes_on_the_host(stage: Stage) -> None:
    host, edit = await stage.opened()
    edit.takes = True
    await host.say("changed", THEIRS, token="t", size=str(len(THEIRS)), sha256=digest(THEIRS))
    await stage.laptop.until(lambda: edit.content() == THEIRS)


async def it_is_closed_with_a_text_that_waits(stage: Stage) -> None:
    host, edit = await stage.opened()
    await stage.cut(host)
    stage.save(edit)
    await stage.laptop.until(lambda: stage.told)
    edit.close()
    host = await stage.back(OLD)
    await stage.acknowledge(host, await stage.heard(host))
    assert (await host.hear())[0] == "close"


async def a_large_text_goes_over_a_connection_of_its_own(stage: Stage) -> None:
    host, edit = await stage.opened()
    large = os.urandom(100_000)
    stage.save(edit, large)
    command, headers, _ = await host.hear()
    assert command == "dial"
    further = stage.laptop.connect()
    await further.link(session=SECRET, standing="joined", join=headers["dial"])
    await stage.acknowledge(further, await stage.heard(further), large)
    await stage.laptop.until(lambda: stage.told == [Result.SAVED])


SCRIPTS = [
    a_text_is_opened_and_closed,
    a_save_is_acknowledged,
    a_save_is_refused,
    a_conflict_is_settled,
    a_save_is_delivered_after_a_cut,
    an_answer_is_lost_and_resume_settles_it,
    the_file_changes_on_the_host,
    it_is_closed_with_a_text_that_waits,
    a_large_text_goes_over_a_connection_of_its_own,
]


@pytest.fixture
def memory() -> Iterator[Path]:
    where = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(prefix="rb-", dir=where) as root:
        yield Path(root)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__.replace("_", " "))
async def test_cancelled_anywhere(
    memory: Path, monkeypatch: pytest.MonkeyPatch, script: Script, faults: Count
) -> None:
    stages: list[Stage] = []
    ends: list[bool] = []
    errors: list[str] = []
    monkeypatch.setattr(line, "LARGE", 90_000)
    monkeypatch.setattr(logger, "exception", lambda message, *about: errors.append(message % about))

    async def play() -> None:
        directory = memory / str(len(stages))
        directory.mkdir()
        async with trio.open_nursery() as nursery:
            stages.append(Stage(directory, nursery))
            ends.append(False)
            await script(stages[-1])
            ends[-1] = True
            nursery.cancel_scope.cancel()

    async def look() -> None:
        if len(stages) < len(ends):
            return
        stage = stages[-1]
        assert errors == []
        assert stage.laptop.texts() == [], "left in FILES"
        kept = stage.laptop.kept()
        for text in stage.written:
            assert text in kept or text in stage.acknowledged, f"lost: {text[:40]!r}, told {stage.told}"

    steps = await at_every_step(play, look)
    assert ends[-1], "the last one was not cancelled, and came to its end"
    assert not all(ends)
    faults("cancellations", steps)
