"""A laptop with a daemon and editors that are attached to it, and a host with the client."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from tests.conftest import Start
from tests.editors.driver import Driver
from tests.harness.daemon import Daemon
from tests.harness.environment import Home, Ran, rbridge, signalled
from tests.harness.wait import until

D = TypeVar("D", bound=Driver)

THREE = "one\ntwo\nthree\n"

PROJECT = {
    "train.py": THREE,
    "notes.txt": "notes\n",
    "src/model.py": "import torch\n\nclass Model:\n    pass\n",
    "src/data.py": "# for a Model\n",
    "build/model.py": "class Model:\n",
    ".gitignore": "build/\n",
}
"""What is in a folder, if nothing else is said."""


class Bench(Generic[D]):
    """The daemon serves *laptop*; *host* has files, and opens them through the daemon's own socket."""

    def __init__(self, kind: type[D], laptop: Home, host: Home, daemon: Start) -> None:
        self.kind = kind
        self.laptop = laptop
        self.host = host
        self._daemon = daemon
        self._options = kind.serve(laptop)
        self._editors: list[D] = []
        self._waiting: list[subprocess.Popen[bytes]] = []
        self.daemon = self.serve()

    def serve(
        self, listen: Sequence[str] = ("unix",), config: str = "", env: Mapping[str, str] | None = None
    ) -> Daemon:
        """Start a daemon, in place of one that has ended."""
        options = {**self._options, "env": {**self._options.get("env", {}), **(env or {})}}
        self.daemon = self._daemon(home=self.laptop, listen=listen, config=config, **options)
        return self.daemon

    def editor(self, setup: str = "") -> D:
        """One more editor, attached; it is killed with the test."""
        made = self.kind(self.laptop, setup=setup)
        self._editors.append(made)
        return made

    def words(self, *words: str) -> list[str]:
        return [*rbridge("open"), "--socket", str(self.daemon.socket), *words]

    def open(self, *words: str, deadline: float = 30.0) -> Ran:
        """``rbridge open WORDS`` on the host, to its end."""
        return self.host.run(self.words(*words), deadline=deadline)

    def wait(self, *words: str, stdin: int | None = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """``rbridge open -w WORDS`` on the host, which waits now."""
        process = self.host.start(self.words("-w", *words), stdin=stdin)
        self._waiting.append(process)
        return process

    def opened(self, content: str | bytes = THREE, name: str = "train.py", setup: str = "") -> tuple[D, Path]:
        """An editor that shows a file of the host, and that file."""
        editor, file = self.editor(setup), self.host.file(name, content)
        self.show(editor, file)
        return editor, file

    def show(self, editor: Driver, file: Path) -> None:
        """Open *file* and wait until *editor* shows it."""
        self.open(str(file)).ok()
        editor.sees(file.name)
        editor.settled()

    def project(self, files: Mapping[str, str] = PROJECT, name: str = "project") -> Path:
        """A directory of the host with *files*."""
        for path, content in files.items():
            self.host.file(f"{name}/{path}", content)
        return self.host.path / name

    def browsing(
        self, files: Mapping[str, str] = PROJECT, name: str = "project", setup: str = ""
    ) -> tuple[D, Path]:
        """An editor that shows a folder of the host with *files*, and that directory."""
        editor, root = self.editor(setup), self.project(files, name)
        self.browse(editor, root)
        return editor, root

    def browse(self, editor: Driver, root: Path, *options: str) -> None:
        """Open the directory *root* and wait until *editor* shows what is in it."""
        self.open(*options, str(root)).ok()
        editor.tree.until_root(str(root))
        editor.tree.until_shows(*(one.name + "/" * one.is_dir() for one in list(root.iterdir())[:100]))
        editor.settled()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The client on the host does nothing during the block: its watch does not see a change first."""
        pids = self.host.processes()
        for pid in pids:
            signalled(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                signalled(pid, signal.SIGCONT)

    def close(self) -> None:
        for editor in self._editors:
            editor.kill()
        for process in self._waiting:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()


class PlainClient:
    """An rmate client that opens /home/u/NAME of *host*; it confirms nothing. *where*: a socket or a port."""

    def __init__(self, where: Path | int, content: bytes, host: str = "gpu1", name: str = "x.py") -> None:
        tcp = isinstance(where, int)
        self._socket = socket.socket(socket.AF_INET if tcp else socket.AF_UNIX)
        self._socket.settimeout(20)
        self._socket.connect(("127.0.0.1", where) if tcp else str(where))
        head = f"open\ndisplay-name: {host}:{name}\nreal-path: /home/u/{name}\ntoken: t\ndata-on-save: yes\n"
        self._socket.sendall(head.encode() + b"data: %d\n%s\n.\n" % (len(content), content))

    def __enter__(self) -> PlainClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def gets(self, content: bytes) -> None:
        """Wait until a save brought *content*."""
        came = b""
        while content not in came:
            more = self._socket.recv(65536)
            assert more, came
            came += more


def holds(file: Path, content: str | bytes) -> Callable[[], bool]:
    data = content.encode() if isinstance(content, str) else content
    return lambda: file.read_bytes() == data


def edited(editor: Driver, file: Path) -> None:
    """Type into the shown text and save it: *file* has it."""
    text = file.read_bytes()
    editor.insert("X")
    editor.save()
    until(holds(file, b"X" + text), what=f"{file} is saved; it is {file.read_bytes()!r}")
    editor.until_saved()
