"""Neovim's view of a folder against a daemon that a test plays: pages, watches, opening, lost connections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.editors.attach_server import AttachServer, Refusal
from tests.editors.folder_server import ANEW, FOLDER, ROOT, FolderServer
from tests.editors.nvim import Neovim
from tests.harness.environment import Home
from tests.harness.wait import stays, until


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


# The view


def test_a_directory_is_shown_before_its_last_page_came(server: FolderServer, editor: Neovim) -> None:
    server.files[""] = [f"{number}.txt" for number in range(5)]
    server.page = 2

    def all_but_the_last(_: AttachServer, params: dict[str, Any]) -> Any:
        return None if params.get("after") == "3.txt" else server.listed(params)

    server.handlers["fs/list"] = all_but_the_last
    server.show()
    editor.tree.until_shows("0.txt", "1.txt")
    until(lambda: server.asked_for("fs/list", "after") == [None, "1.txt", "3.txt"])
    number = next(one["id"] for one in reversed(server.got) if one.get("method") == "fs/list")
    server.send({"id": number, "result": {"entries": [{"name": "4.txt", "type": "file"}], "next": None}})
    until(lambda: editor.tree.paths == [f"{number}.txt" for number in range(5)])


def test_a_directory_without_end_is_cut_off(server: FolderServer, editor: Neovim) -> None:
    server.files[""] = [f"{number:05}" for number in range(20500)]
    server.show()
    until(lambda: len(editor.lines) == 20002)
    assert editor.lines[-1] == "  … 20000 are shown, there are more: :RbridgeFind"
    assert len(server.asked_for("fs/list")) == 20


def test_directories_come_first_and_are_listed_when_they_are_shown(
    server: FolderServer, shown: Neovim
) -> None:
    assert shown.tree.paths == ["src/", "a.txt", "b.txt"]
    assert server.asked_for("fs/list") == [""]
    shown.tree.expand("src")
    assert shown.tree.paths == ["src/", "src/c.py", "a.txt", "b.txt"]
    assert server.asked_for("fs/list") == ["", "src"]
    until(lambda: server.asked_for("fs/watch", "paths") == [[""], ["", "src"]])
    shown.keys("<CR>")
    until(lambda: shown.tree.paths == ["src/", "a.txt", "b.txt"])
    until(lambda: server.asked_for("fs/watch", "paths")[2:] == [[""]])


def test_what_cannot_be_listed_says_so_in_its_place(server: FolderServer, shown: Neovim) -> None:
    def denied(_: AttachServer, params: dict[str, Any]) -> Any:
        if params["path"] == "src":
            raise Refusal(-32010, "cannot list src: permission denied", {"reason": "denied"})
        return server.listed(params)

    server.handlers["fs/list"] = denied
    shown.keys("2gg<CR>")
    until(lambda: "  ! cannot list src: permission denied" in "\n".join(shown.lines))
    assert shown.tree.paths == ["src/", "a.txt", "b.txt"]


def test_a_change_on_the_host_leaves_the_cursor_on_its_entry(server: FolderServer, shown: Neovim) -> None:
    shown.keys("4gg")
    until(lambda: shown.cursor[0] == 4)
    server.files[""] = ["lib/", "src/", "0.txt", "b.txt"]
    server.say("fs/changed", {"folder": FOLDER, "paths": [""]})
    shown.tree.until_shows("lib/", "0.txt")
    shown.tree.until_lacks("a.txt")
    until(lambda: shown.line(shown.cursor[0]).endswith("b.txt"))


def test_names_are_said_as_the_protocol_wants_them(server: FolderServer, shown: Neovim) -> None:
    entries = [
        {"name": "odd%0A%1B%C3%BC%FF%25", "type": "directory", "encoded": True},
        {"name": "50% ü", "type": "file"},
    ]
    answers = {"": entries, "odd%0A%1B%C3%BC%FF%25": [{"name": "x", "type": "file"}]}
    server.handlers["fs/list"] = lambda _, params: {"entries": answers[params["path"]], "next": None}
    shown.keys("<C-l>")
    shown.tree.until_shows("odd\\n\\x1bü\\xff%/", "50% ü")
    shown.tree.expand("odd\\n\\x1bü\\xff%")
    assert server.asked("fs/list", 3) == {"folder": FOLDER, "path": "odd%0A%1B%C3%BC%FF%25", "encoded": True}
    shown.tree.open("odd\\n\\x1bü\\xff%/x")
    assert server.asked("fs/open") == {"folder": FOLDER, "path": "odd%0A%1B%C3%BC%FF%25/x", "encoded": True}
    assert server.asked("fs/watch", 2)["encoded"] == ["odd%0A%1B%C3%BC%FF%25"]


def test_links_say_where_they_lead(server: FolderServer, shown: Neovim) -> None:
    entries = [
        {"name": "in", "type": "file", "link": "a.txt"},
        {"name": "lost", "type": "link", "link": "gone\n", "dangling": True},
        {"name": "out", "type": "link", "link": "/etc", "outside": True},
    ]
    server.handlers["fs/list"] = lambda _, __: {"entries": entries, "next": None}
    shown.keys("<C-l>")
    shown.tree.until_shows("in", "lost", "out")
    notes = [note for _, note in shown.tree._lines()[1:]]
    assert notes == ["-> a.txt", "-> gone\\n (leads nowhere)", "-> /etc (outside)"]


def test_a_folder_comes_to_the_front_unless_that_is_not_wanted(server: FolderServer, editor: Neovim) -> None:
    server.open()
    server.show(keepFocus=True)
    editor.tree.until_shows("a.txt")
    assert editor.path.endswith("x.py")
    server.say("folder/focus", {"id": FOLDER})
    editor.sees("/project/")


def test_who_types_is_not_disturbed(server: FolderServer, editor: Neovim) -> None:
    server.open()
    editor.keys("iabc")
    server.show()
    editor.tree.until_shows("a.txt")
    editor.keys("def<Esc>")
    editor.until_text("abcdefone\n")


def test_two_folders_of_one_name_are_told_apart(server: FolderServer, shown: Neovim) -> None:
    server.show("b" * 24, host="gpu2")
    until(lambda: shown.lua("return vim.tbl_count(require('rbridge.folders').by_buf)") == 2)
    assert shown.path == f"rbridge://gpu2{ROOT}/"


# Opening


@pytest.mark.parametrize(("key", "layout"), [("o", "col"), ("v", "row")])
def test_a_file_beside_the_view(server: FolderServer, shown: Neovim, key: str, layout: str) -> None:
    shown.keys(f"3gg{key}")
    shown.sees("a.txt")
    shown.until_text("one\n")
    assert shown.lua("return vim.fn.winlayout()")[0] == layout


def test_a_file_in_a_tab_page(server: FolderServer, shown: Neovim) -> None:
    shown.keys("3ggt")
    shown.sees("a.txt")
    assert shown.lua("return vim.fn.tabpagenr('$')") == 2


def test_impatience_opens_a_file_once(server: FolderServer, shown: Neovim) -> None:
    server.handlers["fs/open"] = silent
    shown.keys("3gg<CR><CR><CR>")
    server.asked("fs/open")
    shown.keys("4gg<CR>")
    server.asked("fs/open", 2)
    assert server.asked_for("fs/open") == ["a.txt", "b.txt"]


def test_what_cannot_be_opened_is_said_and_looked_at_again(server: FolderServer, shown: Neovim) -> None:
    def refused(_: AttachServer, __: object) -> Any:
        raise Refusal(-32016, "gpu1:/home/u/project/a.txt is open in another window, of Vim")

    server.handlers["fs/open"] = refused
    shown.keys("3gg<CR>")
    shown.said("is open in another window, of Vim")
    until(lambda: server.asked_for("fs/list") == ["", ""])
    assert shown.path.endswith("/project/")
    shown.keys("<CR>")
    server.asked("fs/open", 2)


def test_a_text_that_cannot_be_read_is_given_back(server: FolderServer, shown: Neovim) -> None:
    def gone(_: AttachServer, __: object) -> Any:
        raise Refusal(-32009, "no such buffer")

    server.handlers["buffer/read"] = gone
    shown.keys("3gg<CR>")
    assert server.asked("buffer/close")["id"] == server.head("a.txt")["id"]
    shown.said("no such buffer")


def test_what_another_program_shows_is_said(server: FolderServer, shown: Neovim) -> None:
    server.handlers["fs/open"] = lambda _, __: {"viewer": "xdg-open", "kind": "pictures", "name": "a.png"}
    shown.keys("3gg<CR>")
    shown.said("a.png is shown by xdg-open")
    assert shown.path.endswith("/project/")


def test_a_name_in_the_folder_can_be_edited(server: FolderServer, shown: Neovim) -> None:
    shown.keys(f":edit rbridge://gpu1{ROOT}/src/c.py<CR>")
    shown.sees("c.py")
    shown.until_text("one\n")
    assert server.asked("fs/open") == {"folder": FOLDER, "path": "src/c.py"}
    shown.keys(f":edit rbridge://gpu1{ROOT}x/src/c.py<CR>")
    shown.said("not open")


def test_another_name_of_an_open_file_leads_to_its_buffer(server: FolderServer, shown: Neovim) -> None:
    shown.tree.open("a.txt")
    shown.until_text("one\n")
    server.handlers["fs/open"] = lambda _, __: server.head("a.txt")
    shown.keys(f":edit rbridge://gpu1{ROOT}/link.txt<CR>")
    shown.sees("a.txt")
    assert len(shown.names) == 1


# The connection, and the end


def test_a_lost_connection_is_said_and_what_is_shown_is_asked_for_again(
    server: FolderServer, shown: Neovim
) -> None:
    shown.tree.expand("src")
    server.stands(False)
    until(lambda: shown.tree.status == "not connected")
    assert shown.status == "gpu1: not connected"
    server.files["src"] = ["d.py"]
    server.stands(True)
    shown.tree.until_shows("src/d.py")
    assert (shown.tree.status, shown.status) == ("", "gpu1: folder")


def test_a_view_goes_on_with_the_same_daemon(server: FolderServer, shown: Neovim) -> None:
    server.folders = [{"id": FOLDER, "connected": True}]
    server.files[""] = ["new.txt"]
    server.cut()
    shown.tree.until_shows("new.txt")
    said = server.asked("initialize", 2)
    assert said["folders"] == [{"id": FOLDER, "host": "gpu1", "path": ROOT}]
    until(lambda: server.asked_for("fs/watch", "paths")[-1] == [""])


def test_a_view_goes_on_with_another_daemon(server: FolderServer, shown: Neovim) -> None:
    shown.tree.expand("src")
    server.cut()
    server.asked("initialize", 2)
    until(lambda: shown.tree.status == "not connected")
    server.files["src"] = ["new.py"]
    shown.keys(":enew<CR>")
    server.show(ANEW)
    shown.tree.until_shows("src/new.py")
    assert server.asked("fs/list", 4)["folder"] == ANEW
    assert shown.path == ""
    shown.keys(":RbridgeFolder<CR>")
    shown.sees("/project/")
    assert shown.lua("return vim.tbl_count(require('rbridge.folders').by_buf)") == 1


def test_a_view_that_nobody_takes_up_again_says_that_it_is_closed(
    server: FolderServer, shown: Neovim
) -> None:
    shown.lua("require('rbridge.folders').patience = 100")

    def unknown(_: AttachServer, __: object) -> Any:
        raise Refusal(-32017, "this window has no such folder")

    server.handlers.update({"fs/list": unknown, "fs/open": unknown})
    server.cut()
    shown.said("is not open any more")
    assert shown.tree.status == "closed"
    shown.keys("3gg<CR><C-l>")
    shown.said("not connected")
    assert shown.tree.paths == ["src/", "a.txt", "b.txt"]
    server.show(ANEW)
    until(lambda: shown.tree.status == "")


@pytest.mark.parametrize("keys", ["q", ":bdelete<CR>", ":RbridgeCloseFolder<CR>"])
def test_a_folder_that_is_closed_says_so_once(server: FolderServer, shown: Neovim, keys: str) -> None:
    shown.keys(keys)
    assert server.asked("folder/close") == {"id": FOLDER}
    until(lambda: not shown.tree.root)
    shown.keys(":RbridgeFolder<CR>")
    shown.said("no folder is open")
    stays(lambda: len(server.asked_for("folder/close")) == 1, 0.2)


def test_a_folder_that_is_waited_for_is_closed_with_its_window(server: FolderServer, editor: Neovim) -> None:
    server.open()
    server.show(wait=True)
    editor.tree.until_shows("a.txt")
    assert editor.lua("return vim.fn.winnr('$')") == 2
    editor.keys("3gg<CR>")
    editor.sees("a.txt")
    stays(lambda: not server.asked_for("folder/close"), 0.2)
    editor.keys(":RbridgeFolder<CR>:q<CR>")
    assert server.asked("folder/close") == {"id": FOLDER}


def test_editing_the_view_lists_it_again(server: FolderServer, shown: Neovim) -> None:
    server.files[""] = ["new.txt"]
    shown.keys(":edit<CR>")
    shown.tree.until_shows("new.txt")
    stays(lambda: not server.asked_for("folder/close"), 0.2)


def test_the_end_of_neovim_closes_it(server: FolderServer, shown: Neovim) -> None:
    shown.quit()
    assert server.asked("folder/close") == {"id": FOLDER}
    assert shown.ended() == 0
