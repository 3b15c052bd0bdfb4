"""A document with language servers to choose from, on the host, and a connection for a stream to them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rbridge.client import process
from rbridge.client.lane import Lane
from rbridge.wire import codec
from tests.client.laptop import Heard, Here
from tests.client.test_joins import joined
from tests.harness.environment import Home

ECHO = "import os\nwhile True:\n    data = os.read(0, 65536)\n    if not data: break\n    os.write(1, data)\n"
SLEEP = "import time\ntime.sleep(1000)\n"


class Served:
    """The document ``train.py`` of a project, a PATH with the servers that the test puts there, and a
    connection for a stream. *pids* are those of all servers that were started.
    """

    def __init__(self, host: Here, here: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.host = host
        self.bin = tmp_path / "bin"
        self.bin.mkdir()
        self.pids: list[int] = []
        monkeypatch.setenv("PATH", str(self.bin))
        monkeypatch.setattr(process, "started", self._started)
        self.file = here.file("proj/train.py", "x = 1\n")
        self.project = here.path / "proj"
        (self.project / ".git").mkdir()
        self.open(str(self.file))

    def open(self, *words: str) -> None:
        self.asker = self.host.begin("-w", *words)
        self.host.until(lambda: self.asker.open)
        self.host.main.say("dial", dial=1)
        self.line = joined(self.host)
        self.host.until(lambda: self.host.resident.session.joins.channels)  # type: ignore[union-attr]

    _real = staticmethod(process.started)

    def _started(self, *args: object) -> int:
        pid = self._real(*args)  # type: ignore[arg-type]
        self.pids.append(pid)
        return pid

    def end(self) -> None:
        """Hang up, and see that no server is left."""
        self.host.laptop.hang_up()
        self.host.until(lambda: not self.host.resident.attached)
        for pid in self.pids:
            self.host.until(lambda pid=pid: gone(pid), f"the end of process {pid}")  # type: ignore[misc]

    @property
    def token(self) -> str:
        return self.host.resident.documents[0].source.token

    @property
    def channel(self):  # type: ignore[no-untyped-def]
        return self.host.resident.session.joins.channels[0]  # type: ignore[union-attr]

    @property
    def lane(self) -> Lane:
        lane = self.channel.stream
        assert isinstance(lane, Lane)
        return lane

    def program(self, name: str, text: str) -> Path:
        """A server called *name*."""
        path = self.bin / name
        path.write_text("#!/usr/bin/python3 -IS\n" + text)
        path.chmod(0o755)
        return path

    def stream(self, to: str = "lsp", **said: str) -> None:
        said = {name: codec.quote(value) for name, value in said.items()}
        self.line.say("stream", token=self.token, to=to, **said)

    def run(self, text: str) -> int:
        """Have a server with this *text* started; its process id."""
        self.program("pylsp", text)
        self.stream()
        self.begun()
        return self.pids[-1]

    def begun(self) -> Heard:
        self.host.until(lambda: self.line.all("streaming") or self.line.all("ended"))
        (said,) = self.line.all("streaming")
        return said

    def said(self) -> bytes:
        """All bytes of the server so far."""
        return b"".join(one.body for one in self.line.all("bytes"))

    def ended(self, count: int = 1) -> tuple[str, str, str]:
        """The reason, the message and how it ended."""
        self.host.until(lambda: len(self.line.all("ended")) >= count)
        said = self.line.all("ended")[count - 1]
        return said["reason"], codec.unquote(said.headers.get("message", "")), said.headers.get("status", "")

    def live(self, seconds: float) -> None:
        """Let so much time pass, in which the laptop gives signs of life."""
        while seconds > 0:
            for line in (self.host.main, self.line):
                line.say("beat")
            self.host.turns()
            self.host.skip(min(seconds, 10.0))
            seconds -= 10.0

    def skip(self, seconds: float, count: int = 1) -> tuple[str, str, str]:
        """Let so much time pass, again and again, until the stream is over."""

        def over() -> bool:
            self.live(seconds)
            return len(self.line.all("ended")) >= count

        self.host.until(over)
        return self.ended(count)


def gone(pid: int) -> bool:
    """Whether there is no such process, not even one that nobody has waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def dead(pid: int) -> bool:
    """Whether it runs no more; who was to wait for it may have ended too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True
