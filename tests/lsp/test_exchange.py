"""Which request of the editor is answered when, and by whom."""

from __future__ import annotations

from typing import Any

import pytest

from rbridge.lsp import messages
from tests.lsp.conversation import HERE, Conversation

ACTION = {"title": "a", "kind": "quickfix"}


@pytest.fixture
def talk() -> Conversation:
    """One whose server and endpoint both have code actions."""
    made = Conversation()
    made.bridge.own = {"codeActionProvider": True, "executeCommandProvider": {"commands": ["rbridge.list"]}}
    made.begin({"codeActionProvider": True})
    made.bridge.to_endpoint.clear()
    return made


def ask(talk: Conversation, number: int = 2) -> None:
    params = {"textDocument": {"uri": HERE}, "range": {}, "context": {"diagnostics": []}}
    talk.editor({"id": number, "method": "textDocument/codeAction", "params": params})


def endpoint(talk: Conversation, result: Any, number: int = 2) -> None:
    talk.bridge.from_endpoint(messages.answer(number, result))


@pytest.mark.parametrize("first", ["server", "endpoint"])
def test_two_who_were_asked_make_one_answer_with_the_servers_first(talk: Conversation, first: str):
    ask(talk)
    assert len(talk.bridge.to_endpoint) == 1
    theirs, ours = {**ACTION, "title": "theirs"}, {**ACTION, "title": "ours"}
    if first == "server":
        talk.server({"id": 2, "result": [theirs]})
        assert talk.heard() == []
        endpoint(talk, [ours])
    else:
        endpoint(talk, [ours])
        assert talk.heard() == []
        talk.server({"id": 2, "result": [theirs]})
    (said,) = talk.heard()
    assert (said["id"], said["result"]) == (2, [theirs, ours])


@pytest.mark.parametrize("said", [{"error": {"code": -1, "message": "no"}}, {"result": None}, {"result": 7}])
def test_one_of_two_may_fail(talk: Conversation, said: Any):
    ask(talk)
    endpoint(talk, [ACTION])
    talk.server({"id": 2, **said})
    assert talk.heard()[0]["result"] == [ACTION]


def test_a_server_that_is_lost_leaves_the_endpoints_answer(talk: Conversation):
    ask(talk)
    talk.bridge.lost()
    assert talk.heard() == []
    endpoint(talk, [ACTION])
    assert talk.heard()[0]["result"] == [ACTION]


def test_where_the_server_has_none_only_the_endpoint_is_asked():
    talk = Conversation()
    talk.bridge.own = {"codeActionProvider": True}
    talk.begin({})
    ask(talk)
    assert talk.served() == []
    endpoint(talk, [ACTION])
    assert talk.heard()[0]["result"] == [ACTION]


def test_a_second_answer_of_either_is_left_out(talk: Conversation):
    ask(talk)
    for _ in range(2):
        talk.server({"id": 2, "result": [ACTION]})
    for _ in range(2):
        endpoint(talk, [])
    talk.server({"id": 2, "result": []})
    assert [one.get("result") for one in talk.heard() if one.get("id") == 2] == [[ACTION]]


def test_our_own_ids_are_no_two_alike(talk: Conversation):
    made = {talk.bridge._own_id() for _ in range(100)}
    assert len(made) == 100
    assert all(one.startswith("rbridge:") for one in made)
