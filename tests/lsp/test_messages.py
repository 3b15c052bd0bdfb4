"""Messages of our own, and parts of others put in place of each other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rbridge.lsp import jsontext, messages


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (messages.request(1, "m", None), {"id": 1, "method": "m", "params": None}),
        (messages.notification("m", [1]), {"method": "m", "params": [1]}),
        (messages.answer("a", {"x": "ä"}), {"id": "a", "result": {"x": "ä"}}),
        (messages.failure(None, -1, "no"), {"id": None, "error": {"code": -1, "message": "no"}}),
    ],
)
def test_each_says_which_protocol_it_is_of(made: bytes, said: Any):
    assert json.loads(made) == {"jsonrpc": "2.0", **said}


def test_half_a_character_is_still_a_message():
    """Editors in JavaScript may send one; it cannot be written as UTF-8."""
    assert json.loads(messages.answer(1, "\ud800"))["id"] == 1


def test_only_what_is_replaced_is_another():
    text = '{ "id" : 1.0,\n "method":"m", "params": {"a": [1,  2]}}'
    _, parts = jsontext.envelope(text.encode(), single=True)
    said = messages.replaced(text, [(parts["params"], None), (parts["id"], "x")])
    assert said == '{ "id" : "x",\n "method":"m", "params": null}'
    assert messages.replaced(text, []) == text
