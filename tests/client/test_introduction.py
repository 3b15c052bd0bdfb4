"""How a connection begins, with a key and without."""

from __future__ import annotations

import os
import socket
from types import SimpleNamespace

import pytest

from rbridge.client import key
from rbridge.client.introduction import Introduction, introduce, new_secret
from rbridge.errors import Denied, NotListening
from rbridge.wire import auth, codec
from rbridge.wire.connection import EDITOR, HOST, Connection
from rbridge.wire.records import NEED_DATA, Greeting, Record

IDENTITY = "0123456789abcdef"
NONCE = "00112233445566778899aabbccddeeff"
KEY_ID = "00000000000000aa"
KEY = bytes(range(32))


class Stage:
    """A connection over TCP, as far as the host knows, and its other end."""

    def __init__(self, kind: str = "tcp", nonce: str = NONCE) -> None:
        self.ours, self.other = socket.socketpair()
        self.ours.setblocking(False)
        self.theirs = Connection(EDITOR)
        wire = Connection(HOST)
        greeting = codec.greeting("mylaptop", "1", "vim", True, IDENTITY, nonce)
        wire.receive_data(self.theirs.send(Greeting(greeting)))
        wire.next_event()
        endpoint = SimpleNamespace(kind=kind, label="localhost:52698")
        said = codec.parse_greeting(greeting)
        self.peer = SimpleNamespace(sock=self.ours, wire=wire, said=said, endpoint=endpoint, label="mylaptop")
        self.reported: list[str] = []

    def made(self, **options: object) -> Introduction:
        return Introduction(self.peer, new_secret(), self.reported.append, **options)  # type: ignore[arg-type]

    def answer(self, **headers: str) -> bytes:
        """The bytes of ``linked``, as if ``link`` had come."""
        spare = Connection(EDITOR)
        spare.send(Greeting("220 x RMATE rbridge/1 link/1"))
        spare.receive_data(b"link\n\n")
        while spare.next_event() is not NEED_DATA:
            pass
        return spare.say(Record("linked", headers))

    def close(self) -> None:
        self.ours.close()
        self.other.close()


@pytest.fixture
def stage():
    made = []

    def start(*args, **options) -> Stage:
        made.append(Stage(*args, **options))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def keyed(here):
    line = f"{KEY_ID} {KEY.hex()} gpu1\n".encode()
    key.install(IDENTITY, line)
    return here.path / ".rbridge" / "keys" / key.file_name(IDENTITY)


def proof(made: Introduction, role: str = auth.EDITOR) -> str:
    return auth.proof(KEY, role, IDENTITY, KEY_ID, NONCE, made.record.headers["nonce"])


def test_without_a_key_nothing_is_waited_for(stage, here):
    made = stage().made()
    assert not made.waits
    assert len(made.record.headers["session"]) == 32
    assert {"key", "nonce", "proof", "resume", "join"}.isdisjoint(made.record.headers)
    assert made.check(Record("linked", {"standing": "new"})) == "new"


def test_secrets_are_never_the_same():
    assert len({new_secret() for _ in range(100)}) == 100


def test_resume_and_join_wait(stage, here):
    assert stage().made(resume=True).record.headers["resume"] == "yes"
    made = stage().made(join="0")
    assert made.record.headers["join"] == "0"
    assert made.waits


def test_a_key_is_proved_both_ways(stage, keyed):
    made = stage().made()
    assert made.waits
    said = made.record.headers
    assert said["key"] == KEY_ID
    assert auth.check(said["proof"], KEY, auth.HOST, IDENTITY, KEY_ID, NONCE, said["nonce"])
    assert made.check(Record("linked", {"standing": "new", "proof": proof(made)})) == "new"


@pytest.mark.parametrize("what", ["nothing", "our own", "garbage"])
def test_who_does_not_prove_itself_is_sent_nothing(stage, keyed, what):
    made = stage().made()
    headers = {"standing": "new"}
    if what == "our own":
        headers["proof"] = made.record.headers["proof"]
    elif what == "garbage":
        headers["proof"] = "0" * 64
    with pytest.raises(Denied, match="did not prove that it is mylaptop"):
        made.check(Record("linked", headers))


def test_a_key_is_for_tcp(stage, keyed):
    assert not stage("unix", "").made().waits
    assert not stage("unix").made().waits
    assert not stage("tcp", "").made().waits


def test_a_key_that_others_can_read_is_told_of_and_not_used(stage, keyed):
    os.chmod(keyed, 0o644)
    one = stage()
    assert not one.made().waits
    assert "a key there is not used" in one.reported[0]


def test_a_refusal_says_why(stage, here):
    with pytest.raises(Denied, match="mylaptop refuses this host: too many sessions"):
        stage().made().check(Record("linked", {"standing": "refused", "message": "too many sessions"}))


def test_it_can_be_waited_for_and_what_follows_stays(stage, here):
    one = stage()
    one.other.sendall(one.answer(standing="new") + b"beat\n\n")
    assert introduce(one.peer, one.made(), 5.0) == "new"
    assert one.peer.wire.next_event() == Record("beat", {})
    assert one.other.recv(5) == b"link\n"


def test_an_answer_that_does_not_come(stage, here):
    one = stage()
    with pytest.raises(NotListening, match="did not answer"):
        introduce(one.peer, one.made(), 0.05)


def test_an_end_without_an_answer(stage, here):
    one = stage()
    one.other.shutdown(socket.SHUT_WR)
    with pytest.raises(NotListening, match="without an answer"):
        introduce(one.peer, one.made(), 5.0)
