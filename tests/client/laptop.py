"""A daemon that does what a test tells it, on a real socket and with the wire's own rules.

It answers ``link``, ``open`` and ``resume`` by itself unless the test takes that over; everything else is
said by the test. And a process in the background to go with it, in the test's own thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rbridge.client.delivery import Delivery, Document
from rbridge.client.handed import see
from rbridge.client.locate import locate
from rbridge.client.loop import Loop
from rbridge.client.options import Options, parse
from rbridge.client.resident import Caller, Resident
from rbridge.client.settings import Endpoint
from rbridge.client.source import check
from rbridge.errors import RbridgeError
from rbridge.wire import codec
from rbridge.wire.connection import EDITOR, Connection
from rbridge.wire.records import NEED_DATA, Body, End, Eof, Greeting, Record
from tests.harness.wait import Never

IDENTITY = "00112233445566aa"
DEADLINE = 20.0


def sha(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


@dataclass
class Heard:
    """One record that the host said, whole."""

    command: str
    headers: dict[str, str]
    body: bytes = b""

    def __getitem__(self, name: str) -> str:
        return self.headers[name]

    @property
    def token(self) -> str:
        return self.headers["token"]


class Line:
    """One accepted connection, as the daemon sees it."""

    def __init__(self, laptop: Laptop, sock: socket.socket) -> None:
        sock.setblocking(True)
        self.laptop = laptop
        self.sock = sock
        self.wire = Connection(EDITOR)
        self.heard: list[Heard] = []
        self.ended = False
        self.silent = False
        self.deaf = False
        self.answered = 0
        self._lock = threading.RLock()
        self._current: Heard | None = None
        sock.sendall(self.wire.send(Greeting(laptop.greeting)))

    def say(self, command: str, body: bytes | None = None, **headers: object) -> None:
        """Say a record; ``real_path=1`` becomes ``real-path: 1``."""
        with self._lock:
            data = self.spell(command, body, **headers)

        def send() -> None:
            with contextlib.suppress(OSError):
                self.sock.sendall(data)

        if len(data) < 65536:
            send()
        else:  # the other end is read by this very thread
            threading.Thread(target=send, daemon=True).start()

    def spell(self, command: str, body: bytes | None = None, **headers: object) -> bytes:
        said = {name.replace("_", "-"): str(value) for name, value in headers.items()}
        data = self.wire.send(Record(command, said, None if body is None else len(body)))
        if body:
            self.wire.body_sent(len(body))
        return data + (body or b"") + self.wire.send(End())

    def save(
        self, token: str, serial: int, text: bytes, base: bytes | None = None, **headers: object
    ) -> None:
        stated = "absent" if base is None else sha(base)
        self.say(
            "save", text, token=token, save=serial, sha256=sha(text), size=len(text), base=stated, **headers
        )

    def cut(self) -> None:
        """End the connection as a lost network does, as far as the host can see."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def all(self, command: str) -> list[Heard]:
        return [one for one in self.heard if one.command == command]

    def read(self) -> None:
        """Take in what is there, in the laptop's thread."""
        try:
            data = self.sock.recv(1 << 20)
        except OSError:
            data = b""
        with self._lock:
            self.wire.receive_data(data)
            while True:
                event = self.wire.next_event()
                if event is NEED_DATA:
                    return
                if isinstance(event, Record):
                    self._current = Heard(event.command, event.headers)
                elif isinstance(event, Body) and self._current is not None:
                    self._current.body += event.data
                elif isinstance(event, End) and self._current is not None:
                    self.heard.append(self._current)
                    if not self.silent:
                        self.laptop.answer(self, self._current)
                    self.answered += 1
                elif isinstance(event, Eof):
                    self.ended = True
                    return


class Laptop:
    """Listens at *path*. *answers* holds, by command, what is called with a line and what was heard there."""

    def __init__(self, path: Path, identity: str = IDENTITY, greet: bool = True) -> None:
        word = f" id={identity}" if identity else ""
        self.greeting = f"220 mylaptop RMATE rbridge/0.1.0 link/1 editor=vim{word}"
        self.path = path
        self.greet = greet
        self.lines: list[Line] = []
        self.held: list[socket.socket] = []  # accepted, and not greeted
        self.failure: BaseException | None = None
        self.known: set[str] = set()
        self.answers: dict[str, Callable[[Line, Heard], None]] = {
            "link": self.linked,
            "open": lambda line, heard: line.say("opened", token=heard.token, editor="vim"),
            "resume": lambda line, heard: line.say("opened", token=heard.token, editor="vim"),
        }
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(os.fspath(path))
        self._listener.listen(64)
        self._stop, self._stopped = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def accepted(self) -> int:
        return len(self.lines) + len(self.held)

    def linked(self, line: Line, heard: Heard) -> None:
        """As a daemon that forgets nothing."""
        secret = heard["session"]
        standing = "joined" if "join" in heard.headers else "resumed" if secret in self.known else "new"
        self.known.add(secret)
        line.say("linked", standing=standing)

    def answer(self, line: Line, heard: Heard) -> None:
        if heard.command in self.answers:
            self.answers[heard.command](line, heard)

    def greet_held(self) -> None:
        """The half-dead tunnel comes alive: what was accepted hears its greeting now."""
        self.greet = True
        self._stop.send(b"g")

    def welcome(self, sock: socket.socket) -> None:
        try:
            self.lines.append(Line(self, sock))
        except OSError:  # it was given up
            sock.close()

    def _run(self) -> None:
        try:
            while True:
                lines = [one for one in self.lines if not one.ended and not one.deaf]
                ready = _readable([self._listener, self._stopped, *(one.sock for one in lines)])
                if self._stopped in ready:
                    if self._stopped.recv(1) != b"g":
                        return
                    while self.held:
                        self.welcome(self.held.pop())
                if self._listener in ready:
                    sock, _ = self._listener.accept()
                    if self.greet:
                        self.welcome(sock)
                    else:
                        self.held.append(sock)
                for line in lines:
                    if line.sock in ready:
                        line.read()
        except BaseException as error:
            self.failure = error

    def hang_up(self) -> None:
        """Stop listening, and cut all connections: the daemon, or the tunnel, is gone."""
        with contextlib.suppress(OSError):
            self._stop.send(b"s")
        self._thread.join(DEADLINE)
        self._listener.close()
        with contextlib.suppress(OSError):
            self.path.unlink()
        for line in self.lines:
            line.cut()

    def close(self) -> None:
        self.hang_up()
        for sock in (*(one.sock for one in self.lines), *self.held, self._stop, self._stopped):
            sock.close()
        if self.failure is not None:
            raise self.failure


def _readable(socks: list[socket.socket]) -> list[socket.socket]:
    """Wait for some of *socks* to have something; their numbers may be too high for select."""
    poll = select.poll()
    for sock in socks:
        poll.register(sock, select.POLLIN)
    numbers = {number for number, _ in poll.poll()}
    return [sock for sock in socks if sock.fileno() in numbers]


class Clock:
    """Real time, and what a test skips of it."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.skipped


@dataclass(eq=False)
class Asker(Caller):
    """A caller that notes what it is told."""

    waits: bool = False
    lines: list[str] = field(default_factory=list)
    open: list[Document] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    errors: list[RbridgeError] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)

    def say(self, line: str) -> None:
        self.lines.append(line)

    def report(self, line: str) -> None:
        self.lines.append(line)

    def opened(self, document: Document) -> None:
        self.open.append(document)

    def ended(self, document: Document, code: int) -> None:
        self.codes.append(code)
        if document.text_fd >= 0:
            self.texts.append(os.pread(document.text_fd, 1 << 20, 0))

    def failed(self, source: object, error: RbridgeError) -> None:
        self.errors.append(error)

    def mine(self, document: Document, fd: int) -> None:
        self.texts.append(os.pread(fd, 1 << 20, 0))


class Here:
    """A process in the background, in this thread: its loop turns while a test waits in :meth:`until`."""

    def __init__(self, states: Path, laptop: Laptop) -> None:
        self.states = states
        self.laptop = laptop
        self.clock = Clock()
        self.loop = Loop(self.clock)
        self.log: list[str] = []
        self.resident: Resident = None  # type: ignore[assignment]

    def options(self, *words: str) -> Options:
        return parse(["-s", str(self.laptop.path), *words])

    def begin(self, *words: str) -> Asker:
        """What ``rbridge open WORDS`` does up to the fork, and the child's side from there on."""
        options = self.options(*words)
        endpoint = Endpoint("unix", "test", path=str(self.laptop.path))
        delivery = Delivery(locate([endpoint], options, self.log.append), options, self.log.append)
        delivery.send([check(request, options) for request in options.requests])
        asker = Asker(options.wait)
        self.resident = Resident.from_delivery(self.loop, delivery, asker, self.log.append, str(self.states))
        return asker

    def open(self, *words: str) -> Asker:
        """The same of a later command, handed over."""
        options = self.options(*words)
        asker = Asker(options.wait)
        sources = [check(request, options) for request in options.requests]
        for source in sources:
            see(source)
        self.resident.open(sources, options, asker)
        return asker

    def until(self, condition: Callable[[], object], what: str = "") -> object:
        """Turn the loop until *condition* holds; what it raises as LookupError counts as not yet."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            with contextlib.suppress(LookupError):
                value = condition()
                if value:
                    return value
            self.loop.turn(0.005)
        raise Never(f"not within {DEADLINE:g} s: {what or condition!r}; log: {self.log}")

    def turns(self, count: int = 5) -> None:
        """Let what is there happen."""
        for _ in range(count):
            self.loop.turn(0.005)

    def skip(self, seconds: float) -> None:
        """Let that much time pass."""
        self.clock.skipped += seconds
        self.turns()

    @property
    def main(self) -> Line:
        """The newest main connection at the laptop."""
        return [line for line in self.laptop.lines if line.heard and "join" not in line.heard[0].headers][-1]

    def heard(self, command: str, count: int = 1) -> Heard:
        """Wait until the laptop has heard so many such records on the main connection; the last of them."""
        self.until(lambda: len(self.main.all(command)) >= count, f"{count} {command}")
        return self.main.all(command)[count - 1]

    def close(self) -> None:
        if self.resident is not None:
            self.resident.end()
            session = self.resident.session
            if session is not None:
                self.until(lambda: not session.joins.making)
        self.loop.close()


def unquoted(heard: Heard, name: str) -> str:
    return codec.unquote(heard[name])
