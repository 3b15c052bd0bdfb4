"""A laptop in one process, with a host on which a test is the language server; and all of it as processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from rbridge.lsp import remote
from tests.compat.editor import Editor, Opened
from tests.harness.daemon import Daemon
from tests.harness.environment import PROGRAMS, Home, rbridge, stop
from tests.lsp import fake_server
from tests.lsp.client import PATIENCE, Client
from tests.lsp.stage import Stage
from tests.server.conftest import Laptop


@pytest.fixture
async def laptop(tmp_path, nursery) -> Laptop:  # type: ignore[no-untyped-def]
    return Laptop(tmp_path, nursery)


@pytest.fixture
def clock(mock_clock: MockClock) -> MockClock:
    """A clock that runs and can be put forward: threads are at work, so it must not jump by itself."""
    mock_clock.rate = 1
    return mock_clock


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is started again is started at once."""
    monkeypatch.setattr(remote, "PAUSES", (0.001,) * 5)


@pytest.fixture
async def stage(laptop: Laptop, impatient: None) -> AsyncIterator[Stage]:
    made = Stage(laptop)
    await made.open()
    yield made
    await made.close_all()


class Host:
    """A host whose shell has a pretended language server (``tests/lsp/fake_server.py``) on its PATH, and a
    daemon that it opens ``train.py`` on. ``told`` is what the server is told: :meth:`tell` changes it.
    """

    def __init__(self, home: Home, daemon: Daemon, editor: Editor) -> None:
        self.home = home
        self.daemon = daemon
        self.editor = editor
        self.address = f"unix:{daemon.socket}"
        self.told: dict[str, Any] = {"pid": str(home.root / "pids"), "heard": str(home.root / "heard")}
        self._clients: list[Client] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self.tell()
        self.server("pylsp")
        self.train = home.file("project/train.py", "saved = 1\n")
        home.file("project/pyproject.toml")

    def tell(self, **said: Any) -> None:
        """What servers that start from now on do."""
        self.told.update(said)
        self.home.file("fake.json", json.dumps(self.told))

    def server(self, name: str) -> None:
        """One of this name is installed."""
        self.home.script(f"bin/{name}", f"#!/bin/sh\nexec {sys.executable} {fake_server.__file__}\n")

    def open(self, name: str = "project/train.py") -> Opened:
        """Type ``rbridge open`` in a shell with an environment of its own; what the daemon's editor shows."""
        assert self.opening(name).wait(PATIENCE) == 0
        return self.editor.wait_open()

    def opening(self, name: str = "project/train.py") -> subprocess.Popen[bytes]:
        """The same, not waited for."""
        env = {
            "FAKE": str(self.home.path),
            "VIRTUAL_ENV": "venv",
            "PATH": f"{self.home.path / 'bin'}:{PROGRAMS}",
        }
        words = rbridge("open", "--socket", self.address.removeprefix("unix:"), name)
        self._processes.append(self.home.start(words, env=env))
        return self._processes[-1]

    def texts(self) -> list[Path]:
        """What lies in memory on the laptop."""
        return list(self.daemon.home.runtime.rglob("train.py"))

    def pump(self, *words: str, stdin: int = -1) -> subprocess.Popen[bytes]:
        """``rbridge lsp`` on the laptop."""
        self._processes.append(self.daemon.home.start([*rbridge("lsp"), *words], stdin=stdin))
        return self._processes[-1]

    def client(self, *words: str) -> Client:
        return Client(self.pump(*words))

    def pids(self) -> list[int]:
        """Those of the servers that were started until now."""
        path = Path(self.told["pid"])
        return [int(line) for line in path.read_text().splitlines()] if path.exists() else []

    def heard(self) -> list[dict[str, Any]]:
        """What all servers were told."""
        return [json.loads(line) for line in Path(self.told["heard"]).read_text().splitlines()]

    def close(self) -> None:
        for process in self._processes:
            stop(process)


@pytest.fixture
def host(home: Home, other_home: Home, daemon: Callable[..., Daemon]) -> Iterator[Host]:
    editor = Editor(home)
    made = Host(other_home, daemon(editor=editor.spec, listen=["unix"]), editor)
    yield made
    made.close()


def uri_of(opened: Opened) -> str:
    """What editors of files call a document."""
    return opened.file.as_uri()
