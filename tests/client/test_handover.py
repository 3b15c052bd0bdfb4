"""Handing files over to the process in the background, the caller's side."""

from __future__ import annotations

import os
import signal
import socket
import stat

import pytest

from rbridge.client import handover, source
from rbridge.client.options import parse
from rbridge.client.waiting import Relay, Signals
from tests.client.residents import Shown, place
from tests.harness.wait import until


@pytest.fixture
def sources(here):
    """``sources("-w", "a", "b")``: what the command line would open, and its options."""
    made = []

    def check(*words: str):
        options = parse(list(words))
        found = [source.check(request, options) for request in options.requests]
        made.extend(found)
        return found, options

    yield check
    for one in made:
        one.close()


def relay(intercom, waits: bool = False) -> tuple[int, list[str]]:
    shown = Shown()
    signals = Signals()
    try:
        return Relay(intercom, signals, shown, waits).run(), shown.lines
    finally:
        signals.close()


def test_files_arrive_as_they_were_checked(here, background, sources):
    there = background()
    here.file("a.py", "one\ntwo\nthree\n")
    found, options = sources("-w", "-k", "-m", "shown", "--lines", "2:2", "a.py:3")
    intercom, _ = handover.hand_over(there.path, found, options)
    until(lambda: there.resident.offered, what="it was asked to open")
    ((got,), handed, _) = there.resident.offered[0]
    want = found[0]
    for name in ("path", "real", "line", "column", "selection", "name", "part", "start", "size", "read_only"):
        assert getattr(got, name) == getattr(want, name), name
    assert os.pread(got.fd, 100, got.start)[: got.size] == b"two\n"
    assert got.token != want.token
    assert (handed.wait, handed.keep_focus, handed.new) == (True, True, False)
    assert handed.cwd == str(here.path)
    assert f"HOME={here.path}".encode() in handed.environment.split(b"\0")
    assert want.fd == -1
    got.close()
    intercom.close()


def test_a_file_that_is_not_there_yet(here, background, sources):
    there = background()
    found, options = sources("new.txt")
    intercom, _ = handover.hand_over(there.path, found, options)
    assert relay(intercom) == (0, ["new.txt: open in vim on mylaptop"])
    ((got,), _, _) = there.resident.offered[0]
    assert (got.fd, got.real) == (-1, str(here.path / "new.txt"))


def test_names_of_any_bytes(here, background, sources):
    there = background()
    name = "a\nb%\udcff"
    here.file(name, "x")
    found, options = sources(name)
    intercom, _ = handover.hand_over(there.path, found, options)
    assert relay(intercom)[0] == 0
    assert there.resident.offered[0][0][0].real == str(here.path / name)


def test_two_hundred_files_at_once(here, background, sources):
    there = background()
    names = [here.file(f"d/{number}", str(number)).name for number in range(200)]
    found, options = sources(*(f"d/{name}" for name in names))
    code, lines = relay(handover.hand_over(there.path, found, options)[0])
    assert (code, len(lines)) == (0, 200)
    got = there.resident.offered[0][0]
    assert [os.pread(one.fd, 9, 0).decode() for one in got] == names
    for one in got:
        one.close()


def test_from_another_directory(here, background, sources, monkeypatch):
    there = background()
    here.file("d/a.txt", "x")
    monkeypatch.chdir(here.path / "d")
    found, options = sources("a.txt")
    assert relay(handover.hand_over(there.path, found, options)[0])[0] == 0
    assert there.resident.offered[0][0][0].real == str(here.path / "d/a.txt")
    assert there.resident.offered[0][1].cwd == str(here.path / "d")


def test_from_a_directory_that_is_gone(here, background, sources, monkeypatch):
    there = background()
    path = here.file("a.txt", "x")
    gone = here.path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    found, options = sources(str(path))
    assert relay(handover.hand_over(there.path, found, options)[0])[0] == 0
    assert there.resident.offered[0][1].cwd == ""


def declined(*arguments: object) -> handover.Declined:
    with pytest.raises(handover.Declined) as raised:
        handover.hand_over(*arguments)  # type: ignore[arg-type]
    return raised.value


def test_a_file_that_was_replaced_meanwhile_is_not_taken(here, background, sources):
    there = background()
    path = here.file("a.txt", "old")
    here.file("b.txt", "b")
    found, options = sources("b.txt", "a.txt")
    here.file("new", "new").rename(path)
    assert "a.txt: it sees another file there" in str(declined(there.path, found, options))
    assert there.resident.offered == []
    assert os.pread(found[1].fd, 9, 0) == b"old"


def test_where_a_path_means_something_else_to_it_nothing_is_taken(here, background, sources):
    """As in a container: the path that the caller sees is another file, or none, to the other process."""
    there = background()
    here.file("a.txt", "mine")
    here.file("b.txt", "other")
    found, options = sources("a.txt")
    found[0].real = str(here.path / "b.txt")
    assert "another file" in str(declined(there.path, found, options))
    found[0].real = str(here.path / "none.txt")
    assert "no such file" in str(declined(there.path, found, options))
    found, options = sources("absent.txt")
    found[0].real = str(here.path / "b.txt")
    assert "something else" in str(declined(there.path, found, options))
    assert there.resident.offered == []


def test_another_version_is_left_alone(here, background, sources, monkeypatch):
    there = background()
    here.file("a.txt")
    monkeypatch.setattr(handover, "__version__", "99")
    assert "it is of version" in str(declined(there.path, *sources("a.txt")))


def test_without_a_laptop_it_takes_nothing_unless_that_laptop_has_answered(here, background, sources):
    there = background()
    there.resident.attached = False
    here.file("a.txt")
    found, options = sources("a.txt")
    assert "not connected" in str(declined(there.path, found, options))
    assert "another laptop" in str(declined(there.path, found, options, "f" * 16))
    assert relay(handover.hand_over(there.path, found, options, there.resident.identity)[0])[0] == 0


def test_the_environment_is_bounded(here, background, sources, monkeypatch):
    there = background()
    here.file("a.txt")
    for number in range(4):
        monkeypatch.setenv(f"LARGE{number}", "x" * 100_000)
    assert relay(handover.hand_over(there.path, *sources("a.txt"))[0])[0] == 0
    environment = there.resident.offered[0][1].environment
    assert len(environment) <= handover.ENVIRONMENT
    assert f"HOME={here.path}".encode() in environment


def test_a_socket_that_nobody_listens_at_is_removed(here, sources):
    path = here.runtime / "client-a-b.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        path.chmod(0o600)
    here.file("a.txt")
    error = declined(str(path), *sources("a.txt"))
    assert not error.hung
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o660, 0o606])
def test_a_socket_that_others_can_reach_is_not_trusted(here, background, sources, mode):
    there = background()
    here.file("a.txt")
    os.chmod(there.path, mode)
    assert "ours alone" in str(declined(there.path, *sources("a.txt")))


def test_a_file_or_a_link_in_its_place_is_not_trusted(here, background, sources):
    there = background()
    here.file("a.txt")
    link = here.runtime / "client-link.sock"
    link.symlink_to(there.path)
    assert "ours alone" in str(declined(str(link), *sources("a.txt")))


def test_whoever_listens_as_another_user_is_not_trusted(here, background, sources, monkeypatch):
    there = background()
    here.file("a.txt")
    monkeypatch.setattr(handover.system, "peer_uid", lambda sock: os.geteuid() + 1)
    assert "belongs to" in str(declined(there.path, *sources("a.txt")))
    monkeypatch.setattr(handover.system, "peer_uid", lambda sock: None)
    assert "cannot tell" in str(declined(there.path, *sources("a.txt")))


def test_one_that_says_nothing_is_passed_over_and_opens_nothing_later(here, sources, monkeypatch):
    """It was stopped: when it goes on it finds a caller that has gone, and no word to open anything."""
    monkeypatch.setattr(handover, "ANSWER", 0.2)
    path = here.runtime / "client-a-b.sock"
    here.file("a.txt")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen()
        found, options = sources("a.txt")
        error = declined(str(path), found, options)
        assert error.hung
        assert "no answer within 0.2 s" in str(error)
        assert found[0].fd >= 0
        accepted, _ = listener.accept()
        with accepted, accepted.makefile("rb") as said:
            assert b"\ngo\n" not in said.read()


def test_one_that_hangs_up_is_passed_over(here, background, sources):
    there = background()
    here.file("a.txt")
    there.reception.loop.watch(there.reception._listener.fileno(), 1, lambda events: hang_up(there))
    assert not declined(there.path, *sources("a.txt")).hung


def hang_up(there) -> None:
    socket.socket(fileno=there.reception._listener._accept()[0]).close()


def test_it_is_found_under_its_tunnels_name(here, background):
    there = background("one")
    assert place("one") == there.path
    assert place("two") == ""
    assert stat.S_IMODE(os.lstat(there.path).st_mode) == 0o600


def test_a_signal_while_it_is_open(here, background, sources):
    there = background()
    here.file("a.txt")
    found, options = sources("-w", "a.txt")
    intercom, _ = handover.hand_over(there.path, found, options)
    until(lambda: there.resident.offered, what="it is open")
    signals = Signals()
    shown = Shown()
    os.kill(os.getpid(), signal.SIGINT)
    try:
        assert Relay(intercom, signals, shown, True).run() == 130
    finally:
        signals.close()
    assert shown.lines[-1] == "a.txt: stays open on mylaptop"
    assert ("drop",) not in there.resident.asked


def test_the_way_that_it_goes_is_told(here, background, sources):
    there = background()
    here.file("a.txt")
    intercom, way = handover.hand_over(there.path, *sources("a.txt"))
    assert way == f"mylaptop through the process in the background, pid {os.getpid()}"
    intercom.close()
