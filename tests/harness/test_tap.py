"""The tap: what the benchmarks' times on a socket rest on."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.environment import Home
from tests.harness.tap import Tap


@pytest.fixture
def echo(home: Home) -> Iterator[Path]:
    """A socket behind which everything comes back in capitals, to the end of each connection."""
    path = home.root / "echo.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                end, _ = listener.accept()
                with end:
                    while data := end.recv(1 << 16):
                        end.sendall(data.upper())

    thread = threading.Thread(target=serve)
    thread.start()
    yield path
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(20)


def reach(path: Path) -> socket.socket:
    end = socket.socket(socket.AF_UNIX)
    end.settimeout(20)
    end.connect(str(path))
    return end


def test_what_passes_is_kept_with_its_direction_and_a_time_between_those_of_its_ends(
    home: Home, echo: Path
) -> None:
    path = home.root / "tap.sock"
    with Tap(path, echo) as tap, reach(path) as end:
        before = time.monotonic()
        end.sendall(b"one")
        assert end.recv(100) == b"ONE"
        after = time.monotonic()
        assert [(one.there, one.data) for one in tap.passed] == [(True, b"one"), (False, b"ONE")]
        first, second = (one.at for one in tap.passed)
        assert before <= first <= second <= after


def test_connections_are_told_apart(home: Home, echo: Path) -> None:
    path = home.root / "tap.sock"
    with Tap(path, echo) as tap:
        for word in (b"one", b"two"):
            with reach(path) as end:
                end.sendall(word)
                assert end.recv(100) == word.upper()
        assert [(one.connection, one.data) for one in tap.passed if one.there] == [(1, b"one"), (2, b"two")]


def test_the_end_of_what_one_side_says_is_passed_on_behind_all_of_it(home: Home, echo: Path) -> None:
    path = home.root / "tap.sock"
    large = b"a line of text\n" * 100_000
    with Tap(path, echo) as tap, reach(path) as end:

        def say() -> None:
            end.sendall(large)
            end.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=say)
        sender.start()
        came = b""
        while more := end.recv(1 << 20):
            came += more
        sender.join(20)
        assert came == large.upper()
        assert b"".join(one.data for one in tap.passed if one.there) == large


def test_a_connection_ends_where_nobody_listens_behind_it(home: Home) -> None:
    path = home.root / "tap.sock"
    with Tap(path, home.root / "nobody.sock"), reach(path) as end:
        assert end.recv(100) == b""


def test_nobody_else_may_connect_to_it(home: Home, echo: Path) -> None:
    path = home.root / "tap.sock"
    with Tap(path, echo):
        assert path.stat().st_mode & 0o777 == 0o600


def test_closing_it_cuts_those_that_are_connected(home: Home, echo: Path) -> None:
    path = home.root / "tap.sock"
    tap = Tap(path, echo)
    with reach(path) as end:
        end.sendall(b"x")
        assert end.recv(100) == b"X"
        tap.close()
        assert end.recv(100) == b""
    assert not [one for one in threading.enumerate() if one.name == "tap"]
