"""Our client against the rmate servers that people already run in their editors."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compat.servers import SERVERS, PlainServer, RemoteSubl, Tab
from tests.harness.environment import Home, stop
from tests.harness.wait import until

TEXT = b"import torch\n\nprint('hello')\n"
TEXTS = {
    "empty": b"",
    "crlf": b"\r\n\r\nCRLF\r\n",
    "binary": bytes(range(256)) * 5,
    "2MB": b"0123456789abcde\n" * 131_072,
}

# What a name must not do: end a header, look like one, end a token, leave UTF-8.
NAMES = [
    b"with space.py",
    "ünïcode-日本.py".encode(),
    b"new\nline.py",
    b"co:lon.py",
    b"a: b:c.py",
    b"back\\slash\\n.py",
    b"in\xffvalid.py",
    b"data: 12.py",
    b"-dash.py",
    b"open",
]


class Client:
    """``rbridge open -w`` in one server's face."""

    def __init__(self, home: Home, command: list[str], server: PlainServer) -> None:
        self.home = home
        self.server = server
        self._command = [*command, "open", "-w", "--host", "127.0.0.1", "--port", str(server.port)]
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        self._started.append(self.home.start([*self._command, *words]))
        return self._started[-1]

    def close(self) -> None:
        for process in self._started:
            stop(process)

    def finish(self, process: subprocess.Popen[bytes], *tabs: Tab) -> None:
        """The user closes the tabs: the client ends with 0, if the program tells it at all."""
        for tab in tabs:
            tab.close()
        if self.server.closes:
            _, err = process.communicate(timeout=20)
            assert process.returncode == 0, err


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[PlainServer]:
    with SERVERS[request.param]() as running:
        yield running


@pytest.fixture
def client(home: Home, client_command: list[str], server: PlainServer) -> Iterator[Client]:
    made = Client(home, client_command, server)
    yield made
    made.close()


def saved(file: Path, text: bytes) -> None:
    """Wait until the save is on the disk; a plain server is told nothing of it."""
    until(lambda: file.read_bytes() == text, what=f"{file.name} has {len(text)} bytes")


def test_open_save_close(client: Client) -> None:
    file = client.home.file("train.py", TEXT)
    process = client.start("train.py")
    tab = client.server.wait_open()
    assert tab.content == TEXT
    assert tab.name.endswith("train.py")
    tab.save(b"changed\n")
    client.finish(process, tab)
    saved(file, b"changed\n")


def test_each_of_three_saves_lands(client: Client) -> None:
    file = client.home.file("train.py", TEXT)
    process = client.start("train.py")
    tab = client.server.wait_open()
    for text in (b"one\n", b"two, longer\n", b"3"):
        tab.save(text)
        saved(file, text)
    client.finish(process, tab)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_any_text_goes_there_and_back(client: Client, text: bytes) -> None:
    file = client.home.file("train.py", text)
    process = client.start("train.py")
    tab = client.server.wait_open()
    assert tab.content == text
    tab.save(b"more\n" + text)
    saved(file, b"more\n" + text)
    tab.save(text)
    client.finish(process, tab)
    saved(file, text)


def test_a_close_without_a_save_changes_nothing(client: Client) -> None:
    file = client.home.file("train.py", TEXT)
    before = file.stat()
    process = client.start("train.py")
    client.finish(process, client.server.wait_open())
    assert (file.read_bytes(), file.stat().st_mtime_ns) == (TEXT, before.st_mtime_ns)
    assert file.stat().st_ino == before.st_ino


def test_a_new_file_is_made_by_its_first_save(client: Client) -> None:
    process = client.start("new.py")
    tab = client.server.wait_open()
    assert tab.content == b""
    tab.save(TEXT)
    client.finish(process, tab)
    saved(client.home.path / "new.py", TEXT)


def test_several_files_with_difficult_names(client: Client) -> None:
    directory = os.fsencode(client.home.path)
    for name in NAMES:
        Path(os.fsdecode(os.path.join(directory, name))).write_bytes(b"text of " + name)
    process = client.start("--", *(os.fsdecode(name) for name in NAMES))
    tabs = [client.server.wait_open() for _ in NAMES]
    assert sorted(tab.content for tab in tabs) == sorted(b"text of " + name for name in NAMES)
    for tab in tabs:
        tab.save(b"new " + tab.content)
    client.finish(process, *tabs)
    for name in NAMES:
        saved(Path(os.fsdecode(os.path.join(directory, name))), b"new text of " + name)
    until(lambda: sorted(os.listdir(directory)) == sorted(NAMES), what="nothing else is there")


def test_a_line_and_column_open_the_right_file(client: Client) -> None:
    client.home.file("train.py", TEXT)
    process = client.start("+3:2", "train.py")
    tab = client.server.wait_open()
    assert tab.content == TEXT
    assert tab.name.endswith("train.py")
    client.finish(process, tab)


def test_it_says_sent_and_goes_to_the_background(
    home: Home, client_command: list[str], server: PlainServer
) -> None:
    file = home.file("train.py", TEXT)
    words = ["open", "--host", "127.0.0.1", "--port", str(server.port), "train.py"]
    ran = home.run([*client_command, *words]).ok()
    assert "sent" in ran.out + ran.err
    tab = server.wait_open()
    assert tab.content == TEXT
    tab.save(b"later\n")
    saved(file, b"later\n")
    tab.close()
    if server.closes:
        until(lambda: not home.processes(), what="the client in the background ends")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_client_that_is_ended_leaves_the_file_as_it_was(client: Client, number: signal.Signals) -> None:
    file = client.home.file("train.py", TEXT)
    process = client.start("train.py")
    tab = client.server.wait_open()
    stop(process, number)
    assert tab.content == file.read_bytes() == TEXT
    assert os.listdir(client.home.path) == ["train.py"]


def test_remotesubl_moves_a_file_that_is_opened_twice(home: Home, client_command: list[str]) -> None:
    file = home.file("train.py", TEXT)
    with RemoteSubl() as server:
        client = Client(home, client_command, server)
        with contextlib.closing(client):
            first = client.start("train.py")
            server.wait_open()
            second = client.start("train.py")
            tab = server.wait_open()
            client.finish(first)
            tab.save(b"from the second\n")
            client.finish(second, tab)
    saved(file, b"from the second\n")
