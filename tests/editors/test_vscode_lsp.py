"""VS Code's language features in documents of hosts: what a user sees, against servers that a test plays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.editors.attach_server import ID
from tests.editors.vscode import VSCode
from tests.editors.vscode_desk import LINT, OTHER, ROOT, TARGET, TEXT, TYPES, URI, Desk, ask, at, go
from tests.harness.environment import Home
from tests.harness.wait import until


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


# How a server is told


def test_a_client_says_what_it_is_for_and_what_it_can_do(editor: VSCode, desk: Desk) -> None:
    said = desk.show().asked("initialize")
    assert desk.asked == [{"id": ID, "language": "python"}]
    about = {"uri": URI, "server": "pylsp", "language": "python", "primary": True}
    assert said["initializationOptions"] == {"rbridge": about}
    assert said["rootUri"] == ROOT
    can = said["capabilities"]
    assert can["general"]["positionEncodings"] == ["utf-16"]
    assert "resourceOperations" not in can["workspace"]["workspaceEdit"]
    assert "codeLens" not in can["textDocument"]


def test_a_server_hears_of_what_is_opened_typed_saved_and_closed(editor: VSCode, desk: Desk) -> None:
    line = desk.show()
    opened = line.asked("textDocument/didOpen")["textDocument"]
    assert opened == {"uri": URI, "languageId": "python", "version": opened["version"], "text": TEXT}
    editor.insert("\U0001f600x")
    typed = {"range": at(0, 2, 2), "rangeLength": 0, "text": "x"}  # what is before it has two units of UTF-16
    until(lambda: line.asked("textDocument/didChange")["contentChanges"] == [typed])
    editor.save()
    assert line.asked("textDocument/didSave")["text"] == "\U0001f600x" + TEXT
    editor.close()
    assert line.asked("textDocument/didClose") == {"textDocument": {"uri": URI}}


def test_every_server_that_is_named_has_a_connection_and_the_first_is_the_primary(
    editor: VSCode, desk: Desk
) -> None:
    desk.servers = [TYPES, LINT]
    desk.show()
    said = [desk.line(count).options["rbridge"] for count in (1, 2)]
    assert {(one["server"], one["primary"]) for one in said} == {("pylsp", True), ("ruff", False)}


# What a user sees of it


def suggestions(editor: VSCode) -> list[str]:
    return list(
        editor.look(
            "return [...document.querySelectorAll('.suggest-widget.visible .monaco-list-row')]"
            ".map((one) => one.getAttribute('aria-label'))"
        )
    )


def test_a_completion_while_typing(editor: VSCode, desk: Desk) -> None:
    line = desk.show(completionProvider={"triggerCharacters": ["."], "resolveProvider": True})
    items = [{"label": "unique_symbol", "kind": 3, "textEditText": "unique_symbol($1)", "data": 7}]
    defaults = {"editRange": at(4, 21, 21), "insertTextFormat": 2}
    desk.serve("textDocument/completion", {"isIncomplete": False, "items": items, "itemDefaults": defaults})
    desk.serve("completionItem/resolve", {**items[0], "detail": "only here"})
    go(editor, 4, 21)
    editor.keys("Backspace", ".")
    until(lambda: any("unique_symbol" in one for one in suggestions(editor)), what="it is suggested")
    assert line.asked("textDocument/completion")["context"] == {"triggerKind": 2, "triggerCharacter": "."}
    assert line.asked("completionItem/resolve")["data"] == 7
    editor.keys("Enter")
    until(lambda: "return only_here.unique_symbol()" in editor.text)


def test_hover_is_markdown_that_is_not_trusted(editor: VSCode, desk: Desk) -> None:
    desk.show(hoverProvider=True)
    words = "**bold** [run](command:workbench.action.quit) <img src='x'> [source](" + TARGET + ")"
    desk.serve("textDocument/hover", {"contents": {"kind": "markdown", "value": words}})
    found = ask(
        editor, "executeHoverProvider", "found.flatMap((one) => one.contents.map(({ value }) => value))"
    )
    assert found == [words]
    go(editor, 4, 12)
    editor.command("editor.action.showHover")
    shown = "return (document.querySelector('.monaco-hover-content') || {}).innerHTML || ''"
    until(lambda: "bold" in editor.look(shown), what="it is shown")
    html = str(editor.look(shown))
    assert "<strong>bold</strong>" in html
    assert "command:" not in html
    assert "<img" not in html


def test_diagnostics_are_underlined_and_go_with_the_document(editor: VSCode, desk: Desk) -> None:
    line = desk.show()
    wrong = {
        "range": at(4, 11, 20),
        "severity": 1,
        "message": "no such module",
        "source": "pylsp",
        "code": "E1",
    }
    hint = {
        "range": at(0, 0, 6),
        "severity": 4,
        "message": {"kind": "markdown", "value": "unused"},
        "tags": [1],
    }
    line.say("textDocument/publishDiagnostics", {"uri": URI, "diagnostics": [wrong, hint]})
    said = "return vscode.languages.getDiagnostics(vscode.Uri.parse(args.uri)).map((one) => one.message)"
    until(lambda: editor.host(said, uri=URI) == ["no such module", "unused"])
    until(lambda: editor.look("return document.querySelectorAll('.squiggly-error').length") == 1)
    editor.close()
    until(lambda: editor.host(said, uri=URI) == [], what="they are gone")


def test_what_a_server_says_of_files_of_this_machine_is_nobodys(editor: VSCode, desk: Desk) -> None:
    line = desk.show(definitionProvider=True)
    wrong = {"range": at(0, 0, 1), "message": "here"}
    line.say("textDocument/publishDiagnostics", {"uri": "file:///etc/passwd", "diagnostics": [wrong]})
    desk.serve("textDocument/definition", [{"uri": "file:///etc/passwd", "range": at(0, 0, 1)}])
    assert ask(editor, "executeDefinitionProvider", "found.map(spelled)") == []
    every = "return vscode.languages.getDiagnostics().filter((one) => one[1].length).length"
    assert editor.host(every) == 0


# Files that are not open


def test_a_definition_leads_into_a_file_that_was_not_open(editor: VSCode, desk: Desk) -> None:
    desk.show(definitionProvider=True)
    desk.files[TARGET] = "# here\n\ndef unique_symbol(name):\n    pass\n"
    desk.serve("textDocument/definition", {"uri": TARGET, "range": at(2, 4, 17)})
    found = ask(editor, "executeDefinitionProvider", "found.map(spelled)")
    assert found == [f"{TARGET}?{desk.number(TARGET)}"]
    go(editor, 4, 14)
    editor.keys("F12")
    editor.sees("/usr/lib/python3/only_here.py")
    assert desk.opened == [TARGET]
    until(lambda: editor.cursor == (3, 5))
    assert editor.read_only
    desk.line().came("textDocument/didOpen", 2)
    assert desk.asked[-1] == {"id": desk.number(TARGET), "language": "python"}
    editor.command("workbench.action.navigateBack")
    editor.sees("x.py")


def test_references_name_files_that_are_opened_when_they_are_looked_at(editor: VSCode, desk: Desk) -> None:
    desk.show(referencesProvider=True)
    desk.files[OTHER] = "x = 1\ny = 2\nonly_here.z\n"
    places = [{"uri": URI, "range": at(4, 11, 20)}, {"uri": OTHER, "range": at(2, 0, 9)}]
    desk.serve("textDocument/references", places)
    found = ask(editor, "executeReferenceProvider", "found.map(spelled)")
    assert sorted(found) == [OTHER, URI]
    assert desk.opened == []
    go(editor, 0, 0)
    bare = "const where = new vscode.Range(2, 0, 2, 9); const uri = vscode.Uri.parse(args.uri);"
    editor.host(
        f"{bare} await vscode.window.showTextDocument(uri, {{ selection: where, preview: false }})", uri=OTHER
    )
    editor.until_path("/other.py")
    tab = "return vscode.window.tabGroups.activeTabGroup.activeTab.input.uri.query"
    until(lambda: editor.host(tab) == desk.number(OTHER), what="the document has taken its place")
    until(lambda: editor.cursor[0] == 3)
    assert desk.opened == [OTHER]
    editor.command("workbench.action.navigateBack")
    editor.sees("x.py")


def test_a_file_that_the_host_refuses_is_said_to_be_so(editor: VSCode, desk: Desk) -> None:
    desk.show(definitionProvider=True)
    desk.serve("textDocument/definition", {"uri": TARGET, "range": at(2, 4, 17)})
    go(editor, 4, 14)
    editor.keys("F12")
    shown = "return document.querySelector('.part.editor').textContent + document.body.textContent"
    until(lambda: "no language server has named" in editor.look(shown), what="why it is not shown")


def test_nothing_is_opened_that_no_server_has_named(editor: VSCode, desk: Desk) -> None:
    desk.show()
    stat = (
        "return vscode.workspace.fs.stat(vscode.Uri.parse(args.uri))"
        ".then(() => 'there', (error) => error.code)"
    )
    assert editor.host(stat, uri="rbridge://gpu1/etc/passwd") == "FileNotFound"
    assert desk.opened == []


# Changes


def test_rename_in_the_shown_text_and_in_one_that_was_not_open(editor: VSCode, desk: Desk) -> None:
    line = desk.show(renameProvider={"prepareProvider": True})
    desk.files[OTHER] = "import x\nx.main()\n"
    desk.serve("textDocument/prepareRename", {"range": at(3, 4, 8), "placeholder": "main"})
    changes = {
        URI: [{"range": at(3, 4, 8), "newText": "run"}],
        OTHER: [{"range": at(1, 2, 6), "newText": "run"}],
    }
    desk.serve("textDocument/rename", {"changes": changes})
    go(editor, 3, 5)
    editor.keys("F2")
    box = "return document.activeElement && document.activeElement.className.includes('rename-input')"
    until(lambda: editor.look(box), what="a new name is asked for")
    editor.browse("await window.keyboard.insertText('run')")
    editor.keys("Enter")
    until(lambda: "def run(name)" in editor.text)
    assert line.asked("textDocument/rename")["newName"] == "run"
    until(lambda: desk.files[OTHER] == "import x\nx.run()\n", what="VS Code has saved it")
    until(lambda: "def run(name)" in desk.attach.text)
    editor.until_saved()


@pytest.mark.parametrize(
    "edit",
    [
        {"documentChanges": [{"kind": "create", "uri": OTHER}]},
        {"documentChanges": [{"kind": "delete", "uri": OTHER}]},
        {"changes": {"rbridge://gpu2/home/u/project/x.py": []}},
        {"changes": {"file:///home/u/project/x.py": []}},
        {"changes": {URI: [{"range": at(3, 4, 8), "newText": "run"}], TARGET: []}},
        {"documentChanges": [{"textDocument": {"uri": URI, "version": 999}, "edits": []}]},
    ],
    ids=["create", "delete", "host", "laptop", "refused", "version"],
)
def test_an_edit_that_may_not_be_is_not_done_at_all(editor: VSCode, desk: Desk, edit: dict[str, Any]) -> None:
    line = desk.show()
    answer = line.ask("workspace/applyEdit", {"edit": edit})["result"]
    assert answer["applied"] is False
    assert answer["failureReason"]
    assert editor.text == TEXT


def test_a_read_only_text_is_not_changed(editor: VSCode, desk: Desk) -> None:
    line = desk.show()
    desk.files[TARGET] = "x = 1\n"
    edit = {"changes": {TARGET: [{"range": at(0, 0, 1), "newText": "y"}]}}
    answer = line.ask("workspace/applyEdit", {"edit": edit})["result"]
    assert answer == {
        "applied": False,
        "failureReason": "only_here.py on gpu1 is read-only: nothing was changed",
    }


def test_a_text_of_another_host_is_not_changed(editor: VSCode, desk: Desk) -> None:
    line = desk.show()
    other = "rbridge://gpu2/home/u/other.py"
    desk.files[other] = "x = 1\n"
    spelled = f"{other}?{desk.number(other)}"
    about = {"id": desk.number(other), "uri": spelled, "host": "gpu2", "path": "/home/u/other.py"}
    desk.attach.open(**{**about, "name": "other.py", "size": 6})
    editor.sees("other.py")
    edit = {"changes": {spelled: [{"range": at(0, 0, 1), "newText": "y"}]}}
    answer = line.ask("workspace/applyEdit", {"edit": edit})["result"]
    assert answer["applied"] is False
    assert editor.text == "x = 1\n"


def test_an_edit_that_the_server_wants(editor: VSCode, desk: Desk) -> None:
    line = desk.show()
    edit = {"changes": {URI: [{"range": at(0, 0, 6), "newText": "from"}]}}
    assert line.ask("workspace/applyEdit", {"edit": edit})["result"] == {"applied": True}
    editor.until_text("from" + TEXT[6:])


def test_a_quick_fix_and_a_command_of_the_server(editor: VSCode, desk: Desk) -> None:
    line = desk.show(
        codeActionProvider={"codeActionKinds": ["quickfix"]}, executeCommandProvider={"commands": []}
    )
    wrong = {"range": at(0, 7, 16), "severity": 2, "message": "unused", "source": "pylsp", "data": {"fix": 1}}
    line.say("textDocument/publishDiagnostics", {"uri": URI, "diagnostics": [wrong]})
    until(lambda: editor.host("return vscode.languages.getDiagnostics().some((one) => one[1].length)"))
    edit = {
        "changes": {
            URI: [
                {
                    "range": {"start": {"line": 0, "character": 0}, "end": {"line": 1, "character": 0}},
                    "newText": "",
                }
            ]
        }
    }
    fix = {"title": "Remove unused import", "kind": "quickfix", "diagnostics": [wrong], "edit": edit}
    fix["command"] = {"title": "Tell", "command": "pylsp@gpu1:tell", "arguments": [1]}
    desk.serve("textDocument/codeAction", [fix, {"title": "Other", "command": "pylsp@gpu1:other"}])
    desk.serve("workspace/executeCommand", None)
    go(editor, 0, 10)
    offered = "return (document.querySelector('.action-widget') || {}).innerText || ''"

    def asked() -> bool:
        """A key that comes while VS Code draws is lost: it is given again, as a person would."""
        lines = set(editor.look(offered).split("\n"))
        if lines == {""}:
            editor.keys("Control+.")
        return {"Remove unused import", "Other"} < lines

    until(asked, every=1.0)
    editor.keys("Enter")
    editor.until_text(TEXT.split("\n", 1)[1])
    assert line.asked("workspace/executeCommand") == {"command": "pylsp@gpu1:tell", "arguments": [1]}
    known = line.asked("textDocument/codeAction")["context"]["diagnostics"]
    assert [one["data"] for one in known] == [{"fix": 1}]


def test_a_command_that_no_server_offered_is_not_run(editor: VSCode, desk: Desk) -> None:
    desk.show()
    editor.command("rbridge.runOfLanguageServer", "rbridge://gpu1/elsewhere\nruff", "ruff@gpu1:run", [])
    editor.said("the language server that offered this has ended")


def test_one_formatter_where_two_servers_format(editor: VSCode, desk: Desk) -> None:
    desk.servers = [TYPES, LINT]
    desk.show(documentFormattingProvider=True)
    desk.line(2)
    desk.serve("textDocument/formatting", [{"range": at(3, 4, 8), "newText": "run"}])
    go(editor, 0, 0)
    editor.command("editor.action.formatDocument")
    until(lambda: "def run(name)" in editor.text, what=f"it is formatted; {editor.told()}")
    asked = [
        line.options["rbridge"]["server"] for line in desk.lsp.lines if line.all("textDocument/formatting")
    ]
    assert asked == ["ruff"]
