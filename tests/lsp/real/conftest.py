"""A host with language servers in its environment, behind a real sshd, and a laptop with a client."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from rbridge.lsp.uris import file_uri, remote_uri
from tests.compat.editor import Editor, Opened
from tests.e2e.conftest import Bridge
from tests.e2e.test_keys import give, issue
from tests.harness import servers
from tests.harness.client import Builds
from tests.harness.daemon import Daemon
from tests.harness.environment import Home, rbridge, signalled, stop
from tests.harness.sshd import Sshd
from tests.harness.wait import until
from tests.lsp.client import PATIENCE, Client, Failed, texts_of

TRAIN = '''import only_here


def main(name: str) -> str:
    """Train."""
    return only_here.unique_symbol(name)


main("a")
'''
CONTENT_MODIFIED = -32801  # what a request is answered with whose server is gone: editors show it to nobody


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The client in node is skipped, and listed, where npm gets nothing."""
    why = os.environ.get(servers.MISSING)
    for item in items:
        if why and "tests/lsp/real/test_node" in item.nodeid.replace(os.sep, "/"):
            item.add_marker(pytest.mark.skip(reason=f"no client in node here: {why}"))


class Project:
    """A project of the host, with ``train.py`` and whatever else a test puts there, and who edits it."""

    def __init__(self, bridge: Bridge, editor: Editor) -> None:
        self.bridge = bridge
        self.host = servers.host()
        self.path = bridge.home.path / "project"
        self._editor = editor
        self._clients: list[Client] = []
        self.file("train.py", TRAIN)
        self.file("pyproject.toml", "[project]\nname = 'project'\nversion = '1'\n")

    def file(self, name: str, text: str) -> Path:
        return self.bridge.home.file(f"project/{name}", text)

    def open(self, name: str = "train.py", typed: str | None = None) -> Document:
        """Type ``rbridge open NAME`` in a shell over ssh, where the environment was activated, or *typed*
        before it.
        """
        before = f"{self.host.activate};" if typed is None else typed
        return self.opened_by(f"cd {self.path}; {before} {self.command(name)}", name)

    def opened_by(self, command: str, name: str = "train.py") -> Document:
        """Run a shell's *command* over ssh, which opens NAME."""
        self.run(command)
        return Document(self._editor.wait_open(), self.path / name)

    def run(self, command: str) -> None:
        """Run a shell's *command* over ssh."""
        self.bridge.home.run(self.bridge.sshd.ssh(command), deadline=60.0).ok()

    def command(self, name: str) -> str:
        """``rbridge open NAME`` as text for a shell of the host."""
        return f"{self.bridge.client} open {self.bridge.address} {name}"

    def client(self, *words: str) -> Client:
        """A language client over ``rbridge lsp WORDS`` on the laptop."""
        process = self.bridge.daemon.home.start([*rbridge("lsp"), *words], stdin=-1, stderr=None)
        self._clients.append(Client(process))
        return self._clients[-1]

    def about(self, document: Document, server: str = "") -> Client:
        """One for *document*, which has said its first words."""
        client = self.client("--uri", document.uri, *(["--server", server] if server else []))
        client.initialize()
        return client

    def running(self, program: str) -> list[int]:
        """The processes on the host that have *program* in their command line."""
        return [pid for pid in self.bridge.home.processes() if program in words_of(pid)]

    def kill(self, program: str) -> None:
        """A crash of a language server."""
        found = self.running(program)
        assert found, f"no {program} runs on the host"
        for pid in found:
            signalled(pid, signal.SIGKILL)  # it may have been the child of one of them

    def close(self) -> None:
        for client in self._clients:
            stop(client.process)


class Document:
    """A file of the host that is open on the laptop."""

    def __init__(self, opened: Opened, path: Path) -> None:
        self.opened = opened
        self.path = path
        parts = opened.file.parts
        at = parts.index("files") + 1
        self.id, self.host = parts[at], parts[at + 1]
        self.uri = remote_uri(self.host, os.fsencode(path), self.id)
        """As a plug-in calls it."""
        self.in_memory = file_uri(os.fsencode(opened.file))
        """As an editor of files calls it."""

    def remote(self, path: Path) -> str:
        """What a plug-in calls another file of its host."""
        return remote_uri(self.host, os.fsencode(path))


def words_of(pid: int) -> str:
    """The command line of a process, empty where there is none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def variables_of(pid: int) -> dict[str, str]:
    """The environment that a process was started with."""
    lines = Path(f"/proc/{pid}/environ").read_bytes().decode("utf-8", "replace").split("\0")
    return dict(line.split("=", 1) for line in lines if "=" in line)


def until_hover(client: Client, uri: str, place: tuple[int, int], words: str) -> None:
    """Hover as a user does, now and then, until it says *words*; only those errors may come meanwhile that
    editors show to nobody.
    """

    def says() -> bool:
        try:
            return words in texts_of(client.at("hover", uri, place))
        except Failed as failed:
            if failed.code != CONTENT_MODIFIED:
                raise
            return False

    until(says, PATIENCE, what=f"hover says {words!r}")


def _stop(daemon: Daemon) -> None:
    assert daemon.process.poll() is None, f"the daemon has died: {daemon.err}"
    assert "an error in rbridge itself" not in daemon.err, daemon.err
    daemon.stop()


@contextlib.contextmanager
def _made(builds: Builds, *, proven: bool = False) -> Iterator[Project]:
    with contextlib.ExitStack() as stack:
        laptop, remote = Home("laptop"), Home("remote")
        stack.callback(laptop.close)
        stack.callback(remote.close)
        sshd = Sshd(remote)
        stack.callback(sshd.close)
        editor = Editor(laptop)
        daemon = Daemon(laptop, editor=editor.spec)
        stack.callback(_stop, daemon)
        bridge = Bridge(sshd, daemon, builds.file, unix=not proven, alias=sshd.alias)
        stack.callback(bridge.close)
        if proven:
            give(bridge, issue(bridge).line)
        project = Project(bridge, editor)
        stack.callback(project.close)
        yield project


@pytest.fixture
def project(builds: Builds) -> Iterator[Project]:
    """One that a test may do anything to."""
    with _made(builds) as made:
        yield made


@pytest.fixture
def proven(builds: Builds) -> Iterator[Project]:
    """One on a host that has a key of the laptop: another client there is known to be of the same host."""
    with _made(builds, proven=True) as made:
        yield made


@pytest.fixture(scope="module")
def shared(builds: Builds) -> Iterator[Project]:
    """One for tests that leave it as it is."""
    with _made(builds) as made:
        yield made
