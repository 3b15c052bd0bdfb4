"""Parameters of requests; those of each request are in test_browsing."""

from __future__ import annotations

import pytest

from rbridge.adapters import parameters
from rbridge.jsonrpc import INVALID_PARAMS, RpcError


def test_what_is_absent_is_nothing() -> None:
    assert parameters.string({}, "query") == ""
    assert parameters.number({}, "limit", 5) == 0
    assert parameters.path({}, root=True) == ""


def test_what_makes_sense_is_taken() -> None:
    assert parameters.string({"query": "\u00e9"}, "query") == "\u00e9"
    assert parameters.number({"limit": 5}, "limit", 5) == 5
    assert parameters.path({"to": "a/b"}, "to") == "a/b"
    assert parameters.plain("a%25", {"encoded": True}) == "a%"
    assert parameters.content({"base64": "AP8="}) == b"\0\xff"


@pytest.mark.parametrize("value", [None, 5, ["x"], "a\0b", "\ud800", "x" * 4097])
def test_what_is_no_string(value: object) -> None:
    with pytest.raises(RpcError) as caught:
        parameters.string({"query": value}, "query")
    assert caught.value.code == INVALID_PARAMS


@pytest.mark.parametrize("value", [None, "5", True, 1.5, -1, 6])
def test_what_is_no_number(value: object) -> None:
    with pytest.raises(RpcError):
        parameters.number({"limit": value}, "limit", 5)


@pytest.mark.parametrize(
    "params", [{}, {"text": 5}, {"text": "", "base64": ""}, {"base64": "?"}, {"text": "\ud800"}]
)
def test_what_is_no_text(params: dict[str, object]) -> None:
    with pytest.raises(RpcError):
        parameters.content(params)


def test_several_paths_are_taken_encoded_and_not() -> None:
    said = {"paths": ["", "a%41"], "encoded": ["b%FF"]}
    assert parameters.paths(said, 3) == ["", "a%41", parameters.plain("b%FF", {"encoded": True})]
    for nonsense in ({"paths": "a"}, {"encoded": {}}, {"paths": ["../a"]}, {"paths": [3]}):
        with pytest.raises(RpcError):
            parameters.paths(nonsense, 3)
    with pytest.raises(RpcError, match="at most 2"):
        parameters.paths(said, 2)
