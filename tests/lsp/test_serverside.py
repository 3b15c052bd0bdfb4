"""What a server says: diagnostics of two, requests that go on, those that do not."""

from __future__ import annotations

from typing import Any

import pytest

from rbridge.errors import RemoteProtocolError
from rbridge.lsp import messages
from tests.lsp.conversation import HERE, THERE, Conversation

OWN = {"message": "the host's file was changed", "range": {}}
THEIRS = {"message": "undefined name", "range": {}}


@pytest.fixture
def talk() -> Conversation:
    made = Conversation()
    made.begin({})
    return made


def publish(talk: Conversation, *found: Any, **more: Any) -> None:
    params = {"uri": THERE, "diagnostics": list(found), **more}
    talk.server({"method": "textDocument/publishDiagnostics", "params": params})


def ours(talk: Conversation, *found: Any) -> None:
    params = {"uri": HERE, "diagnostics": list(found)}
    talk.bridge.from_endpoint(messages.notification("textDocument/publishDiagnostics", params))


def shown(talk: Conversation) -> Any:
    (said,) = talk.heard()
    return said["params"]


def test_diagnostics_of_both_are_shown_together_and_go_one_by_one(talk: Conversation):
    publish(talk, THEIRS, version=3)
    assert shown(talk) == {"uri": HERE, "diagnostics": [THEIRS], "version": 3}
    ours(talk, OWN)
    assert shown(talk) == {"uri": HERE, "diagnostics": [THEIRS, OWN], "version": 3}
    publish(talk)
    assert shown(talk)["diagnostics"] == [OWN]
    ours(talk)
    assert shown(talk)["diagnostics"] == []


def test_those_of_a_server_that_is_gone_go_when_the_next_one_begins(talk: Conversation):
    publish(talk, THEIRS)
    ours(talk, OWN)
    talk.raw_heard()
    talk.bridge.lost()
    assert talk.heard() == []  # nothing flickers while it is away
    talk.bridge.again()
    (asked,) = talk.served()
    talk.server({"id": asked["id"], "result": {"capabilities": {}}})
    assert shown(talk)["diagnostics"] == [OWN]


def test_an_answer_of_the_editor_to_a_server_that_is_gone_goes_nowhere(talk: Conversation):
    talk.server({"id": 1, "method": "workspace/configuration", "params": {"items": [{"section": "python"}]}})
    (asked,) = talk.heard()
    talk.bridge.lost()
    assert [one["method"] for one in talk.heard()] == ["$/cancelRequest"]
    talk.editor({"id": asked["id"], "result": [None]})
    assert talk.served() == []


@pytest.mark.parametrize("number", ["[1]", '{"a": 1}', "1.5", "null"])
def test_a_request_with_an_id_that_is_none_is_a_fault(talk: Conversation, number: str):
    with pytest.raises(RemoteProtocolError):
        talk.server(f'{{"id": {number}, "method": "workspace/codeLens/refresh"}}'.encode())
    assert talk.heard() == []


def test_what_only_one_side_registered_is_what_is_unregistered(talk: Conversation):
    said = {"unregisterations": [{"id": "nobody's", "method": "textDocument/hover"}]}
    talk.server({"id": 1, "method": "client/unregisterCapability", "params": said})
    assert talk.heard() == []
    (answered,) = talk.served()
    assert answered["result"] is None
