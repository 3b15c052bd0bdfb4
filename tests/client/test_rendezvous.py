"""Sockets in our own directories."""

from __future__ import annotations

import os
import socket

import pytest

from rbridge.client import settings
from rbridge.client.options import parse


@pytest.fixture
def told(home, monkeypatch):
    """``told("-p 5", RMATE_HOST="x")``: the addresses and who named them."""
    for name in ("HOME", "RBRIDGE_RUNTIME_DIR"):
        monkeypatch.setenv(name, home.env[name])

    def ask(words: str = "", name: str = "rmate", **environ: str) -> list[tuple[str, str]]:
        found, _ = settings.endpoints(parse([*words.split(), "a"]), environ, name)
        return [(one.label, one.origin) for one in found]

    return ask


@pytest.fixture
def listening():
    """Make a socket file at a path, with a modification time."""
    kept = []

    def make(path, when: int = 0) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept.append(socket.socket(socket.AF_UNIX))
        kept[-1].bind(str(path))
        os.utime(path, (when, when))

    yield make
    for one in kept:
        one.close()


USUAL = ("localhost:52698", "the usual port")


def test_sockets_in_our_directories_come_newest_first(told, home, rendezvous, listening):
    listening(rendezvous / "old.sock", 1)
    listening(rendezvous / "new.sock", 2)
    listening(home.runtime / "daemon.sock", 3)
    listening(home.runtime / "control.sock", 4)
    (rendezvous / "note.txt").write_text("no socket")
    found = [label for label, _ in told()]
    short = "~/.rbridge/" + os.uname().nodename
    assert found == [f"{short}/new.sock", f"{short}/old.sock", str(home.runtime / "daemon.sock"), USUAL[0]]


def test_an_unsafe_directory_is_passed_over_and_named(home, rendezvous, listening, monkeypatch):
    monkeypatch.setenv("HOME", str(home.path))
    monkeypatch.setenv("RBRIDGE_RUNTIME_DIR", str(home.runtime))
    listening(rendezvous / "a.sock")
    rendezvous.chmod(0o777)
    found, notes = settings.endpoints(parse(["a"]), {})
    assert [one.label for one in found] == ["localhost:52698"]
    assert notes == [f"{rendezvous} can be reached by others (mode 0777): passed over"]


def test_a_directory_that_others_may_only_look_into_is_closed_and_used(told, rendezvous, listening):
    listening(rendezvous / "a.sock")
    rendezvous.chmod(0o755)
    assert len(told()) == 2
    assert rendezvous.stat().st_mode & 0o777 == 0o700
