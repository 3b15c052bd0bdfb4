"""``rbridge deploy``: the client on a real host, for those who log in with plain ssh."""

from __future__ import annotations

import os
import socket

import pytest

from tests.ssh.trip import Trip


def test_the_client_is_there_and_no_daemon_is_started(trip: Trip) -> None:
    ran = trip.run("deploy", "--no-path").ok()
    assert "is at ~/.local/bin/rbridge on gpu1" in ran.err
    assert trip.host.run([trip.client, "--version"]).ok().out.startswith("rbridge ")
    assert os.stat(trip.client).st_mode & 0o777 == 0o755
    assert trip.here("serve", "--stop").code == 69


def test_a_second_time_it_is_left(trip: Trip) -> None:
    trip.run("deploy", "--no-path").ok()
    before = os.stat(trip.client).st_ino
    trip.run("deploy", "--no-path").ok()
    assert os.stat(trip.client).st_ino == before


def test_one_that_runs_keeps_its_file(trip: Trip) -> None:
    trip.run("deploy", "--no-path").ok()
    with trip.client.open("ab") as file:
        file.write(b"\n# mine\n")
    running = os.open(trip.client, os.O_RDONLY)
    try:
        ran = trip.run("deploy", "--no-path").ok()
        assert os.fstat(running).st_ino != os.stat(trip.client).st_ino
    finally:
        os.close(running)
    assert "the one that was there is kept" in ran.err
    (kept,) = trip.client.parent.glob("rbridge.before-*")
    assert kept.read_bytes().endswith(b"# mine\n")


def test_new_shells_find_it_with_the_line(trip: Trip) -> None:
    ran = trip.run("deploy", "--path").ok()
    assert "added one line to" in ran.err
    found = trip.host.run(["sh", "-lc", "command -v rbridge"]).ok().out
    assert found.strip() == str(trip.client)
    assert "added" not in trip.run("deploy", "--path").ok().err


def test_without_a_terminal_it_asks_nothing_and_says_how(trip: Trip) -> None:
    ran = trip.run("deploy").ok()
    assert "~/.local/bin is not on PATH" in ran.err
    assert "--path" in ran.err


def test_remove_takes_away_what_it_made(trip: Trip) -> None:
    before = sorted(path.relative_to(trip.host.path) for path in trip.host.path.rglob("*"))
    trip.run("deploy", "--path").ok()
    ran = trip.run("deploy", "--remove").ok()
    assert "removed" in ran.err
    assert not trip.client.exists()
    after = sorted(path.relative_to(trip.host.path) for path in trip.host.path.rglob("*"))
    assert [path for path in after if path.is_file()] == [path for path in before if path.is_file()]
    ran = trip.run("deploy", "--remove").ok()
    assert "nothing of rbridge is there" in ran.err


def test_over_a_kept_tunnel_it_needs_no_login(trip: Trip) -> None:
    trip.run("connect", "--no-deploy").ok()
    logins = trip.sshd.log().count("Accepted publickey")
    trip.run("deploy", "--no-path").ok()
    assert trip.sshd.log().count("Accepted publickey") == logins
    assert trip.here("status").ok().out.startswith("gpu1: connected")
    trip.host.file("train.py", "x = 1\n")
    trip.there("open train.py").ok()
    trip.editor.wait_open().quit()


def test_several_at_once_are_all_done(trip: Trip) -> None:
    all_of_them = [trip.laptop.start(trip.words("deploy", "--no-path")) for _ in range(3)]
    said = [process.communicate(timeout=60) for process in all_of_them]
    assert [process.returncode for process in all_of_them] == [0, 0, 0], said
    assert trip.host.run([trip.client, "--version"]).ok().out.startswith("rbridge ")
    assert "removed" in trip.run("deploy", "--remove").ok().err  # the record is of the file that is there


def test_remove_takes_the_sockets_of_this_laptop_s_tunnels(trip: Trip) -> None:
    trip.run("connect").ok()
    ours = trip.socket()
    foreign = ours.with_name("0000000000000000-00000000.sock")
    trip.here("disconnect", "gpu1").ok()
    with socket.socket(socket.AF_UNIX) as lost:
        lost.bind(str(ours))  # and leaves it there, as a cut does
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(foreign))
        trip.run("deploy", "--remove").ok()
        assert list(foreign.parent.glob("*.sock")) == [foreign]


def test_where_others_could_change_what_is_on_the_path_nothing_is_put(trip: Trip) -> None:
    (trip.host.path / ".local").mkdir()
    (trip.host.path / ".local").chmod(0o777)
    ran = trip.run("deploy", "--no-path")
    assert ran.code == 77
    assert not trip.client.exists()


def test_a_home_that_takes_nothing_has_its_words(trip: Trip) -> None:
    (trip.host.path / ".local").write_text("in the way")
    ran = trip.run("deploy", "--no-path")
    assert ran.code == 73
    assert ".local" in ran.err
    assert ran.err.count("\n") == 1
    (trip.host.path / ".local").unlink()


@pytest.mark.parametrize(
    ("words", "said"), [(("--help",), "usage: rbridge deploy"), ((), "HOST")], ids=["help", "nothing"]
)
def test_how_it_is_called(trip: Trip, words: tuple[str, ...], said: str) -> None:
    ran = trip.here("deploy", *words)
    assert ran.code == (0 if words else 64)
    assert said in ran.out + ran.err


def test_a_command_makes_no_sense(trip: Trip) -> None:
    assert trip.run("deploy", "true").code == 64
