"""``rbridge doctor HOST`` names what is wrong at the far end: each failure is produced on a real host."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from rbridge import __version__
from rbridge.ssh import glance
from rbridge.ssh.examine import Way
from rbridge.ssh.hostside import HostSide
from rbridge.ssh.visit import Host, Visit
from rbridge.wire import codec
from tests.harness.environment import signalled, stop
from tests.harness.sshd import Sshd
from tests.harness.wait import free_port, until
from tests.ssh import doctored
from tests.ssh.doctored import at
from tests.ssh.refusing import Mastered
from tests.ssh.trip import Trip

NOBODY = 65534
IDENTITY = "0123456789abcdef"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")


def directory(trip: Trip) -> Path:
    """Where sockets lie on the host; made, as a visit would."""
    place = trip.host.path / ".rbridge" / os.uname().nodename
    place.mkdir(parents=True, mode=0o700, exist_ok=True)
    place.parent.chmod(0o700)
    return place


def client(trip: Trip, text: str, mode: int = 0o755, *, ours: bool = False) -> None:
    """A client on the host; *ours* as if an rbridge had put it there."""
    trip.host.file(".local/bin/rbridge", text, mode)
    if ours:
        directory(trip)
        digest = hashlib.sha256(text.encode()).hexdigest()
        trip.host.file(".rbridge/deployed", f"client {digest} {trip.client}\n", 0o600)


def test_a_directory_that_a_group_may_write_to(trip: Trip) -> None:
    directory(trip).chmod(0o770)
    found = doctored.of_host(trip)
    assert (found.code, found["directory"]["level"]) == (69, "failure")
    assert "can be changed by others" in found["directory"]["said"]
    assert f"chmod go-w {directory(trip)}" in found["directory"]["mend"]


def test_a_directory_that_is_a_link(trip: Trip) -> None:
    place = directory(trip)
    place.rmdir()
    (trip.host.path / "elsewhere").mkdir(mode=0o700)
    place.symlink_to(trip.host.path / "elsewhere")
    found = doctored.of_host(trip)
    assert "is a symbolic link" in found["directory"]["said"]
    assert found["directory"]["mend"] == "remove it"


@needs_root
def test_a_directory_that_is_another_user_s(trip: Trip) -> None:
    os.chown(directory(trip), NOBODY, NOBODY)
    found = doctored.of_host(trip)
    assert found["directory"]["level"] == "failure"
    assert "belongs to nobody" in found["directory"]["said"]


def test_a_host_without_the_client(trip: Trip) -> None:
    found = doctored.of_host(trip)
    assert (found["no-client"]["level"], found["no-client"]["mend"]) == ("failure", "rbridge deploy gpu1")


def test_a_client_of_another_version(trip: Trip) -> None:
    client(trip, "#!/bin/sh\n# rbridge 0.0.9, the client\necho rbridge 0.0.9\n", ours=True)
    found = doctored.of_host(trip)
    assert (found["client-old"]["level"], found["client-old"]["mend"]) == ("warning", "rbridge deploy gpu1")
    assert "0.0.9" in found["client-old"]["said"]
    assert found["client-runs"]["said"] == "it runs: rbridge 0.0.9"


def test_a_client_of_another_build_of_this_version(trip: Trip) -> None:
    text = f"#!/bin/sh\n# rbridge {__version__}, the client\necho rbridge {__version__}\n"
    client(trip, text, ours=True)
    said = doctored.of_host(trip)["client-old"]["said"]
    assert said.endswith(f"is another build of {__version__} than the one that this rbridge has")


def test_a_client_that_was_changed(trip: Trip) -> None:
    client(trip, "#!/bin/sh\necho mine\n")
    found = doctored.of_host(trip)
    assert "was changed since" in found["client-changed"]["said"]
    assert found["client-changed"]["mend"] == "rbridge deploy gpu1  # replaces it, and keeps it"


def test_a_client_that_cannot_be_executed(trip: Trip) -> None:
    client(trip, "#!/bin/sh\necho mine\n", 0o644)
    found = doctored.of_host(trip)
    assert found["client-fails"]["level"] == "failure"
    assert "Permission denied" in found["client-fails"]["said"]
    assert found["client-fails"]["mend"] == f"ssh gpu1 'chmod 755 {trip.client}'"


def test_a_client_that_fails(trip: Trip) -> None:
    client(trip, "#!/bin/sh\necho no python here; exit 69\n")
    assert "no python here" in doctored.of_host(trip)["client-fails"]["said"]


def test_new_shells_that_do_not_find_the_client(trip: Trip) -> None:
    client(trip, "#!/bin/sh\n")
    found = doctored.of_host(trip)
    assert (found["path"]["level"], found["path"]["mend"]) == ("warning", "rbridge deploy --path gpu1")


def test_new_shells_that_find_another_program(trip: Trip) -> None:
    client(trip, "#!/bin/sh\n")
    trip.host.script("first/rbridge", "#!/bin/sh\n")
    trip.host.file(".profile", 'PATH="$HOME/first:$HOME/.local/bin:$PATH"\n')
    assert f"{trip.host.path}/first/rbridge" in doctored.of_host(trip)["path"]["said"]


def test_a_key_that_others_can_read(trip: Trip) -> None:
    trip.run("connect").ok()
    (key,) = (trip.host.path / ".rbridge" / "keys").iterdir()
    key.chmod(0o644)
    found = doctored.of_host(trip)
    assert "(mode 0644)" in found["key"]["said"]
    assert found["key"]["mend"] == f"ssh gpu1 'chmod 600 {key}'"
    assert found.code == 69


def test_a_key_that_is_gone(trip: Trip) -> None:
    trip.run("connect").ok()
    (key,) = (trip.host.path / ".rbridge" / "keys").iterdir()
    key.unlink()
    assert doctored.of_host(trip)["key"]["mend"] == "rbridge connect gpu1"


def test_a_stale_socket(trip: Trip) -> None:
    path = directory(trip) / "old.sock"
    with at(socket.AF_UNIX, str(path)):
        path.chmod(0o600)
    found = doctored.of_host(trip)
    assert found["socket-stale"]["mend"] == f"ssh gpu1 'rm {path}'"
    assert path.exists()  # it only looks


def test_what_the_last_connection_left_is_told_as_that(trip: Trip) -> None:
    trip.run("connect").ok()
    for pid in (trip.daemon, *trip.masters()):  # who disconnects leaves nothing
        signalled(pid, signal.SIGKILL)
    until(lambda: not trip.masters())
    (found,) = [one for one in doctored.of_host(trip).all if "what the last connection left" in one["said"]]
    assert (found["name"], found["level"]) == ("socket-stale", "warning")
    assert found["mend"] == "rbridge connect gpu1"


def test_a_socket_that_is_half_dead(trip: Trip) -> None:
    path = directory(trip) / "old.sock"
    with at(socket.AF_UNIX, str(path)):
        path.chmod(0o600)
        found = doctored.of_host(trip)
    assert found["socket-half-dead"]["level"] == "warning"


def test_a_socket_that_others_can_reach(trip: Trip) -> None:
    path = directory(trip) / "open.sock"
    with at(socket.AF_UNIX, str(path)):
        path.chmod(0o666)
        assert "(mode 0666)" in doctored.of_host(trip)["socket-open"]["said"]


@needs_root
def test_a_socket_of_another_user(trip: Trip) -> None:
    path = directory(trip) / "theirs.sock"
    with at(socket.AF_UNIX, str(path)):
        os.chown(path, NOBODY, NOBODY)
        assert "a socket of user 65534" in doctored.of_host(trip)["socket-foreign"]["said"]


def test_a_socket_of_another_laptop(trip: Trip) -> None:
    path = directory(trip) / "other.sock"
    greeting = codec.greeting("desk", "0.0.9", "vim", identity=IDENTITY).encode() + b"\n"
    with at(socket.AF_UNIX, str(path), greeting):
        path.chmod(0o600)
        found = doctored.of_host(trip)
    assert "leads to another laptop, desk (rbridge 0.0.9)" in found["socket-other"]["said"]
    assert found["socket-other"]["level"] == "ok"


def test_a_tunnel_whose_socket_was_removed(trip: Trip) -> None:
    trip.run("connect").ok()
    trip.socket().unlink()
    found = doctored.of_host(trip)
    assert (found["socket-gone"]["hop"], found["socket-gone"]["level"]) == ("end to end", "failure")
    assert found["socket-gone"]["mend"] == "rbridge disconnect gpu1; rbridge connect gpu1"


def test_a_tunnel_whose_socket_is_somebody_else_s(trip: Trip) -> None:
    trip.run("connect").ok()
    path = trip.socket()
    path.unlink()
    greeting = codec.greeting("desk", "0.1.0", "vim", identity=IDENTITY).encode() + b"\n"
    with at(socket.AF_UNIX, str(path), greeting):
        path.chmod(0o600)
        found = doctored.of_host(trip)
    assert "somebody else answers" in found["other-daemon"]["said"]
    assert found.code == 69


def test_a_port_that_a_program_of_ours_holds_on_one_family(trip: Trip) -> None:
    port = free_port()
    with at(socket.AF_INET, ("127.0.0.1", port), b"220 desk RMATE TextMate\n"):
        found = doctored.of_host(trip, port=port)
    assert "another program of yours" in _at_host(found, "port-taken")
    assert "would succeed on ::1, and say nothing" in found["port-one-family"]["said"]


@needs_root
def test_a_port_that_another_user_has_squatted_on_one_family(trip: Trip) -> None:
    script = "import os, socket; os.setuid(65534); l = socket.create_server(('127.0.0.1', 0))\n"
    script += "print(l.getsockname()[1], flush=True); l.accept(); input()"
    squatter = trip.host.start([sys.executable, "-c", script], stdin=subprocess.PIPE, env={"PYTHONPATH": ""})
    assert squatter.stdout is not None
    try:
        port = int(squatter.stdout.readline())
        found = doctored.of_host(trip, port=port)
    finally:
        stop(squatter, 9)
    assert "held by user 65534" in _at_host(found, "port-squatted")
    assert "port-one-family" in found
    assert found.code == 69


def test_a_port_that_a_lost_login_holds(trip: Trip) -> None:
    port = free_port()
    with at(socket.AF_INET, ("127.0.0.1", port)):
        found = doctored.of_host(trip, port=port)
    assert "half dead" in _at_host(found, "port-half-dead")


def test_a_port_that_leads_here(trip: Trip) -> None:
    trip.run("connect").ok()
    identity = (trip.laptop.state / "identity").read_text().strip()
    port = free_port()
    greeting = codec.greeting("here", "0.1.0", "vim", identity=identity).encode() + b"\n"
    with at(socket.AF_INET, ("127.0.0.1", port), greeting):
        found = doctored.of_host(trip, port=port)
    assert any(one["said"] == f"port {port} on 127.0.0.1 leads here" for one in found.all), found


async def test_a_host_without_python(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(self: Visit) -> Host:
        return self.host

    with Mastered(sshd) as made:
        way = Way("gpu1", [f"-F{sshd.config}"], str(sshd.directory), str(sshd.directory), ())
        await way.examine()
        await way.close()
        way.control = str(made.control)
        monkeypatch.setattr(Visit, "python", none)
        found = {one.name: one for one in await HostSide(way, IDENTITY, free_port()).examine()}
        made.kill()  # OpenSSH 9.2 may miss a SIGTERM while it hears of the end of sessions
    assert "no Python 3.6 or later" in found["python"].said
    assert "glance" not in found
    assert found["speed"].level.value == "ok"


async def test_a_host_that_answers_nonsense_breaks_nothing(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(glance, "__file__", str(sshd.directory / "nonsense.py"))
    (sshd.directory / "nonsense.py").write_text(
        'def main(mark, *_): print(\'\\n\' + mark + \' {"uid": 0, "client": 7, "key": []}\')'
    )
    with Mastered(sshd) as made:
        way = Way("gpu1", [f"-F{sshd.config}"], str(sshd.directory), str(sshd.directory), ())
        await way.examine()
        await way.close()
        way.control = str(made.control)
        found = {one.name: one for one in await HostSide(way, IDENTITY, free_port()).examine()}
        made.kill()  # OpenSSH 9.2 may miss a SIGTERM while it hears of the end of sessions
    assert found["glance"].said == "gpu1 answered what makes no sense"
    assert found["speed"].level.value == "ok"


def test_a_master_that_dies_under_it_is_told(trip: Trip) -> None:
    trip.run("connect").ok()
    (trip.sshd.directory / "authorized_keys").write_text("")
    (master,) = trip.masters()
    trip.host.script("slow", f"#!/bin/sh\nkill -9 {master}\n")
    trip.host.file(".local/bin/rbridge", f"#!/bin/sh\nexec {trip.host.path}/slow\n", 0o755)
    found = doctored.of_host(trip)
    signalled(master, 9)
    assert found["glance"]["level"] == "unknown", found


def _at_host(found: doctored.Findings, name: str) -> str:
    """What was said of the host; in a test the laptop is the same machine, and has the same ports."""
    (one,) = (one for one in found.all if one["name"] == name and one["hop"] == "host")
    return str(one["said"])
