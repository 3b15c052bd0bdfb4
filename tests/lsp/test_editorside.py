"""What an editor says, with a server and without."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rbridge.lsp import messages
from rbridge.lsp.editorside import HELD
from tests.lsp.conversation import HERE, ITEM, Conversation

ELSEWHERE = "rbridge://gpu2/home/ada/other.py"


@pytest.fixture
def talk() -> Conversation:
    made = Conversation()
    made.bridge.own = {"codeActionProvider": True, "executeCommandProvider": {"commands": ["rbridge.list"]}}
    made.begin({"hoverProvider": True})
    made.bridge.to_endpoint.clear()
    return made


def hover(number: Any, uri: str = HERE) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "id": number,
        "method": "textDocument/hover",
        "params": {"textDocument": {"uri": uri}},
    }


def for_endpoint(talk: Conversation) -> list[Any]:
    taken = [json.loads(one) for one in talk.bridge.to_endpoint]
    talk.bridge.to_endpoint.clear()
    return taken


def test_the_endpoint_hears_of_documents_without_their_texts(talk: Conversation):
    talk.editor({"method": "textDocument/didOpen", "params": {"textDocument": {"uri": HERE, **ITEM}}})
    talk.editor({"method": "textDocument/didClose", "params": {"textDocument": {"uri": HERE}}})
    opened, closed = for_endpoint(talk)
    assert opened["params"]["textDocument"] == {"uri": HERE, **ITEM, "text": ""}
    assert closed["method"] == "textDocument/didClose"


def test_it_hears_of_those_that_are_not_the_servers_as_well(talk: Conversation):
    """They may be of another host, and what became of a save is told in any case."""
    talk.editor({"method": "textDocument/didOpen", "params": {"textDocument": {"uri": ELSEWHERE, **ITEM}}})
    (opened,) = for_endpoint(talk)
    assert opened["params"]["textDocument"]["uri"] == ELSEWHERE
    params = {"textDocument": {"uri": ELSEWHERE}, "range": {}, "context": {}}
    talk.editor({"id": 2, "method": "textDocument/codeAction", "params": params})
    assert talk.served() == []
    (asked,) = for_endpoint(talk)
    assert asked["method"] == "textDocument/codeAction"
    talk.bridge.from_endpoint(messages.answer(2, []))
    assert talk.heard()[0]["result"] == []


def test_a_document_keeps_its_place_when_it_is_closed_on_the_host(talk: Conversation):
    """Its editor has it still, and says so when it closes it."""
    talk.bridge.policy.places._find = lambda _id, _path: None
    talk.editor({"method": "textDocument/didClose", "params": {"textDocument": {"uri": HERE}}})
    (closed,) = talk.served()
    assert closed["params"]["textDocument"]["uri"].startswith("file:///")
    assert talk.bridge.replay.texts == {}


# Without a server


def test_what_is_asked_while_none_is_there_is_refused_as_editors_show_to_nobody(talk: Conversation):
    talk.bridge.lost()
    talk.editor(hover(2))
    assert talk.heard()[0]["error"]["code"] == messages.CONTENT_MODIFIED


def test_while_one_is_about_to_come_it_waits_for_it_in_order(talk: Conversation):
    talk.bridge.lost()
    talk.bridge.hold = True
    for number in (2, 3, 4):
        talk.editor(hover(number))
    talk.editor({"method": "$/cancelRequest", "params": {"id": 3}})
    assert talk.heard()[0]["error"]["code"] == messages.REQUEST_CANCELLED
    talk.bridge.again()
    (asked,) = talk.served()
    talk.server({"id": asked["id"], "result": {"capabilities": {}}})
    assert [one.get("id", one["method"]) for one in talk.served()] == [
        "initialized",
        "textDocument/didOpen",
        2,
        4,
    ]
    talk.server({"id": 4, "result": None})
    assert talk.heard() == [{"id": 4, "result": None}]


def test_only_so_many_wait(talk: Conversation):
    talk.bridge.lost()
    talk.bridge.hold = True
    for number in range(2, HELD + 4):
        talk.editor(hover(number))
    assert [one["id"] for one in talk.heard()] == [HELD + 2, HELD + 3]
    talk.bridge.release()
    assert {one["error"]["code"] for one in talk.heard()} == {messages.CONTENT_MODIFIED}


def test_shutdown_is_answered_with_and_without_a_server(talk: Conversation):
    talk.editor({"id": 2, "method": "shutdown"})
    assert talk.served()[0]["method"] == "shutdown"
    assert talk.bridge.ending
    other = Conversation()
    other.bridge.meet(1, {})
    other.bridge.alone()
    other.heard()
    other.editor({"id": 2, "method": "shutdown", "params": None})
    assert other.heard() == [{"jsonrpc": "2.0", "id": 2, "result": None}]
    assert not other.bridge.exited
    other.editor({"method": "exit"})
    assert other.bridge.exited


@pytest.mark.parametrize(
    "said",
    [
        b'{"method": ["exit"]}',
        b'{"method": "$/cancelRequest", "params": [7]}',
        b'{"method": "$/cancelRequest", "params": {"id": {"a": 1}}}',
        b'{"method": "$/cancelRequest"}',
        b'{"method": "textDocument/didOpen"}',
        b'{"method": "textDocument/didOpen", "params": {"textDocument": 7}}',
        b'{"method": "textDocument/didOpen", "params": {"textDocument": {"uri": 7}}}',
        b'{"method": "textDocument/didChange", "params": {"contentChanges": 7}}',
        b'{"id": 9, "method": "workspace/executeCommand", "params": {"command": 7}}',
        b'{"id": 9, "method": "workspace/executeCommand"}',
        b'{"id": [9], "method": "workspace/symbol"}',
        b'{"id": null, "method": "workspace/symbol"}',
        b'{"id": 9, "result": 7}',
        b'{"id": "rbridge:9", "result": 7}',
        b"{}",
    ],
)
def test_nonsense_breaks_nothing(talk: Conversation, said: bytes):
    talk.editor(said)
    talk.heard()
    talk.raw_served()
    talk.editor(hover(77))
    assert talk.served()[0]["id"] == 77
