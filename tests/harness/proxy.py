"""A link with a delay and a bandwidth, in user space: it stands between ssh and sshd, or counts what passes.

    python -m tests.harness.proxy [--listen ADDR] [--delay-ms MS] [--rate 10mbit] TARGET

ADDR and TARGET are ``127.0.0.1:PORT`` (loopback only) or ``unix:PATH``. Each byte comes out on the other side
*delay* after the link had carried it; the link carries *rate* bits per second in each direction, for all
connections together, and a packet waits until the one before it is through. As with TCP, a connection is made
one and a half round trips after it was asked for. Slow start, loss and jitter are not modelled.

It prints ``listening on ADDR``, then answers a line ``count`` or ``cut`` on its standard input with a line,
and ends with its input. :class:`Proxy` is such a process; without delay and rate it is a counter.
"""

from __future__ import annotations

import argparse
import contextlib
import selectors
import socket
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = ("127.0.0.1", "localhost")
READ = 256 << 10
PACKET = 4 << 10  # bytes that a link with a bandwidth carries at once: 3 ms at 10 Mbit/s
WAITING = 16 << 20  # bytes on their way in one direction of a connection, from which on no more are taken
RATED = 512 << 10  # the same where there is a bandwidth: what lies in the buffers of a slow link
PATIENCE = 20.0
UNITS = {"kbit": 1e3, "mbit": 1e6, "gbit": 1e9}
RESET = struct.pack("ii", 1, 0)  # close(2) sends a reset, and nothing that still waits


class Link:
    """One direction: when what is put on it now comes out. *delay* in seconds, *rate* in bits per second."""

    def __init__(self, delay: float = 0.0, rate: float | None = None) -> None:
        self.delay = delay
        self.rate = rate
        self.count = 0
        """Bytes that came out."""
        self._free = 0.0

    def due(self, now: float, size: int, earliest: float = 0.0) -> float:
        """When the last of *size* bytes comes out, of which the first enters *now*, or *earliest*."""
        start = max(now, earliest)
        if self.rate is not None:
            start = self._free = max(start, self._free) + size * 8 / self.rate
        return start + self.delay


class Pipe:
    """What goes from *source* to *sink*, which is None until the other side is reached."""

    def __init__(self, link: Link, source: socket.socket | None, sink: socket.socket | None) -> None:
        self.link = link
        self.source = source
        self.sink = sink
        self.earliest = 0.0
        self.ended = False  # the source has no more
        self.done = False  # the sink knows that
        self.blocked = False  # the sink takes no more now
        self._queue: deque[tuple[float, bytes]] = deque()  # empty bytes are the end
        self._waiting = 0

    @property
    def full(self) -> bool:
        return self._waiting >= (WAITING if self.link.rate is None else RATED)

    @property
    def next(self) -> float | None:
        """When there is something to write, if no reader is waited for."""
        return self._queue[0][0] if self._queue and self.sink is not None and not self.blocked else None

    def read(self, now: float) -> None:
        """Take what the source has. Raises OSError."""
        assert self.source is not None
        try:
            data = self.source.recv(READ)
        except BlockingIOError:
            return
        if not data:
            self.ended = True
            self._queue.append((self.link.due(now, 0, self.earliest), b""))
            return
        step = len(data) if self.link.rate is None else PACKET
        for start in range(0, len(data), step):
            packet = data[start : start + step]
            self._queue.append((self.link.due(now, len(packet), self.earliest), packet))
        self._waiting += len(data)

    def write(self, now: float) -> None:
        """Give the sink what is due. Raises OSError."""
        assert self.sink is not None
        while self._queue and self._queue[0][0] <= now:
            due, data = self._queue[0]
            if not data:
                self._queue.popleft()
                self.done = True
                self.sink.shutdown(socket.SHUT_WR)
                continue
            try:
                count = self.sink.send(data)
            except BlockingIOError:
                self.blocked = True
                return
            self.link.count += count
            self._waiting -= count
            if count < len(data):
                self._queue[0] = (due, data[count:])
            else:
                self._queue.popleft()


class Connection:
    """One connection through the link: *client*, and the target once the link has carried the request."""

    def __init__(self, client: socket.socket, up: Link, down: Link, now: float) -> None:
        self.client = client
        self.target: socket.socket | None = None
        self.reach_at = now + 3 * up.delay
        self.up = Pipe(up, client, None)
        self.up.earliest = now + 2 * up.delay
        self.down = Pipe(down, None, client)

    def reached(self, target: socket.socket) -> None:
        self.target = self.up.sink = self.down.source = target

    @property
    def over(self) -> bool:
        return self.up.done and self.down.done

    @property
    def next(self) -> float | None:
        """When something has to be done, if nobody says anything before."""
        times = [self.up.next, self.down.next, self.reach_at if self.target is None else None]
        return min((one for one in times if one is not None), default=None)

    def wanted(self, sock: socket.socket) -> int:
        """The selector's events that *sock* is waited for."""
        into, out = (self.up, self.down) if sock is self.client else (self.down, self.up)
        events = 0
        if not into.ended and not into.full:
            events |= selectors.EVENT_READ
        if out.blocked:
            events |= selectors.EVENT_WRITE
        return events


class Loop:
    """Serves *listener* in one thread; *reach* makes a connection to the target. *commands* is a pipe."""

    def __init__(
        self, listener: socket.socket, reach: Callable[[], socket.socket], up: Link, down: Link, commands: int
    ) -> None:
        self._selector = selectors.SelectSelector()  # the others round their time-outs up to milliseconds
        self._listener = listener
        self._reach = reach
        self._up, self._down = up, down
        self._connections: set[Connection] = set()
        self._watched: dict[socket.socket, int] = {}
        self._commands = commands
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(commands, selectors.EVENT_READ)

    def run(self) -> None:
        while True:
            times = [one.next for one in self._connections]
            due = min((one for one in times if one is not None), default=None)
            timeout = None if due is None else max(0.0, due - time.monotonic())
            for key, events in self._selector.select(timeout):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fd == self._commands:
                    if not self._command():
                        return
                elif key.data in self._connections:
                    self._ready(key.data, key.fileobj, events)  # type: ignore[arg-type]
            now = time.monotonic()
            for connection in list(self._connections):
                self._go_on(connection, now)

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            client, _ = self._listener.accept()
            prepare(client)
            connection = Connection(client, self._up, self._down, time.monotonic())
            self._connections.add(connection)
            self._watch(connection)

    def _ready(self, connection: Connection, sock: socket.socket, events: int) -> None:
        into, out = connection.up, connection.down
        if sock is not connection.client:
            into, out = out, into
        if events & selectors.EVENT_WRITE:
            out.blocked = False
        if events & selectors.EVENT_READ:
            try:
                into.read(time.monotonic())
            except OSError:
                self._end(connection, reset=True)

    def _go_on(self, connection: Connection, now: float) -> None:
        try:
            if connection.target is None and now >= connection.reach_at:
                target = self._reach()
                prepare(target)
                connection.reached(target)
            for pipe in (connection.up, connection.down):
                if pipe.sink is not None:
                    pipe.write(now)
        except OSError:
            self._end(connection, reset=True)
            return
        if connection.over:
            self._end(connection)
        else:
            self._watch(connection)

    def _watch(self, connection: Connection) -> None:
        for sock in (connection.client, connection.target):
            if sock is None:
                continue
            events = connection.wanted(sock)
            before = self._watched.get(sock, 0)
            if events == before:
                continue
            if not before:
                self._selector.register(sock, events, connection)
            elif events:
                self._selector.modify(sock, events, connection)
            else:
                self._selector.unregister(sock)
            self._watched[sock] = events

    def _end(self, connection: Connection, *, reset: bool = False) -> None:
        self._connections.discard(connection)
        for sock in (connection.client, connection.target):
            if sock is None:
                continue
            if self._watched.pop(sock, 0):
                self._selector.unregister(sock)
            if reset and sock.family == socket.AF_INET:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            sock.close()

    def _command(self) -> bool:
        """Answer one line; False at the end of the input."""
        word = sys.stdin.readline().strip()
        if word == "count":
            print(self._up.count, self._down.count, flush=True)
        elif word == "cut":
            cut = list(self._connections)
            for connection in cut:
                self._end(connection, reset=True)
            print(len(cut), flush=True)
        return bool(word)


def prepare(sock: socket.socket) -> None:
    sock.setblocking(False)
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def connect(address: str) -> socket.socket:
    """A connection to *address*. Raises OSError."""
    if address.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(address[len("unix:") :])
        except OSError:
            sock.close()
            raise
        return sock
    return socket.create_connection(inet(address))


def listen(address: str) -> tuple[socket.socket, str]:
    """A listener on *address*, and its address with the real port."""
    if address.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(address[len("unix:") :])
        sock.listen()
        return sock, address
    sock = socket.create_server(inet(address), backlog=100)
    return sock, f"127.0.0.1:{sock.getsockname()[1]}"


def inet(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if host not in LOOPBACK:
        raise ValueError(f"{address}: only loopback addresses are served")
    return "127.0.0.1", int(port)


def rate(text: str) -> float:
    """``10mbit`` in bits per second."""
    for unit, factor in UNITS.items():
        if text.endswith(unit):
            return float(text[: -len(unit)]) * factor
    raise ValueError(f"{text}: say a number and one of {' '.join(UNITS)}")


@dataclass(frozen=True)
class Counted:
    """Bytes that came out at the target's side (*up*) and at the client's (*down*)."""

    up: int
    down: int

    def __sub__(self, other: Counted) -> Counted:
        return Counted(self.up - other.up, self.down - other.down)


class Proxy:
    """A link to *target* in a process of its own; *delay* is one way, in seconds, *rate* bits per second."""

    def __init__(
        self, target: str, *, delay: float = 0.0, rate: float | None = None, listen: str = "127.0.0.1:0"
    ) -> None:
        words = [sys.executable, "-m", __name__, "--listen", listen, "--delay-ms", repr(delay * 1000)]
        if rate is not None:
            words += ["--rate", f"{rate / 1e3!r}kbit"]
        self._process = subprocess.Popen(
            [*words, target], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        said = self._line()
        if not said.startswith("listening on "):
            raise RuntimeError(f"the proxy to {target} does not start: {said!r}")
        self.address = said[len("listening on ") :]

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def count(self) -> Counted:
        """What has come out until now, of all connections."""
        up, down = self._ask("count").split()
        return Counted(int(up), int(down))

    def cut(self) -> int:
        """Reset every connection, both ends; returns how many there were. New ones may come."""
        return int(self._ask("cut"))

    def _ask(self, word: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")

    def close(self) -> None:
        """End it; connections that there are break."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.harness.proxy", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="ADDR")
    parser.add_argument("--delay-ms", type=float, default=0.0, metavar="MS", help="one way")
    parser.add_argument("--rate", type=rate, metavar="RATE", help="each way, as 10mbit")
    parser.add_argument("target", metavar="TARGET")
    options = parser.parse_args(argv)
    listener, address = listen(options.listen)
    up, down = (Link(options.delay_ms / 1000, options.rate) for _ in range(2))
    loop = Loop(listener, lambda: connect(options.target), up, down, sys.stdin.fileno())
    print(f"listening on {address}", flush=True)
    loop.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
