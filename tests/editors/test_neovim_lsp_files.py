"""Where Neovim's language client leads: files by their names, open or not; a test plays daemon and server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.editors.attach_server import ID, AttachServer
from tests.editors.language_server import NAME, OTHER, ROOT, TARGET, URI, Desk, at
from tests.editors.nvim import Neovim
from tests.harness.environment import Home
from tests.harness.wait import until

DIAGNOSTICS = "return vim.tbl_map(function(d) return d.message end, vim.diagnostic.get(0))"


@pytest.fixture
def desk(home: Home) -> Iterator[Desk]:
    made = Desk(home)
    yield made
    made.close()


@pytest.fixture
def editor(home: Home, desk: Desk) -> Iterator[Neovim]:
    made = Neovim(home)
    yield made
    made.kill()


def test_a_definition_in_a_file_that_is_not_open(desk: Desk, editor: Neovim) -> None:
    desk.has(TARGET, "# os\n\ndef only_here():\n    pass\n")
    desk.serve("textDocument/definition", [{"uri": TARGET, "range": at(2, 4, 13)}])
    desk.open()
    desk.line()
    editor.lua("vim.lsp.buf.definition()")
    editor.sees("/usr/lib/python3/os.py")
    assert editor.path == TARGET
    until(lambda: editor.cursor == (3, 5))
    assert editor.lines[2] == "def only_here():"
    assert editor.lua("return {vim.bo.readonly, vim.bo.modifiable, vim.bo.filetype, vim.bo.buflisted}") == [
        True,
        False,
        "python",
        True,
    ]
    line = desk.lsp.line()
    line.came("textDocument/didOpen", 2)
    assert line.all("textDocument/didOpen")[1]["textDocument"]["uri"].startswith(TARGET + "?")
    editor.keys("<C-o>")
    editor.sees("x.py")
    editor.keys("<C-i>")
    editor.sees("os.py")
    assert editor.cursor == (3, 5)
    assert desk.opened == [TARGET]


def test_ctrl_bracket_goes_there_too(desk: Desk, editor: Neovim) -> None:
    desk.has(TARGET, "# os\n\ndef only_here():\n    pass\n")
    desk.serve("textDocument/definition", [{"uri": TARGET, "range": at(2, 4, 13)}])
    desk.open()
    desk.line()
    editor.keys("<C-]>")
    editor.sees("os.py")
    until(lambda: editor.cursor == (3, 5))
    editor.keys("<C-t>")
    editor.sees("x.py")


def test_a_definition_that_the_host_refuses_is_said_and_nothing_moves(desk: Desk, editor: Neovim) -> None:
    desk.serve("textDocument/definition", {"uri": TARGET, "range": at(2, 4, 13)})
    desk.open()
    desk.line()
    editor.lua("vim.lsp.buf.definition()")
    editor.said("os.py: no language server has named it")
    editor.said("No locations found")
    assert editor.path == NAME
    assert "rror" not in editor.told()


def test_references_in_several_files_leave_none_open_that_nobody_looks_at(desk: Desk, editor: Neovim) -> None:
    places = [{"uri": URI, "range": at(0, 0, 3)}]
    for number in range(20):
        uri = f"{ROOT}/a%20b/m{number:02}.py"
        desk.has(uri, f"import x\nx.one({number})\n")
        places.append({"uri": uri, "range": at(1, 2, 5)})
    desk.serve("textDocument/references", places)
    desk.open()
    editor.lua("require('rbridge.lsp.targets').kept = 300")
    desk.line()
    editor.lua("vim.lsp.buf.references()")
    editor.until("return #vim.fn.getqflist() == 21")
    found = editor.lua(
        "return vim.tbl_map(function(i) return {vim.fn.bufname(i.bufnr), i.lnum, i.col, i.text} end,"
        " vim.fn.getqflist())"
    )
    assert [f"{ROOT}/a b/m07.py", 2, 3, "x.one(7)"] in found
    desk.attach.asked("buffer/close", 20)
    assert editor.names == [NAME]
    editor.keys("<C-w>p:cc 10<CR>")
    editor.until("return vim.fn.getline('.'):find('x.one') ~= nil")
    assert editor.path.startswith(f"{ROOT}/a b/m")
    assert editor.cursor == (2, 3)
    assert not editor.read_only
    desk.lsp.line().came("textDocument/didOpen", 2)


def test_a_rename_over_several_files(desk: Desk, editor: Neovim) -> None:
    other = f"{ROOT}/lib/other.py"
    desk.has(other, "import one\n")
    edits = {
        URI: [{"range": at(0, 0, 3), "newText": "eins"}],
        other: [{"range": at(0, 7, 10), "newText": "eins"}],
    }
    desk.serve("textDocument/rename", {"changes": edits})
    desk.open()
    line = desk.line()
    editor.lua("vim.lsp.buf.rename('eins')")
    until(lambda: editor.lines == ["eins", "two"])
    until(lambda: sorted(editor.names) == [other, NAME])
    line.came("textDocument/didOpen", 2)
    assert line.all("textDocument/didOpen")[1]["textDocument"]["text"] == "import eins\n"
    editor.lua("vim.cmd.buffer('other.py')")
    assert editor.lines == ["import eins"]
    assert editor.modified
    written: dict[str, str] = {}

    def saved(server: AttachServer, params: dict[str, Any]) -> Any:
        written[params["id"]] = params["text"]
        return {"outcome": "saved", "base": hashlib.sha256(params["text"].encode()).hexdigest()}

    desk.attach.handlers["buffer/write"] = saved
    editor.save_all()
    until(lambda: sorted(written.values()) == ["eins\ntwo\n", "import eins\n"])


def test_a_rename_that_cannot_reach_all_files_changes_none(desk: Desk, editor: Neovim) -> None:
    edits = {
        URI: [{"range": at(0, 0, 3), "newText": "eins"}],
        TARGET: [{"range": at(0, 0, 1), "newText": "x"}],
    }
    desk.serve("textDocument/rename", {"changes": edits})
    desk.open()
    desk.line()
    editor.lua("vim.lsp.buf.rename('eins')")
    editor.said("os.py: no language server has named it")
    assert editor.lines == ["one", "two"]
    answer = desk.lsp.line().ask("workspace/applyEdit", {"edit": {"changes": edits}})
    assert answer["result"] == {"applied": False, "failureReason": "os.py: no language server has named it"}
    assert editor.lines == ["one", "two"]


def test_an_edit_that_the_server_asks_for(desk: Desk, editor: Neovim) -> None:
    desk.open()
    line = desk.line()
    edits = [
        {"textDocument": {"uri": URI, "version": None}, "edits": [{"range": at(1, 0, 3), "newText": "2"}]}
    ]
    assert line.ask("workspace/applyEdit", {"edit": {"documentChanges": edits}})["result"]["applied"] is True
    assert editor.lines == ["one", "2"]
    assert line.ask("no/such", {})["error"]["code"] == -32601


ODD = {
    "percent": ("/home/u/100%25/a%20b.py", "/home/u/100%/a b.py"),
    "an encoded slash": ("/home/u/a%252Fb.py", "/home/u/a%2Fb.py"),
    "question mark and hash": ("/home/u/c%23/why%3F.py", "/home/u/c#/why?.py"),
    "beyond ASCII": ("/home/u/%C3%BCber.py", "/home/u/über.py"),
    "no UTF-8": ("/home/u/%FF.py", "/home/u/�.py"),
}


@pytest.mark.parametrize("kind", ODD)
def test_a_name_of_any_kind_is_one_uri_outside_and_one_buffer_inside(
    desk: Desk, editor: Neovim, kind: str
) -> None:
    said, shown = ODD[kind]
    uri = f"rbridge://gpu1{said}?{ID}"
    desk.serve("textDocument/definition", {"uri": uri, "range": at(1, 1, 2)})
    desk.open(uri=uri, path=shown, name="x.py")
    line = desk.line()
    assert line.asked("textDocument/didOpen")["textDocument"]["uri"] == uri
    editor.lua("vim.lsp.buf.definition()")
    until(lambda: editor.cursor == (2, 2))
    assert line.asked("textDocument/definition")["textDocument"] == {"uri": uri}
    line.say(
        "textDocument/publishDiagnostics",
        {"uri": uri, "diagnostics": [{"range": at(1, 0, 3), "message": "m"}]},
    )
    until(lambda: editor.lua(DIAGNOSTICS) == ["m"])
    assert editor.names == [f"rbridge://gpu1{shown}"]


def test_a_file_that_is_open_is_not_opened_again(desk: Desk, editor: Neovim) -> None:
    """Whatever the server calls it: the daemon says its id."""
    desk.open()
    desk.line()
    desk.attach.open(id=OTHER, path="/home/u/project/y.py", uri=f"{ROOT}/y.py?{OTHER}", name="y.py")
    desk.serve("textDocument/definition", {"uri": URI, "range": at(1, 0, 1)})
    line = desk.lsp.line()
    line.came("textDocument/didOpen", 2)
    editor.lua("vim.lsp.buf.definition()")
    editor.sees("x.py")
    assert editor.cursor == (2, 1)
    assert not desk.opened
    assert len(desk.lsp.lines) == 1


def test_a_file_that_is_moved_is_opened_anew_under_its_own_id(desk: Desk, editor: Neovim) -> None:
    desk.open()
    line = desk.line()
    editor.insert("X")
    editor.lua("require('rbridge.documents').moved('gpu1', '/home/u/project/x.py', '/home/u/project/y.py')")
    editor.sees("y.py")
    line.came("textDocument/didOpen", 2)
    assert line.all("textDocument/didClose") == [{"textDocument": {"uri": URI}}]
    opened = line.all("textDocument/didOpen")[1]["textDocument"]
    assert (opened["uri"], opened["text"]) == (URI, "Xone\ntwo\n")


def test_what_a_server_keeps_with_an_answer_goes_back_as_it_came(desk: Desk, editor: Neovim) -> None:
    """And so do the words of a text that look like a URI."""
    kept = [{"uri": f"{ROOT}/y.py?{OTHER}"}, {"uri": f"{ROOT}/y.py"}]
    said = {"label": "one", "data": kept, "documentation": NAME}
    desk.serve("textDocument/completion", [said])
    desk.serve("completionItem/resolve", None)
    desk.open()
    line = desk.line()
    editor.lua(
        "local c = vim.lsp.get_clients()[1]; c:request('textDocument/completion',"
        " vim.lsp.util.make_position_params(0, 'utf-16'),"
        " function(_, found) c:request('completionItem/resolve', found[1], function() end) end)"
    )
    assert line.asked("completionItem/resolve") == said
