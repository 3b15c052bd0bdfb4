"""Why a forward or a session over a master fails, produced with real masters against a real sshd."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from rbridge.ssh import reasons
from rbridge.ssh.reasons import Remedy
from tests.harness.environment import Home, stop
from tests.harness.sshd import Sshd
from tests.harness.wait import until
from tests.ssh.refusing import Mastered


@pytest.fixture
def master(sshd: Sshd) -> Iterator[Mastered]:
    with Mastered(sshd) as one:
        yield one


@pytest.mark.parametrize(
    "option",
    [
        "AllowTcpForwarding no",
        "AllowTcpForwarding local",
        "AllowStreamLocalForwarding no",
        "AllowStreamLocalForwarding local",
        "DisableForwarding yes",
    ],
)
def test_a_host_that_forbids_forwarding_is_named_with_the_masters_log(other_home: Home, option: str) -> None:
    server = Sshd(other_home, options=[option])
    try:
        with Mastered(server) as master:
            ran = master.slave("-Oforward", f"-R{other_home.root}/s:/tmp/x")
            assert ran.code == 255
            told = master.log() + ran.err
    finally:
        server.close()
    reason = reasons.forwarding(told, "gpu1")
    assert (reason.name, reason.remedy) == ("forwarding-refused", Remedy.PERSON)
    assert reasons.forwarding(ran.err, "gpu1").name == "forward-failed"  # alone it does not say why


def test_a_key_that_is_restricted_is_named_with_the_masters_log(sshd: Sshd) -> None:
    keys = sshd.directory / "authorized_keys"
    keys.write_text(f"restrict {keys.read_text()}")
    with Mastered(sshd) as master:
        ran = master.slave("-Oforward", f"-R{sshd.remote.root}/s:/tmp/x")
        assert reasons.forwarding(master.log() + ran.err, "gpu1").name == "forwarding-refused"


def test_forbidding_ports_does_not_forbid_our_socket(other_home: Home) -> None:
    server = Sshd(other_home, options=["PermitListen none"])
    try:
        with Mastered(server) as master:
            master.slave("-Oforward", f"-R{other_home.root}/s:/tmp/x").ok()
            assert master.slave("-Oforward", "-R127.0.0.1:0:127.0.0.1:1").code == 255
    finally:
        server.close()


@pytest.mark.parametrize("place", ["taken", "no/such/directory"])
def test_a_place_that_cannot_be_had_is_tried_again_slowly(sshd: Sshd, master: Mastered, place: str) -> None:
    (sshd.remote.root / "taken").touch()
    ran = master.slave("-Oforward", f"-R{sshd.remote.root}/{place}:/tmp/x")
    assert ran.code == 255
    reason = reasons.forwarding(master.log() + ran.err, "gpu1")
    assert (reason.name, reason.remedy) == ("forward-failed", Remedy.TIME)


@pytest.mark.parametrize(
    ("place", "name"), [("taken", "forward-path-taken"), ("no/such/directory", "forward-path-bad")]
)
def test_the_servers_log_tells_what_is_wrong_with_the_place(
    sshd: Sshd, master: Mastered, place: str, name: str
) -> None:
    (sshd.remote.root / "taken").touch()
    master.slave("-Oforward", f"-R{sshd.remote.root}/{place}:/tmp/x")
    until(lambda: "cannot bind" in sshd.log())
    reason = reasons.forwarding(sshd.log(), "gpu1")
    assert reason.name == name
    assert f"{sshd.remote.root}/{place}" in reason.said


def test_a_path_too_long_for_a_socket_is_named(master: Mastered) -> None:
    ran = master.slave("-Oforward", f"-R/tmp/{'x' * 120}:/tmp/x")
    assert ran.code == 255
    assert reasons.forwarding(ran.err, "gpu1").name == "forward-path-too-long"


def test_a_host_with_no_session_to_spare_is_named(other_home: Home) -> None:
    server = Sshd(other_home, options=["MaxSessions 1"])
    try:
        with Mastered(server) as master:
            first = other_home.start(master.words("echo in; cat"), stdin=subprocess.PIPE)
            assert first.stdout
            assert first.stdout.readline() == b"in\n"
            ran = master.slave("true")
            stop(first)
    finally:
        server.close()
    assert ran.code == 255
    reason = reasons.forwarding(ran.err, "gpu1")
    assert (reason.name, reason.remedy) == ("session-refused", Remedy.TIME)


@pytest.mark.parametrize("words", [["-Ocheck"], ["-Oforward", "-R/tmp/a:/tmp/b"], ["true"]])
@pytest.mark.parametrize("leftover", [True, False])
def test_a_master_that_is_gone_is_named(master: Mastered, words: list[str], leftover: bool) -> None:
    master.kill()  # its socket stays behind
    if not leftover:
        master.control.unlink()
    ran = master.slave(*words)
    assert ran.code == 255
    reason = reasons.forwarding(ran.err, "gpu1")
    assert (reason.name, reason.remedy) == ("master-gone", Remedy.NETWORK)


def test_a_session_whose_master_is_killed_ends_without_a_word(sshd: Sshd, master: Mastered) -> None:
    session = sshd.remote.start(master.words("echo in; cat"), stdin=subprocess.PIPE)
    assert session.stdout
    assert session.stderr
    assert session.stdout.readline() == b"in\n"
    master.kill()
    said = session.stderr.read().decode()
    assert (session.wait(10), said) == (255, "")
    stop(session)
    assert reasons.forwarding(said, "gpu1").remedy is Remedy.TIME


def test_a_forward_of_the_users_own_that_is_refused_at_the_login_is_named(sshd: Sshd) -> None:
    words = sshd.ssh("-oExitOnForwardFailure=yes", "-R/no/such/directory/s:/tmp/x", "true")
    ran = sshd.remote.run(words)
    assert ran.code == 255
    reason = reasons.read(ran.err, "gpu1")
    assert (reason.name, reason.remedy) == ("forward-taken", Remedy.TIME)
    assert "/no/such/directory/s" in reason.said


def test_a_connection_that_the_host_cuts_is_lost(sshd: Sshd) -> None:
    process = sshd.remote.start(sshd.ssh("echo $PPID; cat"), stdin=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    pid = int(process.stdout.readline())
    sshd.remote.run(["kill", "-9", str(pid)]).ok()
    said = process.stderr.read().decode()
    assert process.wait(10) == 255
    stop(process)
    reason = reasons.read(said, "gpu1")
    assert (reason.name, reason.remedy) == ("connection-lost", Remedy.NETWORK)


def test_a_place_that_was_free_leaves_one_reason_only() -> None:
    said = "mux_client_forward: forwarding request failed: remote port forwarding failed for listen path /x"
    assert reasons.forwarding(said).name == "forward-failed"
    assert reasons.forwarding(said, free=True).name == "forwarding-refused"
    assert (
        reasons.forwarding("Control socket connect(/x): Connection refused", free=True).name == "master-gone"
    )
