"""A file server that does not answer holds up its own files and no others, and no saved text is lost.

A host has files of its own and of a file server, here sshfs, which a signal stops: then whatever asks for a
file there blocks in the kernel. One client has files of both open.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compat.editor import Opened
from tests.faults.ground import Ground, Tunnel, gone
from tests.harness.environment import Ran
from tests.harness.hanging import FileServer
from tests.harness.wait import stays, until

ACKNOWLEDGED = 2.0
ENDED = 12.0
FOLLOWED = 5.0


class Site:
    """A ground with one tunnel, and a file server at its host."""

    def __init__(self) -> None:
        self.ground = Ground()
        self.tunnel: Tunnel = self.ground.tunnel("t")
        self.server = FileServer(self.ground.remote)

    def open(self, path: Path) -> Opened:
        self.tunnel.open(str(path))
        return self.tunnel.document.opened

    def near(self, name: str, text: bytes) -> tuple[Path, Opened]:
        path = self.tunnel.directory / name
        path.write_bytes(text)
        return path, self.open(path)

    def far(self, name: str, text: bytes) -> tuple[Path, Opened]:
        path = self.server.file(name, text)
        return self.server.there / name, self.open(path)

    def host(self, *words: str, **options: float) -> Ran:
        argv = [sys.executable, "-m", "rbridge", *words]
        return self.ground.remote.run(argv, cwd="/", **options)  # type: ignore[arg-type]

    def row(self, name: str) -> str:
        """The line of ``rbridge status`` on the host about *name*."""
        rows = [row for row in self.host("status").out.splitlines() if row.split()[0].endswith("/" + name)]
        return rows[0] if rows else ""

    def state(self, name: str) -> str:
        return (self.row(name).split() or ["", ""])[1]

    def close(self) -> None:
        if self.server.hangs:
            self.server.answer()
        self.ground.close(check=False)


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    try:
        yield made
    finally:
        log = made.ground.remote.state / "client.log"
        print(log.read_text() if log.exists() else "", made.ground.daemon.err[-3000:])
        made.server.close()
        made.close()


def test_the_others_go_on_and_the_hung_save_lands_once(site: Site) -> None:
    near, nearby = site.near("near.py", b"near\n")
    far, away = site.far("far.py", b"far\n")
    site.server.hang()
    away.write(b"far, edited\n")
    until(lambda: site.state("far.py") == "saving", what="the save is under way")
    began = time.monotonic()
    nearby.write(b"near, edited\n")
    until(lambda: near.read_bytes() == b"near, edited\n")
    until(lambda: site.state("near.py") == "clean")
    assert time.monotonic() - began < ACKNOWLEDGED

    until(lambda: "its file system does not answer since" in site.row("far.py"))
    assert far.read_bytes() == b"far\n"
    assert site.host("status", "-q").code == 75
    assert site.host("status", "-q", str(near)).code == 0

    assert "saving" in site.host("status", str(site.server.path / "far.py")).out
    until(lambda: "its file system does not answer since" in site.ground.laptop("status").out)

    near.write_bytes(b"changed on the host\n")
    until(lambda: nearby.content == b"changed on the host\n", FOLLOWED)
    path, third = site.near("third.py", b"third\n")
    third.write(b"third, edited\n")
    until(lambda: path.read_bytes() == b"third, edited\n")
    assert site.host("close", str(path)).code == 0
    until(lambda: not site.row("third.py"))
    stays(lambda: site.state("far.py") == "saving", 1.0)

    site.server.answer()
    until(lambda: site.state("far.py") == "clean", what="it is saved")
    assert far.read_bytes() == b"far, edited\n"
    landed = far.stat()
    away.write(b"far, edited again\n")
    until(lambda: far.read_bytes() == b"far, edited again\n")
    until(lambda: site.state("far.py") == "clean")
    assert landed.st_ino != far.stat().st_ino
    assert [name for name in os.listdir(site.server.there) if "rbridge" in name] == []
    assert not site.ground.spool
    assert len(site.ground.residents()) == 1


def test_sigterm_ends_the_client_though_a_save_hangs(site: Site) -> None:
    near, nearby = site.near("near.py", b"near\n")
    far, away = site.far("far.py", b"far\n")
    (resident,) = site.ground.residents()
    site.server.hang()
    away.write(b"far, edited\n")
    until(lambda: site.state("far.py") == "saving")
    began = time.monotonic()
    os.kill(resident, signal.SIGTERM)
    until(lambda: gone(resident), what="the client's end", deadline=ENDED + 8)
    assert time.monotonic() - began < ENDED
    path = site.server.path / "far.py"
    until(lambda: site.ground.keeps(path, b"far, edited\n"), what="the laptop keeps it")
    site.server.answer()
    assert far.read_bytes() in (b"far\n", b"far, edited\n")
    assert (
        "it is not known whether the last save is in the file"
        in (site.ground.remote.state / "client.log").read_text()
    )
    assert near.read_bytes() == b"near\n"
    nearby.give_up()


def test_an_open_of_a_file_there_can_be_given_up_and_holds_up_nobody(site: Site) -> None:
    near, nearby = site.near("near.py", b"near\n")
    path = site.server.file("far.py", b"far\n")
    site.server.hang()
    command = site.ground.remote.start(site.tunnel.argv(str(path)))
    stays(lambda: command.poll() is None, 1.5)
    nearby.write(b"near, edited\n")
    until(lambda: near.read_bytes() == b"near, edited\n")
    command.send_signal(signal.SIGINT)
    _out, err = command.communicate(timeout=10)
    assert command.returncode == 130
    assert b"far.py: its file system does not answer" in err
    assert len(site.ground.residents()) == 1
