"""``rbridge doctor HOST`` names what is wrong on the way: each is produced with a real ssh and sshd."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
import trio

from rbridge.errors import Denied
from rbridge.findings import Finding, Level, ok
from rbridge.ssh import examine
from rbridge.ssh.examine import checked
from tests.harness.environment import Home, signalled, stop
from tests.harness.sshd import Sshd, Via
from tests.harness.wait import until
from tests.ssh import doctored
from tests.ssh.trip import Trip

FORWARDS = [
    ["AllowTcpForwarding no"],
    ["AllowTcpForwarding local"],
    ["AllowStreamLocalForwarding no"],
    ["DisableForwarding yes"],
]


def test_with_a_tunnel_all_of_the_way_is_ok(trip: Trip) -> None:
    trip.host.file(".profile", 'PATH="$HOME/.local/bin:$PATH"\n')
    trip.run("connect").ok()
    found = doctored.of_host(trip)
    assert (found.code, found.wrong()) == (0, []), found
    assert found["tunnel"]["said"].startswith("gpu1: connected for ")
    assert found["login"]["said"].startswith("gpu1 lets you in without a question")
    assert found["end-to-end"]["hop"] == "end to end"
    hops = list(dict.fromkeys(one["hop"] for one in found.all))
    assert hops.index("daemon") < hops.index("ssh") < hops.index("network") < hops.index("login")
    assert hops.index("login") < hops.index("tunnel") < hops.index("host") < hops.index("end to end")


def test_what_it_proposes_goes_where_it_looked(trip: Trip) -> None:
    found = doctored.of_host(trip)
    assert f"rbridge connect -F{trip.sshd.config} gpu1" in found.proposed


def test_it_leaves_no_login_and_no_socket_behind(trip: Trip) -> None:
    doctored.of_host(trip)
    assert trip.masters() == []
    assert not list(trip.laptop.runtime.glob("cm.*"))
    assert not list((trip.host.path / ".rbridge").rglob("*.sock"))


def test_a_signal_to_end_leaves_no_login_behind(trip: Trip) -> None:
    trip.host.file(".profile", "sleep 30\n")  # what looks at the PATH waits for it
    trip.host.file(".local/bin/rbridge", "#!/bin/sh\n", 0o755)
    words = [sys.executable, "-c", doctored.DOCTOR, "1", "-F", str(trip.sshd.config), "gpu1"]
    process = trip.laptop.start(words)
    until(lambda: "-lic" in _sessions(trip))
    assert trip.masters()
    stop(process)
    assert trip.masters() == []


def test_without_a_tunnel_it_says_how_to_get_one(trip: Trip) -> None:
    found = doctored.of_host(trip)
    assert found["no-tunnel"]["mend"] == "rbridge connect gpu1"
    assert found["forward"]["level"] == "ok"


@pytest.mark.parametrize("options", FORWARDS, ids=["tcp", "tcp-local", "stream-local", "all"])
def test_a_host_that_forwards_nothing(home: Home, other_home: Home, options: list[str]) -> None:
    server = Sshd(other_home, options=options)
    trip = Trip(home, server)
    try:
        found = doctored.of_host(trip)
        refused = found["forwarding-refused"]
        assert (refused["hop"], refused["level"]) == ("forward", "warning")
        assert "files will go over ssh's stdin and stdout" in refused["said"]
        assert "AllowStreamLocalForwarding" in refused["mend"]
    finally:
        trip.close()
        server.close()


def test_a_tunnel_that_is_half_dead_is_seen_from_both_ends(trip: Trip) -> None:
    trip.run("connect").ok()
    frozen = [pid for pid in _children(trip.sshd.pid) if b"sshd" in _program(pid)]
    assert frozen
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        found = doctored.of_host(trip)
    finally:
        for pid in frozen:
            signalled(pid, signal.SIGCONT)
    assert found.code == 69
    assert "rbridge disconnect gpu1; rbridge connect gpu1" in found["half-dead"]["mend"]
    assert "takes connections and says nothing" in found["socket-half-dead"]["said"]
    assert found["login"]["level"] == "ok"


def test_a_tunnel_that_needs_its_user_has_the_daemon_s_words(trip: Trip) -> None:
    trip.run("connect").ok()
    (trip.sshd.directory / "authorized_keys").write_text("")
    for pid in trip.masters():
        signalled(pid, signal.SIGKILL)
    trip.until_standing("gpu1 needs you")
    found = doctored.of_host(trip)
    tunnel = next(one for one in found.all if one["hop"] == "tunnel")
    assert (tunnel["name"], tunnel["level"]) == ("permission-denied", "failure")
    assert tunnel["said"].startswith("gpu1: needs you")
    assert found["host"]["level"] == "unknown"


def test_a_login_that_would_ask_is_a_warning_while_a_connection_lives(trip: Trip) -> None:
    trip.run("connect").ok()
    (trip.sshd.directory / "authorized_keys").write_text("")
    found = doctored.of_host(trip)
    assert found["permission-denied"]["level"] == "warning"
    assert "does not come back by itself" in found["permission-denied"]["said"]
    assert found["end-to-end"]["level"] == "ok"  # seen over the connection that there is
    assert found.code == 0


def test_a_host_that_asks_for_a_password_each_time(home: Home, other_home: Home) -> None:
    options = ["AuthenticationMethods password", "PasswordAuthentication yes"]
    server = Sshd(other_home, options=options)
    trip = Trip(home, server)
    try:
        found = doctored.of_host(trip)
        assert found["password-wanted"]["hop"] == "login"
        assert "ssh-copy-id gpu1" in found["password-wanted"]["mend"]
        assert found.code == 69
    finally:
        trip.close()
        server.close()


def test_a_host_key_that_has_changed(trip: Trip) -> None:
    known = trip.sshd.directory / "known_hosts"
    trip.laptop.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", trip.laptop.path / "other"]).ok()
    known.write_text(f"gpu1 {(trip.laptop.path / 'other.pub').read_text()}")
    found = doctored.of_host(trip)
    changed = next(one for one in found.all if one["hop"] == "host key")
    assert (changed["name"], changed["level"]) == ("host-key-changed", "failure")
    assert f"ssh-keygen -R gpu1 -f {known}" in changed["mend"]


def test_a_host_key_that_is_not_known_yet(trip: Trip) -> None:
    (trip.sshd.directory / "known_hosts").write_text("")
    found = doctored.of_host(trip)
    key = next(one for one in found.all if one["hop"] == "host key")
    assert (key["name"], key["level"]) == ("unknown-host-key", "failure")


def test_a_host_that_refuses_the_connection(trip: Trip) -> None:
    trip.sshd.close()
    found = doctored.of_host(trip)
    assert found["refused"]["hop"] == "network"
    assert found["login"]["said"] == "not tried: there is no way to the host"
    assert found.code == 69


def test_a_host_whose_name_nobody_knows(trip: Trip) -> None:
    found = doctored.of_host(trip, "-oHostName=nowhere.invalid")
    network = next(one for one in found.all if one["hop"] == "network")
    assert network["name"] in ("name-not-found", "no-name-service"), found
    assert network["level"] == "failure"


def test_through_a_jump_host(home: Home, via_jump: Via) -> None:
    trip = Trip(home, via_jump.target)
    try:
        found = doctored.of_host(trip, alias=via_jump.alias)
        assert found["network"]["level"] == "unknown"
        assert "over login1" in found["configuration"]["said"]
        assert found["login"]["level"] == "ok"
        via_jump.jump.close()
        found = doctored.of_host(trip, alias=via_jump.alias)
        assert "on the way over login1" in found["refused"]["said"]
    finally:
        trip.close()


def test_a_configuration_that_ssh_does_not_take(trip: Trip) -> None:
    found = doctored.of_host(trip, "-oBogus=1")
    assert found["configuration"]["level"] == "failure"
    assert "bogus" in found["configuration"]["said"].lower()
    assert found.all[-1] == found["configuration"]


def test_a_machine_without_ssh(trip: Trip) -> None:
    bare = trip.laptop.path / "bare"
    bare.mkdir()
    trip.laptop.env["PATH"] = str(bare)
    found = doctored.of_host(trip)
    assert (found["ssh"]["level"], found["ssh"]["mend"]) == ("failure", "install OpenSSH")
    assert shutil.which("ssh", path=str(bare)) is None


def test_an_ssh_that_is_too_old(trip: Trip) -> None:
    trip.laptop.script("bin/ssh", "#!/bin/sh\n[ $1 != -V ] || { echo OpenSSH_6.6p1 >&2; exit; }\nexit 255\n")
    trip.laptop.env["PATH"] = f"{trip.laptop.path}/bin:{trip.laptop.env['PATH']}"
    found = doctored.of_host(trip)
    assert found["ssh"]["level"] == "failure"
    assert "6.7" in found["ssh"]["mend"]


async def test_a_check_that_hangs_or_breaks_is_a_finding_and_hides_none() -> None:
    async def hangs() -> list[Finding]:
        await trio.sleep_forever()
        return []

    async def breaks() -> list[Finding]:
        raise ZeroDivisionError("oops")

    async def refuses() -> list[Finding]:
        raise Denied("not yours", "chmod it")

    async def works() -> list[Finding]:
        return [ok("hop", "works", "well")]

    found: list[Finding] = []
    for check in (hangs, breaks, refuses, works):
        found += await checked("hop", "it", check, 0.01)
    assert [one.level for one in found] == [Level.UNKNOWN, Level.UNKNOWN, Level.FAILURE, Level.OK]
    assert "ZeroDivisionError" in found[1].said
    assert found[2].mend == "chmod it"


@pytest.mark.parametrize(
    ("state", "level"), [("up", Level.OK), ("connecting", Level.WARNING), ("needs-you", Level.FAILURE)]
)
def test_a_tunnel_s_state_is_a_level(state: str, level: Level) -> None:
    row = {"name": "gpu1", "asked": "gpu1", "state": state, "said": "asks", "hint": "", "reason": "why"}
    found = examine.tunnel(row)
    assert found.level is level
    assert (found.mend == "rbridge connect gpu1") == (level is Level.FAILURE)


def _children(pid: int) -> list[int]:
    """The processes that *pid* has started (Linux)."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid:
                found.append(int(name))
    return found


def _sessions(trip: Trip) -> str:
    """The command lines of what runs on the host."""
    return " ".join(str(_program(pid)) for pid in trip.host.processes())


def _program(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
