"""Messages between an editor and a server: what goes through, as what, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from rbridge.errors import RemoteProtocolError
from rbridge.lsp import watched
from tests.lsp.conversation import HERE, ITEM, THERE, Conversation

RANGE = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 1}}


@pytest.fixture
def talk() -> Conversation:
    made = Conversation()
    made.begin()
    return made


# The handshake


def test_a_server_hears_nothing_of_the_laptop() -> None:
    talk = Conversation()
    talk.bridge.initialize(
        1,
        {
            "processId": 4711,
            "rootPath": "/home/me",
            "rootUri": "file:///home/me",
            "workspaceFolders": [{"uri": "file:///home/me", "name": "me"}],
            "clientInfo": {"name": "vim", "odd": 1},
            "capabilities": {
                "workspace": {
                    "didChangeWatchedFiles": {},
                    "workspaceEdit": {"resourceOperations": ["create"]},
                },
                "offsetEncoding": ["utf-8"],
            },
            "unknown": [1.0, None],
        },
    )
    (asked,) = talk.served()
    assert asked["params"] == {
        "processId": None,
        "rootPath": "/home/ada",
        "rootUri": "file:///home/ada",
        "workspaceFolders": [{"uri": "file:///home/ada", "name": "ada"}],
        "clientInfo": {"name": "vim", "odd": 1},
        "capabilities": {
            "workspace": {"workspaceEdit": {}, "didChangeWatchedFiles": watched.OFFERED},
            "offsetEncoding": ["utf-8"],
        },
        "unknown": [1.0, None],
    }


def test_what_a_server_can_do_is_what_the_editor_hears() -> None:
    said = {
        "notebookDocumentSync": {"notebookSelector": [{"cells": [{"language": "python"}]}]},
        "odd": {"a": [None]},
    }
    assert Conversation().begin(said) == {**said, "textDocumentSync": None, "codeActionProvider": False}


def test_a_server_that_cannot_begin_says_why() -> None:
    talk = Conversation()
    talk.bridge.initialize(1, {})
    (asked,) = talk.served()
    talk.server({"id": asked["id"], "error": {"code": 1, "message": "no licence", "data": {"retry": False}}})
    assert talk.heard() == [
        {"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "no licence", "data": {"retry": False}}}
    ]


# There and back


def test_a_request_and_its_answer_are_renamed_and_nothing_else(talk: Conversation) -> None:
    params = b'"params" : {"textDocument":{"uri":"%s"},"x":1.0e0}'
    asked = b'{ "jsonrpc":"2.0",' + params + b',"id":"q\\u00e4","method":"textDocument/definition"}'
    talk.editor(asked % HERE.encode())
    assert talk.raw_served() == [asked % THERE.encode()]
    answered = b'{"id":"q\\u00e4", "result":[{"uri":"%s","range":null, "more":[1e3]}],"jsonrpc":"2.0"}'
    talk.server(answered % THERE.encode())
    assert talk.raw_heard() == [answered % HERE.encode()]


def test_what_has_no_uri_goes_on_byte_for_byte(talk: Conversation) -> None:
    for said in (
        b'{"jsonrpc": "2.0", "method": "$/setTrace", "params": {"value": "off"} }',
        b'{"jsonrpc":"2.0","id":7,"method":"my/own","params":[1,{"\\u0061":"file:x"}]}',
        b'{"jsonrpc":"2.0","method":"my/note"}',
    ):
        talk.editor(said)
        assert talk.raw_served() == [said]
    for said in (
        b'{"jsonrpc": "2.0", "id": 7, "result": {"a": [1.50, "\\u00e4"]}, "odd": 1}',
        b'{"jsonrpc": "2.0", "method": "$/typescriptVersion", "params": {"version": "5"}}',
        b'{"jsonrpc": "2.0", "method": "window/logMessage", "params": {"type": 9, "message": "file:///x"}}',
    ):
        talk.server(said)
        assert talk.raw_heard() == [said]


def test_two_answers_or_one_that_nobody_asked_for_are_left_out(talk: Conversation) -> None:
    talk.ask(5, "textDocument/hover")
    for number in (4, 5, 5, None, "5", {}):
        talk.server({"id": number, "result": None})
    assert talk.heard() == [{"id": 5, "result": None}]
    assert len(talk.left) == 5


def test_a_request_can_be_given_up_until_it_is_answered(talk: Conversation) -> None:
    talk.ask(5, "textDocument/hover")
    talk.editor({"method": "$/cancelRequest", "params": {"id": 5}})
    talk.editor({"method": "$/cancelRequest", "params": {"id": 6}})
    assert talk.served() == [{"method": "$/cancelRequest", "params": {"id": 5}}]
    talk.server({"id": 5, "error": {"code": -32800, "message": "cancelled"}})
    assert talk.heard() == [{"id": 5, "error": {"code": -32800, "message": "cancelled"}}]
    talk.editor({"method": "$/cancelRequest", "params": {"id": 5}})
    assert talk.served() == []


def test_an_id_that_is_in_use_is_refused(talk: Conversation) -> None:
    talk.ask(5, "textDocument/hover")
    talk.editor({"id": 5, "method": "textDocument/hover", "params": {"textDocument": {"uri": HERE}}})
    assert talk.heard()[0]["error"]["code"] == -32600
    assert talk.served() == []


def test_partial_results_are_renamed_like_the_whole(talk: Conversation) -> None:
    talk.ask(5, "textDocument/references", partialResultToken="p")
    progress = {"method": "$/progress", "params": {"token": "p", "value": [{"uri": THERE, "range": RANGE}]}}
    talk.server(progress)
    assert talk.heard()[0]["params"]["value"][0]["uri"] == HERE
    talk.server({"id": 5, "result": []})
    talk.heard()
    talk.server({"method": "$/progress", "params": {"token": "p", "value": {"kind": "begin", "title": "x"}}})
    assert talk.heard()[0]["params"]["value"]["title"] == "x"


@pytest.mark.parametrize("said", [b"", b"{", b"[]", b'{"method":"x"', b'"x"', b"\xff"])
def test_an_editor_that_says_what_is_no_json_is_told(talk: Conversation, said: bytes) -> None:
    talk.editor(said)
    assert [one["error"]["code"] for one in talk.heard()] == [-32700]


@pytest.mark.parametrize(
    "said", [b"", b"{", b"[]", b'{"a":1,"a":2}', b'{"method":3}', b'{"id":{},"method":"x"}']
)
def test_a_server_that_says_what_is_no_message_is_at_fault(talk: Conversation, said: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        talk.server(said)


# Documents that are not of the host


def test_a_document_of_the_laptop_is_none_of_the_servers_business(talk: Conversation) -> None:
    mine = {"uri": "file:///home/me/secret.py"}
    talk.editor({"method": "textDocument/didOpen", "params": {"textDocument": {**mine, **ITEM}}})
    talk.editor({"id": 3, "method": "textDocument/hover", "params": {"textDocument": mine}})
    talk.editor({"method": "textDocument/didClose", "params": {"textDocument": mine}})
    assert talk.served() == []
    assert talk.heard() == [{"jsonrpc": "2.0", "id": 3, "result": None}]


def test_two_documents_of_different_hosts_in_one_request_are_an_error(talk: Conversation) -> None:
    files = [{"oldUri": HERE, "newUri": "rbridge://gpu2/x"}]
    talk.editor({"id": 3, "method": "workspace/willRenameFiles", "params": {"files": files}})
    (refused,) = talk.heard()
    assert refused["error"]["code"] == -32602
    assert "not on gpu1" in refused["error"]["message"]
    assert talk.served() == []


def test_files_that_change_on_the_laptop_are_not_told(talk: Conversation) -> None:
    changes = [{"uri": "file:///home/me/x.py", "type": 1}]
    talk.editor({"method": "workspace/didChangeWatchedFiles", "params": {"changes": changes}})
    talk.editor(
        {"method": "workspace/didChangeWorkspaceFolders", "params": {"event": {"added": [], "removed": []}}}
    )
    assert talk.served() == []


# What a server asks


def test_a_servers_request_and_the_editors_answer_go_through(talk: Conversation) -> None:
    asked = {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "workspace/configuration",
        "params": {"items": [{"section": "python.analysis", "scopeUri": THERE}]},
    }
    talk.server(asked)
    (heard,) = talk.heard()
    assert heard["params"]["items"] == [{"section": "python.analysis", "scopeUri": HERE}]
    talk.editor({"jsonrpc": "2.0", "id": 0, "result": [{"a": 1}]})
    assert talk.served() == [{"jsonrpc": "2.0", "id": 0, "result": [{"a": 1}]}]
    talk.editor({"jsonrpc": "2.0", "id": 0, "result": []})
    assert talk.served() == []


def test_settings_that_are_not_about_languages_are_not_told(talk: Conversation) -> None:
    items = [
        {"section": "http.proxy"},
        {},
        {"section": ""},
        {"section": "ruff"},
        None,
        {"section": ["python"]},
    ]
    talk.server({"id": 1, "method": "workspace/configuration", "params": {"items": items}})
    nothing = {"section": "rbridge.none"}
    assert talk.heard()[0]["params"]["items"] == [
        nothing,
        nothing,
        nothing,
        {"section": "ruff"},
        nothing,
        nothing,
    ]


def test_the_servers_workspace_is_its_root(talk: Conversation) -> None:
    talk.server({"id": 1, "method": "workspace/workspaceFolders"})
    assert talk.heard() == []
    assert talk.served()[0]["result"] == [{"uri": "file:///home/ada", "name": "ada"}]


@pytest.mark.parametrize(
    ("method", "params", "answer"),
    [
        ("window/showDocument", {"uri": "https://evil/", "external": True}, {"result": {"success": False}}),
        ("window/showDocument", {"uri": THERE, "external": True}, {"result": {"success": False}}),
        ("window/showDocument", {"uri": "https://evil/"}, {"result": {"success": False}}),
        ("vscode/openTerminal", {"text": "rm -rf ~"}, None),
        ("textDocument/didOpen", {}, None),
        ("workspace/applyEdit", {"edit": {"documentChanges": [{"kind": "create", "uri": THERE}]}}, "applied"),
        ("workspace/applyEdit", {"edit": {"changes": {"file://other/x": []}}}, "applied"),
    ],
)
def test_what_a_server_may_not_ask_is_answered_here(
    talk: Conversation, method: str, params: Any, answer: Any
) -> None:
    talk.server({"id": 1, "method": method, "params": params})
    assert talk.heard() == []
    (said,) = talk.served()
    if answer == "applied":
        assert said["result"]["applied"] is False
    elif answer is None:
        assert said["error"]["code"] == -32601
    else:
        assert said["result"] == answer["result"]


def test_a_document_of_the_host_is_shown(talk: Conversation) -> None:
    talk.server({"id": 1, "method": "window/showDocument", "params": {"uri": THERE, "takeFocus": True}})
    assert talk.heard()[0]["params"] == {"uri": HERE, "takeFocus": True}


def test_registrations_go_through_with_filters_that_fit_the_editor(talk: Conversation) -> None:
    selector = [{"language": "python", "scheme": "file"}]
    registrations = [
        {
            "id": "a",
            "method": "textDocument/hover",
            "registerOptions": {"documentSelector": selector, "odd": 1},
        },
        {"id": "b", "method": "workspace/didChangeWatchedFiles", "registerOptions": {"watchers": []}},
        {"id": "c", "method": "textDocument/semanticTokens"},
        {"id": "d", "method": "workspace/executeCommand", "registerOptions": {"commands": ["vscode.open"]}},
        {"id": "e", "method": "unknown/thing"},
        {"id": 7, "method": "textDocument/hover"},
        None,
    ]
    talk.server({"id": 1, "method": "client/registerCapability", "params": {"registrations": registrations}})
    (heard,) = talk.heard()
    first, second, third = heard["params"]["registrations"]
    assert first["registerOptions"] == {
        "documentSelector": [{"language": "python", "scheme": "rbridge"}],
        "odd": 1,
    }
    assert second["id"] == "c"
    assert third["registerOptions"] == {"commands": ["pylsp@gpu1:vscode.open"]}
    gone = [{"id": "a", "method": "textDocument/hover"}, {"id": "zzz", "method": "x"}]
    talk.server({"id": 2, "method": "client/unregisterCapability", "params": {"unregisterations": gone}})
    assert talk.heard()[0]["params"]["unregisterations"] == gone[:1]
    talk.server({"id": 3, "method": "client/unregisterCapability", "params": {"unregisterations": gone}})
    assert (talk.heard(), talk.served()[0]["result"]) == ([], None)


def test_what_changes_on_the_host_is_told_to_a_server_that_has_asked_for_it(talk: Conversation) -> None:
    talk.bridge.written(b"/home/ada/a.py", 1)
    assert talk.served() == []
    options = {"watchers": [{"globPattern": "**/*.py"}]}
    one = {"id": "b", "method": "workspace/didChangeWatchedFiles", "registerOptions": options}
    talk.server({"id": 1, "method": "client/registerCapability", "params": {"registrations": [one]}})
    assert talk.heard() == []  # the editor does not see them
    assert talk.served() == [{"jsonrpc": "2.0", "id": 1, "result": None}]
    talk.bridge.written("/home/ada/ä b.py".encode(), 1)
    talk.bridge.written(b"/home/ada/a.txt", 1)
    (told,) = talk.served()
    changes = [{"uri": "file:///home/ada/%C3%A4%20b.py", "type": 1}]
    assert (told["method"], told["params"]) == ("workspace/didChangeWatchedFiles", {"changes": changes})
    gone = [{"id": "b", "method": "workspace/didChangeWatchedFiles"}]
    talk.server({"id": 2, "method": "client/unregisterCapability", "params": {"unregisterations": gone}})
    assert talk.heard() == []
    talk.served()
    talk.bridge.written(b"/home/ada/a.py", 2)
    assert talk.served() == []


def test_a_server_that_goes_while_it_is_told_to_has_done_so(talk: Conversation) -> None:
    talk.editor({"id": 5, "method": "shutdown"})
    talk.served()
    talk.bridge.lost()
    assert talk.heard() == [{"jsonrpc": "2.0", "id": 5, "result": None}]


def test_the_next_server_asks_for_itself(talk: Conversation) -> None:
    options = {"watchers": [{"globPattern": "**"}]}
    one = {"id": "b", "method": "workspace/didChangeWatchedFiles", "registerOptions": options}
    talk.server({"id": 1, "method": "client/registerCapability", "params": {"registrations": [one]}})
    talk.bridge.lost()
    talk.bridge.written(b"/home/ada/a.py", 1)
    assert talk.served() == []
    talk.bridge.again()
    assert not talk.bridge.watched.wants(b"/home/ada/a.py", 1, b"/home/ada")


def test_ids_of_two_servers_and_of_ours_never_meet(talk: Conversation) -> None:
    for number in (1, 1, "rbridge:1"):
        talk.server({"id": number, "method": "window/workDoneProgress/create", "params": {"token": "t"}})
    numbers = [one["id"] for one in talk.heard()]
    assert len(set(numbers)) == 3
    for number in reversed(numbers):
        talk.editor({"id": number, "result": None})
    assert [one["id"] for one in talk.served()] == ["rbridge:1", 1, 1]


def test_a_server_gives_up_what_it_asked(talk: Conversation) -> None:
    talk.server({"id": 1, "method": "workspace/configuration", "params": {"items": []}})
    talk.server({"method": "$/cancelRequest", "params": {"id": 1}})
    talk.server({"method": "$/cancelRequest", "params": {"id": 2}})
    assert [one["method"] for one in talk.heard()] == ["workspace/configuration", "$/cancelRequest"]
