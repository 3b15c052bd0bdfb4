"""``rbridge agent`` as a process of the host, with a laptop's end in the test."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rbridge.client.agent import TICK, VERSION
from rbridge.wire.channels import MORE, TOKEN, WINDOW, Channels
from tests.harness.environment import ROOT, Home, rbridge, stop
from tests.harness.wait import until

MARK = "0123456789abcdef"
CONNECT = """
import socket, sys
with socket.socket(socket.AF_UNIX) as client:
    client.connect(sys.argv[1])
    print(client.recv(1))
"""


class Laptop:
    """The other end of an agent in *home*, which listens in a directory of its own."""

    def __init__(self, home: Home, directory: Path | None = None) -> None:
        self.directory = directory or home.path / "own"
        self.directory.mkdir(0o700, exist_ok=True)
        self.path = self.directory / "tunnel.sock"
        self.channels = Channels(False, 0)
        self.process = home.start(rbridge("agent", str(self.path), MARK), stdin=subprocess.PIPE)
        self.events: list[tuple[bytes, int, bytes]] = []
        self._clients: list[socket.socket] = []

    def begin(self) -> Laptop:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"\n"
        assert self.process.stdout.readline() == f"{MARK} {VERSION}\n".encode()
        os.set_blocking(self.process.stdout.fileno(), False)
        return self

    def say(self, data: bytes = b"") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data + bytes(self.channels.out))
        self.process.stdin.flush()
        self.channels.out.clear()

    def hear(self) -> list[tuple[bytes, int, bytes]]:
        """All events so far, but for the connections that were opened, and credit."""
        assert self.process.stdout is not None
        data = self.process.stdout.read()
        self.events += self.channels.feed(data or b"")
        self.say()
        return [event for event in self.events if event[0] in b"DER"]

    def said(self, number: int) -> bytes:
        return b"".join(data for kind, one, data in self.hear() if (kind, one) == (b"D", number))

    def client(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(20)
        self._clients.append(client)
        opened = len(self._clients)
        client.connect(str(self.path))
        until(lambda: self.hear() is not None and self.channels._last == opened)
        return client

    def ended(self) -> tuple[int, str]:
        """Its exit code, and what it said."""
        _, error = self.process.communicate(timeout=30)
        return self.process.returncode, error.decode()

    def close(self) -> None:
        for client in self._clients:
            client.close()
        stop(self.process, signal.SIGKILL)


@pytest.fixture
def laptop(home: Home) -> Iterator[Laptop]:
    made = Laptop(home).begin()
    yield made
    made.close()


def test_it_listens_for_us_alone_until_stdin_ends(laptop: Laptop) -> None:
    found = os.stat(laptop.path)
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert laptop.ended() == (0, "")
    assert not laptop.path.exists()


def test_what_goes_in_comes_out_both_ways(laptop: Laptop) -> None:
    client = laptop.client()
    client.sendall(b"hello")
    until(lambda: laptop.said(1) == b"hello")
    laptop.channels.send(1, b"and good day")
    laptop.say()
    assert client.recv(100) == b"and good day"


def test_either_side_may_end_what_it_says(laptop: Laptop) -> None:
    client = laptop.client()
    client.shutdown(socket.SHUT_WR)
    until(lambda: (b"E", 1, b"") in laptop.hear())
    laptop.channels.send(1, b"last words")
    laptop.channels.end(1)
    laptop.say()
    assert client.recv(100) == b"last words"
    assert client.recv(100) == b""


def test_a_client_hears_the_end_and_goes_on_talking(laptop: Laptop) -> None:
    client = laptop.client()
    laptop.channels.end(1)
    laptop.say()
    assert client.recv(100) == b""
    client.sendall(b"still here")
    until(lambda: laptop.said(1) == b"still here")


def test_a_connection_that_the_laptop_drops_is_dropped(laptop: Laptop) -> None:
    client = laptop.client()
    laptop.channels.reset(1)
    laptop.say()
    assert client.recv(100) == b""


def test_a_client_that_has_gone_is_told_and_what_it_left_comes_first(laptop: Laptop) -> None:
    client = laptop.client()
    client.sendall(b"left behind")
    laptop.channels.send(1, bytes(WINDOW // 4))  # which it never reads
    laptop.say()
    client.close()
    until(lambda: laptop.hear()[-1][0] in b"ER")
    assert laptop.said(1) == b"left behind"
    laptop.channels.end(1)
    laptop.say()
    laptop.client().sendall(b"next")
    until(lambda: laptop.said(2) == b"next")


def test_one_that_takes_nothing_holds_up_no_other_and_costs_its_window(laptop: Laptop) -> None:
    laptop.client()
    laptop.hear()
    sent = 0
    while most := laptop.channels.credit(1):
        laptop.channels.send(1, bytes(most))
        sent += most
        laptop.say()
    assert sent == WINDOW + MORE
    other = laptop.client()
    other.sendall(b"me?")
    until(lambda: laptop.said(2) == b"me?")
    laptop.channels.send(2, b"you")
    laptop.say()
    assert other.recv(10) == b"you"


def test_no_more_is_read_than_the_laptop_takes(laptop: Laptop) -> None:
    client = laptop.client()
    client.settimeout(1)
    with pytest.raises(TimeoutError):
        client.sendall(bytes(64 * TOKEN))
    until(lambda: len(laptop.said(1)) == WINDOW)
    laptop.channels.took(1, TOKEN)
    laptop.say()
    until(lambda: len(laptop.said(1)) == WINDOW + TOKEN)


def test_garbage_ends_it_with_a_line_and_without_a_socket(laptop: Laptop) -> None:
    laptop.say(b"what is this?\n")
    code, error = laptop.ended()
    assert code == 65
    assert error.startswith("rbridge: what came makes no sense: ")
    assert len(error.splitlines()) == 1
    assert not laptop.path.exists()


def test_sigterm_takes_the_socket_along(laptop: Laptop) -> None:
    laptop.process.terminate()
    assert laptop.ended() == (0, "")
    assert not laptop.path.exists()


def test_a_socket_that_another_one_left_is_replaced_and_that_one_ends(home: Home) -> None:
    old = Laptop(home).begin()
    new = Laptop(home).begin()
    try:
        client = new.client()
        client.sendall(b"to the new one")
        until(lambda: new.said(1) == b"to the new one")
        code, error = old.process.wait(2 * TICK + 20), old.process.stderr
        assert error is not None
        assert (code, "was removed or replaced: this agent ends" in error.read().decode()) == (75, True)
        assert new.path.exists()
    finally:
        new.close()
        old.close()


@pytest.mark.parametrize("what", ["directory", "file"])
def test_an_unsafe_place_is_refused(home: Home, what: str) -> None:
    if what == "file":
        home.file("own/tunnel.sock", "mine")
        os.chmod(home.path / "own", 0o700)
    else:
        (home.path / "own").mkdir(0o755)
    laptop = Laptop(home)
    code, error = laptop.ended()
    assert code == 77
    assert ("no socket of yours" if what == "file" else "can be reached by others") in error
    if what == "file":
        assert laptop.path.read_text() == "mine"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it plays another user")
def test_another_user_is_refused(home: Home) -> None:
    laptop = Laptop(home).begin()
    try:
        for place in (home.root, home.path, laptop.directory):
            os.chmod(place, 0o755)  # as if there were no directory of ours in the way
        os.chmod(laptop.path, 0o777)
        words = ["/usr/bin/python3", "-I", "-c", CONNECT, str(laptop.path)]
        done = subprocess.run(words, user=65534, group=65534, capture_output=True, check=True, cwd="/")
        assert done.stdout == b"b''\n"
        assert laptop.hear() == laptop.events == []
        assert laptop.client()
    finally:
        laptop.close()


@pytest.mark.parametrize("words", [(), ("/a",), ("relative", MARK), ("/a", "../b"), ("/a", MARK, "c")])
def test_it_is_not_for_users(home: Home, words: tuple[str, ...]) -> None:
    ran = home.run(rbridge("agent", *words))
    assert (ran.code, "rbridge connect" in ran.err) == (64, True)
    assert str(ROOT) not in ran.err
