"""What another user of the same machine can do: connect to our sockets, take our places, and talk over TCP.

The attacker is a process of another user id, the daemon and the process in the background are the real ones.
"""

from __future__ import annotations

import os
import re
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import pytest

from rbridge import __version__
from rbridge.client.handover import described
from rbridge.client.intercom import Intercom, connected, spelled
from rbridge.client.options import parse
from rbridge.client.source import check
from rbridge.server.keys import Key, Keys
from rbridge.wire import auth, codec
from rbridge.wire.connection import HOST, Connection
from rbridge.wire.records import NEED_DATA, Body, End, Eof, Greeting, Record
from tests.client import foreign as foreign_listener
from tests.client.saving import NOBODY, as_user
from tests.harness.client import Builds
from tests.harness.environment import Home, rbridge, stop
from tests.harness.wait import free_port, until

ATTACKS = "attacks"
SECRET = "00112233445566778899aabbccddeeff"
EDITOR = "sh -c 'while [ -e {file} ]; do sleep 0.1; done'"
Count = Callable[..., None]


class Host:
    """A connection to the daemon that says what it likes."""

    def __init__(self, address: int | str) -> None:
        self.sock = socket.socket(socket.AF_INET if isinstance(address, int) else socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(("127.0.0.1", address) if isinstance(address, int) else address)
        self.wire = Connection(HOST)
        greeting = self.event()
        assert isinstance(greeting, Greeting)
        self.said = codec.parse_greeting(greeting.text)

    def event(self) -> object:
        while (event := self.wire.next_event()) is NEED_DATA:
            self.wire.receive_data(self.sock.recv(65536))
        return event

    def say(self, command: str, data: bytes | None = None, **headers: str) -> None:
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        out = self.wire.send(Record(command, said, None if data is None else len(data)))
        if data:
            self.wire.body_sent(len(data))
        self.sock.sendall(out + (data or b"") + self.wire.send(End()))

    def hear(self) -> tuple[str, dict[str, str]]:
        """The next record that matters; ("eof", {}) at the end."""
        while True:
            event = self.event()
            if isinstance(event, Eof):
                return "eof", {}
            if isinstance(event, Record):
                while not isinstance(part := self.event(), End):
                    assert isinstance(part, Body)
                if event.command not in ("state", "beat", "focus"):
                    return event.command, dict(event.headers)

    def link(self, session: str = SECRET, **more: str) -> dict[str, str]:
        self.say("link", version="0", user="u", host="gpu1", cwd="/", pid="1", session=session, **more)
        command, headers = self.hear()
        assert command == "linked"
        return headers

    def open(self, data: bytes = b"text\n", token: str = "t", **more: str) -> tuple[str, dict[str, str]]:
        self.say("open", data, token=token, display_name="gpu1:a.py", real_path="/a.py", **more)
        return self.hear()

    def close(self) -> None:
        self.sock.close()


def attack(work: Callable[[], Any]) -> Any:
    """What *work* returns when another user does it."""
    if os.geteuid() != 0:
        pytest.fail("an attack by another user needs root, as in CI; run: sudo python3 -m tests faults")
    return as_user(NOBODY, work)


def reach(path: str) -> str:
    """What comes of connecting to the Unix socket *path* and asking for everything."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        try:
            sock.connect(path)
            with suppress(BrokenPipeError):
                sock.sendall(b'status\n\n{"do": "status"}\n')
            return sock.recv(4096).decode()
        except ConnectionResetError:
            return ""
        except PermissionError:
            return "denied"


@pytest.fixture
def opened_to_all(home: Home) -> Iterator[Callable[[], None]]:
    """Undo what the file system protects us by, so that the check behind it is seen."""

    def undo() -> None:
        for place in (home.root, home.runtime.parent, home.runtime):
            place.chmod(0o755)
        for name in home.runtime.glob("*.sock"):
            name.chmod(0o666)

    yield undo
    home.runtime.chmod(0o700)


def running(home: Home, daemon: Any, builds: Builds, config: str = "") -> Any:
    """A daemon with a document open, and the process in the background that opened it."""
    made = daemon(editor=EDITOR, config=config)
    home.file("a.py", "secret text\n")
    ran = home.run([*builds.command("package"), "open", "-s", str(made.socket), "a.py"])
    assert ran.code == 0, ran
    until(lambda: list(home.runtime.glob("client-*.sock")), what="the client's socket")
    return made


def finish(home: Home) -> None:
    home.run([*rbridge("close")])
    until(lambda: not list(home.runtime.glob("client-*.sock")), what="the client's end")


def test_our_sockets_are_out_of_reach(
    home: Home, daemon: Any, builds: Builds, opened_to_all: Any, faults: Count
) -> None:
    running(home, daemon, builds)
    sockets = sorted(str(path) for path in home.runtime.glob("*.sock"))
    names = [re.sub("-.*", "", os.path.basename(path)) for path in sockets]
    assert {"client", "control.sock", "daemon.sock"} <= set(names), names
    for path in sockets:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert attack(lambda path=path: reach(path)) == "denied", path
    opened_to_all()
    for path in sockets:
        assert attack(lambda path=path: reach(path)) == "", path
        faults(ATTACKS, 2)
    home.runtime.chmod(0o700)
    finish(home)


@pytest.mark.parametrize("command", ["serve", "open"])
@pytest.mark.parametrize("kind", ["foreign", "link", "open to all"])
def test_a_directory_that_others_could_have_laid_is_not_used(
    home: Home, builds: Builds, command: str, kind: str, faults: Count
) -> None:
    home.root.chmod(0o755)
    place = home.root / "laid"
    target = home.root / "target"
    target.mkdir(mode=0o700)
    os.chown(target, NOBODY, NOBODY)
    if kind == "link":
        os.chown(target, 0, 0)
        place.symlink_to(target)
    elif kind == "foreign":
        target.rename(place)
    else:
        place.mkdir()
        place.chmod(0o777)
    home.file("a.py", "secret")
    env = {"RBRIDGE_RUNTIME_DIR": str(place)}
    words = rbridge("serve", "--listen", f"unix:{place}/daemon.sock") if command == "serve" else None
    ran = home.run(words or [*builds.command("package"), "open", "a.py"], env=env)
    assert ran.code in (69, 77), ran
    assert not list(place.iterdir()), "something was put into it"
    faults(ATTACKS)


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_who_took_our_place_first_hears_nothing_of_the_file(
    home: Home, builds: Builds, kind: str, faults: Count
) -> None:
    home.root.chmod(0o755)
    home.file("a.py", "secret")
    address = str(home.root / "daemon.sock") if kind == "unix" else f"127.0.0.1:{free_port()}"
    squatter = home.start([sys.executable, foreign_listener.__file__, kind, address])
    assert squatter.stdout is not None
    port = int(squatter.stdout.readline())
    where = ["-s", address] if kind == "unix" else ["-H", "127.0.0.1", "-p", str(port)]
    ran = home.run([*builds.command("package"), "open", *where, "a.py"])
    assert (ran.code, "it belongs to nobody, not to you" in ran.err) == (77, True), ran
    if kind == "tcp":
        ran = home.run([*rbridge("serve", "--editor", "true", "--listen", address)])
        assert ran.code == 69, ran
    squatter.kill()
    assert squatter.stdout.read() == b""
    stop(squatter)
    faults(ATTACKS)


def test_under_deny_nothing_is_let_in_over_tcp(home: Home, daemon: Any, faults: Count) -> None:
    port = daemon(editor=EDITOR, config='classic = "deny"\n').port

    def work() -> list[str]:
        with closing(Host(port)) as host:
            host.link()
            linked = host.open()[1]["reason"]
        with closing(Host(port)) as host:
            host.say("open", b"x", token="t", display_name="gpu1:a.py", real_path="/a.py")
            return [linked, host.hear()[0]]

    assert attack(work) == ["denied", "close"]
    assert texts(home) == []
    faults(ATTACKS, 2)


def texts(home: Home) -> list[str]:
    """The texts that lie in the daemon's memory."""
    return [str(path) for path in home.runtime.parent.rglob("a.py")]


def test_under_allow_it_is_a_text_and_nothing_else(home: Home, daemon: Any, faults: Count) -> None:
    made = daemon(editor="true", listen=("127.0.0.1:0", "unix"))
    with closing(Host(str(made.socket))) as ours:
        ours.link()
        assert ours.open()[0] == "opened"

    def work() -> list[object]:
        port, found = made.port, []
        with closing(Host(port)) as host:
            host.link("f" * 32)
            command, headers = host.open(b"other\n", token="mine")
            found += [command, headers.get("note")]
            host.say("resume", token="t", size="5", sha256="0" * 64)  # of another session
            found.append(host.hear())
        for guess in ("0" * 32, SECRET[:-1] + "e", SECRET[::-1]):
            with closing(Host(port)) as host:
                found.append(host.link(guess, resume="yes")["standing"])
            with closing(Host(port)) as host:
                found.append(host.link(guess, join="0")["standing"])
        return found

    found = attack(work)
    assert found[:2] == ["opened", None]
    assert found[2] in (("close", {"token": "t", "unknown": "yes"}), ("close", {"token": "mine"}))
    assert set(found[3:]) == {"new", "refused"}
    assert found[3:] == ["new", "refused"] * 3
    faults(ATTACKS, 8)


@pytest.fixture
def key(home: Home) -> Key:
    return Keys(str(home.state / "keys")).issue("gpu1", "ssh key of gpu1")


def proved(key: Key, host: Host, mine: str = "1" * 32) -> dict[str, str]:
    proof = auth.proof(key.secret, auth.HOST, host.said.identity, key.id, host.said.nonce, mine)
    return {"key": key.id, "nonce": mine, "proof": proof}


def test_a_proof_is_worth_nothing_twice_and_a_wrong_key_nothing_at_all(
    home: Home, daemon: Any, key: Key, faults: Count
) -> None:
    port = daemon(editor=EDITOR, config='classic = "deny"\n').port
    with closing(Host(port)) as ours:
        recorded = proved(key, ours)
        assert ours.link(**recorded)["standing"] == "new"
        assert ours.open()[0] == "opened"
        wrong = Key("gpu1", "ssh key of gpu1", key.id, bytes(32))

        def work() -> list[str]:
            found = []
            for more in (recorded, {**recorded, "nonce": "2" * 32}, {}):
                for join in ({}, {"join": "0"}, {"resume": "yes"}):
                    with closing(Host(port)) as host:
                        found.append(host.link(**more, **join)["standing"])
            with closing(Host(port)) as host:
                found.append(host.link(**proved(wrong, host))["standing"])
            with closing(Host(port)) as host:  # our own proof, turned round
                answer = auth.proof(
                    key.secret, auth.EDITOR, host.said.identity, key.id, host.said.nonce, "1" * 32
                )
                found.append(host.link(key=key.id, nonce="1" * 32, proof=answer)["standing"])
            return found

        found = attack(work)
        assert found == ["refused"] * 11
        ours.say("resume", token="t", size="5", sha256="0" * 64)
        assert ours.hear()[0] in ("fetch", "opened"), "our own connection was replaced"
    faults(ATTACKS, len(found))


def test_a_proved_session_is_closed_to_the_unproved_also_where_texts_are_allowed(
    home: Home, daemon: Any, key: Key, faults: Count
) -> None:
    port = daemon(editor=EDITOR).port
    with closing(Host(port)) as ours:
        ours.link(**proved(key, ours))
        ours.open()

    def work() -> list[str]:
        found = []
        for how in ({}, {"join": "0"}, {"resume": "yes"}):
            with closing(Host(port)) as host:  # he has even got hold of the session's secret
                found.append(host.link(**how)["standing"])
        return found

    assert attack(work) == ["refused"] * 3
    faults(ATTACKS, 3)


def test_a_descriptor_of_another_file_is_not_taken_for_the_file(
    home: Home, daemon: Any, builds: Builds, faults: Count
) -> None:
    """A command that is deceived about a path, or lies about it, gets nothing written there."""
    running(home, daemon, builds)
    victim, other = home.file("victim.py", "victim"), home.file("other.py", "other")
    (path,) = home.runtime.glob("client-*.sock")
    intercom = Intercom(connected(str(path)))
    try:
        intercom.sock.settimeout(20)
        source = check(parse([str(victim)]).requests[0], parse([str(victim)]))
        source.close()
        intercom.say("hand", {"cwd": str(home.path), "files": "1", "version": __version__})
        with other.open("rb") as file:
            intercom.send_all(spelled("file", described(source), count=1), [file.fileno()])
        message = None
        while message is None and not intercom.ended:
            intercom.receive()
            message = intercom.next()
        assert message is not None
        assert message.command == "refused"
        assert "another file" in message.get("message")
    finally:
        intercom.close()
    finish(home)
    faults(ATTACKS)
