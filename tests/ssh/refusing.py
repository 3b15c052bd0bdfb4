"""Servers and listeners that refuse, each in its own way, and what the real ssh makes of them."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rbridge.ssh import reasons
from rbridge.ssh.reasons import Reason
from tests.harness.environment import Home, Ran, stop
from tests.harness.sshd import Sshd
from tests.harness.wait import until

Treatment = Callable[[socket.socket], None]


def failed(server: Sshd, *words: str, alias: str | None = None, way: str = "", code: int = 255) -> Reason:
    """Log in to *server* without a terminal, which must fail; what :mod:`rbridge.ssh.reasons` makes of it."""
    ran = server.remote.run([*server.ssh("-oBatchMode=yes", *words, alias=alias), "true"])
    return _reason(ran, code, way)


def plainly_failed(home: Home, *words: str, way: str = "") -> Reason:
    """The same for ``ssh -F /dev/null WORDS``."""
    ran = home.run(["ssh", "-F", "/dev/null", "-T", "-oBatchMode=yes", *words])
    return _reason(ran, 255, way)


def _reason(ran: Ran, code: int, way: str) -> Reason:
    assert ran.code == code, ran
    reason = reasons.read(ran.err, "gpu1", way)
    assert len(reason.said.splitlines()) == 1, ran
    assert len(reason.hint.splitlines()) <= 1, ran
    return reason


@contextmanager
def listening(treat: Treatment) -> Iterator[int]:
    """A listener that treats its connections in this way; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            try:
                while True:
                    taken, _ = listener.accept()
                    with taken:
                        treat(taken)
            except OSError:
                return  # closed at the end, or the client went first

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def reset(taken: socket.socket) -> None:
    """Answer with RST."""
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def close(taken: socket.socket) -> None:
    """Close at once, having read what the client said: that is no RST."""
    taken.recv(1000)


def keep_silent(taken: socket.socket) -> None:
    """Say nothing until the client gives up."""
    while taken.recv(1000):
        pass


def saying(text: bytes) -> Treatment:
    """Send *text* and close, having read all that the client said: no RST."""

    def treat(taken: socket.socket) -> None:
        taken.sendall(text)
        taken.shutdown(socket.SHUT_WR)
        keep_silent(taken)

    return treat


class Mastered:
    """A master connection to *server*, with its log at DEBUG1, and slaves that open none of their own."""

    def __init__(self, server: Sshd) -> None:
        self._home = server.remote
        self.control = server.directory / "cm"
        self._log = server.directory / f"master-{os.urandom(3).hex()}.log"
        words = ("-M", "-N", "-oLogLevel=DEBUG1", f"-E{self._log}", f"-S{self.control}")
        self.process = self._home.start(server.ssh(*words))
        until(lambda: self.slave("-Ocheck").code == 0, what="a master")

    def log(self) -> str:
        return self._log.read_text()

    def words(self, *words: str) -> list[str]:
        options = [word for word in words if word.startswith("-")]
        rest = [word for word in words if not word.startswith("-")]
        ours = ["-F", "/dev/null", "-T", "-oProxyCommand=false", f"-S{self.control}"]
        return ["ssh", *ours, *options, "gpu1", *rest]

    def slave(self, *words: str) -> Ran:
        return self._home.run(self.words(*words))

    def kill(self) -> None:
        stop(self.process, 9)

    def __enter__(self) -> Mastered:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            stop(self.process)
