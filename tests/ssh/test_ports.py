"""Ports of a host on the laptop, through a real sshd: what goes through, and what becomes of it when things
break.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest

from tests.harness.environment import rbridge, stop
from tests.harness.wait import free_port, until
from tests.ssh.reach import Reach, Server, ask, memory

ECHO = """
def one(connection):
    with connection:
        while data := connection.recv(1 << 16):
            connection.sendall(data)
while True:
    threading.Thread(target=one, args=listener.accept()[:1]).start()
"""
ENDLESS = """
def one(connection):
    with connection:
        while True:
            connection.sendall(b"x" * (1 << 20))
while True:
    threading.Thread(target=one, args=listener.accept()[:1]).start()
"""
LOUD_THEN_LISTENING = """
connection, _ = listener.accept()
connection.sendall(b"that was all")
connection.shutdown(socket.SHUT_WR)
heard = b""
while data := connection.recv(1 << 16):
    heard += data
print(heard.decode(), flush=True)
"""
MB = 1 << 20


@pytest.fixture(scope="module")
def gpu1() -> Iterator[Reach]:
    reach = Reach()
    yield reach
    reach.close()


def echoes(port: int) -> bool:
    return ask(port, b"are you there?") == b"are you there?"


def test_what_goes_through_is_whole_both_ways_and_at_the_same_time(gpu1: Reach) -> None:
    sent = os.urandom(8 * MB)
    with Server(gpu1, ECHO) as server:
        port = gpu1.port(server.port)
        with (
            socket.create_connection(("127.0.0.1", port), timeout=20) as client,
            ThreadPoolExecutor() as threads,
        ):

            def say() -> None:
                client.sendall(sent)
                client.shutdown(socket.SHUT_WR)

            threads.submit(say)
            heard = sha256()
            while data := client.recv(MB):
                heard.update(data)
    assert heard.digest() == sha256(sent).digest()


def test_a_server_may_end_what_it_says_and_go_on_listening(gpu1: Reach) -> None:
    with Server(gpu1, LOUD_THEN_LISTENING) as server:
        with socket.create_connection(("127.0.0.1", gpu1.port(server.port)), timeout=20) as client:
            assert client.recv(100) == b"that was all"
            assert client.recv(100) == b""
            client.sendall(b"and this is mine")
        assert server.process.stdout is not None
        assert server.process.stdout.readline() == b"and this is mine\n"


def test_a_server_is_reached_that_starts_later_and_one_that_was_started_again(gpu1: Reach) -> None:
    number = free_port()
    # host and laptop are one machine here: at the same number it would lead to itself
    with gpu1.asked("port", f"{number}:{free_port()}") as process:
        said = process.communicate(timeout=20)[1].decode()
    assert f"port {number}: nothing listens there yet" in said
    port = gpu1.leads(said)
    with pytest.raises(ConnectionError):
        ask(port)
    for _ in range(2):
        with Server(gpu1, ECHO, number) as server:
            assert server.port == number
            assert echoes(port)
    assert f"gpu1:{number}" in gpu1.status()
    gpu1.host("port", "--close", str(number)).ok()
    assert f"gpu1:{number}" not in gpu1.status()
    with pytest.raises(ConnectionError):
        ask(port)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a network namespace here")
def test_a_server_in_another_network_namespace_is_reached_from_a_shell_that_is_there(gpu1: Reach) -> None:
    with Server(gpu1, ECHO) as outside:
        gpu1.port(outside.port)  # by a process in the background that sees another network
        number = free_port()
        inside = f"import socket, threading\nlistener = socket.create_server(('127.0.0.1', {number}))\n"
        script = gpu1.remote.file("inside.py", inside + "print(1, flush=True)\n" + ECHO)
        shell = f"ip link set lo up; {sys.executable} {script} & rbridge port {number}:{free_port()}; wait"
        process = gpu1.remote.start(["unshare", "-n", "sh", "-c", shell])
        try:
            until(lambda: f"reach its port {number}" in gpu1.allow().out)
            gpu1.allow("--all").ok()
            until(lambda: f"gpu1:{number}  port" in gpu1.status())
            (line,) = (one for one in gpu1.status().splitlines() if f":{number} " in one)
            assert echoes(int(line.split("127.0.0.1:")[1].split()[0]))
        finally:
            gpu1.host("port", "--close", str(number))
            stop(process)


def test_two_hundred_connections_at_a_time(gpu1: Reach) -> None:
    with Server(gpu1, ECHO) as server:
        port = gpu1.port(server.port)
        with ThreadPoolExecutor(200) as threads:
            heard = list(threads.map(lambda number: ask(port, b"%d" % number), range(200)))
    assert heard == [b"%d" % number for number in range(200)]


def test_who_does_not_read_costs_no_memory_and_holds_up_nobody(gpu1: Reach) -> None:
    with Server(gpu1, ENDLESS) as endless, Server(gpu1, ECHO) as server:
        slow, quick = gpu1.port(endless.port), gpu1.port(server.port)
        pids = [gpu1.resident(), gpu1.daemon.process.pid]
        before = [memory(pid) for pid in pids]
        with socket.create_connection(("127.0.0.1", slow), timeout=20) as client:
            assert client.recv(1000)
            for _ in range(30):
                assert echoes(quick)
            assert all(memory(pid) - was < 16 * MB for pid, was in zip(pids, before, strict=True))


def test_a_cut_tunnel_breaks_off_what_is_under_way_and_serves_again(gpu1: Reach) -> None:
    with Server(gpu1, ECHO) as server:
        port = gpu1.port(server.port)
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            client.sendall(b"half")
            assert client.recv(100) == b"half"
            gpu1.cut()
            with pytest.raises(ConnectionError):
                assert client.recv(100) == b"an error, not an end"
        until(lambda: echoes(port), deadline=30)


def test_a_client_that_was_killed_leaves_its_port_to_the_next_one(gpu1: Reach) -> None:
    with Server(gpu1, ECHO) as server:
        port = gpu1.port(server.port)
        assert echoes(port)
        os.kill(gpu1.resident(), signal.SIGKILL)
        with pytest.raises(ConnectionError):
            ask(port, b"x")
        assert gpu1.leads(gpu1.host("port", str(server.port)).ok().err) == port
        assert echoes(port)


def test_a_daemon_that_was_killed_and_started_again_has_it_where_it_was(gpu1: Reach) -> None:
    with Server(gpu1, ECHO) as server:
        port = gpu1.port(server.port)
        gpu1.daemon.kill()
        with pytest.raises(ConnectionError):
            ask(port)
        gpu1.daemon = gpu1.serve()
        until(lambda: f"reach its port {server.port}" in gpu1.allow().out, deadline=30)
        gpu1.allow("--all").ok()
        until(lambda: echoes(port))


def test_who_is_refused_is_told_so(gpu1: Reach) -> None:
    with gpu1.asked("port", "7", allow=False) as process:
        said = process.communicate(timeout=20)[1].decode()
    assert process.returncode == 77
    assert "port 7: not opened" in said
    assert "the laptop's user refused it" in said


def test_a_page_of_the_host_is_shown_through_its_port_and_its_token_is_nowhere(gpu1: Reach) -> None:
    token = os.urandom(12).hex()
    with Server(gpu1, ECHO) as server:
        with gpu1.asked("browse", f"http://localhost:{server.port}/lab?token={token}#x") as process:
            question = gpu1.daemon.err
            said = process.communicate(timeout=20)[1].decode()
        assert process.returncode == 0, said
        told, page = gpu1.shown()
        port = gpu1.leads(said)
        assert f'content="0;url=http://localhost:{port}/lab?token={token}#x"' in page
        assert told.startswith("file:///")
        assert "is open in the browser" in said
        assert echoes(port)
        logs = [path.read_text(errors="replace") for path in gpu1.remote.state.glob("*.log")]
        logs += [path.read_text(errors="replace") for path in gpu1.laptop.state.rglob("*.log*")]
        for text in (said, question, gpu1.daemon.err, gpu1.status(), gpu1.host("status").out, told, *logs):
            assert token not in text
        gpu1.host("browse", f"http://127.0.0.1:{server.port}/again").ok()
        assert gpu1.shown()[0] == f"http://127.0.0.1:{port}/again"


def test_any_other_url_is_shown_as_it_is_once_it_was_allowed(gpu1: Reach) -> None:
    for url in ("https://example.org/a", "https://example.org/a"):
        with gpu1.asked("browse", url) as process:
            assert (
                process.communicate(timeout=20)[1]
                .decode()
                .endswith("open in the browser on " + laptop() + "\n")
            )
        assert process.returncode == 0
        assert gpu1.shown()[0] == url
    assert "example.org" not in gpu1.host("status").out


def test_programs_of_the_host_show_pages_by_themselves(gpu1: Reach) -> None:
    with Server(gpu1, ECHO) as server:
        gpu1.port(server.port)
        call = f"import webbrowser; print(webbrowser.open('http://localhost:{server.port}/tree'))"
        env = {"BROWSER": "rbridge browse %s"}
        assert gpu1.remote.run([sys.executable, "-c", call], env=env).ok().out == "True\n"
        assert gpu1.shown()[0].endswith("/tree")


def test_a_host_that_is_disconnected_has_none_any_more(gpu1: Reach) -> None:
    with Server(gpu1, ECHO) as server:
        port = gpu1.port(server.port)
        gpu1.laptop.run(rbridge("disconnect", "gpu1")).ok()
        with pytest.raises(ConnectionError):
            ask(port)
        gpu1.connect()
        until(lambda: f":{server.port}" not in gpu1.host("status").out)


def laptop() -> str:
    return socket.gethostname().partition(".")[0]
