"""A new server in place of another, an editor of files, and the endpoint beside a server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rbridge.lsp.uris import Absent
from tests.lsp.conversation import HERE, ID, THERE, Conversation

RANGE = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 1}}


# A server ends, and another one comes


def edit(version: int, text: str) -> dict[str, Any]:
    here = {"line": 0, "character": 0}
    changes = [{"range": {"start": here, "end": here}, "text": text}]
    return {
        "method": "textDocument/didChange",
        "params": {"textDocument": {"uri": HERE, "version": version}, "contentChanges": changes},
    }


def test_a_new_server_knows_what_the_old_one_knew() -> None:
    talk = Conversation()
    talk.begin({"positionEncoding": "utf-8"})
    talk.editor(edit(2, "y = 2\n"))
    talk.ask(5, "textDocument/hover") if not talk.served() else talk.editor(
        {"id": 5, "method": "textDocument/hover", "params": {"textDocument": {"uri": HERE}}}
    )
    talk.server(
        {
            "id": 9,
            "method": "client/registerCapability",
            "params": {"registrations": [{"id": "a", "method": "textDocument/hover"}]},
        }
    )
    talk.served(), talk.heard()
    talk.bridge.lost()
    codes = [one.get("error", {}).get("code") for one in talk.heard()]
    assert codes == [-32801, None]
    talk.editor(edit(3, "z = 3\n"))
    talk.editor({"id": 6, "method": "textDocument/hover", "params": {"textDocument": {"uri": HERE}}})
    assert [one["error"]["code"] for one in talk.heard()] == [-32801]
    talk.bridge.again()
    (asked,) = talk.served()
    assert asked["params"]["rootUri"] == "file:///home/ada"
    talk.server({"id": asked["id"], "result": {"capabilities": {"positionEncoding": "utf-8"}}})
    initialized, opened = talk.served()
    assert initialized["method"] == "initialized"
    assert opened["params"]["textDocument"] == {
        "uri": THERE,
        "languageId": "python",
        "version": 3,
        "text": "z = 3\ny = 2\nx = 1\n",
    }
    (unregister,) = talk.heard()
    assert unregister["params"]["unregisterations"] == [{"id": "a", "method": "textDocument/hover"}]
    talk.editor({"id": unregister["id"], "result": None})
    talk.editor({"id": 9, "result": None})  # to the old server
    assert talk.served() == []
    assert talk.ask(7, "textDocument/hover")["params"]["textDocument"] == {"uri": THERE}


# An editor of files


def test_an_editor_of_files_gets_documents_by_their_files() -> None:
    talk = Conversation(in_memory=True)
    talk.begin()
    talk.ask(5, "textDocument/definition")
    answer = {
        "id": 5,
        "result": [{"uri": THERE, "range": RANGE}, {"uri": "file:///usr/lib/os.py", "range": RANGE}],
    }
    with pytest.raises(Absent) as absent:
        talk.server(answer)
    assert absent.value.path == b"/usr/lib/os.py"
    assert talk.heard() == []
    talk.bridge.policy.places.without(b"/usr/lib/os.py")
    talk.server(answer)
    assert talk.heard()[0]["result"] == [{"uri": HERE, "range": RANGE}]
    assert ID in HERE


# The endpoint beside it


def test_code_actions_of_both_are_one_list() -> None:
    talk = Conversation()
    talk.bridge.own = {"codeActionProvider": True, "executeCommandProvider": {"commands": ["rbridge.save"]}}
    said = talk.begin({"codeActionProvider": True, "executeCommandProvider": {"commands": ["a"]}})
    assert said["executeCommandProvider"] == {"commands": ["pylsp@gpu1:a", "rbridge.save"]}
    talk.bridge.to_endpoint.clear()
    for first in ("server", "endpoint"):
        talk.ask(first, "textDocument/codeAction", context={"diagnostics": []}, range=RANGE)
        assert json.loads(talk.bridge.to_endpoint.popleft())["id"] == first
        theirs, ours = (
            {"id": first, "result": [{"title": "theirs"}]},
            {"id": first, "result": [{"title": "ours"}]},
        )
        for who in (first, "endpoint" if first == "server" else "server"):
            if who == "server":
                talk.server(theirs)
            else:
                talk.bridge.from_endpoint(json.dumps(ours).encode())
        assert [one["title"] for one in talk.heard()[0]["result"]] == ["theirs", "ours"]


def test_our_commands_go_to_the_endpoint_and_its_diagnostics_beside_the_servers() -> None:
    talk = Conversation()
    talk.begin()
    talk.editor({"id": 3, "method": "workspace/executeCommand", "params": {"command": "rbridge.save"}})
    assert talk.served() == []
    assert json.loads(talk.bridge.to_endpoint.pop())["id"] == 3
    talk.bridge.from_endpoint(b'{"id":3,"result":null}')
    ours = {
        "method": "textDocument/publishDiagnostics",
        "params": {"uri": HERE, "diagnostics": [{"message": "refused"}]},
    }
    theirs = {
        "method": "textDocument/publishDiagnostics",
        "params": {"uri": THERE, "version": 4, "diagnostics": [{"message": "unused"}]},
    }
    talk.bridge.from_endpoint(json.dumps(ours).encode())
    talk.server(theirs)
    talk.bridge.from_endpoint(json.dumps({**ours, "params": {"uri": HERE, "diagnostics": []}}).encode())
    said = [[two["message"] for two in one["params"]["diagnostics"]] for one in talk.heard()[1:]]
    assert said == [["refused"], ["unused", "refused"], ["unused"]]
