"""What the laptop asks of a folder or about a document: numbered, limited, cancelled, answered once."""

from __future__ import annotations

import pytest

from rbridge.wire.limits import ASK, ASKED
from tests.client.folders import Open


@pytest.fixture
def proj(here):
    here.file("proj/a.py", "needle\n")
    return here.path / "proj"


@pytest.fixture
def opened(host, proj):
    """``opened(*words)``: the folder, open at the laptop."""
    return lambda *words: Open(host, proj, *words)


@pytest.mark.parametrize("number", ["0", "x", "", "-1"])
def test_a_request_without_a_number_ends_the_session(host, opened, number):
    one = opened("-w")
    host.main.say("ask", token=one.token, request=number, do="stat")
    host.until(lambda: one.asker.codes, "it is over")
    assert any("makes no sense" in line for line in host.log)


def test_a_body_that_is_too_large_is_refused(opened, proj):
    one = opened()
    said = one.ask("make", "big", bytes(ASK + 1), kind="file")
    assert said.reason == "too-large"
    assert not (proj / "big").exists()
    assert one.ask("make", "most", bytes(ASK), kind="file").value == {}


def test_too_many_requests_at_a_time_are_refused(host, opened, gate):
    one = opened()
    numbers = [one.say("read", "a.py") for _ in range(ASKED + 2)]
    assert [one.wait(number).reason for number in numbers[-2:]] == ["busy", "busy"]
    gate.set()
    assert one.wait(numbers[0]).body == b"needle\n"
    assert one.wait(numbers[ASKED - 1]).body == b"needle\n"


def test_a_number_that_is_in_use_is_refused(host, opened, gate):
    one = opened()
    number = one.say("read", "a.py")
    one.number -= 1
    assert one.ask("stat").reason == "busy"
    gate.set()
    host.until(lambda: len(one.answers(number)) == 2)


def test_what_has_not_begun_is_cancelled_and_what_has_is_answered(host, opened, gate):
    one = opened()
    numbers = [one.say("read", "a.py") for _ in range(6)]
    host.until(lambda: host.resident.documents[0].inquiries)
    asked = host.resident.documents[0].inquiries.asked
    host.until(lambda: len(asked) == 6 and sum(request.begun for request in asked.values()) == 4)
    for number in numbers:
        one.cancel(number)
    assert {one.wait(number).reason for number in numbers[4:]} == {"cancelled"}
    gate.set()
    assert {one.wait(number).reason for number in numbers[:4]} == {""}
    one.cancel(numbers[0])  # it crossed with the answer
    assert one.ask("stat").value


def test_a_document_answers_as_a_folder_does(host, proj):
    one = Open(host, proj / "a.py")
    assert one.ask("explode").reason == "failed"
    assert one.ask("open", "/etc/passwd").reason == "outside"
    one.cancel(one.number)  # it crossed with the answer
    assert one.ask("open", "/a", bytes(ASK + 1)).reason == "too-large"
