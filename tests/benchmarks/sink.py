"""The plainest server there can be: reads as fast as it can, notes the times, and hangs up."""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

PATIENCE = 120.0
BUFFER = 1 << 18


@dataclass(frozen=True)
class Arrival:
    """When the first and the last byte of a connection came, by ``time.perf_counter``, and how many did."""

    first: float
    last: float
    size: int


class Sink:
    """Listens on a free loopback port, or on the Unix socket *path*.

    It greets as an rmate server does and hangs up after the dot; with *raw* it says nothing and takes all up
    to EOF for data. What comes is dropped, or written to the file *into*, anew for each connection.
    """

    def __init__(self, path: Path | None = None, *, raw: bool = False, into: Path | None = None) -> None:
        if path is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.port: int = self._listener.getsockname()[1]
        else:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(path))
            self._listener.listen()
        self._raw = raw
        self._into = into
        self._arrivals: queue.Queue[Arrival] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="sink")
        self._thread.start()

    def wait(self) -> Arrival:
        """The next connection's times, once it is complete."""
        return self._arrivals.get(timeout=PATIENCE)

    def _run(self) -> None:
        buffer = bytearray(BUFFER)
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with sock, open(self._into or os.devnull, "wb") as file:
                self._serve(sock, buffer, file)

    def _serve(self, sock: socket.socket, buffer: bytearray, file: BinaryIO) -> None:
        view = memoryview(buffer)
        first = last = 0.0
        size, tail = 0, b""
        if not self._raw:
            sock.sendall(b"220 sink RMATE plain\n")
        with contextlib.suppress(ConnectionError):
            while self._raw or not tail.endswith(b"\n.\n"):
                count = sock.recv_into(buffer)
                if self._into is not None:
                    file.write(view[:count])
                last = time.perf_counter()
                if not count:
                    break
                first = first or last
                size += count
                tail = (tail + bytes(buffer[max(0, count - 3) : count]))[-3:]
        if size:
            self._arrivals.put(Arrival(first, last, size))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE)

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
