"""The laptop and its hosts, joined by forwards as a user would make them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.compat.editor import Editor
from tests.harness.client import Builds
from tests.harness.daemon import Daemon
from tests.harness.environment import Home, Ran, stop
from tests.harness.sshd import Forward, Sshd, Via


class Bridge:
    """A host that has a forward to the daemon of this test; commands run on it through ssh.

    The client is told the forward's address: with that gone it must not find another daemon on this machine.
    A Unix socket lies where clients look for one, so one that is told nothing finds it too.
    """

    def __init__(self, sshd: Sshd, daemon: Daemon, client: Path, *, unix: bool, alias: str) -> None:
        self.sshd = sshd
        self.home = sshd.remote
        self.daemon = daemon
        self.alias = alias
        self.client = client
        self._unix = unix
        self.address = ""
        self.forward = self._make()
        self._started: list[subprocess.Popen[bytes]] = []

    def _make(self) -> Forward:
        if not self._unix:
            forward = self.sshd.forward(f"127.0.0.1:0:127.0.0.1:{self.daemon.port}", alias=self.alias)
            self.address = f"--host 127.0.0.1 --port {forward.port}"
            return forward
        directory = self.home.path / ".rbridge" / os.uname().nodename
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.parent.chmod(0o700)
        socket = directory / f"{os.urandom(3).hex()}.sock"
        self.address = f"--socket {socket}"
        return self.sshd.forward(f"{socket}:{self.daemon.socket}", alias=self.alias)

    def argv(self, words: str, *, told: bool = True) -> list[str]:
        """``ssh HOST rbridge open WORDS``; *words* is shell text."""
        address = self.address if told else ""
        command = f"cd {self.home.path} && exec {self.client} open {address} {words}"
        return self.sshd.ssh(command, alias=self.alias)

    def open(self, words: str, *, told: bool = True, deadline: float = 60.0) -> Ran:
        """Run ``rbridge open`` on the host to its end."""
        return self.home.run(self.argv(words, told=told), deadline=deadline)

    def start(self, words: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start ``rbridge open`` on the host."""
        return self.started(self.home.start(self.argv(words), stdin=stdin))

    def started(self, process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        """Take over *process*: it is ended with the test, should it still run."""
        self._started.append(process)
        return process

    def ps(self) -> list[int]:
        """The client's processes on the host."""
        mine = {self.sshd.pid, self.forward.process.pid}
        return [pid for pid in self.home.processes() if pid not in mine and is_client(pid)]

    def again(self) -> None:
        """A new forward in place of the one that is gone."""
        self.forward.close()
        self.forward = self._make()

    def close(self) -> None:
        for process in self._started:
            stop(process)
        self.forward.close()


def is_client(pid: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"open" in words and not words[0].endswith((b"ssh", b"sshd", b"sh"))


@pytest.fixture
def editor(home: Home) -> Editor:
    return Editor(home)


Join = Callable[..., Bridge]


@pytest.fixture
def join(builds: Builds) -> Iterator[Join]:
    """Forward from a host to a daemon: ``join(sshd, daemon, unix=True, alias=...)``."""
    made: list[Bridge] = []

    def start(sshd: Sshd, daemon: Daemon, *, unix: bool = True, alias: str | None = None) -> Bridge:
        made.append(Bridge(sshd, daemon, builds.file, unix=unix, alias=alias or sshd.alias))
        return made[-1]

    yield start
    for bridge in reversed(made):
        bridge.close()


@pytest.fixture(params=["tcp", "unix", "jump-tcp", "jump-unix"])
def bridge(
    request: pytest.FixtureRequest, sshd: Sshd, editor: Editor, daemon: Callable[..., Daemon], join: Join
) -> Bridge:
    """A host behind each kind of forward, with the scripted editor on the laptop."""
    kind: str = request.param
    alias = None
    if kind.startswith("jump"):
        via: Via = request.getfixturevalue("via_jump")
        alias = via.alias
    return join(sshd, daemon(editor=editor.spec), unix=kind.endswith("unix"), alias=alias)
