"""JSON texts looked into: what stands where, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbridge.errors import RemoteProtocolError
from rbridge.lsp import jsontext

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
STYLES = st.sampled_from(
    [
        {"separators": (",", ":"), "ensure_ascii": False},
        {"separators": (", ", ": "), "ensure_ascii": True},
        {"indent": 2},
        {"indent": "\t", "separators": (" ,\r\n", " :\n")},
    ]
)


def encoded(value: Any, style: dict[str, Any]) -> bytes:
    return json.dumps(value, **style).encode("utf-8", "surrogatepass")


@given(st.dictionaries(st.text(), VALUES, max_size=4), STYLES, st.booleans())
def test_each_member_is_found_where_it_stands(
    message: dict[str, Any], style: dict[str, Any], single: bool
) -> None:
    body = encoded(message, {**style, "ensure_ascii": True})
    text, parts = jsontext.envelope(body, single=single)
    assert list(parts) == list(message)
    for name, part in parts.items():
        assert part.value == message[name]
        assert json.loads(text[part.start : part.end]) == message[name]


@given(st.dictionaries(st.text(), VALUES, max_size=4), STYLES)
def test_members_and_elements_begin_where_they_are_said_to(
    message: dict[str, Any], style: dict[str, Any]
) -> None:
    text = json.dumps(message, **style)
    assert [name for name, _, _ in jsontext.members(text, 0)] == list(message)
    for name, key, value in jsontext.members(text, 0):
        assert jsontext.string(text, key)[0] == name
        assert json.loads(text[value : jsontext.skip(text, value)]) == message[name]
    listed = json.dumps(list(message.values()), **style)
    ends = [json.loads(listed[at : jsontext.skip(listed, at)]) for at in jsontext.elements(listed, 0)]
    assert ends == list(message.values())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"[]",
        b"3",
        b'"x"',
        b"{",
        b'{"a"',
        b'{"a":',
        b'{"a":1',
        b'{"a":1,',
        b'{"a":1,}',
        b'{"a" 1}',
        b"{a:1}",
        b'{"a":1}}',
        b'{"a":1} {}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":01}',
        b'{"a":"\n"}',
        b'{"a":"\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"a":1,"a":2}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":' + b"[" * 100_000,
        b"\x0b{}",
    ],
)
def test_what_is_no_json_object_is_an_error(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        jsontext.envelope(body, single=False)


def test_a_member_that_is_there_twice_anywhere_is_an_error_where_that_matters() -> None:
    body = b'{"result": [{"x": {"uri": "a", "uri": "b"}}]}'
    with pytest.raises(RemoteProtocolError):
        jsontext.envelope(body, single=True)
    assert jsontext.envelope(body, single=False)[1]["result"].value == [{"x": {"uri": "b"}}]


def test_blanks_around_a_message_are_no_error() -> None:
    text, parts = jsontext.envelope(b' \r\n{ "a" :\t[ ] } \n', single=True)
    assert text[parts["a"].start : parts["a"].end] == "[ ]"


@pytest.mark.parametrize("value", ["\ud800", {"\udfff": ["\u00e4"]}, "\U0001f600", [1.5, None]])
def test_a_value_is_written_so_that_it_can_be_sent(value: Any) -> None:
    assert json.loads(jsontext.written(value).encode()) == value


@pytest.mark.parametrize("digits", ["1e999", "-1e999", "1" * 400 + ".0"])
def test_a_number_that_is_endless_is_no_json(digits: str) -> None:
    with pytest.raises(RemoteProtocolError):
        jsontext.envelope(b'{"x": %s}' % digits.encode(), single=False)
