"""One laptop, one host behind a real sshd, and several tunnels between them, each to be broken alone.

Each tunnel has a socket of its own on the host, so the client has a process of its own in the background for
it. All share one daemon, which can be killed too. Commands run on the host as from a shell that is there.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rbridge.server.spool import Entry, Spool
from tests.compat.editor import Editor, Opened
from tests.e2e.conftest import is_client
from tests.harness.daemon import Daemon
from tests.harness.environment import Home, Ran, rbridge, stop
from tests.harness.proxy import Proxy
from tests.harness.sshd import Forward, Sshd
from tests.harness.wait import until

LIMITS = "[limits]\nsessions = 4000\n"


def gone(pid: int) -> bool:
    """Whether process *pid* is no more, or only waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def kill(pid: int) -> None:
    """``kill -9``; returns when nothing of the process runs any more."""
    os.kill(pid, signal.SIGKILL)
    until(lambda: gone(pid), what=f"the end of {pid}")


@dataclass
class Document:
    """A file on the host at *path*, open in an editor; *text* is what the host acknowledged last."""

    path: Path
    opened: Opened
    text: bytes


class Tunnel:
    """``ssh -R`` from the host's *socket* to the daemon; *link*: through a proxy that can reset it."""

    def __init__(self, ground: Ground, name: str, link: bool = False) -> None:
        self.ground = ground
        self.name = name
        self.directory = ground.remote.path / name
        self.directory.mkdir()
        self.socket = ground.remote.path / f"{name}.sock"
        self.resident = 0
        self.document: Document = None  # type: ignore[assignment]
        self._link = Proxy(f"127.0.0.1:{ground.sshd.port}") if link else None
        self._stopped: list[int] = []
        self.forward: Forward = None  # type: ignore[assignment]
        self.up()

    def up(self) -> None:
        """Make the forward, anew if it was there."""
        if self.forward is not None:
            self.down()
        options = [f"-oPort={self._link.port}"] if self._link is not None else []
        self.forward = self.ground.sshd.forward(f"{self.socket}:{self.ground.daemon.socket}", options=options)

    def down(self) -> None:
        """Kill ssh."""
        for pid in self._stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._stopped.clear()
        self.forward.cut()

    def reset(self) -> None:
        """Reset the connection between ssh and sshd, at both ends."""
        assert self._link is not None
        assert self._link.cut() == 1
        self.forward.process.wait(20)

    @property
    def alive(self) -> bool:
        return self.forward.process.poll() is None

    def served_by(self) -> int:
        """The pid of sshd's process that has the socket on the host."""
        inode = next(
            line.split()[6]
            for line in Path("/proc/net/unix").read_text().splitlines()
            if line.endswith(f" {self.socket}") and line.split()[3] == "00010000"
        )
        for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
            if parent(pid) == self.ground.sshd.pid or parent(parent(pid)) == self.ground.sshd.pid:
                for fd in os.listdir(f"/proc/{pid}/fd"):
                    with suppress(OSError):
                        if os.readlink(f"/proc/{pid}/fd/{fd}") == f"socket:[{inode}]":
                            return pid
        raise LookupError(f"nobody has {self.socket}")

    def suspend(self, pid: int) -> None:
        """Stop *pid*, an end of the tunnel, so that the tunnel takes all and gives nothing."""
        os.kill(pid, signal.SIGSTOP)
        self._stopped.append(pid)

    def argv(self, *words: str) -> list[str | Path]:
        return [sys.executable, "-m", "rbridge", "open", "-s", self.socket, *words]

    def open(self, name: str, text: bytes | None = None) -> Ran:
        """``rbridge open`` of this tunnel's file *name*, to its end; it becomes :attr:`document`."""
        path = self.directory / name
        if text is not None:
            path.write_bytes(text)
        ran = self.ground.remote.run(self.argv(str(path)), deadline=60).ok()
        self._opened(path)
        return ran

    def wait_for(self, name: str, text: bytes) -> subprocess.Popen[bytes]:
        """The same with ``-w``: the command that waits."""
        path = self.directory / name
        path.write_bytes(text)
        process = self.ground.started(self.ground.remote.start(self.argv("-w", str(path))))
        self._opened(path)
        return process

    def _opened(self, path: Path) -> None:
        self.document = Document(path, self.ground.editor.wait_open(), path.read_bytes())
        if self.resident not in self.ground.residents():  # it may not be forked yet
            others = {one.resident for one in self.ground.tunnels}
            found = until(lambda: self.ground.residents() - others, what="a client in the background")
            (self.resident,) = found

    def close(self) -> None:
        if self.forward is not None:
            self.down()
        if self._link is not None:
            self._link.close()


class Ground:
    """The machine of a test. Use :func:`grounds` for it."""

    def __init__(self) -> None:
        self.home = Home()
        self.remote = Home("remote")
        self.editor = Editor(self.home)
        self.sshd = Sshd(self.remote, options=["StreamLocalBindUnlink yes"])
        self.tunnels: list[Tunnel] = []
        self._commands: list[subprocess.Popen[bytes]] = []
        self.daemon = self._serve()

    def _serve(self) -> Daemon:
        return Daemon(self.home, editor=self.editor.spec, listen=["unix"], config=LIMITS)

    def serve_again(self) -> None:
        """A daemon in place of the one that was killed: the same sockets, the same state directory."""
        self.daemon = self._serve()

    def tunnel(self, name: str, link: bool = False) -> Tunnel:
        self.tunnels.append(Tunnel(self, name, link))
        return self.tunnels[-1]

    def up(self, tunnels: Iterable[Tunnel]) -> dict[Tunnel, float]:
        """Make all those forwards, side by side; returns when each of them was there."""

        def one(tunnel: Tunnel) -> tuple[Tunnel, float]:
            tunnel.up()
            return tunnel, time.monotonic()

        with ThreadPoolExecutor(4) as pool:
            return dict(pool.map(one, tunnels))

    def started(self, process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        self._commands.append(process)
        return process

    def residents(self) -> set[int]:
        """The client's processes in the background: those that no shell has started."""
        clients = [pid for pid in self.remote.processes() if is_client(pid) and not gone(pid)]
        return {pid for pid in clients if parent(pid) != os.getpid()}

    @property
    def spool(self) -> list[Entry]:
        """The texts that the laptop keeps, oldest first."""
        root = self.home.state / "spool"
        return Spool(str(root), 0).entries() if root.is_dir() else []

    def kept(self, path: Path) -> Entry | None:
        """The newest text that waits for *path*."""
        found = [one for one in self.spool if one.about.path == str(path) and not one.about.replaced]
        return found[-1] if found else None

    def keeps(self, path: Path, text: bytes) -> bool:
        """Whether *text* waits for *path*."""
        entry = self.kept(path)
        return entry is not None and entry.file.read_bytes() == text

    def laptop(self, *words: str) -> Ran:
        """A command on the laptop."""
        return self.home.run(rbridge(*words))

    def close(self, check: bool) -> None:
        """End everything; with *check* nothing may be left, of processes, sockets or temporary files."""
        try:
            if check:
                until(lambda: not self.residents(), what="the clients in the background end")
                left = [str(one) for one in self.remote.runtime.rglob("*") if one.is_socket()]
                assert not left, f"the clients left {left}"
                names = {one.document.path for one in self.tunnels}
                extra = [str(p) for one in self.tunnels for p in one.directory.iterdir() if p not in names]
                assert not extra, f"the clients left {extra}"
                pending = [str(p) for p in (self.remote.state / "saves").rglob("*") if p.is_file()]
                assert not pending, f"the clients left {pending}"
        finally:
            for process in self._commands:
                with suppress(Exception):
                    stop(process, signal.SIGKILL)
            for tunnel in self.tunnels:
                tunnel.close()
            try:
                if check:
                    self.daemon.stop()
                else:
                    self.daemon.kill()
            finally:
                self.sshd.close()
                self.remote.close()
                self.home.close()


class Grounds:
    """A ground that many tests use in turn; after one that fails the next gets another."""

    def __init__(self, names: Iterable[str], links: bool = False) -> None:
        self._names = list(names)
        self._links = links
        self._ground: Ground | None = None

    @contextmanager
    def use(self) -> Iterator[Ground]:
        if self._ground is None:
            self._ground = Ground()
            for name in self._names:
                self._ground.tunnel(name, self._links)
        ground = self._ground
        try:
            yield ground
        except BaseException:
            self._ground = None
            print(ground.daemon.err[-6000:])
            log = ground.remote.state / "client.log"
            print(log.read_text()[-6000:] if log.exists() else "")
            with suppress(Exception):
                ground.close(check=False)
            raise

    def close(self) -> None:
        """Nothing may be left when all documents were closed."""
        ground, self._ground = self._ground, None
        if ground is None:
            return
        try:
            for tunnel in ground.tunnels:
                if tunnel.document is not None and tunnel.document.path.exists():
                    tunnel.document.opened.give_up()
        except BaseException:
            traceback.print_exc()
            ground.close(check=False)
            raise
        ground.close(check=True)
