"""What other users of the host, and a host that lies, get from tunnels of ``rbridge connect``: nothing.

The attackers are processes of user ids that the host's user is not. What is laid in the places where all may
write is laid in a view of its own (:mod:`tests.harness.view`), not in the machine's.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.client.saving import NOBODY, as_user
from tests.faults.test_attacks import SECRET, Host, reach
from tests.harness.environment import PROGRAMS, Home, signalled
from tests.harness.sshd import Sshd
from tests.harness.view import view
from tests.harness.wait import free_port, until
from tests.ssh import mallory
from tests.ssh.reach import words
from tests.ssh.trip import Trip

OTHER = 12345  # a user who is in no database
Thief = Callable[..., None]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="another user's processes need root, as in CI")
pytestmark = needs_root


class Mallory:
    """A running :mod:`tests.ssh.mallory` on the host of *sshd*, in that server's view of the machine."""

    def __init__(self, sshd: Sshd, uid: int, *words: str) -> None:
        line = " ".join(["exec", sys.executable, mallory.__file__, str(uid), *words])
        self._process = sshd.remote.start(sshd.ssh(line), stderr=None)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def got(self) -> bytes:
        """End it; all that was sent to it."""
        self._process.kill()
        return self._process.communicate(timeout=20)[0]


@pytest.fixture
def thief() -> Iterator[Thief]:
    """Start one: ``thief(trip.sshd, UID, "relay", ...)``. Each must have got nothing at the end."""
    made: list[Mallory] = []

    def start(sshd: Sshd, uid: int, *words: str) -> None:
        made.append(Mallory(sshd, uid, *words))

    yield start
    assert [one.got() for one in made] == [b""] * len(made)


def open_to_look(trip: Trip) -> None:
    """The way to the host's home directory is open to all, as on many machines."""
    trip.host.root.chmod(0o755)
    trip.host.path.chmod(0o755)


def tcp_port(trip: Trip) -> int:
    """Where the daemon listens on TCP."""
    log = (trip.laptop.state / "log" / "daemon.log").read_text()
    return int(re.findall(r"serving on 127\.0\.0\.1:(\d+)", log)[-1])


def config(trip: Trip, line: str) -> None:
    with open(trip.laptop.config / "rbridge" / "config.toml", "a") as file:
        file.write(f"{line}\n")


# Another user of the host


def test_other_users_reach_neither_the_socket_nor_the_key(trip: Trip) -> None:
    open_to_look(trip)
    trip.run("connect").ok()
    path = trip.socket()
    ours = trip.host.path / ".rbridge"
    (key,) = (ours / "keys").iterdir()
    directories = (ours, path.parent, key.parent)

    def tried() -> list[str]:
        found = [_refused(os.listdir, one) for one in directories]
        return [reach(str(path)), *found, _refused(open, key), _refused(os.unlink, path)]

    for uid in (NOBODY, OTHER):
        assert as_user(uid, tried) == ["denied"] * 6
    for directory in directories:
        directory.chmod(0o711)  # what protects it twice: the modes of socket and key themselves
    for uid in (NOBODY, OTHER):
        assert as_user(uid, lambda: [reach(str(path)), _refused(open, key)]) == ["denied"] * 2
    assert key.stat().st_mode & 0o777 == path.stat().st_mode & 0o777 == 0o600


def _refused(work: object, path: Path) -> str:
    try:
        work(path)  # type: ignore[operator]
    except PermissionError:
        return "denied"
    return "done"


@pytest.fixture
def squatted(home: Home, other_home: Home) -> Iterator[Trip]:
    """A host whose home directory's name is too long for a socket: it lies where all may write."""
    other_home.env["PATH"] = PROGRAMS
    other_home.path = other_home._make(other_home.path / ("long" * 20))
    del other_home.env["RBRIDGE_RUNTIME_DIR"]
    temporary = other_home._make(other_home.root / "tmp")
    temporary.chmod(0o1777)
    other_home.root.chmod(0o755)
    other_home.env.update(HOME=str(other_home.path), TMPDIR=str(temporary))
    sshd = Sshd(other_home, before=view(empty=["/dev/shm"]))
    made = Trip(home, sshd)
    yield made
    made.close()
    sshd.close()


LAID = {
    "directory": "install -d -o {uid} -m 0777 {place}",
    "link": "install -d -o {uid} -m 0777 {place}-his; ln -s {place}-his {place}; chown -h {uid} {place}",
}


def squat(trip: Trip, thief: Thief, place: str, kind: str, uid: int) -> None:
    """*uid* lays *place* before the user comes, and listens there."""
    trip.sshd.run(LAID[kind].format(place=place, uid=uid)).ok()
    thief(trip.sshd, uid, "squat", place)


@pytest.mark.parametrize(
    ("kind", "uid", "why"),
    [
        ("directory", NOBODY, "belongs to nobody"),
        ("link", OTHER, "is a symbolic link"),
    ],
)
def test_a_squatted_place_is_passed_over_and_named(
    squatted: Trip, thief: Thief, kind: str, uid: int, why: str
) -> None:
    place = f"/dev/shm/rbridge-{os.geteuid()}"
    squat(squatted, thief, place, kind, uid)
    squatted.run("connect").ok()
    next_one = Path(squatted.host.env["TMPDIR"]) / f"rbridge-{os.geteuid()}"
    assert [path.suffix for path in next_one.iterdir() if path.is_socket()] == [".sock"]
    squatted.host.file("train.py", "secret = 1\n")
    opening = squatted.there("open -v train.py").ok()
    assert f"{place} {why}" in opening.err
    opened = squatted.editor.wait_open()
    opened.write(b"secret = 2\n")
    until(lambda: (squatted.host.path / "train.py").read_bytes() == b"secret = 2\n")
    opened.quit()


def test_where_every_place_is_squatted_nothing_is_made_and_nothing_sent(squatted: Trip, thief: Thief) -> None:
    places = [f"{above}/rbridge-{os.geteuid()}" for above in ("/dev/shm", squatted.host.env["TMPDIR"])]
    squat(squatted, thief, places[0], "directory", NOBODY)
    squat(squatted, thief, places[1], "link", OTHER)
    ran = squatted.run("connect")
    assert ran.code == 77
    assert f"{places[0]} on gpu1 belongs to nobody" in ran.err
    assert f"{places[1]} on gpu1 is a symbolic link" in ran.err
    squatted.run("deploy", "--no-path").ok()
    squatted.host.file("train.py", "secret = 1\n")
    ran = squatted.there("open -v train.py")
    assert ran.code in (69, 77)
    assert f"{places[0]} belongs to nobody: passed over" in ran.err
    assert f"{places[1]} is a symbolic link, not a directory of ours: passed over" in ran.err
    assert squatted.editor.started() == 0


def test_who_relays_from_one_address_family_to_the_real_tunnel_gets_nothing(trip: Trip, thief: Thief) -> None:
    config(trip, 'classic = "deny"')
    trip.run("connect").ok()
    port = free_port()
    thief(trip.sshd, NOBODY, "relay", f"127.0.0.1:{port}", f"::1:{port}")
    with trip.sshd.forward(f"{port}:127.0.0.1:{tcp_port(trip)}"):  # ssh is content with the other family
        trip.host.file("train.py", "secret = 1\n")
        ran = trip.there(f"open -v -p {port} train.py").ok()
        trip.editor.wait_open().give_up()
        assert f"localhost:{port} (127.0.0.1): it belongs to nobody, not to you" in ran.err


def test_who_relays_from_both_to_the_real_tunnel_gets_nothing(trip: Trip, thief: Thief) -> None:
    trip.run("connect").ok()
    port, real = free_port(), free_port()
    places = [f"127.0.0.1:{port}", f"::1:{port}"]
    with trip.sshd.forward(f"127.0.0.1:{real}:127.0.0.1:{tcp_port(trip)}"):
        thief(trip.sshd, OTHER, "relay", *places, f"127.0.0.1:{real}")
        with socket.create_connection(("127.0.0.1", port), 20) as asked:  # he does greet as the daemon does
            assert b"rbridge" in asked.recv(4096)
        trip.host.file("train.py", "secret = 1\n")
        for where in (f"-p {port}", f"-H localhost -p {port}", f"-H 127.0.0.1 -p {port}"):
            ran = trip.there(f"open {where} train.py")
            assert ran.code == 77, ran
            assert "it belongs to uid 12345, not to you" in ran.err
    assert trip.editor.started() == 0


def residents(trip: Trip) -> list[int]:
    """The client's processes on the host."""
    return [pid for pid in trip.host.processes() if f"{trip.client}\0" in words(pid)]


SPOILT = {
    "readable": "chmod 640 {key}",
    "foreign": "chown 12345 {key}",
    "link": "mv {key} {home}/moved; ln -s {home}/moved {key}",
    "directory": "chmod 770 $(dirname {key})",
    "swapped": "mv {home}/.rbridge/keys {home}/his; ln -s {home}/his {home}/.rbridge/keys",
}


def test_a_key_that_others_could_have_laid_is_not_used(trip: Trip) -> None:
    config(trip, 'classic = "deny"')
    trip.run("connect").ok()
    (key,) = (trip.host.path / ".rbridge" / "keys").iterdir()
    trip.host.file("train.py", "x = 1\n")
    with trip.sshd.forward(f"127.0.0.1:0:127.0.0.1:{tcp_port(trip)}") as forward:
        line = f"open -H 127.0.0.1 -p {forward.port} train.py"
        trip.there(line).ok()
        trip.editor.wait_open().give_up()
        for kind, spoil in SPOILT.items():
            for pid in residents(trip):  # what it has proved holds as long as it lives
                signalled(pid, signal.SIGKILL)
            until(lambda: not residents(trip))
            trip.host.run(["cp", "-a", trip.host.path / ".rbridge", trip.host.path / "good"]).ok()
            trip.host.run(["sh", "-c", spoil.format(key=key, home=trip.host.path)]).ok()
            ran = trip.there(line)
            assert ran.code != 0, kind
            assert "a key there is not used" in ran.err, (kind, ran)
            trip.host.run(
                ["sh", "-c", "rm -r .rbridge/keys his moved; cp -a good/keys .rbridge/; rm -r good"]
            )
    assert trip.editor.started() == 1
    trip.there("open train.py").ok()  # over the tunnel's own socket no key is needed
    trip.editor.wait_open().give_up()


LED_ASTRAY = {
    "link": ("ln -s {his} .rbridge", "is a symbolic link"),
    "foreign": ("mkdir -m 700 .rbridge; chown 12345 .rbridge", "belongs to "),
}


@pytest.mark.parametrize("kind", LED_ASTRAY)
def test_an_account_whose_directory_leads_to_somebody_else_gets_no_tunnel(trip: Trip, kind: str) -> None:
    open_to_look(trip)
    spoil, why = LED_ASTRAY[kind]
    his = trip.host.root / "his"
    his.mkdir()
    os.chown(his, NOBODY, NOBODY)
    trip.sshd.run(spoil.format(his=his)).ok()
    ran = trip.run("connect")
    assert (ran.code, ran.err.count("\n")) == (77, 1), ran
    assert why in ran.err
    ran = trip.run("ssh", "echo in the shell")
    assert ran.out == "in the shell\n"
    assert why in ran.err
    assert list(his.iterdir()) == []
    assert [path for path in (trip.host.path / ".rbridge").rglob("*") if path.is_file()] == []


HIS_BIN = {
    "bin": "mkdir .local; ln -s {his} .local/bin",
    "above": "ln -s {his} .local; mkdir -p mine; ln -s $PWD/mine {his}/bin",
}


@pytest.mark.parametrize("kind", HIS_BIN)
def test_no_program_is_put_where_somebody_else_could_replace_it(trip: Trip, kind: str) -> None:
    open_to_look(trip)
    his = trip.host.root / "his"
    his.mkdir()
    trip.sshd.run(HIS_BIN[kind].format(his=his) + f"; chown {NOBODY} {his}").ok()
    for command, code in (("deploy --no-path", 77), ("connect", 0)):
        ran = trip.run(*command.split())
        assert ran.code == code, ran
        assert "belongs to " in ran.err
    assert [path for path in (trip.host.path / ".local").rglob("*") if path.is_file()] == []
    assert [path for path in (*his.iterdir(), *trip.host.path.glob("mine/*")) if path.is_file()] == []


# A host that lies


@pytest.fixture
def other(trip: Trip) -> Iterator[Trip]:
    """A second host, ``gpu2``, of the same laptop."""
    remote = Home("remote")
    remote.env["PATH"] = PROGRAMS
    made = Trip.__new__(Trip)
    made.__dict__.update(trip.__dict__)
    made.sshd = Sshd(remote, alias="gpu2")
    made.host, made.client = remote, remote.path / ".local" / "bin" / "rbridge"
    yield made
    made.sshd.close()
    remote.close()


def liar(trip: Trip) -> Host:
    """A client on *trip*'s host that says whatever it likes."""
    return Host(str(trip.socket()))


def claims(there: Host, more: dict[str, str] | None = None, session: str = SECRET) -> str:
    """Link as a client of ``gpu2``; the standing that it is given."""
    said = {"version": "0", "user": "u", "host": "gpu2", "cwd": "/", "pid": "1", "session": session}
    there.say("link", None, **said, **(more or {}))
    command, headers = there.hear()
    assert command == "linked", headers
    return headers["standing"]


def test_a_host_that_claims_another_s_name_gets_nothing_of_its_texts(trip: Trip, other: Trip) -> None:
    trip.run("connect").ok()
    file = other.host.file("train.py", "x = 1\n")
    other.there("open train.py").ok()
    opened = other.editor.wait_open()
    for pid in residents(other):
        signalled(pid, signal.SIGKILL)
    until(lambda: "not connected" in trip.here("status").out)
    opened.write(b"secret = 2\n")
    opened.quit()
    until(lambda: f"gpu2:{file}" in trip.here("recover").ok().out)

    with closing(liar(trip)) as there:
        assert claims(there) == "new"
        there.say("open", b"x = 1\n", token="t", display_name=f"gpu2:{file}", real_path=str(file))
        command, headers = there.hear()
        assert command == "opened", headers
        assert headers["undelivered"] == "no"
        assert trip.editor.wait_open().content == b"x = 1\n"
        assert f"gpu1:{file}" in trip.here("status").ok().out
        assert trip.here("status").ok().out.count(f"gpu2:{file}") == 1  # the one whose text is kept
    other.there("open train.py")  # a client of its own gets the text
    until(lambda: file.read_bytes() == b"secret = 2\n")


def test_nor_of_its_sessions_and_what_it_asks_for_is_asked_in_its_own_name(trip: Trip, other: Trip) -> None:
    trip.run("connect").ok()
    other.run("connect").ok()
    with closing(liar(other)) as theirs:
        assert claims(theirs) == "new"
        assert theirs.open()[0] == "opened"
        for how in ({"resume": "yes"}, {"join": "0"}):
            with closing(liar(trip)) as there:  # it has even got hold of the session's secret
                assert claims(there, how) == "refused"
        sockets = other.socket().parent
        before = set(sockets.glob("*.sock"))
        other.sshd.add_host("gpu2.example.org")  # the same machine by another name
        other.run("connect", alias="gpu2.example.org").ok()
        (same,) = set(sockets.glob("*.sock")) - before
        with closing(Host(str(same))) as there:
            assert claims(there, {"resume": "yes"}) == "resumed"
    with closing(liar(trip)) as there:
        assert claims(there, session="f" * 32) == "new"
        there.say("port", token="p", port="8888")
        asked = until(lambda: trip.here("allow").out)
        assert "gpu1 asks that" in asked
        assert "gpu2" not in asked
