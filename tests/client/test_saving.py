"""A save on its way to the disk, in a thread."""

from __future__ import annotations

import os

import pytest

from rbridge.client import incoming
from tests.client.laptop import sha


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
