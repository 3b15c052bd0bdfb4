"""``initialize`` on both ways."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from rbridge.lsp import handshake, watched

ROOT = b"/home/ada/gr\xc3\xbc\xc3\x9f"


def test_what_is_the_laptops_is_not_told():
    params = {
        "processId": 7,
        "rootPath": "/home/me",
        "rootUri": "file:///home/me",
        "workspaceFolders": [{"uri": "file:///home/me", "name": "me"}],
        "initializationOptions": {"rbridge": {"uri": "x"}},
        "capabilities": {
            "workspace": {
                "applyEdit": True,
                "didChangeWatchedFiles": {"dynamicRegistration": True},
                "workspaceEdit": {"documentChanges": True, "resourceOperations": ["create"]},
            },
            "experimental": {"odd": [1.0, None]},
        },
        "locale": "de",
    }
    before = copy.deepcopy(params)
    assert handshake.to_server(params, ROOT, "pylsp") == {
        "processId": None,
        "rootPath": "/home/ada/grüß",
        "rootUri": "file:///home/ada/gr%C3%BC%C3%9F",
        "workspaceFolders": [{"uri": "file:///home/ada/gr%C3%BC%C3%9F", "name": "grüß"}],
        "capabilities": {
            "workspace": {
                "applyEdit": True,
                "workspaceEdit": {"documentChanges": True},
                "didChangeWatchedFiles": watched.OFFERED,
            },
            "experimental": {"odd": [1.0, None]},
        },
        "locale": "de",
    }
    assert params == before


def test_a_server_that_looks_at_the_disk_itself_goes_on_to():
    params = {"capabilities": {"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}}}}
    assert handshake.to_server(params, ROOT, "rust-analyzer")["capabilities"] == {"workspace": {}}
    said = handshake.to_server({"capabilities": {}}, ROOT, "ruff")["capabilities"]
    assert said == {"workspace": {"didChangeWatchedFiles": watched.OFFERED}}


@pytest.mark.parametrize("params", [None, [], 7, {"capabilities": None}, {"capabilities": {"workspace": 3}}])
def test_parameters_that_make_no_sense_are_none(params: Any):
    said = handshake.to_server(params, b"/", "pylsp")
    assert (said["processId"], said["rootUri"]) == (None, "file:///")
    assert said["workspaceFolders"] == [{"uri": "file:///", "name": "/"}]


@pytest.mark.parametrize("options", [[1], "x", {"pylsp": {}}])
def test_options_of_others_are_passed_on(options: Any):
    said = handshake.to_server({"initializationOptions": options}, ROOT, "pylsp")
    assert said["initializationOptions"] == options


OWN = {
    "codeActionProvider": {"codeActionKinds": ["quickfix"]},
    "executeCommandProvider": {"commands": ["rbridge.list"]},
    "textDocumentSync": {"openClose": True, "change": 0},
}


@pytest.mark.parametrize(
    ("server", "found"),
    [
        ({}, OWN),
        (
            {"codeActionProvider": True, "executeCommandProvider": {"commands": ["a"], "x": 1}},
            {
                **OWN,
                "codeActionProvider": True,
                "executeCommandProvider": {"commands": ["a", "rbridge.list"], "x": 1},
            },
        ),
        ({"textDocumentSync": 2, "unknown": [None]}, {**OWN, "textDocumentSync": 2, "unknown": [None]}),
        (
            {"textDocumentSync": {"change": 1, "openClose": False}},
            {**OWN, "textDocumentSync": {"change": 1, "openClose": True}},
        ),
        ({"textDocumentSync": 0}, OWN),
        ({"executeCommandProvider": {"commands": None}}, OWN),
    ],
)
def test_the_editor_hears_of_what_both_can_do(server: Any, found: Any):
    result = {"capabilities": server, "serverInfo": {"name": "x"}}
    assert handshake.merged(result, OWN) == {"capabilities": found, "serverInfo": {"name": "x"}}


@pytest.mark.parametrize("result", [None, [], {"capabilities": 7}])
def test_a_result_that_makes_no_sense_stays_what_it_is(result: Any):
    assert handshake.merged(result, OWN) == result


def test_without_an_endpoint_nothing_is_promised():
    found = handshake.merged({"capabilities": {"textDocumentSync": 2}}, {})
    assert found == {"capabilities": {"textDocumentSync": 2, "codeActionProvider": False}}
