"""Paths of a folder as messages have them."""

from __future__ import annotations

import pytest

from rbridge.adapters.folder import Item, Match
from rbridge.adapters.spelling import NoPath, item, match, path_of, paths, told

NAMES = ("a", "a/b", "a b/c%d", "caf\u00e9", "caf\udce9", "tab\there", "%41", "e\u202e", "\U0001f600")


@pytest.mark.parametrize("path", NAMES)
def test_every_path_can_be_said_and_understood(path: str) -> None:
    said, encoded = told(path)
    said.encode()
    assert path_of({"path": said, "encoded": encoded}) == path


@pytest.mark.parametrize("path", NAMES[:4])
def test_what_a_user_can_read_is_said_as_it_is(path: str) -> None:
    assert told(path) == (path, False)


def test_a_percent_sign_is_one_where_nothing_is_encoded() -> None:
    assert path_of({"path": "a%2Fb"}) == "a%2Fb"


@pytest.mark.parametrize("path", ["a%2Fb", "..%2Fb", "%2e%2e", "%", "%0", "a%00", "a//b", "/a", "a/", "./a"])
def test_what_leads_out_when_decoded_is_refused(path: str) -> None:
    with pytest.raises(NoPath):
        path_of({"path": path, "encoded": True})


@pytest.mark.parametrize("path", ["..", "a/..", "/a", "a/", "a\0", "\ud800", None, 5, "a" * 13000])
def test_what_is_no_path_is_refused(path: object) -> None:
    with pytest.raises(NoPath):
        path_of({"path": path})


def test_the_folder_itself_only_where_that_makes_sense() -> None:
    assert path_of({}, root=True) == path_of({"path": ""}, root=True) == ""
    for params in ({}, {"path": ""}):
        with pytest.raises(NoPath):
            path_of(params)


def test_an_item() -> None:
    one = Item("l", "link", 3, 7_000_000, 0o777, "/caf\udce9", outside=True, dangling=True)
    assert item(one) == {
        "name": "l",
        "type": "link",
        "size": 3,
        "mtime": 7,
        "mode": 0o777,
        "link": "/caf%E9",
        "outside": True,
        "dangling": True,
    }


def test_finds() -> None:
    assert paths(["a", "\udce9"]) == {"paths": ["a"], "encoded": ["%E9"]}
    found = match(Match("\udce9", 1, 2, 3, "x\udce9"))
    assert found == {"path": "%E9", "encoded": True, "line": 1, "column": 2, "length": 3, "text": "x?"}
