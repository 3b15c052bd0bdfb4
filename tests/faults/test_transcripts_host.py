"""Every byte of every golden transcript on its way to the host: cut, reset, silence, one byte at a time.

The process in the background is the real one, in this process; the laptop's end of its socket says the
transcript up to a byte and then fails. By default each byte fails in one of the ways, with ``--all`` in each.
"""

from __future__ import annotations

import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from rbridge.client import saver
from rbridge.client.delivery import OPEN, SENT, Delivery
from rbridge.client.loop import Loop
from rbridge.client.options import parse
from rbridge.client.probe import Peer
from rbridge.client.resident import Resident
from rbridge.client.settings import Endpoint
from rbridge.client.source import check
from rbridge.wire import codec
from rbridge.wire.connection import EDITOR, Connection
from rbridge.wire.connection import HOST as CLIENT
from rbridge.wire.records import NEED_DATA, Body, Greeting, Record
from tests.client.laptop import Asker, Clock
from tests.faults.lines import CUT, RESET, SILENCE, WAYS
from tests.wire import links
from tests.wire.transcripts import SERVERS

Count = Callable[..., None]
LINKED = {one.name: one.said(EDITOR) for one in links.LINKS}
PLAIN = {one.name: one.said for one in SERVERS}
COSTLY = (links.MAIN.name, links.RESUMED.name, links.JOINED.name)
PLAIN_TEXTS = {b"", b"before\n"} | {
    event.data for one in SERVERS for event in one.events if isinstance(event, Body)
}
TEXTS = {links.ONE, links.TWO, links.THREE, links.THEIRS, b"back\n", b"", b"new\n", links.THREE * 40}


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """No disk is waited for: what reaches it when is the saver's tests' business."""
    monkeypatch.setattr(saver.os, "fsync", lambda fd: None)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(prefix="rb-", dir=memory) as root:
        for name in ("work", "state", "home"):
            os.mkdir(os.path.join(root, name), 0o700)
        monkeypatch.setenv("HOME", os.path.join(root, "home"))
        monkeypatch.setenv("RBRIDGE_STATE_DIR", os.path.join(root, "state"))
        monkeypatch.setenv("RBRIDGE_RUNTIME_DIR", os.path.join(root, "run"))
        monkeypatch.chdir(os.path.join(root, "work"))
        yield Path(root) / "work"


class Side:
    """The host's side of one conversation, and the laptop's end of its socket."""

    def __init__(self, place: Path, name: str, greeting: bytes) -> None:
        self.place = place
        self.clock = Clock()
        self.loop = Loop(self.clock)
        self.log: list[str] = []
        for name_before in os.listdir(place):
            os.unlink(place / name_before)
        self.file = place / "notes.txt"
        self.file.write_bytes(links.ONE if name in LINKED else b"before\n")
        self.new = place / "new.txt"
        self.third = place / "log"
        here, self.there = socket.socketpair()
        here.setblocking(False)
        self.there.setblocking(False)
        wire = Connection(CLIENT)
        wire.receive_data(greeting)
        event = wire.next_event()
        assert isinstance(event, Greeting)
        self.said = codec.parse_greeting(event.text)
        endpoint = Endpoint("unix", "test", path=str(place / "no.sock"))
        probe = SimpleNamespace(
            endpoint=endpoint,
            address=(socket.AF_UNIX, str(place / "no.sock")),
            sock=here,
            wire=wire,
            said=self.said,
        )
        words = ["-w", str(self.file)]
        if name in LINKED:
            self.third.write_bytes(b"end\n")
            words += [str(self.new), str(self.third)]
        options = parse(words)
        sources = [check(request, options) for request in options.requests]
        for source, token in zip(sources, ("1", "2", "3") if name in LINKED else ("t1",), strict=True):
            source.token = token
        delivery = Delivery(Peer(probe), options, self.log.append)  # type: ignore[arg-type]
        delivery.send(sources)
        self.asker = Asker(True)
        self.resident = Resident.from_delivery(
            self.loop, delivery, self.asker, self.log.append, str(place.parent / "state")
        )

    def rest(self) -> None:
        """Let all that is under way happen, the thread at work on the files included."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            self.loop.turn(0)
            if not self.resident.busy and not self.loop._calls:
                self.loop.turn(0)
                if not self.resident.busy:
                    return
            else:
                self.loop.turn(0.001)
        raise AssertionError(f"it never comes to rest: {self.log}")

    def say(self, data: bytes) -> None:
        if data:
            try:
                self.there.sendall(data)
            except OSError:
                return  # it has hung up
        self.loop.turn(0)

    def fail(self, way: str) -> None:
        if way == CUT:
            self.there.shutdown(socket.SHUT_WR)
        elif way == RESET:
            self.there.close()  # with what it has not read: a reset
        else:
            for seconds in (13, 41):  # in the middle of a record, or idle
                self.rest()
                self.clock.skipped += seconds
                self.loop.turn(0)
        self.rest()

    def heard(self) -> list[str]:
        """The answers to saves that the laptop's end has got."""
        wire = Connection(EDITOR)
        wire.send(Greeting("220 laptop RMATE rbridge/0 link/1"))
        data = b""
        try:
            while more := self.there.recv(1 << 20):
                data += more
        except OSError:
            pass
        wire.receive_data(data)
        found = []
        while (event := wire.next_event()) is not NEED_DATA:
            if isinstance(event, Record) and event.command in ("saved", "refused", "changed", "resume"):
                found.append(f"{event.command} {event.headers.get('token')} {event.headers.get('save')}")
            elif not isinstance(event, (Record, Body)) and type(event).__name__ == "Eof":
                break
        return found

    def check(self, way: str) -> None:
        """Old or new, nothing half, and nothing taken for lost that can come back."""
        text = self.file.read_bytes()
        assert text in TEXTS or text in PLAIN_TEXTS, f"torn: {text!r}"
        assert not self.new.exists() or self.new.read_bytes() in TEXTS
        session = self.resident.session
        if session is None and way == SILENCE:
            return  # a plain server has no heart: what it began is awaited
        if session is not None and session.identity:
            assert not session.ready
            assert session.main is None
        for document in self.resident.documents:
            assert document.state in (SENT, OPEN)
            assert document.arriving == 0, "a save that was cut off is still awaited"
        self.tidy()

    def tidy(self) -> None:
        known = (self.file, self.new, self.third)
        left = [path.name for path in self.place.iterdir() if path not in known]
        assert left == []

    def close(self) -> None:
        self.resident.end()
        self.there.close()
        self.loop.close()
        self.tidy()


def run(place: Path, name: str, way: str, at: int, size: int = 1 << 20) -> Side:
    """Say transcript *name* up to byte *at*, in pieces of *size*, and let the line fail."""
    script = {**LINKED, **PLAIN}[name]
    greeting, rest = script[: script.index(b"\n") + 1], script[script.index(b"\n") + 1 : at]
    side = Side(place, name, greeting)
    try:
        for start in range(0, len(rest), size):
            side.say(rest[start : start + size])
        side.rest()
        side.fail(way)
        side.check(way)
    except BaseException:
        side.close()
        raise
    return side


def faulted(name: str, everything: bool) -> list[tuple[str, int]]:
    """The faults at each byte behind the greeting: in each way, or in one, another for the next byte."""
    script = {**LINKED, **PLAIN}[name]
    found = []
    for at in range(script.index(b"\n") + 1, len(script) + 1):
        ways = WAYS if everything else (WAYS[(at + len(name)) % 3],)
        if everything or name not in COSTLY or at % 2:
            found += [(way, at) for way in ways]
    return found


@pytest.mark.parametrize("name", [*LINKED, *PLAIN])
def test_what_the_laptop_says_fails_at_every_byte(
    place: Path, name: str, pytestconfig: pytest.Config, faults: Count
) -> None:
    cases = faulted(name, pytestconfig.getoption("--all"))
    for way, at in cases:
        side = run(place, name, way, at)
        side.close()
    faults("transcripts, every byte", len(cases))


DIALLED = "no further connection"  # the end of an attempt in a thread: the session may end before it


@pytest.mark.parametrize("name", [*LINKED, *PLAIN])
def test_one_byte_at_a_time_is_heard_as_the_whole(place: Path, name: str, faults: Count) -> None:
    script = {**LINKED, **PLAIN}[name]
    seen = []
    for size in (len(script), 1):
        side = run(place, name, CUT, len(script), size)
        new = side.new.read_bytes() if side.new.exists() else None
        log = {line for line in side.log if DIALLED not in line}
        seen.append((sorted(side.heard()), side.file.read_bytes(), new, set(side.asker.lines), log))
        side.close()
    assert seen[0] == seen[1]
    faults("transcripts, every byte", len(script))
