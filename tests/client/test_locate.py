"""Who is talked to, and who never is."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from rbridge import tcpowner
from rbridge.client import locate
from rbridge.client.options import parse
from rbridge.client.probe import FAILED, WAITING, Probe
from rbridge.client.settings import Endpoint
from rbridge.errors import Denied, NotListening, TryAgain
from tests.client.editors import LINK, PLAIN, Editor, Talk
from tests.client.foreign import NOBODY
from tests.harness.environment import stop
from tests.harness.wait import until

FOREIGN = Path(__file__).with_name("foreign.py")


def laptop(name: str) -> bytes:
    return f"220 {name} RMATE rbridge/0.1.0 link/1 editor=vim\n".encode()


def wait_for_end(talk: Talk) -> None:
    talk.file.read()


def close_at_once(talk: Talk) -> None:
    said = talk.record()
    if said.command == "link":
        said = talk.record()
        talk.send(f"opened\ntoken: {said.token}\neditor: vim\n\n".encode())
    if said.command:
        talk.close(said.token)
        talk.file.read()


@pytest.fixture
def foreign(home):
    """``foreign("unix", path)``: its port or 0, and a way to see what it was sent."""
    if os.geteuid() != 0:
        pytest.fail("a listener of another user needs root, as in CI; run: sudo python3 -m tests unit")
    started: list[subprocess.Popen[bytes]] = []

    def start(kind: str, address: object) -> int:
        started.append(home.start([sys.executable, FOREIGN, kind, str(address)]))
        assert started[-1].stdout is not None
        return int(started[-1].stdout.readline())

    yield start
    for one in started:
        assert one.stdout is not None
        one.kill()
        assert one.stdout.read() == b"", "the other user was sent something"
        stop(one)


@pytest.fixture
def dead(home):
    """A socket file that nobody listens at, as sshd leaves them."""

    def make(path: Path) -> Path:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
        return path

    return make


# The search itself, in this process: who is chosen among sockets that behave in every way.


@pytest.fixture
def search(home):
    """``search(endpoint, ..., words="--on x")``: the peer that is found; what was reported is in ``said``."""
    found: list[locate.Peer] = []
    said: list[str] = []

    def run(*endpoints: Endpoint, words: str = "") -> locate.Peer:
        found.append(locate.locate(list(endpoints), parse([*words.split(), "a"]), said.append))
        return found[-1]

    run.said = said  # type: ignore[attr-defined]
    yield run
    for one in found:
        one.sock.close()


def at(editor: Editor, shared: bool = False, only: bool = False) -> Endpoint:
    if editor.path is None:
        made = Endpoint("tcp", "test", host="127.0.0.1", port=editor.port)
    else:
        made = Endpoint("unix", "test", path=str(editor.path))
    made.shared = shared
    made.only = only
    return made


def test_the_first_that_answers_is_taken(editor, search, home):
    one = editor(wait_for_end, home.root / "1", laptop("one"))
    two = editor(wait_for_end, home.root / "2", laptop("two"))
    assert search(at(one), at(two)).said.laptop == "one"
    assert two.connections == 0


def test_a_dead_one_is_passed_over_at_once(editor, search, home, dead):
    live = editor(wait_for_end, home.root / "1", laptop("one"))
    stale = Endpoint("unix", "test", path=str(dead(home.root / "0")))
    assert search(stale, at(live), words="-v").said.laptop == "one"
    assert search.said == [f"{stale.label}: connection refused"]


def test_a_silent_one_does_not_hold_up_the_next(editor, search, home):
    silent = editor(wait_for_end, home.root / "0", b"")
    live = editor(wait_for_end, home.root / "1", laptop("one"))
    assert search(at(silent), at(live)).said.laptop == "one"


def test_silence_is_named_when_nobody_else_answers(editor, search, home):
    silent = editor(wait_for_end, home.root / "0", b"")
    with pytest.raises(NotListening, match=r"accepted the connection but said nothing within 0.3 s"):
        search(at(silent, only=True), words="--timeout 0.3")


@pytest.mark.parametrize(
    ("greeting", "says"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "it speaks SSH"),
        (b"HTTP/1.1 400 Bad Request\r\n", "it speaks HTTP"),
        (b"x" * 10000 + b"\n", "longer than"),
        (None, "closed the connection without a word"),
    ],
)
def test_what_is_no_editor_is_passed_over(editor, search, home, greeting, says):
    if greeting is None:
        served = editor(lambda talk: None, home.root / "0", b"")
    else:
        served = editor(wait_for_end, home.root / "0", greeting)
    with pytest.raises(NotListening, match=says):
        search(at(served))


def test_a_path_too_long_for_a_socket_is_passed_over(search):
    with pytest.raises(NotListening, match="too long"):
        search(Endpoint("unix", "$RBRIDGE_SOCKET", path="/" + "x" * 200))


def test_a_host_that_does_not_exist_is_named(search):
    with pytest.raises(NotListening, match="no.such.host.invalid: no such host"):
        search(Endpoint("tcp", "--host", host="no.such.host.invalid", port=1))


def test_several_laptops_are_listed_and_none_is_chosen(editor, search, home):
    one = editor(wait_for_end, home.root / "1", laptop("one"))
    two = editor(wait_for_end, home.root / "2", laptop("two"))
    with pytest.raises(TryAgain, match="nothing was sent: 2 laptops are listening: one, two") as caught:
        search(at(one, shared=True), at(two, shared=True))
    assert "--on" in caught.value.hint


def test_two_tunnels_of_one_laptop_are_no_question(editor, search, home):
    one = editor(wait_for_end, home.root / "1", laptop("one"))
    two = editor(wait_for_end, home.root / "2", laptop("one"))
    assert search(at(one, shared=True), at(two, shared=True)).endpoint.path == str(one.path)


def test_what_was_named_is_taken_before_all_that_was_found(editor, search, home):
    one = editor(wait_for_end, home.root / "1", laptop("one"))
    two = editor(wait_for_end, home.root / "2", laptop("two"))
    three = editor(wait_for_end, home.root / "3", laptop("three"))
    assert search(at(three), at(one, shared=True), at(two, shared=True)).said.laptop == "three"


def test_a_half_dead_tunnel_beside_a_live_one_costs_a_moment_only(editor, search, home):
    silent = editor(wait_for_end, home.root / "0", b"")
    live = editor(wait_for_end, home.root / "1", laptop("one"))
    assert search(at(silent, shared=True), at(live, shared=True)).said.laptop == "one"


@pytest.mark.parametrize("name", ["two", "TWO", "two.local"])
def test_on_chooses_a_laptop(editor, search, home, name):
    one = editor(wait_for_end, home.root / "1", laptop("one"))
    two = editor(wait_for_end, home.root / "2", laptop("two.local"))
    assert search(at(one, shared=True), at(two, shared=True), words=f"--on {name}").said.laptop == "two.local"


def test_on_a_laptop_that_is_not_there(editor, search, home):
    one = editor(wait_for_end, home.root / "1", laptop("one"))
    with pytest.raises(NotListening, match="no laptop called two is listening"):
        search(at(one, shared=True), words="--on two")


def test_a_listener_whose_owner_cannot_be_told(editor, search, monkeypatch):
    served = editor(wait_for_end)
    monkeypatch.setattr(tcpowner, "tcp_peer_uid", lambda own, other: None)
    endpoint = at(served)
    with pytest.raises(Denied, match="cannot tell who listens there"):
        search(endpoint)
    endpoint.named = True
    assert search(endpoint).said.editor == "TextPal"
    assert "warning: cannot tell who listens" in search.said[-1]


def test_under_sudo_the_callers_listener_is_ours(editor, search, home, monkeypatch):
    served = editor(wait_for_end, home.root / "1", PLAIN)
    monkeypatch.setattr(locate.system, "us", lambda environ: (NOBODY, os.geteuid()))
    assert search(at(served)).said.editor == "TextPal"
    monkeypatch.setattr(locate.system, "us", lambda environ: (NOBODY,))
    with pytest.raises(Denied):
        search(at(served))


def test_localhost_is_both_loopbacks():
    found = locate.addresses(Endpoint("tcp", "", host="localhost", port=7), 0.0)
    assert found == [(socket.AF_INET, ("127.0.0.1", 7)), (socket.AF_INET6, ("::1", 7))]


# The whole command.


def test_nobody_listens(home, rbridge_open):
    home.file("a.py")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    ran = rbridge_open("-p", str(port), "a.py")
    assert ran.code == 69
    assert ran.err.count("\n") == 1
    assert f"nobody is listening: localhost:{port} (127.0.0.1): connection refused" in ran.err
    assert "on your laptop: rbridge connect HOST" in ran.err


def test_another_users_tcp_listener_is_refused(home, rbridge_open, foreign):
    home.file("a.py", "secret")
    port = foreign("tcp", "127.0.0.1:0")
    ran = rbridge_open("-H", "127.0.0.1", "-p", str(port), "a.py")
    assert ran.code == 77
    assert "it belongs to nobody, not to you" in ran.err


def test_another_user_on_one_address_family_does_not_get_the_file(home, rbridge_open, foreign, editor):
    home.file("a.py", "secret")
    port = foreign("tcp", "127.0.0.1:0")
    with socket.create_server(("::1", port), family=socket.AF_INET6) as ours:
        process = home.start([*rbridge_open.command, "open", "-w", "-v", "-p", str(port), "a.py"])
        ours.settimeout(20)
        talk = Talk(ours.accept()[0])
        talk.send(PLAIN)
        talk.close(talk.opened().token)
        _, err = process.communicate(timeout=20)
        talk.file.close()
        talk.sock.close()
    assert process.returncode == 0
    assert b"it belongs to nobody, not to you" in err


def test_another_users_unix_listener_is_refused(home, rbridge_open, foreign):
    home.file("a.py", "secret")
    home.root.chmod(0o755)
    foreign("unix", home.root / "their.sock")
    ran = rbridge_open("-s", str(home.root / "their.sock"), "a.py")
    assert ran.code == 77
    assert "it belongs to nobody, not to you" in ran.err


def test_after_another_users_socket_the_next_one_is_tried(home, rbridge_open, foreign, editor, rendezvous):
    home.file("a.py", "secret")
    home.root.chmod(0o755)
    foreign("unix", home.root / "their.sock")
    editor(close_at_once, rendezvous / "mine.sock", LINK)
    env = {"RBRIDGE_SOCKET": str(home.root / "their.sock")}
    ran = rbridge_open("-w", "a.py", env=env)
    assert (ran.code, ran.err) == (0, "a.py: open in vim on mylaptop\n")


def test_stale_sockets_and_a_live_one(home, rbridge_open, editor, rendezvous, dead):
    home.file("a.py")
    for name in ("1.sock", "2.sock", "3.sock"):
        dead(rendezvous / name)
    editor(close_at_once, rendezvous / "live.sock", LINK)
    dead(rendezvous / "newest.sock")
    assert rbridge_open("-w", "a.py").code == 0


def test_two_laptops_and_the_three_ways_to_choose(home, rbridge_open, editor, rendezvous):
    home.file("a.py")
    editor(close_at_once, rendezvous / "1.sock", laptop("one"))
    editor(close_at_once, rendezvous / "2.sock", laptop("two"))
    ran = rbridge_open("a.py")
    assert ran.code == 75
    assert "2 laptops are listening" in ran.err
    assert "open in vim on one" in rbridge_open("--on", "one", "a.py").err
    env = {"RBRIDGE_SOCKET": str(rendezvous / "2.sock")}
    assert "open in vim on two" in rbridge_open("a.py", env=env).err
    assert "open in vim on one" in rbridge_open("-s", str(rendezvous / "1.sock"), "a.py").err


def test_greets_never(home, rbridge_open, editor):
    home.file("a.py")
    served = editor(wait_for_end, home.root / "s", b"")
    ran = rbridge_open("--timeout", "0.3", *served.where, "a.py")
    assert ran.code == 69
    assert "said nothing within 0.3 s" in ran.err


def test_a_listener_that_resets_behind_its_greeting_is_a_failure_and_no_more():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        endpoint = Endpoint("tcp", "test", host="127.0.0.1", port=listener.getsockname()[1])
        probe = Probe(endpoint, socket.AF_INET, listener.getsockname(), 5.0)
        there, _ = listener.accept()
        there.sendall(LINK)
        there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        there.close()
    until(lambda: not is_connected(probe.sock), what="it is reset")
    probe.state = WAITING
    probe.read()
    locate.judge(probe, (os.geteuid(),))
    assert probe.state == FAILED


def is_connected(sock) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True
