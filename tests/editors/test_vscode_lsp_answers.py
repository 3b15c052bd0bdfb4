"""What VS Code and a language server ask of each other, and what may go wrong, in documents of hosts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.editors.attach_server import Refusal
from tests.editors.code_server import Stage
from tests.editors.vscode import VSCode
from tests.editors.vscode_desk import OTHER, TEXT, URI, Desk, ask, at, go
from tests.harness.environment import Home
from tests.harness.wait import stays, until


@pytest.fixture(scope="module")
def laptop() -> Iterator[Home]:
    made = Home("laptop")
    yield made
    VSCode.finish(made)
    made.close()


@pytest.fixture
def desk(laptop: Home) -> Iterator[Desk]:
    made = Desk(laptop)
    yield made
    made.close()


@pytest.fixture
def editor(laptop: Home, desk: Desk) -> Iterator[VSCode]:
    desk.editor = VSCode(laptop)
    yield desk.editor
    desk.editor.kill()


# What VS Code asks for

FUNCTION = {
    "name": "main",
    "kind": 12,
    "range": {"start": {"line": 3, "character": 0}, "end": {"line": 4, "character": 21}},
}
CALL = {**FUNCTION, "uri": OTHER, "selectionRange": at(3, 4, 8), "data": 5}
LEGEND = {"tokenTypes": ["function", "parameter"], "tokenModifiers": ["readonly"]}

ANSWERS: dict[str, Any] = {
    "signatureHelp": (
        {"signatureHelpProvider": {"triggerCharacters": ["("]}},
        {
            "signatures": [{"label": "f(a, b)", "parameters": [{"label": [2, 3]}, {"label": "b"}]}],
            "activeParameter": 1,
        },
        ("executeSignatureHelpProvider", "[found.signatures[0].label, found.activeParameter]"),
        ["f(a, b)", 1],
    ),
    "documentHighlight": (
        {"documentHighlightProvider": True},
        [{"range": at(4, 11, 20), "kind": 3}],
        ("executeDocumentHighlights", "found.map((one) => [one.range.start.line, one.kind])"),
        [[4, 2]],
    ),
    "documentSymbol": (
        {"documentSymbolProvider": True},
        [{**FUNCTION, "selectionRange": at(2, 4, 8), "children": []}],
        ("executeDocumentSymbolProvider", "found.map((one) => [one.name, one.kind, one.range.start.line])"),
        [["main", 11, 2]],
    ),
    "foldingRange": (
        {"foldingRangeProvider": True},
        [{"startLine": 3, "endLine": 4, "kind": "region"}],
        ("executeFoldingRangeProvider", "found.map((one) => [one.start, one.end, one.kind])"),
        [[3, 4, 3]],
    ),
    "inlayHint": (
        {"inlayHintProvider": True},
        [{"position": {"line": 3, "character": 13}, "label": [{"value": ": str"}], "kind": 1}],
        ("executeInlayHintProvider", "found.map((one) => [one.label[0].value, one.kind])", "line"),
        [[": str", 1]],
    ),
    "typeDefinition": (
        {"typeDefinitionProvider": True},
        [{"targetUri": URI, "targetRange": at(3, 0, 20), "targetSelectionRange": at(3, 4, 8)}],
        ("executeTypeDefinitionProvider", "found.map(spelled)"),
        [URI],
    ),
    "implementation": (
        {"implementationProvider": True},
        {"uri": URI, "range": at(3, 4, 8)},
        ("executeImplementationProvider", "found.map(spelled)"),
        [URI],
    ),
    "declaration": (
        {"declarationProvider": True},
        {"uri": URI, "range": at(3, 4, 8)},
        ("executeDeclarationProvider", "found.map(spelled)"),
        [URI],
    ),
    "semanticTokens/full": (
        {"semanticTokensProvider": {"legend": LEGEND, "full": {"delta": True}}},
        {"data": [3, 4, 4, 0, 0, 0, 5, 4, 1, 1]},
        ("provideDocumentSemanticTokens", "[...found.data]"),
        [3, 4, 4, 0, 0, 0, 5, 4, 1, 1],
    ),
}


@pytest.mark.parametrize("method", ANSWERS)
def test_what_vs_code_asks_for_comes_from_the_server(editor: VSCode, desk: Desk, method: str) -> None:
    capability, answer, (command, then, *more), expected = ANSWERS[method]
    desk.serve(f"textDocument/{method}", answer)
    line = desk.show(**capability)
    args = more or ["place"]
    assert until(lambda: ask(editor, command, f"found && {then}", *args, line=3)) == expected
    assert line.asked(f"textDocument/{method}")["textDocument"] == {"uri": URI}


def test_selections_grow_as_the_server_says(editor: VSCode, desk: Desk) -> None:
    desk.serve("textDocument/selectionRange", [{"range": at(4, 11, 20), "parent": {"range": at(4, 4, 21)}}])
    desk.show(selectionRangeProvider=True)
    script = (
        "const { uri } = vscode.window.activeTextEditor.document;"
        "const places = [new vscode.Position(4, 12)];"
        "const run = (name) => vscode.commands.executeCommand(name, uri, places);"
        "const [first] = await run('vscode.executeSelectionRangeProvider');"
        "const found = []; for (let one = first; one; one = one.parent) { found.push(one.range.start); }"
        "return found.map((one) => one.character)"
    )
    assert 4 in editor.host(script)  # beside the word and the whole, which VS Code adds


def test_who_calls_it_and_what_it_calls(editor: VSCode, desk: Desk) -> None:
    line = desk.show(callHierarchyProvider=True)
    desk.serve("textDocument/prepareCallHierarchy", [CALL])
    desk.serve(
        "callHierarchy/incomingCalls", [{"from": {**CALL, "name": "caller"}, "fromRanges": [at(1, 2, 6)]}]
    )
    desk.serve(
        "callHierarchy/outgoingCalls", [{"to": {**CALL, "name": "called"}, "fromRanges": [at(4, 2, 6)]}]
    )
    script = (
        "const { uri } = vscode.window.activeTextEditor.document; const at = new vscode.Position(3, 5);"
        "const run = (name, ...more) => vscode.commands.executeCommand(`vscode.${name}`, ...more);"
        "const [item] = await run('prepareCallHierarchy', uri, at);"
        "const [came] = await run('provideIncomingCalls', item);"
        "const [went] = await run('provideOutgoingCalls', item);"
        "return [item.name, item.uri.toString(), came.from.name, came.fromRanges[0].start.line, went.to.name]"
    )
    assert editor.host(script) == ["main", OTHER, "caller", 1, "called"]
    assert line.asked("callHierarchy/incomingCalls")["item"] == CALL


def test_a_symbol_of_the_project_is_gone_to(editor: VSCode, desk: Desk) -> None:
    desk.show(workspaceSymbolProvider=True)
    desk.files[OTHER] = "x = 1\n\ndef elsewhere():\n    pass\n"
    symbol = {"name": "elsewhere", "kind": 12, "location": {"uri": OTHER, "range": at(2, 4, 13)}}
    desk.serve("workspace/symbol", [symbol])
    editor.command("workbench.action.quickOpen", "#elsewhere")
    listed = "return (document.querySelector('.quick-input-list') || {}).innerText || ''"
    until(lambda: "elsewhere" in editor.look(listed) and "other.py" in editor.look(listed))
    editor.keys("Enter")
    editor.sees("/other.py")
    until(lambda: editor.cursor[0] == 3)


# What a server asks for


def test_settings_are_those_of_the_user_without_paths_of_this_machine(laptop: Home, desk: Desk) -> None:
    mine: dict[str, Any] = {
        "python": {"analysis": {"typeCheckingMode": "strict"}, "pythonPath": "/usr/bin/python3"},
        "pylsp": {"plugins": {"pyflakes": {"enabled": False}}},
    }
    flat = {
        "python.analysis.typeCheckingMode": "strict",
        "python.pythonPath": "/usr/bin/python3",
        "pylsp.plugins.pyflakes.enabled": False,
    }
    Stage.of(laptop).parked.clear()  # a window of its own, which reads its settings when it starts
    desk.editor = VSCode(laptop, setup=json.dumps(flat))
    try:
        line = desk.show()
        names = ["python", "pylsp.plugins", "python.pythonPath", "rbridge.none", None]
        items = [{"section": name, "scopeUri": URI} if name else {} for name in names]
        said = line.ask("workspace/configuration", {"items": items})["result"]
        assert said == [{"analysis": mine["python"]["analysis"]}, mine["pylsp"]["plugins"], None, None, None]
        assert line.asked("workspace/didChangeConfiguration") == {"settings": {"pylsp": mine["pylsp"]}}
    finally:
        desk.editor.kill()


def test_what_a_server_registers_later_is_offered_until_it_takes_it_back(editor: VSCode, desk: Desk) -> None:
    line = desk.show()
    desk.serve("textDocument/hover", {"contents": "later"})
    found = "(found || []).flatMap((one) => one.contents.map(({ value }) => value))"
    assert ask(editor, "executeHoverProvider", found) == []
    selector = [{"language": "python", "scheme": "rbridge"}]
    one = {"id": "1", "method": "textDocument/hover", "registerOptions": {"documentSelector": selector}}
    assert line.ask("client/registerCapability", {"registrations": [one]})["result"] is None
    assert ask(editor, "executeHoverProvider", found) == ["later"]
    assert line.ask("client/registerCapability", {"registrations": [{**one, "id": "2"}]})["result"] is None
    assert ask(editor, "executeHoverProvider", found) == ["later"], "the same once more is not there twice"
    gone = {"unregisterations": [{"id": "2", "method": "textDocument/hover"}]}
    assert line.ask("client/unregisterCapability", gone)["result"] is None
    assert ask(editor, "executeHoverProvider", found) == []


def test_a_registration_for_other_documents_is_not_asked_about_this_one(editor: VSCode, desk: Desk) -> None:
    line = desk.show()
    options = {"documentSelector": [{"language": "toml"}, {"pattern": "**/*.toml"}]}
    one = {"id": "1", "method": "textDocument/hover", "registerOptions": options}
    line.ask("client/registerCapability", {"registrations": [one]})
    assert ask(editor, "executeHoverProvider", "found") == []
    assert line.all("textDocument/hover") == []


def test_what_nobody_may_ask_for_is_refused(editor: VSCode, desk: Desk) -> None:
    line = desk.show()
    assert line.ask("rbridge/anything", {})["error"]["code"] == -32601
    for uri in ("file:///etc/passwd", "https://example.org", "command:workbench.action.quit"):
        assert line.ask("window/showDocument", {"uri": uri})["result"] == {"success": False}
        assert line.ask("window/showDocument", {"uri": uri, "external": True})["result"] == {"success": False}


def test_a_message_with_a_choice(editor: VSCode, desk: Desk) -> None:
    line = desk.show()
    line.say("window/showMessage", {"type": 2, "message": "no environment: [a](command:b)"})
    editor.said("pylsp on gpu1: no environment: [a] (command:b)")
    params = {"type": 3, "message": "Index it?", "actions": [{"title": "Yes"}, {"title": "No"}]}
    line.send({"id": "q", "method": "window/showMessageRequest", "params": params})
    editor.answer("Index it?", "Yes")
    (answer,) = until(lambda: [one for one in line.got if one.get("id") == "q"])
    assert answer["result"] == {"title": "Yes"}


def test_what_a_server_is_busy_with_is_in_the_status_bar(editor: VSCode, desk: Desk) -> None:
    line = desk.show()
    assert line.ask("window/workDoneProgress/create", {"token": 1})["result"] is None
    line.say("$/progress", {"token": 1, "value": {"kind": "begin", "title": "indexing", "percentage": 30}})
    bar = "return document.querySelector('.part.statusbar').textContent"
    until(lambda: "pylsp on gpu1: indexing" in editor.look(bar))
    until(lambda: "30 %" in editor.look(bar))
    line.say("$/progress", {"token": 1, "value": {"kind": "end"}})
    until(lambda: "indexing" not in editor.look(bar), what="it is over")


# When something goes wrong


@pytest.mark.parametrize("code", [-32800, -32801, -32802])
def test_an_answer_that_is_out_of_date_is_said_to_nobody(editor: VSCode, desk: Desk, code: int) -> None:
    def refuse(_: Any) -> Any:
        raise Refusal(code, "out of date")

    line = desk.show(hoverProvider=True, renameProvider=True)
    desk.lsp.handlers["textDocument/hover"] = desk.lsp.handlers["textDocument/rename"] = refuse
    assert ask(editor, "executeHoverProvider", "found") == []
    rename = (
        "const uri = vscode.Uri.parse(args.uri); const at = new vscode.Position(3, 5);"
        "const name = 'vscode.executeDocumentRenameProvider';"
        "const run = vscode.commands.executeCommand(name, uri, at, 'run');"
        "return run.then(() => 'quiet', (error) => error.message)"
    )
    assert "out of date" not in editor.host(rename, uri=URI)
    assert line.all("textDocument/rename")
    assert "out of date" not in editor.told()


def test_an_answer_that_makes_no_sense_is_no_answer(editor: VSCode, desk: Desk) -> None:
    desk.serve("textDocument/hover", {"contents": {"kind": "markdown"}, "range": {"start": -1}})
    desk.serve("textDocument/completion", 7)
    desk.serve(
        "textDocument/documentSymbol",
        [{"name": "whole", **FUNCTION, "selectionRange": at(3, 4, 8)}, {"no": 1}, None],
    )
    line = desk.show(hoverProvider=True, completionProvider={}, documentSymbolProvider=True)
    line.say("textDocument/publishDiagnostics", {"uri": URI, "diagnostics": [None, {"message": "no range"}]})
    line.say("textDocument/publishDiagnostics", {"uri": 7})
    ask(editor, "executeHoverProvider", "found")
    ask(editor, "executeCompletionItemProvider", "found.items.length")
    assert ask(editor, "executeDocumentSymbolProvider", "found.map((one) => one.name)") == ["main"]
    desk.serve("textDocument/hover", {"contents": "still there"})
    assert ask(editor, "executeHoverProvider", "found.length") == 1


def test_what_is_not_wanted_any_more_is_cancelled(editor: VSCode, desk: Desk) -> None:
    line = desk.show(completionProvider={"triggerCharacters": ["."]})
    go(editor, 4, 21)
    editor.keys("Backspace", ".")
    number = until(lambda: [one["id"] for one in line.got if one.get("method") == "textDocument/completion"])[
        0
    ]
    editor.keys("Escape", "ArrowUp")
    until(lambda: {"id": number} in line.all("$/cancelRequest"))


def test_a_connection_that_ends_is_made_again(editor: VSCode, desk: Desk) -> None:
    first = desk.show(hoverProvider=True)
    editor.insert("# ")
    first.asked("textDocument/didChange")
    first.cut()
    second = desk.line(2)
    assert second.asked("textDocument/didOpen")["textDocument"]["text"] == "# " + TEXT
    desk.serve("textDocument/hover", {"contents": "again"})
    until(lambda: ask(editor, "executeHoverProvider", "found.length") == 1)


def test_a_lost_daemon_takes_its_servers_along_and_brings_them_back(editor: VSCode, desk: Desk) -> None:
    line = desk.show()
    line.say(
        "textDocument/publishDiagnostics",
        {"uri": URI, "diagnostics": [{"range": at(0, 0, 1), "message": "m"}]},
    )
    count = "return vscode.languages.getDiagnostics().filter((one) => one[1].length).length"
    until(lambda: editor.host(count) == 1)
    desk.attach.known = [desk.attach.state("clean")]
    desk.attach.cut()
    until(lambda: line.over, what="its connection ends")
    assert editor.host(count) == 0
    assert desk.line(2).asked("textDocument/didOpen")["textDocument"]["uri"] == URI


def test_a_host_that_is_not_connected_is_asked_again(editor: VSCode, desk: Desk) -> None:
    answers = desk.attach.handlers["lsp/servers"]

    def first(*_: Any) -> Any:
        desk.attach.handlers["lsp/servers"] = answers
        raise Refusal(-32010, "x.py: not connected to gpu1")

    desk.attach.handlers["lsp/servers"] = first
    desk.show()
    assert "not connected to gpu1" not in editor.told()


def test_what_to_install_is_said(editor: VSCode, desk: Desk) -> None:
    desk.servers, desk.advice = (
        [],
        "no language server for python is installed there: pip install basedpyright",
    )
    desk.offers()
    desk.open()
    editor.said("no language server for python is installed there")
    assert desk.lsp.lines == []


def test_the_restart_command_begins_anew(editor: VSCode, desk: Desk) -> None:
    line = desk.show()
    editor.command("rbridge.restartLanguageServers")
    until(lambda: line.over)
    assert [one.get("method") for one in line.got][-2:] == ["shutdown", "exit"]
    desk.line(2)


def test_the_setting_turns_it_off_and_on(editor: VSCode, desk: Desk) -> None:
    change = "await vscode.workspace.getConfiguration('rbridge').update('languageServers', args.to, true)"
    editor.host(change, to=False)
    try:
        desk.offers()
        desk.open()
        stays(lambda: desk.asked == [] and desk.lsp.lines == [], 0.5)
        editor.host(change, to=True)
        line = desk.line()
        editor.host(change, to=False)
        until(lambda: line.over, what="the connection ends")
    finally:
        editor.host(change, to=None)


def test_a_window_where_it_is_off_tells_the_daemon(laptop: Home, desk: Desk) -> None:
    Stage.of(laptop).parked.clear()
    desk.editor = VSCode(laptop, setup=json.dumps({"rbridge.languageServers": False}))
    try:
        assert desk.attach.asked("initialize")["capabilities"]["lsp"] is False
        desk.offers()
        desk.open()
        desk.attach.known = [desk.attach.state("clean")]
        change = "await vscode.workspace.getConfiguration('rbridge').update('languageServers', true, true)"
        desk.editor.host(change)
        assert desk.attach.asked("initialize", 2)["capabilities"]["lsp"] is True
        desk.line()
    finally:
        desk.editor.kill()
