"""Folders in Vim's plug-in, against a daemon that a test plays: what a real one does rarely, or never."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.editors.attach_server import AttachServer, Refusal
from tests.editors.vim import Vim
from tests.editors.vim_played import FOLDER, TOP, Played, file, listed, opened
from tests.editors.vim_tree import POPUP
from tests.harness.environment import Home
from tests.harness.wait import stays, until

AGAIN = "a" * 24


def away(server: AttachServer, params: dict[str, Any]) -> Any:
    raise Refusal(-32015, "gpu1 is not connected")


@pytest.fixture
def server(home: Home) -> Iterator[Played]:
    made = Played(home)
    yield made
    made.close()


@pytest.fixture
def editor(home: Home, server: Played) -> Iterator[Vim]:
    made = Vim(home)
    yield made
    made.kill()


def shows(editor: Vim, *lines: str) -> None:
    until(lambda: editor.tree.lines[1:] == list(lines), what=f"{lines} in {editor.tree.lines}")


def on(editor: Vim, line: int) -> None:
    editor.keys(f":{line}<CR>")
    editor.until(f"line('.') == {line}")


def test_it_is_shown_and_watched(server: Played, editor: Vim) -> None:
    server.show()
    assert editor.path == TOP
    shows(editor, "+ src/", "  a.py", "  b.py")
    assert editor.tree.root == "gpu1:/home/u/project"
    assert editor.status == "gpu1: folder"
    assert server.asked("fs/watch") == {"folder": FOLDER, "paths": [""]}
    on(editor, 2)
    editor.keys("<CR>")
    shows(editor, "- src/", "    model.py", "  a.py", "  b.py")
    assert server.asked("fs/watch", 2)["paths"] == ["", "src"]
    on(editor, 3)
    editor.keys("-")
    editor.until("line('.') == 2")
    editor.keys("<CR>")
    shows(editor, "+ src/", "  a.py", "  b.py")
    assert server.asked("fs/watch", 3)["paths"] == [""]
    assert editor.ask("[&modifiable, &buflisted, &swapfile]") == [0, 0, 0]


def test_it_is_shown_beside_what_has_the_focus(server: Played, editor: Vim) -> None:
    server.show(keepFocus=True)
    assert editor.path == ""
    assert editor.ask("winnr('$')") == 2
    server.say("folder/focus", {"id": FOLDER})
    editor.sees(TOP)


def test_a_directory_that_cannot_be_read_says_so(server: Played, editor: Vim) -> None:
    del server.entries["src"]
    server.show()
    shows(editor, "+ src/", "  a.py", "  b.py")
    on(editor, 2)
    editor.keys("<CR>")
    shows(editor, "- src/", "  " + "  (src: No such file or directory)", "  a.py", "  b.py")
    server.entries[""] = []
    server.changes("")
    shows(editor, "  (empty)")


def test_a_large_directory_comes_in_pages(server: Played, editor: Vim) -> None:
    server.entries[""] = [file(f"{number:05}") for number in range(12000)]
    held: list[dict[str, Any]] = []

    def first(server: AttachServer, params: dict[str, Any]) -> Any:
        if params["after"]:
            held.append(params)
            return None
        return listed(server, params)

    server.handlers["fs/list"] = first
    server.show()
    until(lambda: len(editor.tree.lines) == 201)
    assert (held[0]["after"], held[0]["limit"]) == ("00199", 1000)
    server.handlers["fs/list"] = listed
    number = [one["id"] for one in server.got if one.get("method") == "fs/list"][-1]
    server.send({"id": number, "result": listed(server, held[0])})
    until(lambda: "only 10000 names are shown" in editor.tree.lines[-1])
    assert len(editor.tree.lines) == 10002


def test_a_refresh_leaves_the_cursor_with_its_name(server: Played, editor: Vim) -> None:
    server.show()
    shows(editor, "+ src/", "  a.py", "  b.py")
    assert editor.ask("line('.')") == 1
    server.entries[""] = [file("0.py"), *server.entries[""]]
    server.changes("")
    shows(editor, "+ src/", "  0.py", "  a.py", "  b.py")
    assert editor.ask("line('.')") == 1
    on(editor, 5)
    server.entries[""] = [file("1.py"), *server.entries[""]]
    server.changes("")
    shows(editor, "+ src/", "  1.py", "  0.py", "  a.py", "  b.py")
    assert editor.ask("line('.')") == 6
    server.entries[""].pop(3)
    server.changes("")
    shows(editor, "+ src/", "  1.py", "  0.py", "  a.py")
    assert editor.ask("line('.')") == 5


def test_a_refresh_waits_for_who_selects_or_types(server: Played, editor: Vim) -> None:
    server.show()
    shows(editor, "+ src/", "  a.py", "  b.py")
    on(editor, 3)
    editor.keys("V")
    server.entries[""] = [file("0.py"), *server.entries[""]]
    server.changes("")
    server.asked("fs/list", 2)
    stays(lambda: len(editor.tree.lines) == 4, 0.3)
    editor.keys("<Esc>")
    shows(editor, "+ src/", "  0.py", "  a.py", "  b.py")
    server.handlers["fs/list"] = lambda *_: None
    server.changes("")
    asked = server.asked("fs/list", 3)
    editor.keys("R")
    editor.until("mode() == 'c'")
    server.entries[""] = server.entries[""][1:]
    number = [one["id"] for one in server.got if one.get("method") == "fs/list"][-1]
    server.send({"id": number, "result": listed(server, asked)})
    editor.keys("x<CR>")
    assert server.asked("fs/move") == {"folder": FOLDER, "path": "a.py", "to": "a.pyx"}


def test_a_host_that_is_away(server: Played, editor: Vim) -> None:
    server.show()
    shows(editor, "+ src/", "  a.py", "  b.py")
    server.say("folder/state", {"id": FOLDER, "connected": False})
    until(lambda: "not connected" in editor.tree.status)
    for method in ("fs/list", "fs/open", "fs/move"):
        server.handlers[method] = away
    on(editor, 3)
    editor.keys("<CR>")
    editor.said("a.py is not opened: gpu1 is not connected")
    editor.keys(":RbridgeRename c.py<CR>")
    editor.said("a.py is not renamed: gpu1 is not connected")
    editor.keys(":RbridgeRefresh<CR>")
    editor.said("what is shown may be old")
    shows(editor, "+ src/", "  a.py", "  b.py")
    server.handlers["fs/list"] = listed
    server.entries[""] = [file("new.py")]
    server.say("folder/state", {"id": FOLDER, "connected": True})
    shows(editor, "  new.py")
    assert editor.tree.status == ""


def test_a_lost_connection(server: Played, editor: Vim) -> None:
    server.show()
    shows(editor, "+ src/", "  a.py", "  b.py")
    server.handlers["initialize"] = lambda *_: {
        "version": 1,
        "buffers": [],
        "folders": [{"id": FOLDER, "connected": True}],
    }
    server.entries[""] = [file("new.py")]
    server.cut()
    until(lambda: "no rbridge" in editor.tree.status)
    said = server.asked("initialize", 2)["folders"]
    assert said == [{"id": FOLDER, "host": "gpu1", "path": "/home/u/project"}]
    shows(editor, "  new.py")
    assert editor.tree.status == ""


def test_a_daemon_that_was_started_anew(server: Played, editor: Vim) -> None:
    """The folder comes back under another id, and is shown where it was, wherever the user is now."""
    server.show()
    shows(editor, "+ src/", "  a.py", "  b.py")
    editor.keys(":enew<CR>")
    server.cut()
    server.asked("initialize", 2)
    until(lambda: "not connected" in editor.tree.status)
    editor.keys(":RbridgeFind a<CR>")
    editor.until(f"!empty(popup_list()) && {POPUP}[0][0] =~ 'gpu1 is not connected'")
    editor.keys("<Esc>")
    server.entries[""] = [file("new.py")]
    server.show(id=AGAIN)
    shows(editor, "  new.py")
    assert (editor.path, editor.ask("winnr('$')"), editor.tree.status) == ("", 1, "")
    assert server.asks("fs/list")[-1]["folder"] == AGAIN
    editor.keys(":RbridgeCloseFolder<CR>")
    assert server.asked("folder/close") == {"id": AGAIN}


def test_names_that_are_no_text(server: Played, editor: Vim) -> None:
    """They are bytes here, and percent-encoded in messages and for the user."""
    odd = "a%0A\\b%FF%25.py"
    server.entries = {"": [file("100%", "directory")], "100%": [file(odd, encoded=True), file("plain %41")]}
    server.show()
    shows(editor, "+ 100%/")
    on(editor, 2)
    editor.keys("<CR>")
    shows(editor, "- 100%/", f"    {odd}", "    plain %41")
    on(editor, 3)
    editor.keys("<CR>")
    asked = server.asked("fs/open")
    assert (asked["path"], asked["encoded"]) == ("100%25/a%0A\\b%FF%25.py", True)
    editor.sees("%.py")
    assert editor.ask(f'bufname() ==# "{TOP}100%/a\\n\\\\b\\xff%.py"')
    editor.keys(":RbridgeRename 100%25/%FE.py<CR>")
    asked = server.asked("fs/move")
    assert (asked["to"], asked["encoded"]) == ("100%25/%FE.py", True)
    editor.until(f'bufname() ==# "{TOP}100%/\\xfe.py"')
    assert len(editor.names) == 1
    editor.keys(":RbridgeFolder<CR>")
    on(editor, 4)
    editor.keys("<CR>")
    assert server.asked("fs/open", 2) == {"folder": FOLDER, "path": "100%/plain %41"}
    server.entries["100%"] = [file("x")]
    server.changes(encoded=["100%25"])
    shows(editor, "- 100%/", "    x")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"type": "directory", "entries": 12, "more": False}, "Remove src/ with 12 names in it on gpu1?"),
        (
            {"type": "directory", "entries": 9, "more": True},
            "Remove src/ with more than 9 names in it on gpu1?",
        ),
        ({"type": "directory", "entries": 0, "more": False}, "Remove src/, which is empty, on gpu1?"),
        ({"type": "link", "entries": 0, "more": False}, "Remove src on gpu1?"),
    ],
)
def test_removing_asks(server: Played, editor: Vim, data: dict[str, Any], words: str) -> None:
    def remove(server: AttachServer, params: dict[str, Any]) -> Any:
        if "confirmed" not in params:
            raise Refusal(-32014, "needs the user's word", data)
        return {}

    server.handlers["fs/remove"] = remove
    server.show()
    shows(editor, "+ src/", "  a.py", "  b.py")
    on(editor, 2)
    editor.keys("D")
    editor.tmux.wait_for(words)
    editor.keys("<CR>")  # the cursor is on `Keep`
    editor.until("empty(popup_list())")
    assert len(server.asks("fs/remove")) == 1
    editor.keys("D")
    editor.answer(words, "Remove")
    asked = server.asked("fs/remove", 3)
    is_directory = data["type"] == "directory"
    assert asked == {"folder": FOLDER, "path": "src", "recursive": is_directory, "confirmed": True}
    editor.said("src removed on gpu1")


def test_a_read_only_folder_is_not_changed(server: Played, editor: Vim) -> None:
    server.show(readOnly=True)
    assert "[read-only]" in editor.tree.lines[0]
    shows(editor, "+ src/", "  a.py", "  b.py")
    on(editor, 3)
    for number, keys in enumerate(("%", "d", "R", "D"), 1):
        editor.keys(keys)
        until(lambda count=number: editor.told().count("is read-only") == count)
    assert not [one for one in server.got if one.get("method") in ("fs/make", "fs/move", "fs/remove")]


def test_what_cannot_be_opened_says_why(server: Played, editor: Vim) -> None:
    server.show()
    shows(editor, "+ src/", "  a.py", "  b.py")
    on(editor, 3)

    def elsewhere(server: AttachServer, params: dict[str, Any]) -> Any:
        raise Refusal(-32016, "a.py on gpu1 is open in another window, of Emacs")

    server.handlers["fs/open"] = elsewhere
    editor.keys("<CR>")
    editor.said("a.py is not opened: a.py on gpu1 is open in another window, of Emacs")
    server.handlers["fs/open"] = lambda *_: {"viewer": "xdg-open", "kind": "pictures", "name": "a.py"}
    editor.keys("<CR>")
    editor.said("a.py is shown by xdg-open")
    assert (editor.path, editor.names) == (TOP, [])


@pytest.mark.parametrize("keys", ["q", ":bdelete<CR>", ":q<CR>", ":qa<CR>"])
def test_closing_is_said(server: Played, editor: Vim, keys: str) -> None:
    server.show(wait=True)
    assert editor.ask("winnr('$')") == 2
    shows(editor, "+ src/", "  a.py", "  b.py")
    editor.keys(keys)
    assert server.asked("folder/close") == {"id": FOLDER}
    if keys != ":qa<CR>":
        until(lambda: editor.tree.root == "")


def test_it_is_closed_on_the_host(server: Played, editor: Vim) -> None:
    server.show()
    server.say("folder/closed", {"id": FOLDER, "message": "gone"})
    editor.said("gpu1:/home/u/project was closed: gone")
    assert editor.tree.root == ""
    editor.keys(":RbridgeFind<CR>")
    editor.said("no folder of a host is shown here")
    assert not server.asks("folder/close")


def test_a_file_in_a_split(server: Played, editor: Vim) -> None:
    server.show()
    shows(editor, "+ src/", "  a.py", "  b.py")
    on(editor, 3)
    editor.keys("v")
    editor.sees("a.py")
    assert editor.ask("[winnr('$'), bufname(winbufnr(2))]") == [2, TOP]

    def other(server: AttachServer, params: dict[str, Any]) -> Any:
        return {**opened(server, params), "id": AGAIN}

    server.handlers["fs/open"] = other
    editor.keys(":wincmd p<CR>:4<CR>P")
    editor.sees("b.py")
    assert editor.ask("[winnr('$'), bufname(winbufnr(2))]") == [2, TOP]
