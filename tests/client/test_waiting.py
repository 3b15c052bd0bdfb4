"""How the wait for the editor ends."""

from __future__ import annotations

import _socket
import os
import signal

import pytest

from rbridge.client import waiting
from rbridge.client.intercom import Intercom
from rbridge.client.waiting import Relay, Signals
from rbridge.errors import RemoteProtocolError
from tests.client.editors import LINK, Talk
from tests.client.residents import Laptop, Shown
from tests.harness.environment import stop
from tests.harness.wait import until


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_ctrl_c_and_a_lost_terminal_end_the_wait_and_not_the_document(
    home, editor, client_command, number, code
):
    path = home.file("a.txt", "old")
    turn = [False]

    def script(talk: Talk) -> None:
        (said,) = talk.linked()
        until(lambda: turn[0], what="the wait was ended")
        talk.save(said.token, b"after", 1)
        assert talk.record().command == "saved"
        talk.close(said.token)
        assert talk.gone()

    served = editor(script, home.root / "d.sock", LINK)
    process = home.start([*client_command, "open", "-w", *served.where, "a.txt"])
    assert process.stderr is not None
    assert process.stderr.readline() == b"a.txt: open in vim on mylaptop\n"
    assert stop(process, number) == code
    turn[0] = True
    served.result()
    assert path.read_bytes() == b"after"


def test_ctrl_c_in_the_middle_of_a_save_is_74_and_the_save_goes_on(home, editor, client_command):
    path = home.file("work/a.txt", "old")
    turn = [False]
    half = b"0123456789abcdef" * (1 << 17)  # more than waits in memory before it is staged

    def script(talk: Talk) -> None:
        (said,) = talk.linked()
        talk.send(f"save\ntoken: {said.token}\nsave: 1\ndata: {2 * len(half)}\n".encode() + half)
        until(lambda: turn[0], what="the wait was ended")
        talk.send(half + b"\n")
        assert talk.record().command == "saved"
        talk.close(said.token)
        assert talk.gone()

    served = editor(script, home.root / "d.sock", LINK)
    process = home.start([*client_command, "open", "-w", *served.where, str(path)])
    until(lambda: len(os.listdir(path.parent)) == 2, what="half of the text is here")
    assert stop(process, signal.SIGINT) == 74
    assert path.read_bytes() == b"old"
    turn[0] = True
    served.result()
    assert path.read_bytes() == half + half
    assert os.listdir(path.parent) == ["a.txt"]


def test_sigterm_closes_the_document_and_ends(home, editor, client_command):
    home.file("a.txt", "old")
    said = []

    def script(talk: Talk) -> None:
        talk.linked()
        said.append(talk.record())
        assert talk.gone()

    served = editor(script, home.root / "d.sock", LINK)
    process = home.start([*client_command, "open", "-w", *served.where, "a.txt"])
    assert process.stderr is not None
    process.stderr.readline()
    assert stop(process, signal.SIGTERM) == 143
    served.result()
    assert said[0].command == "close"


def test_sigterm_leaves_what_others_have_opened(home, editor, client_command, rbridge_open):
    home.file("a.txt", "old")
    laptop = Laptop()
    served = editor(laptop, home.root / "d.sock", LINK)
    waits = home.start([*client_command, "open", "-w", *served.where, "a.txt"])
    assert waits.stderr is not None
    waits.stderr.readline()
    process = home.start([*client_command, "open", "-w", *served.where, "a.txt"])
    assert process.stderr is not None
    process.stderr.readline()
    assert stop(process, signal.SIGTERM) == 143
    assert waits.poll() is None
    assert stop(waits, signal.SIGTERM) == 143
    until(lambda: [said.command for said in laptop.others][-1] == "close", what="it is closed")


def test_ctrl_c_before_the_editor_has_it_closes_it(home, editor, client_command):
    home.file("a.txt", "old")
    said = []

    def script(talk: Talk) -> None:
        assert talk.record().command == "link"
        said.append(talk.record().command)
        said.append(talk.record().command)

    served = editor(script, home.root / "d.sock", LINK)
    process = home.start([*client_command, "open", *served.where, "a.txt"])
    until(lambda: said == ["open"] and os.listdir(home.runtime), what="it was sent, and there are two of us")
    assert stop(process, signal.SIGINT) == 130
    served.result()
    assert said == ["open", "close"]


@pytest.fixture
def talk(monkeypatch):
    """``talk(waits=True)``: a relay, what it shows, and the other end of its line."""
    made = []

    def start(waits: bool = True):
        one, other = map(Intercom, _socket.socketpair())
        signals, shown = Signals(), Shown()
        relay = Relay(one, signals, shown, waits)  # type: ignore[arg-type]
        made.append((one, other, signals))
        return relay, shown, other

    yield start
    for one, other, signals in reversed(made):
        one.close()
        other.close()
        signals.close()


def test_lines_are_shown_and_the_code_is_passed_on(talk):
    relay, shown, other = talk()
    other.say("say", {"text": "well"})
    other.say("report", {"text": "wrong"})
    other.say("done", {"code": "69"})
    assert relay.run() == 69
    assert shown.lines == ["well", "! wrong"]


@pytest.mark.parametrize(("waits", "code", "known"), [(True, 74, "the last save"), (False, 75, "the files")])
def test_an_end_without_a_code(talk, waits, code, known):
    relay, shown, other = talk(waits)
    other.close()
    assert relay.run() == code
    assert f"has ended: whether {known}" in shown.lines[0]


def test_nonsense_is_an_end(talk):
    relay, _, other = talk()
    other.send_all(b"done\ncode: what\n\n")
    with pytest.raises(RemoteProtocolError):
        relay.run()
    relay, _, other = talk()
    other.send_all(b"nonsense: 1\n")
    assert relay.run() == 74


def test_no_answer_to_a_signal_is_not_waited_for_for_ever(talk, monkeypatch):
    monkeypatch.setattr(waiting, "LAST_WORDS", 0.1)
    relay, shown, _ = talk()
    os.kill(os.getpid(), signal.SIGINT)
    assert relay.run() == 74
    assert "does not answer" in shown.lines[0]


def test_a_second_signal_ends_it_at_once(talk):
    relay, shown, other = talk()
    os.kill(os.getpid(), signal.SIGINT)
    relay.turn()
    other.receive()
    message = other.next()
    assert message is not None
    assert (message.command, message.get("signal")) == ("stop", "2")
    os.kill(os.getpid(), signal.SIGINT)
    assert relay.run() == 74
    assert "was not waited for" in shown.lines[0]


def test_signals_are_given_back():
    before = [signal.getsignal(number) for number in waiting.SIGNALS]
    signals = Signals()
    assert [signal.getsignal(number) for number in waiting.SIGNALS] != before
    signals.close()
    assert [signal.getsignal(number) for number in waiting.SIGNALS] == before


def test_what_was_reported_before_counts_unless_something_was_lost(talk):
    for code, known, result in [("0", 66, 66), ("69", 66, 66), ("74", 66, 74), ("0", 0, 0)]:
        _, shown, other = talk()
        shown.code = known
        other.say("done", {"code": code})
        one, mine = map(Intercom, _socket.socketpair())
        one.say("done", {"code": code})
        assert waiting.relay(mine, Signals(), shown, True) == result  # type: ignore[arg-type]
        one.close()


def test_a_text_that_stdout_does_not_take_is_kept(home, editor, client_command):
    def script(talk: Talk) -> None:
        (said,) = talk.linked()
        talk.save(said.token, b"typed for an hour", 1)
        assert talk.record().command == "saved"
        talk.close(said.token)

    served = editor(script, home.root / "s", LINK)
    with open("/dev/full", "wb") as full:
        process = home.start([*client_command, "open", *served.where, "-"], stdout=full.fileno())
    _, err = process.communicate(timeout=20)
    assert process.returncode == 74
    (kept,) = (home.state / "kept").iterdir()
    assert kept.read_bytes() == b"typed for an hour"
    assert f"cannot write to standard output: no space left on device (the text is in {kept})".encode() in err
