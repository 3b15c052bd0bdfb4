"""What people have in ssh's configuration, end to end: ``rbridge ssh`` gets in, and again unattended."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness.environment import PROGRAMS, Home, signalled, stop
from tests.harness.sshd import Sshd
from tests.harness.wait import until
from tests.ssh.trip import Trip


@contextmanager
def trip_to(home: Home, sshd: Sshd) -> Iterator[Trip]:
    made = Trip(home, sshd)
    try:
        yield made
    finally:
        made.close()
        sshd.close()


def works(trip: Trip, alias: str = "gpu1") -> None:
    """A file is opened and saved; the connection is lost and made anew unattended, and a save arrives."""
    file = trip.host.file("train.py", "x = 1\n")
    trip.run("ssh", f"{trip.client} open {file}", alias=alias).ok()
    opened = trip.editor.wait_open()
    opened.write(b"x = 2\n")
    until(lambda: file.read_bytes() == b"x = 2\n")
    masters = trip.masters()
    assert masters
    for pid in masters:
        signalled(pid, signal.SIGKILL)
    opened.write(b"x = 3\n")
    until(lambda: file.read_bytes() == b"x = 3\n", 60.0, "the save arrives over the new connection")
    trip.until_standing(f"{alias} connected")
    assert not set(masters) & set(trip.masters())
    opened.quit()


def keygen(home: Home, *words: str | Path) -> None:
    home.run(["ssh-keygen", "-q", *words]).ok()


def test_an_include_a_match_exec_and_certificates_of_both_ends(home: Home, other_home: Home) -> None:
    other_home.env["PATH"] = PROGRAMS
    place = other_home.root
    for name in ("users", "hosts"):
        keygen(other_home, "-t", "ed25519", "-N", "", "-f", place / name)
    certificate = place / "sshd-gpu1" / "host_key-cert.pub"
    options = [f"TrustedUserCAKeys {place}/users.pub", "AuthorizedKeysFile none"]
    options += [f"HostKey {place}/sshd-gpu1/host_key", f"HostCertificate {certificate}"]
    sshd = Sshd(other_home, options=options)
    directory = sshd.directory
    keygen(other_home, "-s", place / "users", "-I", "tests", "-n", sshd.user, directory / "key.pub")
    keygen(other_home, "-s", place / "hosts", "-I", "gpu1", "-h", "-n", "gpu1", directory / "host_key.pub")
    sshd.process.send_signal(signal.SIGHUP)  # it has a certificate now
    until(lambda: sshd.log().count("Server listening") == 2)
    authority = (place / "hosts.pub").read_text()
    (directory / "known_hosts").write_text(f"@cert-authority gpu1 {authority}")
    included = home.file("at work.conf", f"CertificateFile {directory}/key-cert.pub\n")
    text = sshd.config.read_text().replace(f"    Port {sshd.port}\n", "")
    way = f'Match originalhost gpu1 exec "test -e {home.path}/here"\n    Port {sshd.port}\n'
    sshd.config.write_text(f'Include "{included}"\n{way}{text}')
    with trip_to(home, sshd) as trip:
        ran = trip.run("ssh", "true")
        assert ran.code == 255, ran  # the Match is not met
        home.file("here")
        works(trip)
        assert sshd.log().count("ED25519-CERT") == 2  # the second time without the user
        (known,) = (trip.laptop.state / "hosts").iterdir()
        assert '"CA SHA256:' in known.read_text()


def test_a_key_that_only_the_agent_has(trip: Trip) -> None:
    key = trip.sshd.directory / "key"
    place = trip.laptop.root / "agent"
    agent = trip.laptop.start(["ssh-agent", "-D", "-a", place], stderr=None)
    try:
        until(place.exists)
        trip.laptop.env["SSH_AUTH_SOCK"] = str(place)
        trip.laptop.run(["ssh-add", "-q", key]).ok()
        key.rename(key.with_name("elsewhere"))
        text = trip.sshd.config.read_text()
        text = text.replace("    IdentityAgent none\n", "").replace(f"{key}\n", f"{key}.pub\n")
        trip.sshd.config.write_text(text)
        works(trip)
    finally:
        stop(agent)
    for pid in trip.masters():
        signalled(pid, signal.SIGKILL)
    line = trip.until_standing("gpu1 needs you")
    assert f"the ssh agent did not offer the private key of {key}.pub" in line
    assert "rbridge connect gpu1" in line


def test_a_proxy_command(trip: Trip) -> None:
    way = f"ssh -F {shlex.quote(str(trip.sshd.config))} -W %h:%p gpu1"
    trip.sshd.add_host("gpu2", f"ProxyCommand {way}")
    works(trip, "gpu2")
    assert "gpu1" not in trip.here("status").ok().out


def test_a_master_that_the_user_s_own_configuration_made_is_used_and_left(trip: Trip) -> None:
    control = trip.laptop.root / "mine"
    trip.sshd.add_host("gpu2", "ControlMaster auto", f"ControlPath {control}")
    text = trip.sshd.config.read_text()
    ssh = trip.laptop.start(["ssh", "-F", trip.sshd.config, "-N", "gpu2"], stdout=None)
    try:
        until(control.exists, what=text)
        file = trip.host.file("train.py", "x = 1\n")
        trip.run("ssh", f"{trip.client} open {file}", alias="gpu2").ok()
        trip.editor.wait_open().quit()
        assert trip.sshd.log().count("Accepted publickey") == 1
        trip.here("disconnect", "gpu2").ok()
        trip.laptop.run(["ssh", "-F", trip.sshd.config, "-O", "check", "gpu2"]).ok()
        assert ssh.poll() is None
    finally:
        stop(ssh)
