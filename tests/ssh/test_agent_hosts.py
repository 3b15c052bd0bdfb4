"""Hosts whose sshd refuses to forward: an agent carries all over stdio, and comes back when it is cut."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.compat.editor import Opened
from tests.harness.environment import PROGRAMS, Home, rbridge, signalled
from tests.harness.sshd import Sshd
from tests.harness.wait import until
from tests.ssh.reach import memory
from tests.ssh.trip import Trip

OVER = "over stdio: this host refuses forwarding"
REFUSALS = (
    "AllowTcpForwarding no",
    "AllowStreamLocalForwarding local",
    "DisableForwarding yes",
)
CUT = 60.0  # seconds


def trips(laptop: Home, host: Home, *options: str) -> Iterator[Trip]:
    host.env["PATH"] = PROGRAMS
    server = Sshd(host, options=options)
    trip = Trip(laptop, server)
    yield trip
    trip.close()
    server.close()


@pytest.fixture
def refused(home: Home, other_home: Home) -> Iterator[Trip]:
    yield from trips(home, other_home, "DisableForwarding yes")


@pytest.fixture
def narrow(home: Home, other_home: Home) -> Iterator[Trip]:
    yield from trips(home, other_home, "DisableForwarding yes", "MaxSessions 1")


@pytest.fixture(params=REFUSALS)
def each(request: pytest.FixtureRequest, home: Home, other_home: Home) -> Iterator[Trip]:
    yield from trips(home, other_home, request.param)


def agents(trip: Trip) -> list[int]:
    """The pids of the agents on the host."""
    return [pid for pid in trip.host.processes() if b"\0agent\0" in words(pid) and b"-c\0" in words(pid)]


def agent(trip: Trip) -> int:
    (pid,) = until(lambda: agents(trip), CUT, "an agent")
    return pid


def words(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def edited(trip: Trip) -> Opened:
    trip.host.file("train.py", "x = 1\n")
    trip.there("open train.py").ok()
    return trip.editor.wait_open()


def arrives(trip: Trip, text: bytes) -> None:
    until(lambda: (trip.host.path / "train.py").read_bytes() == text, CUT, f"{text!r} is on the host")


def test_a_host_that_refuses_to_forward_has_its_files_open_all_the_same(each: Trip) -> None:
    ran = each.run("connect").ok()
    assert f"({OVER})" in ran.err
    assert OVER in each.until_standing("gpu1 connected")
    opened = edited(each)
    opened.write(b"x = 2\n")
    arrives(each, b"x = 2\n")
    assert each.there("status -q train.py").code == 0  # it was acknowledged
    assert os.stat(each.socket()).st_mode & 0o777 == 0o600
    opened.quit()


def test_what_connects_at_once_is_served_at_once_beside_one_that_stalls(refused: Trip) -> None:
    refused.run("connect").ok()
    path = str(refused.socket())
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(31)]
        for client in clients:
            client.settimeout(20)
            client.connect(path)
        assert all(client.recv(4) == b"220 " for client in clients[1:])  # the first one reads nothing
        assert memory(agent(refused)) < 40 << 20
    opened = edited(refused)
    opened.quit()


def test_an_agent_that_is_killed_is_started_again_over_the_same_login(refused: Trip) -> None:
    opened = edited(refused)
    logins = refused.sshd.log().count("Accepted publickey")
    before = agent(refused)
    signalled(before, signal.SIGKILL)
    until(lambda: agents(refused) not in ([], [before]), CUT, "another agent")
    assert OVER in refused.until_standing("gpu1 connected")
    opened.write(b"x = 2\n")
    arrives(refused, b"x = 2\n")
    assert refused.sshd.log().count("Accepted publickey") == logins
    opened.quit()


def test_a_login_that_is_cut_comes_back_and_the_edit_arrives(refused: Trip) -> None:
    opened = edited(refused)
    before = agent(refused)
    (login,) = refused.masters()
    signalled(login, signal.SIGKILL)
    opened.write(b"x = 2\n")
    arrives(refused, b"x = 2\n")
    assert OVER in refused.until_standing("gpu1 connected")
    until(lambda: agents(refused) not in ([], [before]) and len(agents(refused)) == 1, CUT, "one agent")
    opened.quit()


def test_a_daemon_that_is_killed_takes_its_agent_along_and_the_next_one_has_its_own(refused: Trip) -> None:
    refused.run("connect").ok()
    before = agent(refused)
    (login,) = refused.masters()
    signalled(refused.daemon, signal.SIGKILL)
    until(lambda: agents(refused) == [], CUT, "the agent ends")
    refused.run("ssh", "true").ok()  # starts the next daemon
    assert OVER in refused.until_standing("gpu1 connected")
    assert refused.masters() == [login]
    assert agent(refused) != before
    opened = edited(refused)
    opened.quit()


def test_disconnect_ends_the_agent_and_its_socket_goes(refused: Trip) -> None:
    refused.run("connect").ok()
    path = refused.socket()
    refused.here("disconnect", "gpu1").ok()
    until(lambda: not agents(refused) and not path.exists() and not refused.masters(), CUT)


def test_a_large_file_costs_little_memory_at_either_end(refused: Trip) -> None:
    refused.run("connect").ok()
    os.truncate(refused.host.file("large.bin"), 200 << 20)
    there, here = agent(refused), refused.daemon
    before = memory(there), memory(here)
    refused.there("open --large large.bin").ok()
    opened = refused.editor.wait_open()
    assert opened.file.stat().st_size == 200 << 20
    assert peak(there) - before[0] < 20 << 20
    assert peak(here) - before[1] < 64 << 20
    opened.quit()


def peak(pid: int) -> int:
    """The most bytes that the process has had in memory."""
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(line) * 1024


def test_where_one_session_is_permitted_the_agent_has_it_and_others_log_in(narrow: Trip) -> None:
    narrow.run("connect").ok()
    assert OVER in narrow.until_standing("gpu1 connected")
    narrow.host.file("train.py", "x = 1\n")
    ran = narrow.run("ssh", "echo hello").ok()
    assert ran.out == "hello\n"
    assert "gpu1 permits one session for each login (MaxSessions): this is another login" in ran.err
    assert "mux_client" not in ran.err
    target = narrow.laptop.path / "got"
    target.mkdir()
    narrow.laptop.run(rbridge("get", "-F", str(narrow.sshd.config), "gpu1:train.py", str(target))).ok()
    assert (target / "train.py").read_text() == "x = 1\n"
    edited(narrow).quit()


def test_without_a_client_there_it_says_what_is_missing(refused: Trip) -> None:
    ran = refused.run("connect", "--no-deploy")
    assert ran.code == 69
    assert "does not allow ssh to forward a socket, and has no client of rbridge, which could do" in ran.err
    assert "rbridge deploy gpu1" in ran.err
    assert "needs you" in refused.here("status").ok().out


def test_a_client_that_is_too_old_is_named(refused: Trip) -> None:
    old = refused.host.script(
        ".local/bin/rbridge", "#!/bin/sh\necho 'rbridge: no such command' >&2\nexit 64\n"
    )
    ran = refused.run("connect", "--no-deploy")
    assert (ran.code, "its client cannot do without: rbridge: no such command" in ran.err) == (69, True)
    assert old.exists()


def test_login_files_that_print_are_passed_over(refused: Trip) -> None:
    refused.host.file(".bashrc", "echo welcome; printf 'no line end'\n")
    refused.host.env["SHELL"] = "/bin/bash"
    refused.run("connect").ok()
    edited(refused).quit()
