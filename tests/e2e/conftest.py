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
from tests.harness.environment import Home, Ran, rbridge, stop
from tests.harness.sshd import Forward, Sshd, Via
from tests.harness.wait import Never, until


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
        self._port = 0
        self._name = os.urandom(3).hex()
        self.address = ""
        self.forward = self._make()
        self._started: list[subprocess.Popen[bytes]] = []

    def _make(self) -> Forward:
        if not self._unix:
            forward = self.sshd.forward(
                f"127.0.0.1:{self._port}:127.0.0.1:{self.daemon.port}", alias=self.alias
            )
            self._port = forward.port
            self.address = f"--host 127.0.0.1 --port {forward.port}"
            return forward
        directory = self.home.path / ".rbridge" / os.uname().nodename
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.parent.chmod(0o700)
        socket = directory / f"{self._name}.sock"
        socket.unlink(missing_ok=True)  # sshd never does
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

    def host(self, words: str, *, deadline: float = 60.0) -> Ran:
        """Run ``rbridge WORDS`` on the host, in its home directory."""
        command = f"cd {self.home.path} && exec {self.client} {words}"
        return self.home.run(self.sshd.ssh(command, alias=self.alias), deadline=deadline)

    def laptop(self, *words: str) -> Ran:
        """Run ``rbridge WORDS`` on the laptop."""
        return self.daemon.home.run(rbridge(*words))

    def until_host(self, words: str, path: str = "") -> str:
        """Wait until a line of ``rbridge status [PATH]`` on the host has all of *words*; that line."""
        return _until_line(lambda: self.host(f"status {path}").ok().out, words, "the host's status")

    def until_laptop(self, words: str, path: str = "") -> str:
        """The same on the laptop."""
        return _until_line(lambda: self.laptop("status", path).ok().out, words, "the laptop's status")

    def ps(self) -> list[int]:
        """The client's processes on the host."""
        mine = {self.sshd.pid, self.forward.process.pid}
        return [pid for pid in self.home.processes() if pid not in mine and is_client(pid)]

    def residents(self) -> list[int]:
        """Those of them that are in the background: of none can be seen what it says."""
        return [pid for pid in self.ps() if _out(pid) == os.devnull]

    def again(self) -> None:
        """A new forward in place of the one that is gone, where that was."""
        self.forward.close()
        self.forward = self._make()

    def close(self) -> None:
        for process in self._started:
            stop(process)
        self.forward.close()


def _until_line(ask: Callable[[], str], words: str, what: str) -> str:
    last = ""

    def found() -> str:
        nonlocal last
        last = ask()
        return next((line for line in last.splitlines() if all(one in line for one in words.split())), "")

    try:
        return until(found)
    except Never:
        raise Never(f"{what} never said {words!r}, but {last!r}") from None


def _out(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/fd/1")
    except OSError:
        return ""


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
def running(editor: Editor, daemon: Callable[..., Daemon]) -> Daemon:
    """A daemon whose editor a test drives."""
    return daemon(editor=editor.spec)


@pytest.fixture
def tunnel(sshd: Sshd, running: Daemon, join: Join) -> Bridge:
    """A host with one forward, to a Unix socket, for what does not depend on its kind."""
    return join(sshd, running)


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
