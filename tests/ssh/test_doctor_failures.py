"""Every failure of forwards and logins that was measured is produced on a real sshd, and ``rbridge doctor``
names it: :data:`FACTS` says which test does so, here or beside.
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
from pathlib import Path

import pytest

from tests.harness.environment import Home, signalled
from tests.harness.sshd import Forward, Sshd
from tests.harness.wait import free_port, until
from tests.ssh import doctored
from tests.ssh.trip import Trip

EXAMINE, HOSTSIDE, CLIENT = "tests.ssh.test_examine", "tests.ssh.test_hostside", "tests.client.test_doctor"
HERE, FORWARDS = "tests.ssh.test_doctor_failures", "tests.ssh.test_forwards"

FACTS: dict[str, tuple[str, ...]] = {
    "the port is squatted on one address family, and ssh -R succeeds on the other": (
        f"{HOSTSIDE}:test_a_port_that_another_user_has_squatted_on_one_family",
        f"{HOSTSIDE}:test_a_port_that_a_program_of_ours_holds_on_one_family",
        f"{CLIENT}:test_a_port_that_another_user_has_taken_first",
        f"{FORWARDS}:test_one_that_cannot_work_or_leads_astray",
    ),
    "the port is taken by another session": (f"{HERE}:test_a_port_that_an_older_session_has",),
    "a socket is stale: sshd never removes it": (
        f"{HERE}:test_a_socket_that_a_lost_session_left",
        f"{HOSTSIDE}:test_a_stale_socket",
        f"{CLIENT}:test_a_stale_socket",
    ),
    "two sessions carry one socket, and the first has ended": (
        f"{HERE}:test_a_socket_whose_second_session_lives",
    ),
    "nobody expands ~ in a forward; a relative path lands anywhere": (
        f"{FORWARDS}:test_one_that_cannot_work_or_leads_astray",
        f"{HERE}:test_forwards_in_the_configuration",
    ),
    "the path of a socket is too long": (f"{HERE}:test_a_forward_whose_path_is_too_long",),
    "the directory is missing or cannot be written to": (
        f"{HERE}:test_a_directory_that_cannot_be_made",
        f"{HOSTSIDE}:test_a_directory_that_a_group_may_write_to",
    ),
    "a variable of tmux is that of an older login": (
        f"{CLIENT}:test_a_variable_of_a_tmux_server_that_is_older_than_the_tunnel",
    ),
    "the connection is dropped by a reset: the socket stays": (
        f"{HERE}:test_a_socket_that_a_lost_session_left",
    ),
    "the laptop sleeps: the host's side is half alive": (
        f"{HERE}:test_a_session_that_is_half_dead",
        f"{EXAMINE}:test_a_tunnel_that_is_half_dead_is_seen_from_both_ends",
        f"{CLIENT}:test_a_port_that_is_held_on_one_family_by_a_lost_login",
    ),
    "AllowTcpForwarding no or local, AllowStreamLocalForwarding no, DisableForwarding yes": (
        f"{EXAMINE}:test_a_host_that_forwards_nothing",
        f"{HERE}:test_a_tunnel_over_stdio",
    ),
    "PermitListen none: sockets work": (f"{HERE}:test_a_host_that_forwards_no_ports",),
    "MaxSessions 1": (f"{HERE}:test_a_host_that_permits_one_session",),
    "Include stands behind a Host": (
        f"{FORWARDS}:test_what_setup_wrote_counts_only_where_it_is_included_first",
    ),
    "a home that several nodes share: a socket works on one": (
        f"{CLIENT}:test_a_home_whose_tunnel_ends_on_another_node",
    ),
    "another user's directory, link or socket": (
        f"{HOSTSIDE}:test_a_directory_that_is_another_user_s",
        f"{HOSTSIDE}:test_a_directory_that_is_a_link",
        f"{HOSTSIDE}:test_a_socket_of_another_user",
        f"{CLIENT}:test_a_socket_of_another_user",
    ),
    "a password is asked for each time": (f"{EXAMINE}:test_a_host_that_asks_for_a_password_each_time",),
}


@pytest.mark.parametrize("fact", FACTS)
def test_each_has_a_test(fact: str) -> None:
    for one in FACTS[fact]:
        module, _, name = one.partition(":")
        assert callable(getattr(importlib.import_module(module), name, None)), one


@pytest.fixture
def place(trip: Trip) -> Path:
    """Where sockets lie on the host."""
    made = trip.host.path / ".rbridge" / os.uname().nodename
    made.mkdir(parents=True, mode=0o700)
    made.parent.chmod(0o700)
    return made


def at_host(found: doctored.Findings, name: str) -> str:
    (one,) = (one for one in found.all if one["name"] == name and one["hop"] == "host")
    return str(one["said"])


def test_a_port_that_an_older_session_has(trip: Trip) -> None:
    port, nobody = free_port(), free_port()
    with trip.sshd.forward(f"{port}:127.0.0.1:{nobody}"):
        found = doctored.of_host(trip, port=port)
        there = doctored.of_this_host(trip.host, port)
    assert sum(one["name"] == "port-taken" and one["hop"] == "host" for one in found.all) == 2
    assert "port-one-family" not in found
    closed = [one for one in there.all if one["name"] == "port-closed"]
    assert [one["mend"] for one in closed] == ["on the laptop: rbridge connect HOST"] * 2


def test_a_socket_that_a_lost_session_left(trip: Trip, place: Path) -> None:
    path = place / "mine.sock"
    forward = trip.sshd.forward(f"{path}:127.0.0.1:{free_port()}")
    forward.cut()
    until(lambda: _refuses(path))
    assert path.is_socket()
    found = doctored.of_host(trip)
    assert found["socket-stale"]["mend"] == f"ssh gpu1 'rm {path}'"
    assert doctored.of_this_host(trip.host)["socket-stale"]["mend"] == f"rm {path}"
    trip.sshd.run(f"rm {path}").ok()
    assert "socket-stale" not in doctored.of_host(trip)


def test_a_socket_whose_second_session_lives(trip: Trip, place: Path) -> None:
    spec = f"{place}/mine.sock:127.0.0.1:{free_port()}"
    first = trip.sshd.forward(spec)
    second = trip.host.start(["ssh", "-F", trip.sshd.config, "-v", "-N", "-R", spec, "gpu1"])
    assert second.stderr is not None
    while b"remote port forwarding failed for listen path" not in second.stderr.readline():
        assert second.poll() is None
    first.close()
    until(lambda: _refuses(place / "mine.sock"))
    assert second.poll() is None
    assert "nobody listens there any more" in doctored.of_host(trip)["socket-stale"]["said"]
    signalled(second.pid, signal.SIGTERM)
    second.communicate()


def test_forwards_in_the_configuration(trip: Trip) -> None:
    trip.sshd.add_host("gpu2", "RemoteForward ~/d.sock localhost:1", "RemoteForward 52698 localhost:1")
    found = doctored.of_host(trip, alias="gpu2", port=52698)
    assert found["forward-tilde"]["hop"] == found["forward-one-family"]["hop"] == "ssh"
    assert found["login"]["level"] == "ok"  # doctor's own login makes none of them


def test_a_forward_whose_path_is_too_long(trip: Trip) -> None:
    trip.sshd.add_host("gpu2", f"RemoteForward /{'x' * 120}.sock localhost:1")
    found = doctored.of_host(trip, alias="gpu2")
    assert (found["configuration"]["level"], found.code) == ("failure", 69)
    assert "forwarding specification" in found["configuration"]["said"].lower()


def test_a_directory_that_cannot_be_made(trip: Trip) -> None:
    (trip.host.path / ".rbridge").write_text("")
    found = doctored.of_host(trip)
    wrong = next(one for one in found.all if one["name"] in ("directory", "visit"))
    assert wrong["level"] == "failure"
    assert ".rbridge" in wrong["said"]


def test_a_session_that_is_half_dead(trip: Trip, place: Path) -> None:
    """The user's own forward, and no word from the laptop: what is behind it takes nothing."""
    path, port = place / "mine.sock", free_port()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        behind = silent.getsockname()[1]
        forwards = [
            Forward(trip.sshd, f"{path}:127.0.0.1:{behind}", "gpu1", ()),
            Forward(trip.sshd, f"127.0.0.1:{port}:127.0.0.1:{behind}", "gpu1", ()),
        ]
        for one in forwards:
            one.process.send_signal(signal.SIGSTOP)
        try:
            found = doctored.of_host(trip, port=port)
            there = doctored.of_this_host(trip.host, port)
        finally:
            for one in forwards:
                one.process.send_signal(signal.SIGCONT)
                one.close()
    assert "takes connections and says nothing" in found["socket-half-dead"]["said"]
    assert "half dead" in at_host(found, "port-half-dead")
    assert there["socket-half-dead"]["mend"].startswith(f"rm {path}  #")
    assert there["port-half-dead"]["level"] == "warning"


def test_a_tunnel_over_stdio(home: Home, other_home: Home) -> None:
    server = Sshd(other_home, options=["DisableForwarding yes"])
    trip = Trip(home, server)
    try:
        trip.run("connect").ok()
        found = doctored.of_host(trip)
        assert found["tunnel"]["said"].endswith(", over stdio")
        assert found["forwarding-refused"]["level"] == "warning"
        assert found["end-to-end"]["level"] == "ok"
        assert found.code == 0
    finally:
        trip.close()
        server.close()


def test_a_host_that_forwards_no_ports(home: Home, other_home: Home) -> None:
    server = Sshd(other_home, options=["PermitListen none"])
    trip = Trip(home, server)
    try:
        assert doctored.of_host(trip)["forward"]["level"] == "ok"
    finally:
        trip.close()
        server.close()


def test_a_host_that_permits_one_session(home: Home, other_home: Home) -> None:
    server = Sshd(other_home, options=["MaxSessions 1"])
    trip = Trip(home, server)
    try:
        trip.run("connect").ok()
        found = doctored.of_host(trip)
        assert found["one-session"]["level"] == "warning"
        assert "MaxSessions" in found["one-session"]["said"]
        assert "speed" not in found  # what it takes could not be told from what is in the way
        assert found["end-to-end"]["level"] == "ok", found
        assert found.code == 0
    finally:
        trip.close()
        server.close()


def _refuses(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(str(path))
        except ConnectionRefusedError:
            return True
        return False
