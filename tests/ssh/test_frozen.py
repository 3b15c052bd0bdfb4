"""Tunnels that stand still, are reset or lead nowhere, and come back: what was saved meanwhile arrives."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tests.compat.editor import Opened
from tests.faults.ground import parent
from tests.harness.environment import signalled
from tests.harness.proxy import Proxy
from tests.harness.wait import until
from tests.ssh.reach import words
from tests.ssh.trip import Trip


def edited(trip: Trip, *options: str) -> Opened:
    """A file of the host that is open in the editor."""
    trip.host.file("train.py", "x = 1\n")
    trip.there("open train.py", *options).ok()
    return trip.editor.wait_open()


def arrives(trip: Trip, text: bytes) -> None:
    until(lambda: (trip.host.path / "train.py").read_bytes() == text, 60.0, f"{text!r} is on the host")


def waits(trip: Trip) -> None:
    """The save has been made, and the host has not acknowledged it."""
    until(lambda: "train.py" in trip.here("status").out and " clean" not in trip.here("status").out)


@contextmanager
def stopped(*pids: int) -> Iterator[None]:
    """These processes stand still until the block ends."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            signalled(pid, signal.SIGCONT)


def carriers(trip: Trip) -> list[int]:
    """The processes of sshd that carry the tunnel's connection."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [
        pid for pid in pids if "sshd: " in words(pid) and trip.sshd.pid in (parent(pid), parent(parent(pid)))
    ]


def test_a_master_that_stood_still_goes_on(trip: Trip) -> None:
    opened = edited(trip)
    with stopped(*trip.masters()):
        opened.write(b"x = 2\n")
        waits(trip)
    arrives(trip, b"x = 2\n")
    opened.quit()


def test_a_master_that_stands_still_is_replaced_when_it_ends(trip: Trip) -> None:
    opened = edited(trip)
    (before,) = trip.masters()
    with stopped(before):
        opened.write(b"x = 2\n")
        waits(trip)
        os.kill(before, signal.SIGKILL)
        arrives(trip, b"x = 2\n")
    trip.until_standing("gpu1 connected")
    opened.quit()


def test_a_server_that_stood_still_goes_on(trip: Trip) -> None:
    opened = edited(trip)
    pids = carriers(trip)
    assert pids
    with stopped(*pids):
        opened.write(b"x = 2\n")
        waits(trip)
    arrives(trip, b"x = 2\n")
    opened.quit()


def test_a_server_that_stands_still_for_good_is_in_nobody_s_way(trip: Trip) -> None:
    """As after a change of networks: the old end of the tunnel takes all and gives nothing, for minutes."""
    opened = edited(trip)
    with stopped(*carriers(trip)):
        (before,) = trip.masters()
        signalled(before, signal.SIGKILL)
        opened.write(b"x = 2\n")
        until(lambda: trip.masters() not in ([], [before]), 30.0)
        trip.until_standing("gpu1 connected")
        trip.host.file("other.py", "y = 1\n")
        trip.there("open other.py").ok()
        assert trip.editor.wait_open().content == b"y = 1\n"
        arrives(trip, b"x = 2\n")
    opened.quit()


def test_connections_that_are_reset_are_made_anew(trip: Trip) -> None:
    with Proxy(f"127.0.0.1:{trip.sshd.port}") as link:
        opened = edited(trip, f"-oPort={link.port}")
        for number in range(2):
            text = b"x = %d\n" % (number + 2)
            assert until(link.cut) >= 1
            opened.write(text)
            arrives(trip, text)
        trip.until_standing("gpu1 connected")
        opened.quit()
        trip.here("disconnect", "gpu1")


def test_a_line_on_which_nothing_passes_any_more(trip: Trip) -> None:
    with Proxy(f"127.0.0.1:{trip.sshd.port}") as link:
        opened = edited(trip, f"-oPort={link.port}")
        with stopped(link._process.pid):
            opened.write(b"x = 2\n")
            waits(trip)
        arrives(trip, b"x = 2\n")
        opened.quit()
        trip.here("disconnect", "gpu1")


def test_a_daemon_that_is_killed_under_two_tunnels_has_both_again(trip: Trip) -> None:
    trip.sshd.add_host("gpu2")
    first = edited(trip)
    trip.run("connect", alias="gpu2").ok()
    masters = trip.masters()
    assert len(masters) == 2
    signalled(trip.daemon, signal.SIGKILL)
    first.write(b"x = 2\n")
    trip.run("connect", alias="gpu2").ok()
    until(lambda: trip.here("status").ok().out.count(": connected") == 2, 30.0)
    assert sorted(trip.masters()) == sorted(masters)
    print(trip.here("status"), trip.here("recover"))
    arrives(trip, b"x = 2\n")
    first.quit()
