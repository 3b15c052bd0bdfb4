"""In a container: another root, name, network and process table, and one directory of the host."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.environment import MARK, Ran, stop
from tests.harness.wait import until
from tests.ssh.trip import Trip

HOME = "root"
"""The home inside."""


class Container:
    """What ``docker run -v ~/.rbridge:/root/.rbridge -v ~/.local/bin/rbridge:/usr/local/bin/rbridge`` makes.

    Programs and libraries are the machine's own.
    """

    def __init__(self, trip: Trip) -> None:
        if os.geteuid() != 0:
            pytest.skip("namespaces are root's")
        self.trip = trip
        self.root = trip.host.root / "container"
        for name in (f"{HOME}/.rbridge", "usr", "opt", "proc", "dev", "tmp", "etc", "work"):
            (self.root / name).mkdir(mode=0o700, parents=True)
        for name in ("bin", "lib", "lib64"):
            (self.root / name).symlink_to(f"usr/{name}")
        (self.root / "opt/rbridge").touch()
        mounts = {
            "/usr": "usr",
            "/dev": "dev",
            str(trip.host.path / ".rbridge"): f"{HOME}/.rbridge",
            str(trip.client): "opt/rbridge",
        }
        lines = [
            f"mount --rbind {shlex.quote(a)} {shlex.quote(str(self.root / b))}" for a, b in mounts.items()
        ]
        lines += [f"mount -t proc proc {self.root}/proc", "hostname box", "ip link set lo up"]
        inside = " && ".join([*lines, f"exec /usr/sbin/chroot {self.root} /bin/sleep infinity"])
        words = ["unshare", "-m", "-u", "-n", "-i", "-p", "--fork", "--kill-child", "sh", "-c", inside]
        self.holder = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        children = Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children")
        self.pid = until(lambda: children.read_text().strip() or self.holder.poll() and "0")
        if self.pid == "0":
            pytest.skip("no namespaces can be had here")
        until(lambda: os.readlink(f"/proc/{self.pid}/root") == str(self.root))

    def run(self, *words: str) -> Ran:
        enter = ["nsenter", "-t", self.pid, "-m", "-u", "-n", "-i", "-p", "-r", "-w"]
        env = ["env", "-i", f"{MARK}={self.trip.host.mark}", f"HOME=/{HOME}", "PATH=/opt:/usr/bin:/bin"]
        return self.trip.host.run([*enter, *env, "sh", "-c", f"cd /work && {shlex.join(words)}"], cwd="/")

    def close(self) -> None:
        stop(self.holder, signal.SIGKILL)


@pytest.fixture
def container(trip: Trip) -> Iterator[Container]:
    trip.run("connect").ok()
    made = Container(trip)
    yield made
    made.close()


def test_the_host_s_socket_answers_under_the_host_s_name(trip: Trip, container: Container) -> None:
    assert container.run("uname", "-n").ok().out == "box\n"
    path = container.root / "work" / "inside.txt"
    path.write_text("one\n")
    ran = container.run("rbridge", "open", "-v", "inside.txt").ok()
    assert f"through ~/.rbridge/{os.uname().nodename}/" in ran.err
    opened = trip.editor.wait_open()
    assert opened.content == b"one\n"
    opened.write(b"two\n")
    until(lambda: path.read_bytes() == b"two\n")


def test_it_goes_on_after_a_loss(trip: Trip, container: Container) -> None:
    path = container.root / "work" / "inside.txt"
    path.write_text("one\n")
    container.run("rbridge", "open", "inside.txt").ok()
    opened = trip.editor.wait_open()
    masters = trip.masters()
    assert masters
    for pid in masters:
        os.kill(pid, signal.SIGKILL)
    opened.write(b"two\n")
    until(lambda: path.read_bytes() == b"two\n", 60)


def test_without_the_directory_nobody_is_there_(trip: Trip, container: Container) -> None:
    container.run("mount", "-t", "tmpfs", "none", f"/{HOME}/.rbridge").ok()
    (container.root / "work" / "inside.txt").write_text("one\n")
    ran = container.run("rbridge", "open", "inside.txt")
    assert ran.code == 69
    assert ran.err.startswith("rbridge: nothing was sent: nobody is listening: localhost:52698 (127.0.0.1)")
