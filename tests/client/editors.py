"""Editors that do what a test tells them: real sockets, a thread per connection, no protocol code of ours."""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

PLAIN = b"220 laptop RMATE TextPal\n"
LINK = b"220 mylaptop RMATE rbridge/0.1.0 link/1 editor=vim\n"
DEADLINE = 20.0


@dataclass
class Said:
    """One record that the client sent."""

    command: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def token(self) -> str:
        return self.headers["token"]


class Talk:
    """One accepted connection, as the editor sees it."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(DEADLINE)
        self.sock = sock
        self.file = sock.makefile("rb")

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def line(self) -> str:
        data = self.file.readline()
        assert data.endswith(b"\n") or not data, data
        return data[:-1].decode("utf-8", "surrogateescape")

    def record(self) -> Said:
        """The next record; its command is ``""`` at the end of the stream."""
        command = self.line()
        said = Said(command)
        if command in ("", "."):
            return said
        while line := self.line():
            name, value = line.split(": ", 1)
            if name == "data":
                said.body = self.file.read(int(value))
                assert self.line() == ""
                return said
            said.headers[name] = value
        return said

    def opened(self) -> Said:
        """Take one ``open`` from a client that talks to a plain server, with the dot behind it."""
        said = self.record()
        assert said.command == "open", said
        assert self.record().command == "."
        return said

    def linked(self, count: int = 1) -> list[Said]:
        """Take ``link`` and *count* opens, and confirm them."""
        assert self.record().command == "link"
        said = [self.record() for _ in range(count)]
        for one in said:
            self.send(f"opened\ntoken: {one.token}\neditor: vim\n\n".encode())
        return said

    def save(self, token: str, text: bytes, serial: int | None = None) -> None:
        number = "" if serial is None else f"save: {serial}\n"
        self.send(f"save\ntoken: {token}\n{number}data: {len(text)}\n".encode() + text + b"\n")

    def close(self, token: str) -> None:
        self.send(f"close\ntoken: {token}\n\n".encode())

    def hang_up(self) -> None:
        self.sock.shutdown(socket.SHUT_RDWR)

    def gone(self) -> bool:
        """Wait until the client has closed its end."""
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True


Script = Callable[[Talk], None]


class Editor:
    """Listens at a Unix *path*, or at a free TCP port, and runs *script* with each connection.

    *greeting* is sent first. What a script raises comes out of :meth:`result`.
    """

    def __init__(self, script: Script, path: Path | None = None, greeting: bytes = PLAIN) -> None:
        self._script = script
        self._greeting = greeting
        self._ended: queue.Queue[BaseException | None] = queue.Queue()
        self.connections = 0
        self._accepted: list[socket.socket] = []
        if path is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
        else:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(os.fspath(path))
            self._listener.listen()
        self.path = path
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def where(self) -> list[str]:
        """The options that lead a client here."""
        return ["-s", str(self.path)] if self.path else ["-H", "127.0.0.1", "-p", str(self.port)]

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._accepted.append(sock)
            thread = threading.Thread(target=self._serve, args=[sock], daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        failure: BaseException | None = None
        try:
            talk = Talk(sock)
            with sock, talk.file:
                if self._greeting:
                    talk.send(self._greeting)
                self._script(talk)
        except BaseException as error:
            failure = error
        self._ended.put(failure)

    def result(self, connections: int = 1) -> None:
        """Wait until that many scripts have ended; raise what one of them raised."""
        for _ in range(connections):
            failure = self._ended.get(timeout=DEADLINE)
            if failure is not None:
                raise failure

    def close(self) -> None:
        """End all of it: closing alone does not wake a thread that sits in accept() or recv()."""
        for sock in (self._listener, *self._accepted):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(DEADLINE)
