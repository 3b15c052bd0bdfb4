"""Sockets in our own directories."""

from __future__ import annotations

import os
import socket
import time

from rbridge.client import reception, settings, sockets
from rbridge.client import rendezvous as found_by
from rbridge.client.options import parse

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


def test_the_sockets_of_clients_in_the_background_are_no_listeners(here, listening):
    listening(here.runtime / sockets.name("tunnel"))
    listening(here.runtime / reception.further(sockets.name("tunnel")))
    listening(here.runtime / "daemon.sock")
    found = found_by.shared_sockets((os.geteuid(),), [])
    assert [os.path.basename(one.path) for one in found] == ["daemon.sock"]


def test_sockets_that_logins_left_behind_do_not_hide_the_one_that_lives(told, rendezvous, listening):
    for number in range(found_by.MOST_SOCKETS + 4):
        listening(rendezvous / f"dead-{number}.sock", 100 + number)  # bound, and nobody listens
    with socket.socket(socket.AF_UNIX) as lives:
        lives.bind(str(rendezvous / "lives.sock"))
        lives.listen()
        os.utime(rendezvous / "lives.sock", (1, 1))
        assert f"~/.rbridge/{os.uname().nodename}/lives.sock" in [label for label, _ in told()]
    assert [path.name for path in rendezvous.iterdir()] == ["lives.sock"]


def test_a_new_socket_that_does_not_listen_yet_is_not_removed(told, rendezvous, listening):
    for number in range(found_by.MOST_SOCKETS + 1):
        listening(rendezvous / f"{number}.sock", int(time.time()))
    assert [label for label, _ in told()] == [USUAL[0]]
    assert len(list(rendezvous.iterdir())) == found_by.MOST_SOCKETS + 1
