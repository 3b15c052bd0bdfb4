"""What a host answers about a folder; what makes no sense is in test_folder, with the request it fails."""

from __future__ import annotations

import pytest

from rbridge.adapters.folder import Found, Item, Match
from rbridge.errors import RemoteProtocolError
from rbridge.server import answers

MATCH = {"path": "a", "line": 1, "column": 1, "length": 1, "text": "x"}


def test_no_body_says_nothing():
    assert answers.parse(b"") == {}


def test_what_is_not_known_is_passed_over():
    assert answers.item({"type": "file", "colour": "blue"}, "a") == Item("a", "file")
    assert answers.found({"truncated": 1, "by": "rg", "more": []}) == Found(False, "rg")


def test_a_mode_has_no_kind():
    assert answers.item({"type": "file", "mode": "100755"}, "a").mode == 0o755
    for mode in ("", "8", 0o755, "7" * 13, "-1"):
        with pytest.raises(RemoteProtocolError):
            answers.item({"type": "file", "mode": mode}, "a")


def test_matches():
    assert answers.matches({"matches": [MATCH]}, 1) == [Match("a", 1, 1, 1, "x")]
    assert answers.matches({}, 1) == []


@pytest.mark.parametrize(
    "wrong",
    [{"path": "../a"}, {"path": "a//b"}, {"path": ""}, {"line": "1"}, {"text": None}, {"text": "x" * 2001}],
)
def test_a_match_that_makes_no_sense(wrong):
    with pytest.raises(RemoteProtocolError):
        answers.matches({"matches": [{**MATCH, **wrong}]}, 1)


@pytest.mark.parametrize("by", [5, "x" * 33, "r\ng"])
def test_it_was_found_by_a_program(by):
    with pytest.raises(RemoteProtocolError):
        answers.found({"by": by})


def test_a_document_has_a_token():
    assert answers.document({"document": "d"}) == "d"
    with pytest.raises(RemoteProtocolError):
        answers.document({})


def test_a_name_has_at_most_255_bytes():
    assert answers.path("n" * 255) == "n" * 255
    for name in ("n" * 256, "\u00e9" * 128):
        with pytest.raises(RemoteProtocolError):
            answers.path(name)
