"""The tunnel's socket on a real host, after the tunnel was left."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from rbridge.ssh import leftover
from tests.harness.environment import PROGRAMS, Home
from tests.harness.sshd import Sshd
from tests.harness.wait import until
from tests.ssh.test_frozen import carriers, stopped
from tests.ssh.trip import Trip

SHELL = ("/bin/sh", "-c")


@pytest.fixture(params=["", "DisableForwarding yes"])
def tunnel(request: pytest.FixtureRequest, home: Home, other_home: Home) -> Iterator[Trip]:
    other_home.env["PATH"] = PROGRAMS
    server = Sshd(other_home, options=(request.param,) if request.param else ())
    made = Trip(home, server)
    made.run("connect").ok()
    yield made
    made.close()
    server.close()


def test_disconnect_takes_it_along_while_somebody_is_connected(tunnel: Trip) -> None:
    path = tunnel.socket()
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(path))
        assert client.recv(4) == b"220 "
        tunnel.here("disconnect", "gpu1").ok()
        until(lambda: not path.exists())
    assert path.parent.is_dir()
    until(lambda: tunnel.masters() == [])
    tunnel.run("connect").ok()
    assert tunnel.socket() == path


def test_the_end_of_the_daemon_takes_it_along(trip: Trip) -> None:
    trip.run("connect").ok()
    path = trip.socket()
    trip.here("serve", "--stop").ok()
    assert not path.exists()


def test_a_host_that_does_not_answer_is_left_all_the_same(trip: Trip) -> None:
    trip.run("connect").ok()
    with stopped(*carriers(trip)):
        trip.here("disconnect", "gpu1").ok()
    until(lambda: trip.masters() == [])


@pytest.mark.parametrize("what", ["listened at", "a file", "a link"])
async def test_what_is_not_left_over_is_left(home: Home, what: str) -> None:
    path = home.path / "it's.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        if what == "a file":
            path.write_text("mine")
        else:
            listener.bind(str(path))
        if what == "listened at":
            listener.listen(1)
        named = path
        if what == "a link":
            named = home.path / "link.sock"
            os.symlink(path, named)
        await leftover.remove(SHELL, str(named))
        assert named.exists()


@pytest.mark.parametrize("shell", ["/bin/sh", "/usr/bin/fish", "/bin/tcsh"])
async def test_every_login_shell_removes_it(home: Home, shell: str) -> None:
    path = home.path / "a b%$x's.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    await leftover.remove((shell, "-c"), str(path))
    assert not path.exists()
