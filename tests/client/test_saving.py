"""A save on its way to the disk, in a thread."""

from __future__ import annotations

import os
import threading

import pytest

from rbridge.client import incoming, saving
from rbridge.client.saving import Saving
from tests.client.laptop import sha, unquoted


@pytest.fixture
def opened(host, here):
    here.file("a", "old")
    asker = host.begin("-w", "a")
    host.until(lambda: asker.open)
    return asker


def token(host) -> str:
    return host.resident.documents[0].source.token


def test_saves_are_done_and_answered_in_order(host, here, opened):
    before = b"old"
    for serial in range(1, 21):
        text = b"text %d" % serial
        host.main.save(token(host), serial, text, before)
        before = text
    host.heard("saved", 20)
    assert [one["save"] for one in host.main.all("saved")] == [str(one) for one in range(1, 21)]
    assert (here.path / "a").read_bytes() == b"text 20"
    assert host.resident.documents[0].serial == 20


def test_one_that_is_sent_twice_does_no_harm(host, here, opened):
    for _ in range(2):
        host.main.save(token(host), 1, b"new", b"old")
    host.heard("saved", 2)
    assert (here.path / "a").read_bytes() == b"new"


def test_what_failed_is_told_and_makes_the_code_until_a_later_one_succeeds(host, here, opened):
    document = host.resident.documents[0]
    (here.path / "a").write_bytes(b"theirs")
    host.main.save(token(host), 1, b"new", b"old")
    host.heard("refused")
    assert "cannot save a" in opened.lines[-1]
    assert host.resident.unsaved(opened)
    assert host.resident.rows()[0][1] == "unsaved"
    host.main.save(token(host), 2, b"new", b"old", over=sha(b"theirs"))
    host.heard("saved")
    assert document.failure == ""
    assert host.resident.rows()[0][1] == "clean"


def test_an_error_that_nobody_thought_of_is_uncertain_and_no_end(host, here, opened, monkeypatch):
    def broken(self):
        raise RuntimeError("a mistake")

    real = incoming.Incoming.finish
    monkeypatch.setattr(incoming.Incoming, "finish", broken)
    host.main.save(token(host), 1, b"new", b"old")
    said = host.heard("refused")
    assert said["reason"] == "uncertain"
    assert "a mistake" in said["message"]
    assert os.listdir(here.path) == ["a"]
    monkeypatch.setattr(incoming.Incoming, "finish", real)
    host.main.save(token(host), 1, b"new", b"old")
    host.heard("saved")


def test_what_the_laptop_said_of_the_text_before_is_over_with_a_save(host, opened):
    host.main.say("state", token=token(host), state="conflict", message="both%20changed")
    host.until(lambda: host.resident.rows()[0][1] == "conflict")
    host.main.save(token(host), 1, b"new", b"old")
    host.heard("saved")
    assert host.resident.rows()[0][1:] == ("clean", True, "")


def test_a_close_behind_a_save_waits_for_it(host, here, opened):
    name = token(host)
    host.main.save(name, 1, b"new", b"old")
    host.main.say("close", token=name)
    host.until(lambda: opened.codes)
    assert opened.codes == [0]
    assert (here.path / "a").read_bytes() == b"new"


def test_standard_input_comes_back_as_it_was_saved(host, here, monkeypatch):
    reader, writer = os.pipe()
    os.write(writer, b"typed")
    os.close(writer)
    real = os.dup(0)
    os.dup2(reader, 0)
    try:
        asker = host.begin("-")
    finally:
        os.dup2(real, 0)
        os.close(real)
        os.close(reader)
    host.until(lambda: asker.open)
    host.main.save(token(host), 1, b"edited", b"typed")
    host.heard("saved")
    host.main.say("close", token=token(host))
    host.until(lambda: asker.codes)
    assert (asker.codes, asker.texts) == ([0], [b"edited"])


@pytest.fixture
def hung(host, here, opened, monkeypatch):
    """The file ``a``'s server hangs: no save gets a place beside it until the gate is set."""
    host.until(lambda: host.resident.documents[0].target and not host.resident.busy)
    gate = threading.Event()
    real = incoming.Incoming._begin

    def begin(self):
        assert gate.wait(30)
        real(self)

    monkeypatch.setattr(incoming.Incoming, "_begin", begin)
    yield gate
    gate.set()


def large(host, text: bytes, serial: int = 1) -> None:
    host.main.save(token(host), serial, text, b"old")


def test_while_it_hangs_that_is_said_once_here_and_again_and_again_there(host, here, opened, hung):
    large(host, b"new")
    host.until(lambda: host.resident.savings and host.resident.busy)
    host.skip(saving.TELL - 1.5)
    assert not host.main.all("slow")
    state, message = host.resident.rows()[0][1::2]
    assert (state, message[:-4]) == ("saving", "its file system does not answer since")
    host.skip(2.0)
    said = host.heard("slow")
    line = unquoted(said, "message")
    assert said["save"] == "1"
    assert line.startswith("a: not saved yet: its file system does not answer since ")
    assert line.endswith(" s; whether it will be is not known")
    for _ in range(8):
        host.main.say("beat")
        host.turns()
        host.skip(saving.AGAIN / 8 + 0.1)
    host.heard("slow", 2)
    assert [one for one in opened.lines if "not saved yet" in one] == [line]
    hung.set()
    host.heard("saved")
    assert (here.path / "a").read_bytes() == b"new"
    assert host.resident.rows()[0][1:] == ("clean", True, "")


def test_a_text_on_a_connection_of_its_own_is_not_read_until_there_is_room(
    host, here, opened, hung, monkeypatch
):
    monkeypatch.setattr(Saving, "_give_up", None)  # nobody waits for what comes there
    real = Saving.__init__

    def alone(self, resident, document, record, channel, _alone, *rest):
        real(self, resident, document, record, channel, True, *rest)

    monkeypatch.setattr(Saving, "__init__", alone)
    text = os.urandom(8 * saving.STEP)
    large(host, text)
    main = host.resident.session.main
    host.until(lambda: main.paused)
    host.skip(60)
    assert main.paused
    assert host.resident.held <= 3 * saving.STEP
    hung.set()
    host.heard("saved")
    assert (here.path / "a").read_bytes() == text


def test_on_a_shared_connection_it_holds_up_the_others_for_a_while_and_is_refused_then(
    host, here, opened, hung
):
    text = bytes(8 * saving.STEP)
    large(host, text)
    main = host.resident.session.main
    host.until(lambda: main.paused)
    assert saving.STEP <= host.resident.held <= 3 * saving.STEP
    host.skip(saving.PATIENCE + 0.1)
    said = host.heard("refused")
    assert said["reason"] == "failed"
    assert "its file system does not answer, and there is no room for the text" in unquoted(said, "message")
    assert not main.paused
    assert host.resident.rows()[0][1] == "unsaved"
    hung.set()
    host.until(lambda: not host.resident.busy)
    assert host.resident.held == 0
    assert (os.listdir(here.path), (here.path / "a").read_bytes()) == (["a"], b"old")


def test_more_than_there_is_room_for_is_refused(host, here, opened, hung, monkeypatch):
    monkeypatch.setattr(saving, "HELD", 10)
    large(host, b"new")
    host.until(lambda: host.resident.busy and host.resident.session.main.arriving is None)
    host.skip(3)
    large(host, b"a text that is longer", 2)
    assert host.heard("refused")["save"] == "2"
    hung.set()
    assert host.heard("saved")["save"] == "1"
    host.until(lambda: not host.resident.busy)
    assert host.resident.held == 0


def test_a_large_text_that_gets_on_is_no_trouble(host, here, opened):
    text = os.urandom(6 * saving.STEP)
    large(host, text)
    host.heard("saved")
    assert (here.path / "a").read_bytes() == text
    assert host.resident.held == 0
    assert host.resident.savings == []


def test_what_is_cut_off_while_it_hangs_leaves_nothing(host, here, opened, hung):
    large(host, bytes(8 * saving.STEP))
    host.until(lambda: host.resident.session.main.paused)
    host.resident.session.main.peer.sock.shutdown(2)
    host.main.cut()
    host.resident.session.detach()
    assert host.resident.savings == []
    hung.set()
    host.until(lambda: not host.resident.busy)
    assert host.resident.held == 0
    assert (os.listdir(here.path), (here.path / "a").read_bytes()) == (["a"], b"old")
