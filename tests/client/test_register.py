"""The open documents, and what those who asked for them are told."""

from __future__ import annotations

import os

import pytest

from rbridge.client.register import patience, time_to_answer
from tests.client.laptop import Asker


@pytest.mark.parametrize(("sent", "seconds"), [(0, 10), (64 * 1024, 11), (8 << 20, 138), (1 << 33, 138)])
def test_megabytes_may_still_be_on_their_way_through_a_slow_tunnel(sent, seconds):
    assert time_to_answer(10.0, sent) == seconds


@pytest.fixture
def unanswered(host, here):
    """A file called a that was sent, and that nobody has opened yet."""
    here.file("a", "old")
    host.laptop.answers["open"] = lambda line, heard: None
    asker = host.begin("-w", "a")
    host.heard("open")
    return asker


def test_who_opened_is_told_when_the_editor_has_it(host, unanswered):
    token = host.main.all("open")[0].token
    host.main.say("opened", token=token, editor="vim", note="an%20older text")
    host.until(lambda: unanswered.open)
    assert unanswered.lines == ["a: an older text", "a: open in vim on mylaptop"]


def test_one_that_is_compared_has_twice_the_time(host, unanswered):
    (document,) = host.resident.documents
    options, _ = host.resident.request(document)
    assert patience(document, options) == 10.0
    document.source.diff = "left ab"
    assert patience(document, options) == 20.0
    host.resident.expect(document, 0)
    host.skip(30)
    assert "did not answer within 20 s" in str(unanswered.errors[-1])


def test_an_answer_that_does_not_come_in_time(host, unanswered):
    host.skip(9)
    assert not unanswered.errors
    host.skip(2)
    assert "a: mylaptop did not answer within 10 s, so it is closed again" in str(unanswered.errors[0])
    assert unanswered.errors[0].exit_code == 69
    assert host.heard("close")
    host.until(host.resident.done)
    assert not unanswered.codes


@pytest.mark.parametrize(("reason", "code"), [("no-editor", 69), ("denied", 77), ("too-large", 66)])
def test_a_refusal_has_the_code_of_its_reason(host, unanswered, reason, code):
    token = host.main.all("open")[0].token
    host.main.say("refused", token=token, reason=reason, message="no editor found")
    host.until(lambda: unanswered.errors)
    assert unanswered.errors[0].exit_code == code
    assert str(unanswered.errors[0]) == "a: not opened on mylaptop: no editor found"
    host.until(host.resident.done)


def test_a_document_that_is_closed_before_it_was_open_has_failed(host, unanswered):
    host.resident.close(host.resident.documents[0])
    host.until(lambda: unanswered.errors)
    assert (len(unanswered.errors), unanswered.codes) == (1, [])


def test_a_second_caller_of_what_is_not_open_yet_is_told_with_the_first(host, unanswered):
    second = host.open("a")
    assert len(host.resident.documents) == 1
    host.main.say("opened", token=host.main.all("open")[0].token, editor="vim")
    host.until(lambda: second.open and unanswered.open)


def test_the_descriptor_is_let_go_of_and_what_was_sent_is_the_base(host, here):
    here.file("a", "old")
    here.file("large", bytes(3 << 20))
    asker = host.begin("a", "large")
    host.until(lambda: len(asker.open) == 2)
    host.until(lambda: all(one.target is not None for one in host.resident.documents))
    for document in host.resident.documents:
        assert document.source.fd == -1
        assert document.target.base.size == document.size
    here_open = [
        os.readlink(f"/proc/self/fd/{one}")
        for one in os.listdir("/proc/self/fd")
        if os.path.exists(f"/proc/self/fd/{one}")
    ]
    assert not [one for one in here_open if one.startswith(str(here.path))]


def test_who_hung_up_is_told_nothing(host, unanswered):
    host.resident.left(unanswered)
    host.main.say("opened", token=host.main.all("open")[0].token, editor="vim")
    host.until(lambda: host.resident.documents[0].state == "open")
    assert unanswered.lines == []


def test_a_caller_may_ask_what_is_unsaved(host, here):
    here.file("a", "old")
    asker = host.begin("-w", "a")
    host.until(lambda: asker.open)
    assert not host.resident.unsaved(asker)
    token = host.resident.documents[0].source.token
    for state, unsaved in (("dirty", True), ("clean", False), ("conflict", True)):
        host.main.say("state", token=token, state=state, message="50%25")
        host.until(lambda state=state: host.resident.documents[0].shown == state)
        assert host.resident.unsaved(asker) == unsaved
        assert not host.resident.unsaved(Asker())
    path = str(here.path / "a")
    assert host.resident.rows(path) == [(path, "conflict", True, "50%")]
