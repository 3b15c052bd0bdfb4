"""Neovim: changing, finding and searching in a folder, against a daemon that a test plays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.editors.attach_server import AttachServer, Refusal
from tests.editors.folder_server import FOLDER, ROOT, FolderServer
from tests.editors.nvim import Neovim
from tests.harness.environment import Home
from tests.harness.wait import until


@pytest.fixture
def server(home: Home) -> Iterator[FolderServer]:
    made = FolderServer(home)
    yield made
    made.close()


@pytest.fixture
def editor(home: Home, server: FolderServer) -> Iterator[Neovim]:
    made = Neovim(home)
    yield made
    made.kill()


@pytest.fixture
def shown(server: FolderServer, editor: Neovim) -> Neovim:
    """An editor that shows the folder."""
    server.show()
    editor.tree.until_shows("src/", "a.txt", "b.txt")
    return editor


def silent(server: AttachServer, params: dict[str, Any]) -> Any:
    return None


# Changing


def test_new_entries_go_where_the_cursor_is(server: FolderServer, shown: Neovim) -> None:
    server.handlers["fs/make"] = lambda _, __: {}
    shown.tree.expand("src")
    shown.keys("2gg%new.py<CR>")
    assert server.asked("fs/make") == {"folder": FOLDER, "path": "src/new.py", "kind": "file"}
    assert server.asked("fs/open")["path"] == "src/new.py"
    shown.sees("new.py")
    shown.keys(":RbridgeFolder<CR>Gdlib<CR>")
    assert server.asked("fs/make", 2) == {"folder": FOLDER, "path": "lib", "kind": "directory"}
    shown.keys(":RbridgeNewFile lib/sub/<CR>")
    assert server.asked("fs/make", 3) == {"folder": FOLDER, "path": "lib/sub", "kind": "directory"}


def test_a_prompt_that_is_left_changes_nothing(server: FolderServer, shown: Neovim) -> None:
    shown.keys("3gg%<Esc>d<Esc>R<Esc>")
    shown.keys(":echomsg 'over'<CR>")
    shown.said("over")
    assert [one["method"] for one in server.got if "method" in one and one["method"] in CHANGES] == []


CHANGES = ("fs/make", "fs/move", "fs/remove")


def test_a_renamed_file_goes_on_under_its_name(server: FolderServer, shown: Neovim) -> None:
    shown.tree.open("a.txt")
    shown.sees("a.txt")
    shown.insert("X")
    server.handlers["fs/move"] = lambda _, __: {}
    shown.keys(":RbridgeRename lib/c.py<CR>")
    assert server.asked("fs/move") == {"folder": FOLDER, "path": "a.txt", "to": "lib/c.py"}
    shown.sees("lib/c.py")
    assert (shown.lines, shown.modified) == (["Xone"], True)
    assert shown.names == [f"rbridge://gpu1{ROOT}/lib/c.py"]
    assert shown.lua(f"return vim.fn.bufexists('rbridge://gpu1{ROOT}/a.txt')") == 0
    assert shown.lua("return vim.b.rbridge.path") == f"{ROOT}/lib/c.py"
    server.handlers["buffer/write"] = lambda _, params: {"outcome": "saved", "base": params["base"]}
    shown.save()
    assert server.asked("buffer/write")["text"] == "Xone\n"
    shown.until_saved()


@pytest.mark.parametrize(
    ("data", "question"),
    [
        ({"type": "file", "entries": 0}, "Remove a.txt on gpu1?"),
        ({"type": "directory", "entries": 0}, "Remove a.txt/ (empty) on gpu1?"),
        ({"type": "directory", "entries": 1}, "Remove a.txt/ (with 1 entry) on gpu1?"),
        ({"type": "directory", "entries": 12}, "Remove a.txt/ (with 12 entries) on gpu1?"),
        ({"type": "directory", "entries": 1000, "more": True}, "(with more than 1000 entries) on gpu1?"),
        ({"type": "link", "entries": 0}, "Remove the link a.txt on gpu1?"),
    ],
)
def test_the_question_before_something_is_removed(
    server: FolderServer, shown: Neovim, data: dict[str, Any], question: str
) -> None:
    def remove(_: AttachServer, params: dict[str, Any]) -> Any:
        if params.get("confirmed"):
            return {}
        raise Refusal(-32014, "removing a.txt needs the user's word", data)

    server.handlers["fs/remove"] = remove
    shown.keys("3ggD")
    shown.answer(question, "Keep")
    shown.keys("D")
    shown.answer(question, "Remove")
    last = server.asked("fs/remove", 3)
    recursive = {"recursive": True} if data["type"] == "directory" else {}
    assert last == {"folder": FOLDER, "path": "a.txt", "confirmed": True, **recursive}
    assert len(server.asked_for("fs/remove")) == 3


def test_nothing_is_asked_of_a_read_only_folder(server: FolderServer, editor: Neovim) -> None:
    server.show(readOnly=True)
    editor.tree.until_shows("a.txt")
    assert editor.tree.status == "read-only"
    for keys in ("%", "d", "R", "D"):
        before = editor.told().count("read-only")
        editor.keys(f"3gg{keys}")
        until(lambda before=before: editor.told().count("read-only") > before)  # type: ignore[misc]
    assert not [one for one in server.got if one.get("method") in CHANGES]


# Finding and searching


def test_each_letter_ends_the_search_for_those_before(server: FolderServer, shown: Neovim) -> None:
    server.handlers["fs/find"] = silent
    shown.keys("f")
    shown.until("return vim.bo.filetype == 'rbridge-find'")
    assert server.asked_for("fs/find") == []
    shown.keys("c")
    first = server.asked("fs/find")
    assert (first["query"], first["limit"]) == ("c", 200)
    shown.keys("p")
    second = server.asked("fs/find", 2)
    numbers = [one["id"] for one in server.got if one.get("method") == "fs/find"]
    assert server.asked("$/cancelRequest") == {"id": numbers[0]}
    server.say("fs/found", {"stream": first["stream"], "paths": ["old.txt"]})
    server.say("fs/found", {"stream": second["stream"], "paths": ["src/c.py"], "encoded": ["odd%0A"]})
    until(lambda: shown.lines == ["cp", "src/c.py", "odd\\n"])
    server.send({"id": numbers[0], "error": {"code": -32800, "message": "cancelled"}})
    found = {"paths": ["src/c.py", "cp.txt"], "truncated": True, "by": "git"}
    server.send({"id": numbers[1], "result": found})
    until(lambda: shown.lines == ["cp", "src/c.py", "cp.txt"])
    shown.keys("<Down><CR>")
    assert server.asked("fs/open")["path"] == "cp.txt"
    shown.sees("cp.txt")


def test_a_prompt_for_a_file_that_is_left_searches_no_more(server: FolderServer, shown: Neovim) -> None:
    server.handlers["fs/find"] = silent
    shown.keys("fx")
    server.asked("fs/find")
    shown.keys("<Esc>")
    server.asked("$/cancelRequest")
    until(lambda: shown.path.endswith("/project/"))
    assert shown.lua("return vim.fn.winnr('$')") == 1


def test_a_find_that_fails_says_why(server: FolderServer, shown: Neovim) -> None:
    def refused(_: AttachServer, __: object) -> Any:
        raise Refusal(-32015, "project on gpu1: not connected to gpu1")

    server.handlers["fs/find"] = refused
    shown.keys(":RbridgeFind abc<CR>")
    until(lambda: "not connected" in str(shown.lua(MARKS)))


MARKS = """
local space = vim.api.nvim_get_namespaces()['rbridge-find']
return space and vim.api.nvim_buf_get_extmarks(0, space, 0, -1, {details = true}) or ''
"""


def match(path: str, line: int, column: int, text: str) -> dict[str, Any]:
    return {"path": path, "line": line, "column": column, "length": 1, "text": text}


def test_matches_come_into_the_quickfix_list_as_they_are_found(server: FolderServer, shown: Neovim) -> None:
    server.handlers["fs/search"] = silent
    shown.keys(":RbridgeSearch! f(o+)<CR>")
    asked = server.asked("fs/search")
    assert (asked["query"], asked["regex"], asked["limit"]) == ("f(o+)", True, 1000)
    for number in (1, 2):
        found = [match(f"{number}.txt", 1, 3, "üb foo\x1b\n")]
        server.say("fs/found", {"stream": asked["stream"], "matches": found})
        until(lambda number=number: len(shown.lua("return vim.fn.getqflist()")) == number)  # type: ignore[misc]
    first = shown.lua("return vim.fn.getqflist()")[0]
    assert (first["lnum"], first["col"], first["text"]) == (1, 4, "üb foo  ")
    server.say("fs/found", {"stream": "another", "matches": [match("3.txt", 1, 1, "x")]})
    number = next(one["id"] for one in server.got if one.get("method") == "fs/search")
    server.send({"id": number, "result": {"matches": [], "truncated": True, "by": "rg"}})
    shown.said("2 matches are shown, there are more")
    assert len(shown.lua("return vim.fn.getqflist()")) == 2
    server.text = "üb foo\n"
    shown.keys("2gg<CR>")
    shown.sees("2.txt")
    until(lambda: shown.cursor == (1, 3))


def test_going_to_matches_makes_no_window_each_time(server: FolderServer, shown: Neovim) -> None:
    server.handlers["fs/search"] = silent
    shown.keys(":RbridgeSearch one<CR>")
    found = [match(f"{number}.txt", 1, 1, "one") for number in range(3)]
    server.say("fs/found", {"stream": server.asked("fs/search")["stream"], "matches": found})
    until(lambda: shown.lua("return #vim.fn.getqflist()") == 3)
    for number in range(3):
        shown.keys(f"<C-w>b{number + 1}gg<CR>")
        shown.sees(f"{number}.txt")
    assert shown.lua("return vim.fn.winnr('$')") == 2
    shown.keys("<C-w>b:call setqflist([{'bufnr': 1, 'lnum': 1}])<CR>:1<CR><CR>")
    until(lambda: shown.lua("return vim.fn.bufnr()") == 1)


def test_a_search_is_given_up(server: FolderServer, shown: Neovim) -> None:
    server.handlers["fs/search"] = silent
    shown.keys(":RbridgeSearch foo<CR>")
    server.asked("fs/search")
    number = next(one["id"] for one in server.got if one.get("method") == "fs/search")
    shown.keys(":RbridgeStop<CR>")
    assert server.asked("$/cancelRequest") == {"id": number}
    server.send({"id": number, "error": {"code": -32800, "message": "cancelled"}})
    shown.said("given up")


def test_a_match_in_a_file_with_an_odd_name_is_opened(server: FolderServer, shown: Neovim) -> None:
    server.handlers["fs/search"] = silent
    shown.keys(":RbridgeSearch foo<CR>")
    stream = server.asked("fs/search")["stream"]
    odd = {**match("odd%0A.txt", 1, 1, "foo"), "encoded": True}
    server.say("fs/found", {"stream": stream, "matches": [odd]})
    until(lambda: shown.lua("return #vim.fn.getqflist()") == 1)
    shown.keys(":cc 1<CR>")
    assert server.asked("fs/open") == {"folder": FOLDER, "path": "odd%0A.txt", "encoded": True}
