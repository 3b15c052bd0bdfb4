"""What a hostile language server tries, and what becomes of it; and that nothing else is changed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rbridge.lsp import jsontext, shapes
from rbridge.lsp.policy import Policy, Refused
from rbridge.lsp.shapes import Shape
from rbridge.lsp.uris import Places
from tests.lsp.corpus import Digits, Maker, Slot, parts

ID = "0123456789abcdef01234567"
MINE = "file:///home/ada/train.py"
HERE = f"rbridge://gpu1/home/ada/train.py?{ID}"
FOREIGN = [
    "https://evil.example/",
    "rbridge://gpu2/home/ada/x.py",
    "rbridge://gpu1/home/ada/x.py",
    "file://gpu2/home/ada/x.py",
    "untitled:x",
    "vscode-userdata:/User/settings.json",
    "file:x",
    "/home/ada/.ssh/config",
    "",
]


def find(document: str, path: bytes) -> tuple[str, bytes] | None:
    return (ID, b"/home/ada/train.py") if document == ID or path == b"/home/ada/train.py" else None


POLICY = Policy(Places("gpu1", b"/dev/shm/x", find), "ruff")


def result(method: str, value: Any) -> Any:
    """What the editor gets as the result of *method*."""
    text, parts = jsontext.envelope(json.dumps({"id": 1, "result": value}).encode(), single=True)
    said, _ = POLICY.to_editor(text, parts["result"], shapes.of_result(method))
    return json.loads(said)["result"]


def params(method: str, value: Any) -> Any:
    text, parts = jsontext.envelope(json.dumps({"method": method, "params": value}).encode(), single=True)
    said, _ = POLICY.to_editor(text, parts["params"], shapes.of_params(method))
    return json.loads(said)["params"]


def back(method: str, value: Any) -> Any:
    """What the server gets."""
    text, parts = jsontext.envelope(json.dumps({"method": method, "params": value}).encode(), single=False)
    return json.loads(POLICY.to_server(text, parts["params"], shapes.of_params(method)))["params"]


def location(uri: str) -> dict[str, Any]:
    return {"uri": uri, "range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 1}}}


@pytest.mark.parametrize("uri", FOREIGN)
def test_places_that_are_not_of_the_host_are_left_out_of_a_list(uri: str) -> None:
    said = [location(uri), location(MINE), location(uri)]
    for method in ("textDocument/definition", "textDocument/references"):
        assert result(method, said) == [location(HERE)]
    assert result("workspace/symbol", [{"name": "x", "location": location(uri)}]) == []
    assert result("textDocument/documentLink", [{"target": uri, "range": {}}]) in (
        [],
        [{"target": uri, "range": {}}],
    )


@pytest.mark.parametrize("uri", FOREIGN)
def test_a_single_place_that_is_not_of_the_host_is_refused(uri: str) -> None:
    with pytest.raises(Refused):
        result("textDocument/definition", location(uri))
    with pytest.raises(Refused):
        params("textDocument/publishDiagnostics", {"uri": uri, "diagnostics": []})
    with pytest.raises(Refused):
        params("window/showDocument", {"uri": uri})


EDITS: list[Any] = [
    *({"changes": {MINE: [], uri: []}} for uri in FOREIGN),
    *({"documentChanges": [{"textDocument": {"uri": uri}, "edits": []}]} for uri in FOREIGN),
    {"documentChanges": [{"kind": "create", "uri": MINE}]},
    {"documentChanges": [{"textDocument": {"uri": MINE}, "edits": []}, {"kind": "delete", "uri": MINE}]},
    {"documentChanges": [{"kind": "rename", "oldUri": MINE, "newUri": "file:///home/ada/y.py"}]},
    {"documentChanges": [{"uri": MINE}]},
]


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_that_goes_beyond_documents_of_the_host_is_refused_as_a_whole(edit: Any) -> None:
    with pytest.raises(Refused):
        result("textDocument/rename", edit)
    with pytest.raises(Refused):
        params("workspace/applyEdit", {"edit": edit})
    actions = [{"title": "a", "edit": edit}, {"title": "b", "edit": {"changes": {MINE: []}}}]
    assert result("textDocument/codeAction", actions) == [{"title": "b", "edit": {"changes": {HERE: []}}}]
    with pytest.raises(Refused):
        result("codeAction/resolve", actions[0])


def test_an_edit_of_documents_of_the_host_goes_through() -> None:
    edit = {"documentChanges": [{"textDocument": {"uri": MINE, "version": 3}, "edits": [{"newText": MINE}]}]}
    said = result("textDocument/rename", edit)
    assert said == {
        "documentChanges": [{"textDocument": {"uri": HERE, "version": 3}, "edits": [{"newText": MINE}]}]
    }


def test_a_command_of_a_server_is_none_of_the_editors() -> None:
    lens = {"range": {}, "command": {"title": "Run", "command": "vscode.open", "arguments": [MINE]}}
    said = result("textDocument/codeLens", [lens])
    assert said[0]["command"] == {"title": "Run", "command": "ruff@gpu1:vscode.open", "arguments": [MINE]}
    assert back("workspace/executeCommand", said[0]["command"])["command"] == "vscode.open"
    assert result(
        "initialize", {"capabilities": {"executeCommandProvider": {"commands": ["rbridge.save"]}}}
    ) == {"capabilities": {"executeCommandProvider": {"commands": ["ruff@gpu1:rbridge.save"]}}}


def test_a_completion_may_show_the_parameters() -> None:
    item = {"label": "f", "command": {"title": "", "command": "editor.action.triggerParameterHints"}}
    assert result("textDocument/completion", [item]) == [item]


def test_a_link_of_a_diagnostic_that_leads_elsewhere_is_left_out() -> None:
    said = {"uri": MINE, "diagnostics": [
        {"message": "a", "codeDescription": {"href": "command:x"}},
        {"message": "b", "codeDescription": {"href": "https://docs.example/E501"}},
        {"message": "c", "relatedInformation": [
            {"location": location("file:x"), "message": ""}, {"location": location(MINE), "message": ""}]},
    ]}  # fmt: skip
    assert params("textDocument/publishDiagnostics", said) == {"uri": HERE, "diagnostics": [
        {"message": "a"},
        {"message": "b", "codeDescription": {"href": "https://docs.example/E501"}},
        {"message": "c", "relatedInformation": [{"location": location(HERE), "message": ""}]},
    ]}  # fmt: skip


def test_markdown_is_harmless_wherever_it_is() -> None:
    evil, harmless = {"kind": "markdown", "value": "[x](command:y)"}, {"kind": "markdown", "value": "[x](#)"}
    assert result("textDocument/hover", {"contents": evil}) == {"contents": harmless}
    assert result("textDocument/hover", {"contents": [evil["value"]]}) == {"contents": [harmless["value"]]}
    assert result("completionItem/resolve", {"documentation": evil}) == {"documentation": harmless}
    signature = {"signatures": [{"documentation": evil, "parameters": [{"documentation": evil}]}]}
    assert result("textDocument/signatureHelp", signature) == {
        "signatures": [{"documentation": harmless, "parameters": [{"documentation": harmless}]}]
    }


@pytest.mark.parametrize(
    "method", ["workspace/applyEdit", "window/showDocument", "client/registerCapability"]
)
def test_what_the_specification_lets_a_server_ask_may_be_asked(method: str) -> None:
    assert POLICY.may_ask(method)


@pytest.mark.parametrize("method", ["vscode/run", "textDocument/didOpen", "workspace/executeCommand", "exit"])
def test_nothing_else_may_be_asked(method: str) -> None:
    assert not POLICY.may_ask(method)


def of_shape(value: Any, of: Shape) -> Any:
    """What the editor gets of a value that is of a shape."""
    text, parts = jsontext.envelope(json.dumps({"x": value}).encode(), single=True)
    return json.loads(POLICY.to_editor(text, parts["x"], of)[0])["x"]


@pytest.mark.parametrize("value", [None, 3, "text", {"status": "ok: 3/4"}, [{"message": "C: the language"}]])
def test_an_unknown_message_without_any_uri_goes_through(value: Any) -> None:
    assert of_shape(value, shapes.NOTE) == value
    assert of_shape(value, shapes.ANSWER) == value


def test_an_unknown_message_has_its_documents_renamed_wherever_they_are() -> None:
    for of in (shapes.NOTE, shapes.ANSWER):
        assert of_shape(MINE, of) == HERE
        assert of_shape([{MINE: {"x": [MINE, 1]}}], of) == [{HERE: {"x": [HERE, 1]}}]


@pytest.mark.parametrize(
    "value",
    [
        "file://gpu2/x",
        [{"x": ["file:x"]}],
        {"x": " FILE:etc"},
        {"a": "vscode://x"},
        {"vscode://x": 1},
        "command:x",
        "\ufeffjavascript:x",
        "untitled:x",
        {MINE: 1, "file:/home/ada/train.py": 2},
    ],
)
def test_an_unknown_message_with_a_uri_of_anything_else_is_refused(value: Any) -> None:
    for of in (shapes.NOTE, shapes.ANSWER):
        with pytest.raises(Refused):
            of_shape(value, of)


def test_an_unknown_answer_may_lead_to_the_web_and_an_unknown_note_may_not() -> None:
    assert of_shape(["https://docs.example/"], shapes.ANSWER) == ["https://docs.example/"]
    with pytest.raises(Refused):
        of_shape({"https://docs.example/": 1}, shapes.NOTE)


@pytest.mark.parametrize(
    "value", [{"0": location("x:")}, location(MINE) | {"uri": [MINE]}, {"uri": {"a": MINE}}]
)
def test_a_value_of_another_type_than_the_specification_has_is_refused(value: Any) -> None:
    assert result("textDocument/definition", [location(MINE)]) == [location(HERE)]
    with pytest.raises(Refused):
        result("textDocument/definition", value)


def test_an_edit_may_not_name_a_file_twice() -> None:
    with pytest.raises(Refused, match="twice"):
        result("textDocument/rename", {"changes": {MINE: [], "file:/home/ada/train.py": []}})


def test_what_is_left_out_takes_nothing_else_along() -> None:
    said = '{"result" : [ {"uri":"x:"}, {"n":1.0e0, "uri":"%s" ,"r":"\\ud800"} ,{"uri":"y:"}] }'
    text, parts = jsontext.envelope((said % MINE).encode(), single=True)
    out, why = POLICY.to_editor(text, parts["result"], shapes.of_result("textDocument/definition"))
    assert out == '{"result" : [ {"n":1.0e0, "uri":"@" ,"r":"\\ud800"}] }'.replace("@", HERE)
    assert why


def test_a_link_is_to_the_web_or_to_a_document() -> None:
    for target in ("https://x/", "HTTP://x", "mailto:a@b.c"):
        assert result("documentLink/resolve", {"target": target}) == {"target": target}
    assert result("documentLink/resolve", {"target": MINE}) == {"target": HERE}
    for target in ("", "/etc/passwd", "%66ile:///x", "https:x", "https://a b", "ftp://x"):
        assert result("textDocument/documentLink", [{"target": target}]) == []


@pytest.mark.parametrize("uri", ["file:///home/ada/laptop.py", "rbridge://gpu2/x", "untitled:x"])
def test_what_is_of_the_laptop_or_another_host_does_not_go_to_the_server(uri: str) -> None:
    with pytest.raises(Refused, match="not on gpu1"):
        back("textDocument/hover", {"textDocument": {"uri": uri}})


def test_diagnostics_go_back_as_they_came() -> None:
    there = {
        "message": "a",
        "codeDescription": {"href": "https://x/"},
        "relatedInformation": [{"location": location(MINE)}],
    }
    here = params("textDocument/publishDiagnostics", {"uri": MINE, "diagnostics": [there]})["diagnostics"]
    said = {"textDocument": {"uri": HERE}, "range": {}, "context": {"diagnostics": here}}
    assert back("textDocument/codeAction", said)["context"]["diagnostics"] == [there]


def simple(value: Any, replace: bool) -> Any:
    """A value of the corpus without what needs escapes, and, with *replace*, without texts like URIs."""
    if isinstance(value, Slot):
        return value.server
    if isinstance(value, Digits):
        return 1
    if isinstance(value, str):
        odd = "\\" in json.dumps(value, ensure_ascii=False) or not value.isprintable()
        return "text" if odd or (replace and value.startswith("file:")) else value
    if isinstance(value, list) and value and all(isinstance(one, tuple) for one in value):
        return {simple(name, replace): simple(one, replace) for name, one in value}
    if isinstance(value, list):
        return [simple(one, replace) for one in value]
    return {name: simple(one, replace) for name, one in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("replace", [False, True])
def test_what_is_done_quickly_is_what_is_done_with_a_close_look(replace: bool) -> None:
    quick = renamed = 0
    for part in parts():
        if part.of is None or part.part == "params":
            continue
        of = (shapes.of_partial if part.part == "partial" else shapes.of_result)(part.method)
        made = Maker(part.method, [Slot(MINE, HERE)], Slot("file", "rbridge"), "ruff@gpu1:")
        for _ in range(4):
            said = json.dumps({"x": simple(made.value(part.of, ("", "")), replace)}, ensure_ascii=False)
            text, members = jsontext.envelope(said.encode(), single=True)
            found = POLICY._quickly(text, members["x"], of)
            if found is not None:
                quick += 1
                renamed += found != text
                assert (found, "") == POLICY._to_editor(text, members["x"], of), part
    assert quick > 100
    assert renamed > (60 if replace else 3)


def test_a_text_that_is_a_uri_is_not_changed_with_the_others() -> None:
    more = {"name": MINE, "kind": 1, "location": location(MINE)}
    assert result("workspace/symbol", [more]) == [{**more, "location": location(HERE)}]
    text = '[{"uri":"file:\\/\\/\\/home/ada/train.py","x":"%s"}]' % MINE  # noqa: UP031
    text, members = jsontext.envelope(f'{{"x":{text}}}'.encode(), single=True)
    out, _ = POLICY.to_editor(text, members["x"], shapes.of_result("textDocument/definition"))
    assert json.loads(out)["x"] == [{"uri": HERE, "x": MINE}]


def test_what_an_editor_says_twice_in_two_ways_is_refused() -> None:
    body = b'{"params":{"textDocument":{"uri":{"a":1},"uri":"rbridge://gpu1/x"}}}'
    text, members = jsontext.envelope(body, single=False)
    with pytest.raises(Refused, match="twice"):
        POLICY.to_server(text, members["params"], shapes.of_params("textDocument/hover"))


def test_a_diagnostic_of_another_source_goes_to_the_server_without_what_it_names_on_the_laptop() -> None:
    related = [{"location": location("file:///home/me/x.py")}, {"location": location(HERE)}]
    other = {
        "message": "x",
        "relatedInformation": related,
        "codeDescription": {"href": "file:///home/me/why"},
    }
    said = {"textDocument": {"uri": HERE}, "context": {"diagnostics": [other]}}
    assert back("textDocument/codeAction", said) == {
        "textDocument": {"uri": MINE},
        "context": {"diagnostics": [{"message": "x", "relatedInformation": [{"location": location(MINE)}]}]},
    }
