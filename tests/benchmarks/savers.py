"""The contestants of the area ``save``: each brings a text that an editor has saved on the laptop to a host.

The clock starts when the text is complete on the laptop: a file that an editor has renamed into place, or
the start of the command that is to transfer it. With sshfs the writing is the transfer, and counts.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rbridge import build
from tests.benchmarks.far import PATIENCE, Edited, Far, HostFile
from tests.compat import pypi
from tests.compat.editor import Editor, Opened
from tests.harness.daemon import Daemon
from tests.harness.environment import Home, stop
from tests.harness.proxy import Counted, Proxy
from tests.harness.wait import until


class NotHere(Exception):
    """This contestant cannot run on this machine; the message says why."""


@dataclass(frozen=True)
class Took:
    """Seconds until *visible* on the host, and until *acknowledged*, where the contestant does that.

    *link* counts ssh's bytes; *said* is what was said before ssh, where that can be told.
    """

    visible: float
    acknowledged: float | None
    link: Counted
    said: Counted | None = None


class Saver(ABC):
    """Saves one file, again and again; *base* is its content before the first edit."""

    name: str

    def __init__(self, far: Far, label: str, base: bytes, laptop: Laptop) -> None:
        self.far = far
        self.label = label
        self.file = HostFile(far.host.file(f"{label}/{self._short()}/train.py", base))
        self.closing = contextlib.ExitStack()

    def _short(self) -> str:
        return type(self).__name__.lower()

    def save(self, edited: Edited) -> Took:
        """One save, from its start until nothing of it is on the way any more."""
        before, said = self.far.link.count(), self._said()
        visible, acknowledged = self._save(edited)
        link, now = self.far.settled() - before, self._said()
        return Took(visible, acknowledged, link, None if said is None or now is None else now - said)

    @abstractmethod
    def _save(self, edited: Edited) -> tuple[float, float | None]:
        """(visible, acknowledged)."""

    def _said(self) -> Counted | None:
        """What has gone over the connection before ssh."""
        return None

    def close(self) -> None:
        self.closing.close()


class Laptop:
    """The daemon, with one tap per kind of client, and the editor that opens what comes."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._stack = contextlib.ExitStack()
        self.editor = Editor(home)
        self.daemon = Daemon(home, editor=self.editor.spec, args=["-v"])
        self._stack.callback(self.daemon.stop)
        self.taps: dict[str, Proxy] = {}

    def tap(self, name: str) -> tuple[Proxy, Path]:
        """A counter in front of the daemon's socket, and its path; one for each *name*."""
        path = self.home.root / f"{name}.sock"
        if name not in self.taps:
            made = Proxy(f"unix:{self.daemon.socket}", listen=f"unix:{path}")
            self.taps[name] = self._stack.enter_context(made)
        return self.taps[name], path

    def close(self) -> None:
        self._stack.close()


class Edits(Saver):
    """A file that is open in the editor of our daemon; *command* opens it from the host."""

    def __init__(self, far: Far, label: str, base: bytes, laptop: Laptop) -> None:
        super().__init__(far, label, base, laptop)
        self._tap, near = laptop.tap(f"{self._short()}-{far.distance.rtt:g}-{far.distance.rate or 0:g}")
        self._log = Tail(laptop.daemon)
        before = laptop.editor.started()
        command = self._command(near)
        self._client = far.host.start(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={"PYTHONPATH": ""}
        )
        until(lambda: laptop.editor.started() > before, PATIENCE, what=f"{self.name} has opened the file")
        self.opened: Opened = laptop.editor.wait_open()
        self.closing.callback(self._close)
        assert self.opened.content == base

    @abstractmethod
    def _command(self, near: Path) -> Sequence[str | Path]:
        """What opens the file, through a forward to the socket *near*."""

    acknowledges = False

    def _save(self, edited: Edited) -> tuple[float, float | None]:
        aside = self.opened.file.with_name(self.opened.file.name + ".new~")
        aside.write_bytes(edited.text)
        self._log.skip()
        begin = time.perf_counter()
        os.rename(aside, self.opened.file)
        return self.file.follow(begin, edited, self._log.saved if self.acknowledges else None)

    def _said(self) -> Counted | None:
        return self._tap.count()

    def _close(self) -> None:
        self.opened.quit()
        stop(self._client)


class Rbridge(Edits):
    """The single-file client, over a forwarded Unix socket."""

    name = "rbridge"
    acknowledges = True

    def _command(self, near: Path) -> Sequence[str | Path]:
        client = self.far.host.root / "rbridge"
        if not client.exists():
            build.write(client)
        socket = self.far.host.root / f"{self.label}.sock"
        self.far.forward(f"{socket}:{near}")
        return [client, "open", "-w", "--socket", socket, self.file.path]


class Rmate(Edits):
    """PyPI's rmate with our daemon: the plain protocol."""

    name = "rmate"

    def _command(self, near: Path) -> Sequence[str | Path]:
        port = self.far.forward(f"127.0.0.1:0:{near}")
        return [*pypi.command(), "-w", "--host", "127.0.0.1", "-p", str(port), self.file.path]


class Tail:
    """What the daemon's log says anew."""

    def __init__(self, daemon: Daemon) -> None:
        self._path = daemon.log
        self._fd = os.open(self._path, os.O_RDONLY)
        self._at = 0

    def skip(self) -> None:
        self._at = os.fstat(self._fd).st_size

    def saved(self) -> bool:
        """Whether the host has said of the save that it is on the disk."""
        return b": saved" in os.pread(self._fd, 1 << 16, self._at)


class Transfers(Saver):
    """A file that a command transfers, started as soon as it was saved."""

    def __init__(self, far: Far, label: str, base: bytes, laptop: Laptop) -> None:
        super().__init__(far, label, base, laptop)
        self._laptop = laptop.home
        self._local = laptop.home.file(f"{label}/{self._short()}/train.py", base)

    def _lay(self, edited: Edited) -> None:
        self._local.write_bytes(edited.text)

    @abstractmethod
    def _command(self) -> Sequence[str | Path]: ...

    @property
    def _remote(self) -> str:
        return f"gpu1:{self.file.path}"

    @property
    def _over_master(self) -> list[str]:
        return [*self.far.words, f"-oControlPath={self.far.control}"]

    def _save(self, edited: Edited) -> tuple[float, float | None]:
        self._lay(edited)
        begin = time.perf_counter()
        process = self._laptop.start(self._command(), stdout=subprocess.DEVNULL)

        def ended() -> bool:
            return process.poll() is not None

        visible, acknowledged = self.file.follow(begin, edited, ended)
        if stop(process):
            raise RuntimeError(f"{self.name} failed")
        return visible, acknowledged


class RsyncOverMaster(Transfers):
    name = "rsync over a master"

    def _command(self) -> Sequence[str | Path]:
        shell = " ".join(["ssh", *self._over_master])
        return ["rsync", "-I", "-e", shell, self._local, self._remote]


class Rsync(Transfers):
    name = "rsync"

    def _command(self) -> Sequence[str | Path]:
        return ["rsync", "-I", "-e", " ".join(["ssh", *self.far.words]), self._local, self._remote]


class Scp(Transfers):
    name = "scp over a master"

    def _command(self) -> Sequence[str | Path]:
        return ["scp", "-q", *self._over_master, self._local, self._remote]


LSYNCD = """
settings {{ nodaemon = true }}
sync {{ default.rsync, source = "{source}", target = "gpu1:{target}", delay = 1,
       rsync = {{ binary = "/usr/bin/rsync", rsh = "{shell}" }} }}
"""


class Lsyncd(Transfers):
    """Watches the file's directory, and waits a second: its smallest delay."""

    name = "lsyncd"

    def __init__(self, far: Far, label: str, base: bytes, laptop: Laptop) -> None:
        super().__init__(far, label, base, laptop)
        text = LSYNCD.format(
            source=self._local.parent, target=self.file.path.parent, shell=" ".join(["ssh", *far.words])
        )
        config = laptop.home.file(f"{label}/lsyncd.conf", text)
        with open(laptop.home.path / label / "lsyncd.log", "wb") as log:
            process = laptop.home.start(["lsyncd", config], stdout=log.fileno(), stderr=log.fileno())
        self.closing.callback(stop, process, 9)
        first = Edited(base + b"# the first transfer\n", len(base))
        self._lay(first)
        self.file.follow(time.perf_counter(), first)

    def _command(self) -> Sequence[str | Path]:
        raise AssertionError("it runs already")

    def _save(self, edited: Edited) -> tuple[float, float | None]:
        aside = self._laptop.root / "lsyncd.new"
        aside.write_bytes(edited.text)
        begin = time.perf_counter()
        os.rename(aside, self._local)
        return self.file.follow(begin, edited)


class Sshfs(Saver):
    """The host's directory, mounted; the editor writes into the file, and has its answer at the close."""

    name = "sshfs"

    def __init__(self, far: Far, label: str, base: bytes, laptop: Laptop) -> None:
        super().__init__(far, label, base, laptop)
        if not os.access("/dev/fuse", os.R_OK | os.W_OK):
            raise NotHere("no /dev/fuse")
        self._mount = laptop.home.root / f"mount-{label}-{os.urandom(2).hex()}"
        self._mount.mkdir()
        argv: list[str | Path] = ["sshfs", *far.words, f"gpu1:{self.file.path.parent}", self._mount]
        done = laptop.home.run(argv, deadline=PATIENCE)
        if done.code:
            raise NotHere((done.err or done.out).strip().rpartition("\n")[2])
        self.closing.callback(self._unmount, laptop.home)

    def _save(self, edited: Edited) -> tuple[float, float | None]:
        writer = os.fork()
        begin = time.perf_counter()
        if not writer:  # the looks at the host's file go on meanwhile
            code = 1
            try:
                (self._mount / "train.py").write_bytes(edited.text)
                code = 0
            finally:
                os._exit(code)
        status: list[int] = []

        def written() -> bool:
            pid, code = os.waitpid(writer, os.WNOHANG)
            if pid:
                status.append(code)
            return bool(pid)

        visible, acknowledged = self.file.follow(begin, edited, written)
        if status != [0]:
            raise RuntimeError("sshfs cannot write")
        return visible, acknowledged

    def _unmount(self, laptop: Home) -> None:
        until(lambda: laptop.run(["fusermount3", "-u", self._mount]).code == 0, what="sshfs lets go")


SAVERS: tuple[type[Saver], ...] = (Rbridge, Rmate, RsyncOverMaster, Rsync, Scp, Sshfs, Lsyncd)
FEW: tuple[type[Saver], ...] = (Rbridge, Rmate, RsyncOverMaster)
"""Those that run for every kind of edit; the others only for the edit of one line."""
