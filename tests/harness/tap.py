"""A tap on a Unix socket: what passed, in which direction, and when.

It runs in this process, so that its times and the caller's are of one clock, ``time.monotonic``: on Linux
CLOCK_MONOTONIC, which other processes can read too. A time is taken when the bytes have come here, before
they go on: between a question and its answer lie as many ways through a socket as without the tap.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path

PIECE = 256 << 10


@dataclass(frozen=True)
class Passed:
    """Bytes that came at once: *there* from who connected to the target, else back. *connection* counts."""

    at: float
    connection: int
    there: bool
    data: bytes


class Tap:
    """Listens at the new socket *path*, for this user only, and reaches *target* for each connection."""

    def __init__(self, path: Path, target: Path) -> None:
        self.passed: list[Passed] = []
        self._target = target
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._listener.listen()
        self._start(self._accept)

    def close(self) -> None:
        """Cut all connections; the socket's file stays."""
        for one in (self._listener, *self._ends):
            _shut(one, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(20)
        for one in (self._listener, *self._ends):
            one.close()

    def __enter__(self) -> Tap:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, name="tap", daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            self._ends += [near, far]
            try:
                far.connect(str(self._target))
            except OSError:
                _shut(near, socket.SHUT_RDWR)
                continue
            number += 1
            self._start(self._carry, number, True, near, far)
            self._start(self._carry, number, False, far, near)

    def _carry(self, number: int, there: bool, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(PIECE):
                self.passed.append(Passed(time.monotonic(), number, there, data))
                sink.sendall(data)
        _shut(sink, socket.SHUT_WR)
        _shut(source, socket.SHUT_RD)  # one that cannot be written to any more is not read either


def _shut(end: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(how)
