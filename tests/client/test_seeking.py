"""A find or a search as it is asked for."""

from __future__ import annotations

import pytest

from rbridge.client import find, grep, seeking
from rbridge.client.refused import Refused
from rbridge.errors import RemoteProtocolError
from rbridge.wire.limits import FOUND


def test_a_find_has_its_query_and_its_limit():
    work, seconds, late = seeking.job({"do": "find", "query": "a%25 b", "limit": "7"}, 5)
    assert (work.func, work.args) == (find.find, (5, "a% b", 7))
    assert (seconds, late) == (find.SECONDS, b'{"paths": []}')
    assert seeking.job({"do": "find"}, 5)[0].args == (5, "", seeking.USUAL)
    assert seeking.job({"do": "find", "limit": "1000000"}, 5)[0].args[2] == FOUND


def test_a_search_has_all_that_was_said():
    said = {"do": "search", "query": "Main", "regex": "yes", "word": "yes", "include": "*.{c%2Ch},src"}
    work, seconds, _ = seeking.job({**said, "exclude": "", "limit": "3"}, 5)
    root, wanted = work.args
    assert (work.func, root, seconds) == (grep.search, 5, grep.SECONDS)
    assert (wanted.text, wanted.regex, wanted.word, wanted.blind, wanted.limit) == (
        "Main",
        True,
        True,
        False,
        3,
    )
    assert wanted.include == ["*.c", "*.h", "src"]
    assert wanted.exclude == []


@pytest.mark.parametrize(
    ("case", "text", "blind"), [("yes", "a", False), ("no", "A", True), ("smart", "a", True)]
)
def test_case(case, text, blind):
    work, _, _ = seeking.job({"do": "search", "query": text, "case": case}, 5)
    assert work.args[1].blind is blind


def test_nothing_is_not_searched_for():
    with pytest.raises(Refused, match="nothing"):
        seeking.job({"do": "search"}, 5)


@pytest.mark.parametrize("wrong", [{"limit": "-1"}, {"query": "%"}, {"case": "maybe"}, {"include": "%zz"}])
def test_nonsense_is_refused(wrong):
    with pytest.raises(RemoteProtocolError):
        seeking.job({"do": "search", "query": "x", **wrong}, 5)
