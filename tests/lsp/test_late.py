"""A server that comes after the editor was answered."""

from __future__ import annotations

from typing import Any

import pytest

from rbridge.lsp import late
from rbridge.lsp.model import TO_SERVER
from tests.lsp.conversation import HERE, ITEM, Conversation

CAN = {"dynamicRegistration": True}


def test_every_method_that_may_be_registered_is_one_of_the_protocol():
    pseudo = {"textDocument/semanticTokens"}
    assert set(late.PROVIDERS.values()) - pseudo <= set(TO_SERVER)


def test_an_editor_is_told_of_what_it_lets_be_registered():
    server = {
        "hoverProvider": True,
        "completionProvider": {"triggerCharacters": ["."]},
        "definitionProvider": True,
        "renameProvider": False,
        "colorProvider": {},
        "documentSymbolProvider": {"id": "static", "label": "x", "documentSelector": [{"language": "c"}]},
        "workspaceSymbolProvider": True,
        "unknownProvider": True,
    }
    names = ("hover", "completion", "rename", "documentSymbol")
    editor = {"textDocument": {**dict.fromkeys(names, CAN), "definition": {}}, "workspace": {"symbol": CAN}}
    assert late.registrations(server, editor, "x:") == [
        {
            "id": f"x:{method}",
            "method": method,
            "registerOptions": options,
        }
        for method, options in (
            ("textDocument/completion", {"triggerCharacters": ["."], "documentSelector": None}),
            ("textDocument/documentSymbol", {"label": "x", "documentSelector": [{"language": "c"}]}),
            ("textDocument/hover", {"documentSelector": None}),
            ("workspace/symbol", {}),
        )
    ]


@pytest.mark.parametrize("editor", [{}, {"textDocument": 7}, {"textDocument": {"hover": True}}])
def test_one_that_says_nothing_of_it_is_told_nothing(editor: Any):
    assert late.registrations({"hoverProvider": True}, editor, "x:") == []
    assert late.refreshes(editor) == []


@pytest.mark.parametrize("params", [None, [], {}, {"capabilities": 7}])
def test_parameters_that_make_no_sense_promise_nothing(params: Any):
    assert late.capabilities(params) == {}


def test_where_a_server_may_still_come_every_text_is_wanted():
    assert late.alone({"x": 1})["textDocumentSync"]["openClose"] is True


def test_positions_count_as_the_editor_was_told():
    said = {
        "capabilities": {"general": {"positionEncodings": ["utf-8"], "x": 1}, "offsetEncoding": ["utf-8"]}
    }
    late.before(said)
    assert said == {"capabilities": {"general": {"x": 1}}}
    late.before({})


def test_a_late_server_hears_the_texts_and_the_editor_of_it():
    talk = Conversation()
    talk.bridge.own = {"executeCommandProvider": {"commands": ["rbridge.list"]}}
    talk.bridge.meet(1, {"capabilities": {"textDocument": {"hover": CAN}}})
    talk.bridge.alone()
    (answered,) = talk.heard()
    assert answered["id"] == 1
    assert "hoverProvider" not in answered["result"]["capabilities"]
    talk.editor({"method": "initialized", "params": {}})
    talk.editor({"method": "textDocument/didOpen", "params": {"textDocument": {"uri": HERE, **ITEM}}})
    assert talk.served() == []
    for _ in range(2):  # and once more, should it end
        talk.bridge.again()
        (asked,) = talk.served()
        talk.server(
            {"jsonrpc": "2.0", "id": asked["id"], "result": {"capabilities": {"hoverProvider": True}}}
        )
        assert [one["method"] for one in talk.served()] == ["initialized", "textDocument/didOpen"]
        said = talk.heard()
        assert [one["id"] for one in said[-1]["params"]["registrations"]] == ["rbridge:textDocument/hover"]
        talk.bridge.lost()
        talk.raw_heard()
