"""The delay proxy: what the benchmarks' round trips and byte counts rest on."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.proxy import Link, Proxy, inet, rate
from tests.harness.wait import until

Serve = Callable[[socket.socket], None]


@pytest.fixture
def target() -> Iterator[Callable[[Serve], str]]:
    """A server on loopback: ``target(serve)`` gives its address, and runs *serve* for each connection."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(serve: Serve) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def run() -> None:
            with contextlib.suppress(OSError):
                while True:
                    sock, _ = listener.accept()
                    with sock, contextlib.suppress(ConnectionError):
                        serve(sock)

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return f"127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join(20)


def echo(sock: socket.socket) -> None:
    while data := sock.recv(1 << 16):
        sock.sendall(data)


def reach(proxy: Proxy) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", proxy.port), timeout=20)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def receive(sock: socket.socket, size: int) -> bytes:
    parts = []
    while size and (data := sock.recv(size)):
        parts.append(data)
        size -= len(data)
    return b"".join(parts)


def ping(sock: socket.socket) -> float:
    begin = time.monotonic()
    sock.sendall(b"p")
    assert receive(sock, 1) == b"p"
    return time.monotonic() - begin


def test_a_ping_takes_both_delays_and_not_a_third(target: Callable[[Serve], str]) -> None:
    one_way = 0.05
    with Proxy(target(echo), delay=one_way) as proxy, reach(proxy) as sock:
        assert ping(sock) >= 4 * one_way  # the connection is made one round trip after it was asked for
        taken: list[float] = []

        def quick() -> bool:
            taken.append(ping(sock))
            return taken[-1] < 3 * one_way

        until(quick, 60.0, what="a ping that takes the delays alone")
        assert min(taken) >= 2 * one_way


def test_a_link_carries_packets_one_after_the_other() -> None:
    link = Link(delay=0.1, rate=8000.0)  # a byte in a millisecond
    assert link.due(5.0, 100) == pytest.approx(5.2)
    assert link.due(5.0, 50) == pytest.approx(5.25)
    assert link.due(9.0, 10) == pytest.approx(9.11)


def test_without_a_rate_only_the_delay_counts() -> None:
    link = Link(delay=0.1)
    assert link.due(5.0, 1 << 30) == pytest.approx(5.1)
    assert link.due(5.0, 1, earliest=6.0) == pytest.approx(6.1)


def test_no_byte_is_faster_than_the_rate(target: Callable[[Serve], str]) -> None:
    size = 100_000
    with Proxy(target(echo), rate=rate("4mbit")) as proxy, reach(proxy) as sock:
        begin = time.monotonic()
        sock.sendall(bytes(size))
        assert len(receive(sock, size)) == size
        assert time.monotonic() - begin >= size * 8 / 4e6


def test_everything_arrives_in_order_and_is_counted(target: Callable[[Serve], str]) -> None:
    text = b"".join(b"%08d" % number for number in range(300_000))
    got: queue.Queue[bytes] = queue.Queue()

    def take(sock: socket.socket) -> None:
        got.put(receive(sock, len(text)))
        sock.sendall(b"thanks")

    with Proxy(target(take), delay=0.01) as proxy, reach(proxy) as sock:
        sock.sendall(text)
        assert got.get(timeout=20) == text
        assert receive(sock, 6) == b"thanks"
        counted = proxy.count()
        assert (counted.up, counted.down) == (len(text), 6)
        assert counted - counted == type(counted)(0, 0)


def test_one_side_may_end_while_the_other_goes_on(target: Callable[[Serve], str]) -> None:
    def answer_at_the_end(sock: socket.socket) -> None:
        size = 0
        while data := sock.recv(1 << 16):
            size += len(data)
        sock.sendall(b"%d" % size)

    with Proxy(target(answer_at_the_end), delay=0.01) as proxy, reach(proxy) as sock:
        sock.sendall(b"x" * 12345)
        sock.shutdown(socket.SHUT_WR)
        assert receive(sock, 100) == b"12345"


def test_a_cut_resets_both_ends_and_the_next_connection_works(target: Callable[[Serve], str]) -> None:
    seen: queue.Queue[str] = queue.Queue()

    def serve(sock: socket.socket) -> None:
        try:
            echo(sock)
        except ConnectionResetError:
            seen.put("reset")

    with Proxy(target(serve)) as proxy:
        with reach(proxy) as sock:
            ping(sock)
            assert proxy.cut() == 1
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
        assert seen.get(timeout=20) == "reset"
        with reach(proxy) as sock:
            ping(sock)


def test_a_target_that_is_not_there_is_a_reset() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with Proxy(f"127.0.0.1:{port}") as proxy, pytest.raises(ConnectionResetError), reach(proxy) as sock:
        sock.recv(1)  # the reset may come before the connection is seen to be made


def test_unix_sockets_at_both_ends(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "target"))
        listener.listen()
        near = f"unix:{tmp_path / 'near'}"
        with (
            Proxy(f"unix:{tmp_path / 'target'}", listen=near) as proxy,
            socket.socket(socket.AF_UNIX) as sock,
        ):
            sock.connect(str(tmp_path / "near"))
            sock.sendall(b"hello")
            far, _ = listener.accept()
            with far:
                assert receive(far, 5) == b"hello"
            assert proxy.count().up == 5


def test_only_loopback_is_served() -> None:
    with pytest.raises(ValueError, match="only loopback"):
        inet("10.0.0.1:22")


def test_a_rate_has_a_unit() -> None:
    assert rate("10mbit") == 10e6
    with pytest.raises(ValueError, match="say a number"):
        rate("10")
