"""A tunnel that is cut, frozen or dropped comes back, or says that it needs its user; no edit is lost."""

from __future__ import annotations

import os
import signal
import time

from tests.compat.editor import Opened
from tests.harness.environment import signalled
from tests.harness.proxy import Proxy
from tests.harness.wait import until
from tests.ssh.trip import Trip


def edited(trip: Trip, *options: str) -> Opened:
    """A file of the host that is open in the editor."""
    trip.host.file("train.py", "x = 1\n")
    trip.there("open train.py", *options).ok()
    return trip.editor.wait_open()


def arrives(trip: Trip, text: bytes) -> None:
    until(lambda: (trip.host.path / "train.py").read_bytes() == text, 30.0, f"{text!r} is on the host")


def test_a_master_that_is_killed_is_made_anew_and_the_edit_arrives(trip: Trip) -> None:
    opened = edited(trip)
    (before,) = trip.masters()
    signalled(before, signal.SIGKILL)
    opened.write(b"x = 2\n")
    arrives(trip, b"x = 2\n")
    trip.until_standing("gpu1 connected")
    assert trip.masters() != [before]
    opened.quit()


def test_it_is_back_three_seconds_after_the_network(trip: Trip) -> None:
    target = f"127.0.0.1:{trip.sshd.port}"
    with Proxy(target) as link:
        address = link.address
        opened = edited(trip, f"-oPort={link.port}")
    trip.until_standing("gpu1 down")
    opened.write(b"x = 2\n")
    with Proxy(target, listen=address):
        begin = time.monotonic()
        trip.until_standing("gpu1 connected")
        took = time.monotonic() - begin
        arrives(trip, b"x = 2\n")
        assert took < 3.5, took  # the goal is 3 s; the looks at it take some of that
        opened.quit()


def test_what_needs_the_user_is_said_and_the_next_login_revives_the_document(trip: Trip) -> None:
    opened = edited(trip)
    keys = trip.sshd.directory / "authorized_keys"
    known = keys.read_text()
    keys.write_text("")
    for pid in trip.masters():
        signalled(pid, signal.SIGKILL)
    line = trip.until_standing("gpu1 needs you")
    assert "rbridge connect gpu1" in line
    opened.write(b"x = 2\n")
    assert "rbridge connect gpu1" in trip.here("status").ok().out.splitlines()[1]
    attempts = trip.sshd.log().count("Connection from")
    keys.write_text(known)
    assert trip.sshd.log().count("Connection from") == attempts  # and nothing was tried again meanwhile
    trip.run("connect").ok()
    arrives(trip, b"x = 2\n")
    opened.quit()


def test_a_daemon_that_is_killed_under_live_tunnels_is_followed_by_one_that_has_them(trip: Trip) -> None:
    trip.run("connect").ok()
    (master,) = trip.masters()
    signalled(trip.daemon, signal.SIGKILL)
    ran = trip.run("ssh", "true")  # starts the next daemon
    assert ran.code == 0
    trip.until_standing("gpu1 connected")
    assert trip.masters() == [master]
    opened = edited(trip)
    opened.write(b"x = 3\n")
    arrives(trip, b"x = 3\n")
    opened.quit()


def test_a_shell_survives_the_end_of_the_tunnel(trip: Trip) -> None:
    trip.run("connect").ok()
    process = trip.laptop.start(trip.words("ssh", "read word; echo got $word"), stdin=-1)
    until(lambda: b"read word" in _all_words(trip))
    trip.here("disconnect", "gpu1").ok()
    out, _ = process.communicate(b"hello\n", 20)
    assert (process.returncode, out) == (0, b"got hello\n")
    until(lambda: not trip.masters())


def _all_words(trip: Trip) -> bytes:
    found = b""
    for pid in trip.host.processes():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                found += file.read()
        except OSError:
            continue
    return found


def test_a_stale_socket_on_the_host_is_in_nobody_s_way(trip: Trip) -> None:
    trip.run("connect").ok()
    socket = trip.socket()
    made = os.stat(socket).st_ctime_ns  # the inode may be given to the next one
    for pid in trip.masters():
        signalled(pid, signal.SIGKILL)
    until(lambda: trip.masters() and os.stat(socket).st_ctime_ns != made, 30.0)
    trip.until_standing("gpu1 connected")
    edited(trip).quit()
