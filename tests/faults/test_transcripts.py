"""Every byte of every golden transcript, in each direction: cut, reset, silence, one byte at a time.

What a host says fails on its way to the daemon here, or what the daemon answers; ``test_transcripts_host.py``
has the other side. Many lines fail beside each other in one daemon, each in a session of its own. By default
each byte fails in one of the ways; with ``--all`` in each.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import trio

from rbridge.adapters.base import Result
from rbridge.server.connection import Connection as Served
from rbridge.server.keys import Key
from rbridge.server.log import logger
from rbridge.server.peer import CHUNK, Peer
from rbridge.server.sessions import Sessions
from rbridge.wire.connection import HOST
from rbridge.wire.records import Record
from tests.faults.lines import CUT, SILENCE, WAYS, Edit, Hasty, Line
from tests.server import conftest as server
from tests.wire import links
from tests.wire.transcripts import CLIENTS

clock = server.clock
Count = Callable[..., None]


def is_open(event: object) -> bool:
    """Whether a text is opened: one out of a folder is not, since nobody asks for it here."""
    return isinstance(event, Record) and event.command == "open" and "folder" not in event.headers


LINKED = {one.name: one.said(HOST) for one in links.LINKS}
PLAIN = {one.name: one.said for one in CLIENTS}
OPENS = {
    **{one.name: sum(is_open(event) for event in one.events(HOST)) for one in links.LINKS},
    **{one.name: sum(is_open(event) for event in one.events) for one in CLIENTS},
}
FURTHER = (links.JOINED.name, links.STREAM.name, links.PORT_STREAM.name)
COSTLY = (links.MAIN.name, links.RESUMED.name)
BESIDE = 150
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None
KEY = Key("gpu1", "ssh key of gpu1", "00000000000000aa", bytes(range(32)))


class Keys:
    """That of the golden proof."""

    def find(self, number: str) -> Key | None:
        return KEY if number == KEY.id else None

    def confirm(self, key: Key) -> None:
        assert key is KEY


class Case(NamedTuple):
    """The host says *script* up to *said*, or the daemon up to *heard*, and then the line fails in *way*."""

    name: str
    way: str
    said: int | None = None
    heard: int | None = None
    size: int = CHUNK


class Daemon(server.Laptop):
    """All of the daemon, with an editor that saves every text at once."""

    def __init__(self, directory: Path, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(directory, nursery)
        self.editor = Hasty(directory / "snapshots")
        self.documents.tools = replace(self.documents.tools, adapter=self.editor)
        self.keys = Keys()
        self.errors: list[str] = []
        self.lines: list[Line] = []
        self.number = 0
        monkeypatch.setattr(logger, "exception", self._note)

    def _note(self, message: str, *arguments: object) -> None:
        lines = traceback.format_exception(*sys.exc_info())
        self.errors.append(message % arguments + "\n" + "".join(lines))

    def line(self, script: bytes, case: Case) -> Line:
        made = Line(script, case.way, case.heard, case.size)
        self.lines.append(made)
        proves = case.name == links.PROVED.name
        peer = Peer(made, case.name, self.config.limits, ours=not proves)
        self.nursery.start_soon(Served(self.service, peer, links.NONCE if proves else "").run)
        return made

    async def play(self, case: Case) -> Line:
        """Begin *case*; what it resumes or joins is there before."""
        self.number += 1
        secret = f"{self.number:032x}".encode()
        if case.name in PLAIN:
            return self.line(PLAIN[case.name][: case.said], case)
        main = LINKED[links.MAIN.name]
        script = LINKED[case.name]
        main, script = (text.replace(links.SESSION.encode(), secret) for text in (main, script))
        if case.name == links.RESUMED.name:
            before = self.line(main, Case(links.MAIN.name, CUT))
            await self.until(lambda: before.closed)
        elif case.name in FURTHER:
            self.line(main, Case(links.MAIN.name, SILENCE))
            await self.until(lambda: (one := self.sessions.find(secret.decode())) and one.peer)
            script = re.sub(rb"join: \d", b"join: 0", script)  # nobody has dialled
        return self.line(script[: case.said], case)

    async def whole(self, case: Case) -> tuple[Line, list[Edit], list[str]]:
        """Play *case*, which does not fail; returns when all is said, with the folders that were shown."""
        line = await self.play(case)
        before = OPENS[links.MAIN.name] if case.name in (links.RESUMED.name, *FURTHER) else 0
        await self.until(lambda: line.spoken and len(self.editor.edits) == before + OPENS[case.name])
        await self.quiet()
        return line, list(self.editor.edits), [one.root.path for one in self.editor.folders]

    async def end(self, clock: trio.testing.MockClock) -> None:
        """Let what is under way come to its end, silence by its deadlines; checks what is left."""
        lines = list(self.lines)
        self.lines.clear()
        for line in lines:
            if line.way != SILENCE and line.taken is None:
                await self.until(lambda line=line: line.closed)
        for _ in range(4):
            await self.quiet()
            clock.jump(45)
        edits = list(self.editor.edits)
        self.editor.edits.clear()
        for folder in self.editor.folders:
            folder.close()
        self.editor.folders.clear()
        await self.until(lambda: not self.documents.folders)
        linked = [edit for edit in edits if edit.session and not edit.text.read_only]
        await self.until(lambda: all(edit.outcome or edit.over for edit in linked))
        for document in self.documents.all():
            document.stop()
        await self.until(lambda: not len(self.documents))
        assert not self.errors, self.errors[0]
        assert self.texts() == []
        kept = set(self.kept())
        heard = b"".join(bytes(line.heard) for line in lines)
        for edit in edits:
            if edit.text.read_only:
                continue
            result = edit.outcome.result if edit.outcome is not None else None
            if result is Result.SAVED:
                assert acknowledged(edit, lines), f"{edit.text.name}: told to be saved, and was not"
            elif result is Result.SENT:
                assert edit.saved in heard, f"{edit.text.name}: told to be sent, and was not"
            elif edit.saved not in kept:
                assert acknowledged(edit, lines), f"{edit.text.name}: lost, after {edit.outcome}"
        for entry in self.spool.entries():
            self.spool.drop(entry.about.id)
        self.sessions = Sessions(self.documents, 10_000)


def acknowledged(edit: Edit, lines: list[Line]) -> bool:
    """Whether the daemon has heard that the first save of *edit* is on the host's disk."""
    token = edit.desk.token.encode()
    heard = [b"saved\ntoken: %b\nsave: 1\n\n" % token, b"resume\ntoken: %b\nsave: 3\n" % token]
    return any(one in line.said for one in heard for line in lines if edit.session.encode() in line.said)


@pytest.fixture
async def daemon(nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    with tempfile.TemporaryDirectory(prefix="rb-", dir=MEMORY) as root:
        yield Daemon(Path(root), nursery, monkeypatch)


async def run(daemon: Daemon, clock: trio.testing.MockClock, cases: list[Case]) -> int:
    for start in range(0, len(cases), BESIDE):
        async with trio.open_nursery() as nursery:
            for case in cases[start : start + BESIDE]:
                nursery.start_soon(daemon.play, case)
        await daemon.end(clock)
    return len(cases)


def at(name: str, length: int, everything: bool, part: str) -> list[Case]:
    """A fault at each of *length* bytes in each way; else in one, which is another for the next byte, and for
    the costly ones only at every third, which are others for each way.
    """
    found = []
    for number in range(length + 1):
        for place, way in enumerate(WAYS):
            step = number // 3 if name in COSTLY else number
            chosen = (step + place + len(name)) % 3 == 0 and (name not in COSTLY or number % 3 == place)
            if everything or chosen:
                found.append(Case(name, way, **{part: number}))
    return found


@pytest.mark.parametrize("name", [*LINKED, *PLAIN])
async def test_what_a_host_says_fails_at_every_byte(
    daemon: Daemon, clock: trio.testing.MockClock, name: str, pytestconfig: pytest.Config, faults: Count
) -> None:
    length = len({**LINKED, **PLAIN}[name])
    cases = at(name, length, pytestconfig.getoption("--all"), "said")
    faults("transcripts, every byte", await run(daemon, clock, cases))


@pytest.mark.parametrize("name", [*LINKED, *PLAIN])
async def test_what_the_daemon_answers_fails_at_every_byte(
    daemon: Daemon, clock: trio.testing.MockClock, name: str, pytestconfig: pytest.Config, faults: Count
) -> None:
    line, _, _ = await daemon.whole(Case(name, SILENCE, heard=1 << 30))
    length = len(line.heard)
    await daemon.end(clock)
    assert length > 30, bytes(line.heard)
    cases = at(name, length, pytestconfig.getoption("--all"), "heard")
    faults("transcripts, every byte", await run(daemon, clock, cases))


@pytest.mark.parametrize("name", [*LINKED, *PLAIN])
async def test_one_byte_at_a_time_is_heard_as_the_whole(
    daemon: Daemon, clock: trio.testing.MockClock, name: str, faults: Count
) -> None:
    seen = []
    for size in (CHUNK, 1):
        line, edits, folders = await daemon.whole(Case(name, SILENCE, size=size))
        texts = (edit.text for edit in edits)
        seen.append(sorted((one.path, one.name, one.line, one.column, one.read_only) for one in texts))
        seen[-1] += [*sorted(edit.first for edit in edits), *folders]
        await daemon.end(clock)
    assert seen[0] == seen[1]
    assert seen[0] or name == links.REFUSED.name or b"display-name" not in line.said
    faults("transcripts, every byte", len(line.said))
