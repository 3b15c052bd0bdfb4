"""A host far away: a real sshd behind a delay proxy, and a file there that is looked at as it changes."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.harness.environment import Home, stop
from tests.harness.proxy import Counted, Proxy
from tests.harness.sshd import Sshd
from tests.harness.wait import stays, until

LOOK = 0.0002  # seconds between looks at a file
QUIET = 0.02  # seconds beyond a round trip without a byte after which no more is expected
MARK = 64  # bytes at the place of the edit that are looked at before the whole is compared
PATIENCE = 180.0


@dataclass(frozen=True)
class Distance:
    """Round trip in milliseconds, and bits per second each way, None for as many as there are."""

    rtt: float
    rate: float | None = None

    def __str__(self) -> str:
        return f"{self.rtt:g} ms" + (f"/{self.rate / 1e6:g} Mbit" if self.rate else "")

    def carries(self, size: int) -> float:
        """Seconds that *size* bytes take at least."""
        return size * 8 / self.rate if self.rate else 0.0


@dataclass(frozen=True)
class Edited:
    """A *text* to be saved; *at* is where it differs from the one before, the last such place."""

    text: bytes
    at: int


class Far:
    """*host* behind a link of *distance*; *words* are what ssh needs to go that way."""

    def __init__(self, distance: Distance, host: Home) -> None:
        self.distance = distance
        self.host = host
        self._stack = contextlib.ExitStack()
        try:
            self.server = Sshd(host)
            self._stack.callback(self.server.close)
            self.link = self._stack.enter_context(
                Proxy(f"127.0.0.1:{self.server.port}", delay=distance.rtt / 2000, rate=distance.rate)
            )
            self.words = ["-F", str(self.server.config), f"-oPort={self.link.port}"]
            self.control = str(host.root / "master")
            self._master()
        except BaseException:
            self._stack.close()
            raise

    def _master(self) -> None:
        """A connection that is kept, for those that can use it."""
        master = self.host.start(["ssh", *self.words, "-M", f"-oControlPath={self.control}", "-N", "gpu1"])
        self._stack.callback(stop, master)
        until(lambda: os.path.exists(self.control), what="the master connection")

    def forward(self, spec: str) -> int:
        """``ssh -R SPEC`` on a connection of its own; returns the port on the far side, 0 for a socket."""
        made = self.server.forward(spec, options=[f"-oPort={self.link.port}"])
        self._stack.callback(made.close)
        return 0 if spec.startswith("/") else made.port

    def settled(self) -> Counted:
        """What the link has carried in all, when nothing has come out of it for longer than a round trip."""
        while True:
            count = self.link.count()
            with contextlib.suppress(AssertionError):
                stays(lambda count=count: self.link.count() == count, self.distance.rtt / 1000 + QUIET)  # type: ignore[misc]
                return count

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Far:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class HostFile:
    """The file on the host, at *path*."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, ...] = ()

    def shows(self, edited: Edited) -> bool:
        """Whether it has the text, as far as its size and the place of the edit tell."""
        try:
            found = os.stat(self.path)
            state = (found.st_ino, found.st_size, found.st_mtime_ns)
            if state == self._seen or found.st_size != len(edited.text):
                return False
            fd = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            self._seen = state
            return os.pread(fd, MARK, edited.at) == edited.text[edited.at : edited.at + MARK]
        finally:
            os.close(fd)

    def holds(self, edited: Edited) -> bool:
        return self.path.read_bytes() == edited.text

    def follow(
        self, begin: float, edited: Edited, acknowledged: Callable[[], bool] | None = None
    ) -> tuple[float, float | None]:
        """Seconds since *begin* until the text was there whole, and until *acknowledged*."""
        visible: float | None = None
        answered: float | None = None

        def done() -> bool:
            nonlocal visible, answered
            if visible is None and self.shows(edited):
                visible = time.perf_counter() - begin
            if acknowledged is not None and answered is None and acknowledged():
                answered = time.perf_counter() - begin
            if visible is None or (acknowledged is not None and answered is None):
                return False
            if not self.holds(edited):
                visible, self._seen = None, ()
            return visible is not None

        until(done, PATIENCE, what=f"{self.path} has the new text", every=LOOK)
        assert visible is not None
        return visible, answered
