"""A hostile language server: whatever it says, the editor hears of nothing but documents of its host."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.lsp import evil_reader
from tests.lsp.conversation import HERE, THERE, Conversation
from tests.lsp.evil_messages import (
    EDIT,
    RANGE,
    answered,
    answers,
    asked,
    begun,
    edits,
    look,
    look_at,
    said,
    tell,
)
from tests.lsp.evil_words import COMMANDS, LAPTOP, MARKDOWN, URIS


@pytest.mark.thorough
@pytest.mark.parametrize("in_memory", [False, True], ids=["named", "in memory"])
def test_no_spelling_of_a_uri_is_anything_but_a_document_of_the_host(
    in_memory: bool, proof: Callable[[str], None]
) -> None:
    messages = passed = 0
    for uri in (THERE, *URIS):
        for method, result in answers(uri):
            talk = answered(method, result, in_memory=in_memory)
            passed += look(talk, method)
            messages += 1
        for method, result in answers(uri)[:6]:
            talk = begun(in_memory=in_memory)
            talk.ask(5, method, partialResultToken="p")
            tell(talk, {"method": "$/progress", "params": {"token": "p", "value": result}})
            passed += look(talk, method)
            messages += 1
        for method, params, number in asked(uri):
            passed += look(said(method, params, number=number, in_memory=in_memory))
            messages += 1
    assert messages > len(URIS) * 80
    assert passed > (40 if in_memory else 1000)  # some are documents of the host, in another spelling
    how = "an editor of files in memory" if in_memory else "an editor of rbridge:// documents"
    proof(
        f"a hostile language server, {how}: {messages:,} messages with {len(URIS)} spellings of URIs, none of"
        " which named anything but documents of its own host"
    )


def test_the_reader_of_what_an_editor_hears_complains_without_a_bridge() -> None:
    complaints = 0
    for uri in (THERE, *URIS):
        for method, result in answers(uri):
            try:
                look_at(method, "result", result)
            except evil_reader.Acts:
                complaints += 1
    assert complaints > len(URIS) * 60
    for text in MARKDOWN:
        with pytest.raises(evil_reader.Acts):
            evil_reader.markdown(text)


# Files, commands, texts


@pytest.mark.parametrize("uri", [THERE, f"file://{LAPTOP}", HERE])
def test_no_file_is_created_renamed_or_deleted_and_the_server_hears_no(uri: str) -> None:
    for edit in edits(uri)[4:8]:
        talk = said("workspace/applyEdit", {"edit": edit})
        assert talk.heard() == []
        (refused,) = talk.served()
        assert refused["result"]["applied"] is False
        for method, result in (
            ("textDocument/rename", edit),
            ("codeAction/resolve", {"title": "", "edit": edit}),
        ):
            (failed,) = answered(method, result).heard()
            assert failed["error"]["message"].startswith("refused")
        (left,) = answered("textDocument/codeAction", [{"title": "a", "edit": edit}, {"title": "b"}]).heard()
        assert left["result"] == [{"title": "b"}]


def test_an_edit_that_nobody_asked_for_reaches_only_documents_of_the_host() -> None:
    talk = said("workspace/applyEdit", {"edit": {"changes": {THERE: [EDIT]}}})
    (heard,) = talk.heard()
    assert heard["params"]["edit"] == {"changes": {HERE: [EDIT]}}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_of_the_editor_is_run(name: str) -> None:
    command = {"title": "x", "command": name, "arguments": [f"file://{LAPTOP}"]}
    found = [
        ("textDocument/codeLens", [{"range": RANGE, "command": command}]),
        ("codeLens/resolve", {"range": RANGE, "command": command}),
        ("textDocument/codeAction", [command, {"title": "x", "command": command}]),
        ("textDocument/codeAction", {"1": command}),
        ("codeAction/resolve", {"title": "x", "command": command}),
        ("textDocument/completion", [{"label": "x", "command": command}]),
        ("textDocument/completion", {"items": [{"label": "x", "command": command}]}),
        ("completionItem/resolve", {"label": "x", "command": command}),
        ("textDocument/inlayHint", [{"label": [{"value": "x", "command": command}]}]),
        ("inlayHint/resolve", {"label": [{"value": "x", "command": command}]}),
        ("textDocument/inlineCompletion", {"items": [{"insertText": "x", "command": command}]}),
    ]
    for method, result in found:
        look(answered(method, result), method)
    options = {"commands": [name]}
    registration = {"id": "x", "method": "workspace/executeCommand", "registerOptions": options}
    look(said("client/registerCapability", {"registrations": [registration]}))
    offered = Conversation().begin({"executeCommandProvider": options})
    assert offered["executeCommandProvider"]["commands"] == [f"pylsp@gpu1:{name}"]
    look(said("workspace/executeCommand", command))


@pytest.mark.parametrize("text", MARKDOWN)
def test_no_text_has_a_link_to_the_laptop_or_a_picture(text: str) -> None:
    kinds: list[Any] = [text, {"kind": "markdown", "value": text}, {"kind": "plaintext", "value": text}]
    pieces = [*kinds, {"language": "x", "value": text}, {"language": text, "value": "x"}]
    for one in (*pieces, pieces):
        look(answered("textDocument/hover", {"contents": one}), "textDocument/hover")
    for one in kinds:
        item = {"label": "x", "documentation": one}
        signature = {"label": "x", "documentation": one, "parameters": [{"label": "x", "documentation": one}]}
        hint = {"label": [{"value": "x", "tooltip": one}], "tooltip": one}
        for method, result in [
            ("textDocument/completion", [item]),
            ("textDocument/completion", {"items": [item]}),
            ("completionItem/resolve", item),
            ("textDocument/signatureHelp", {"signatures": [signature]}),
            ("textDocument/inlayHint", [hint]),
            ("inlayHint/resolve", hint),
        ]:
            look(answered(method, result), method)
    problem = {"range": RANGE, "message": kinds[1]}
    look(said("textDocument/publishDiagnostics", {"uri": THERE, "diagnostics": [problem]}, number=None))


# What may be asked


@pytest.mark.parametrize(
    "method",
    ["workspace/executeCommand", "textDocument/didOpen", "shutdown", "exit", "vscode/run", "rbridge/hello",
     "window/openTerminal", "workspace/textDocumentContent", "$/run", "textDocument/willSaveWaitUntil", ""]
)  # fmt: skip
def test_what_is_not_on_the_list_is_not_asked(method: str) -> None:
    talk = said(method, {"command": "x", "uri": THERE})
    assert talk.heard() == []
    assert talk.served()[0]["error"]["code"] == -32601


def test_settings_are_told_only_about_languages() -> None:
    secret = [
        {"section": one} for one in ("http", "ssh.keys", "", "pythonx", "python/../http", "Python", None)
    ]
    talk = said("workspace/configuration", {"items": [*secret, {}, {"section": "python.analysis"}]})
    (heard,) = talk.heard()
    assert [one["section"] for one in heard["params"]["items"]] == ["rbridge.none"] * 8 + ["python.analysis"]
    method = "workspace/didChangeConfiguration"
    for section in ("http", ["http", "python"], [["http"]], {"0": "http"}):
        one = {"id": "x", "method": method, "registerOptions": {"section": section}}
        (heard,) = said("client/registerCapability", {"registrations": [one]}).heard()
        assert "http" not in json.dumps(heard)


def test_no_watcher_and_no_maker_of_texts_is_registered() -> None:
    watcher = {"watchers": [{"globPattern": {"baseUri": "file:///", "pattern": "**"}}]}
    registrations = [
        {"id": "a", "method": "workspace/didChangeWatchedFiles", "registerOptions": watcher},
        {"id": "b", "method": "workspace/textDocumentContent", "registerOptions": {"schemes": ["file"]}},
        {"id": "c", "method": "workspace/didChangeWorkspaceFolders"},
        {"id": "d", "method": "vscode/run"},
    ]
    talk = said("client/registerCapability", {"registrations": registrations})
    assert talk.heard() == []
    assert talk.served() == [{"jsonrpc": "2.0", "id": 9, "result": None}]
    offered = Conversation().begin({"workspace": {"textDocumentContent": {"schemes": ["file"]}}})
    assert offered["workspace"] == {}


def test_a_question_to_the_user_and_telemetry_are_words() -> None:
    question = {"type": 1, "message": "run it?", "actions": [{"title": "yes", "command": "x"}]}
    assert said("window/showMessageRequest", question).heard()[0]["params"] == question
    assert said("telemetry/event", {"a": THERE}, number=None).heard()[0]["params"] == {"a": THERE}
