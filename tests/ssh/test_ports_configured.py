"""Ports that the laptop's configuration names for a host, through a real sshd: they come by themselves."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator

import pytest

from tests.harness.daemon import Daemon
from tests.harness.environment import rbridge
from tests.harness.wait import free_port, until
from tests.ssh.reach import Reach, Server
from tests.ssh.test_ports import ECHO, echoes

CONFIG = """\
notify = false
[[hosts]]
host = "gpu1"
options = ["-F", "{config}"]
ports = {ports}
"""


class Configured(Reach):
    """A host of which the port *number* is named, and *other*: nobody listens there, and the number that it
    is to have here is taken.
    """

    def __init__(self) -> None:
        self.number, self.local, self.other = free_port(), free_port(), free_port()
        self.taken = socket.create_server(("127.0.0.1", 0))
        try:
            super().__init__()
        except BaseException:
            self.close()
            raise

    def serve(self) -> Daemon:
        named = f"['{self.number}:{self.local}', '{self.other}:{self.taken.getsockname()[1]}']"
        config = CONFIG.format(config=self.sshd.config, ports=named)
        return Daemon(self.laptop, editor="true {file}", listen=("unix",), config=config)

    def connect(self) -> None:
        """The daemon does."""
        until(lambda: "gpu1: connected" in self.status(), deadline=60)

    def row(self, number: int) -> str:
        """What ``rbridge status`` says of that port, "" if it is not there."""
        return next((line for line in self.status().splitlines() if line.startswith(f"gpu1:{number}")), "")

    def close(self) -> None:
        self.taken.close()
        super().close()


@pytest.fixture(scope="module")
def gpu1() -> Iterator[Configured]:
    reach = Configured()
    yield reach
    reach.close()


@pytest.fixture(autouse=True)
def server(gpu1: Configured) -> Iterator[Server]:
    with Server(gpu1, ECHO, gpu1.number) as made:
        yield made


def test_they_are_here_as_soon_as_the_tunnel_stands_and_nobody_is_asked(gpu1: Configured) -> None:
    until(lambda: answers(gpu1.local), deadline=60)
    assert f"http://127.0.0.1:{gpu1.local} leads there" in gpu1.row(gpu1.number)
    assert f":{gpu1.number}" in gpu1.host("status").ok().out
    assert "asks that" not in gpu1.daemon.err


def test_one_that_is_taken_here_is_another_one_and_that_is_said(gpu1: Configured) -> None:
    until(lambda: gpu1.row(gpu1.other), deadline=60)
    note = f"{gpu1.taken.getsockname()[1]} is taken on the laptop: it is "
    assert note in gpu1.row(gpu1.other)
    assert f"gpu1:{gpu1.other}: {note}" in gpu1.daemon.err


def test_they_are_here_again_after_a_cut_and_after_the_client_of_the_host_is_gone(gpu1: Configured) -> None:
    until(lambda: answers(gpu1.local), deadline=60)
    gpu1.cut()
    until(lambda: answers(gpu1.local), deadline=60)
    os.kill(gpu1.resident(), signal.SIGTERM)
    until(lambda: not gpu1.row(gpu1.number), deadline=60)
    until(lambda: answers(gpu1.local), deadline=60)
    assert gpu1.row(gpu1.number)


def test_a_daemon_that_comes_after_one_that_was_killed_has_them_and_asks_nobody(gpu1: Configured) -> None:
    until(lambda: answers(gpu1.local), deadline=60)
    gpu1.daemon.kill()
    gpu1.daemon = gpu1.serve()
    until(lambda: answers(gpu1.local), deadline=60)
    assert "asks that" not in gpu1.daemon.err


def test_one_that_is_closed_here_stays_closed_until_the_host_is_connected_anew(gpu1: Configured) -> None:
    until(lambda: answers(gpu1.local) and gpu1.row(gpu1.other), deadline=60)
    gpu1.laptop.run(rbridge("close", f":{gpu1.number}")).ok()
    assert not gpu1.row(gpu1.number)
    gpu1.host("port", "--close", str(gpu1.other)).ok()
    until(lambda: not gpu1.row(gpu1.other), deadline=60)  # until it is looked at
    until(lambda: gpu1.row(gpu1.other), deadline=60)
    assert not gpu1.row(gpu1.number)
    gpu1.laptop.run(rbridge("disconnect", "gpu1")).ok()
    gpu1.laptop.run(rbridge("connect", "-F", str(gpu1.sshd.config), "gpu1"), deadline=60).ok()
    until(lambda: answers(gpu1.local), deadline=60)


def test_one_that_the_host_refuses_is_said_once(gpu1: Configured) -> None:
    until(lambda: answers(gpu1.local), deadline=60)
    gpu1.laptop.run(rbridge("disconnect", "gpu1")).ok()
    settings = gpu1.remote.config / "rbridge/config.toml"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text("ports = false\n")
    gpu1.laptop.run(rbridge("connect", "-F", str(gpu1.sshd.config), "gpu1"), deadline=60).ok()
    until(lambda: f"gpu1: port {gpu1.other} is not here" in gpu1.daemon.err, deadline=60)
    assert f"gpu1: port {gpu1.number} is not here: ports of this host are turned off" in gpu1.daemon.err
    settings.unlink()
    until(lambda: answers(gpu1.local), deadline=60)
    assert gpu1.daemon.err.count(f"port {gpu1.number} is not here") == 1


def answers(port: int) -> bool:
    """Whether it echoes; it need not be there yet."""
    try:
        return echoes(port)
    except OSError:
        return False
