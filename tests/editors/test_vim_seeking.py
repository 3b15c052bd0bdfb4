"""Finding files and searching in them in Vim's plug-in, against a daemon that a test plays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.editors.attach_server import ID, AttachServer, Refusal
from tests.editors.vim import Vim
from tests.editors.vim_played import FOLDER, TOP, Played
from tests.editors.vim_tree import POPUP
from tests.harness.environment import Home
from tests.harness.wait import stays, until

TITLE = "getqflist(#{title: 0}).title"
ITEMS = "getqflist()->map({_, one -> [bufname(one.bufnr), one.lnum, one.col, one.end_col, one.text]})"
ELSE = "b" * 24


def silent(server: AttachServer, params: dict[str, Any]) -> Any:
    return None


def found(*paths: str, **more: object) -> Any:
    return lambda *_: {"paths": paths, "truncated": False, "by": "git", **more}


def match(path: str, line: int, column: int, text: str, **more: object) -> dict[str, Any]:
    return {"path": path, "line": line, "column": column, "length": 1, "text": text, **more}


@pytest.fixture
def server(home: Home) -> Iterator[Played]:
    made = Played(home)
    made.handlers.update({"fs/find": silent, "fs/search": silent})
    yield made
    made.close()


@pytest.fixture
def editor(home: Home, server: Played) -> Iterator[Vim]:
    made = Vim(home)
    server.show()
    yield made
    made.kill()


def popup(editor: Vim, *lines: str, title: str = "") -> None:
    """Wait until the pop-up window has *lines*, and *title* at the end of its title."""

    def seen() -> bool:
        shown = editor.ask(POPUP)
        return bool(shown) and shown[0][1] == list(lines) and title in shown[0][0]

    until(seen, what=f"{lines}; it is {editor.ask(POPUP)}")


def number_of(server: Played, method: str, count: int = 1) -> int:
    """The id of the request *method* that came as number *count*."""
    server.asked(method, count)
    return int([one["id"] for one in server.got if one.get("method") == method][count - 1])


def test_files_are_found_while_they_are_typed(server: Played, editor: Vim) -> None:
    editor.keys(":RbridgeFind<CR>")
    popup(editor, "> ")
    stays(lambda: not server.asks("fs/find"), 0.2)
    editor.keys("m")
    first = server.asked("fs/find")
    assert (first["folder"], first["query"]) == (FOLDER, "m")
    popup(editor, "> m", title="looking")
    server.say("fs/found", {"stream": first["stream"], "paths": ["a/m", "b/m"]})
    popup(editor, "> m", "  a/m", "  b/m", title="looking")
    editor.keys("<Down>")
    server.say("fs/found", {"stream": first["stream"], "paths": ["z/m", "a/m", "b/m"]})
    popup(editor, "> m", "  z/m", "  a/m", "  b/m")
    editor.keys("o")
    assert server.asked("$/cancelRequest") == {"id": number_of(server, "fs/find")}
    second = server.asked("fs/find", 2)
    assert second["query"] == "mo"
    server.say("fs/found", {"stream": first["stream"], "paths": ["late"]})
    server.send({"id": number_of(server, "fs/find"), "error": {"code": -32800, "message": "cancelled"}})
    answer = {"paths": ["src/model.py"], "encoded": ["a%0Ab"], "truncated": True, "by": "git"}
    server.send({"id": number_of(server, "fs/find", 2), "result": answer})
    popup(editor, "> mo", "  src/model.py", "  a%0Ab", title="the best 2, there are more")
    editor.keys("<CR>")
    editor.sees("src/model.py")
    assert server.asked("fs/open") == {"folder": FOLDER, "path": "src/model.py"}


def test_what_is_typed_can_be_taken_back(server: Played, editor: Vim) -> None:
    server.handlers["fs/find"] = found("a.py")
    editor.keys(":RbridgeFind one tw日<CR>")
    popup(editor, "> one tw日", "  a.py", title="1 file")
    editor.keys("<BSpace>")
    popup(editor, "> one tw", "  a.py")
    editor.keys("<C-w>")
    popup(editor, "> one ", "  a.py")
    editor.keys("<C-u>")
    popup(editor, "> ")
    editor.keys("ü")
    popup(editor, "> ü", "  a.py")
    editor.keys("<Esc>")
    editor.until("empty(popup_list())")
    assert (editor.path, editor.ask("mode()")) == (TOP, "n")


def test_the_chosen_one_of_many_is_seen(server: Played, editor: Vim) -> None:
    server.handlers["fs/find"] = found(*(f"{number:02}.py" for number in range(20)))
    editor.keys(":RbridgeFind p<CR>")
    popup(editor, "> p", *(f"  {number:02}.py" for number in range(15)))
    editor.keys("<Down>" * 16)
    popup(editor, "> p", *(f"  {number:02}.py" for number in range(2, 17)))
    editor.keys("<C-v>")
    editor.sees("16.py")
    assert editor.ask("winnr('$')") == 2


def test_a_find_that_fails_says_why(server: Played, editor: Vim) -> None:
    def refuse(*_: object) -> Any:
        raise Refusal(-32015, "gpu1 is not connected")

    server.handlers["fs/find"] = refuse
    editor.keys(":RbridgeFind p<CR>")
    popup(editor, "> p", title="gpu1 is not connected")
    editor.keys("<CR>")
    server.handlers["fs/find"] = found()
    editor.keys("y")
    popup(editor, "> py", title="nothing found")


def test_matches_come_as_they_are_found(server: Played, editor: Vim) -> None:
    editor.keys(":RbridgeSearch! zw.lf<CR>")
    asked = server.asked("fs/search")
    assert (asked["query"], asked["regex"]) == ("zw.lf", True)
    editor.until(f"&buftype == 'quickfix' && {TITLE} =~ 'zw.lf in gpu1:/home/u/project: searching'")
    server.say("fs/found", {"stream": asked["stream"], "matches": [match("a.py", 3, 7, "zwölf x")]})
    editor.until("len(getqflist()) == 1")
    more = [match("src/b.py", 9, 1005, "ü mehr", **{"from": 1003}), match("c%0A", 1, 1, "x", encoded=True)]
    server.say("fs/found", {"stream": asked["stream"], "matches": more})
    editor.until("len(getqflist()) == 3")
    assert editor.ask(ITEMS) == [
        [TOP + "a.py", 3, 8, 9, "zwölf x"],
        [TOP + "src/b.py", 9, 1006, 1007, "ü mehr"],
        [TOP + "c\n", 1, 1, 2, "x"],
    ]
    answer = {"matches": [], "truncated": True, "by": "rg"}
    server.send({"id": number_of(server, "fs/search"), "result": answer})
    editor.until(f"{TITLE} =~ 'the first 3, there are more'")


def test_a_search_is_given_up(server: Played, editor: Vim) -> None:
    editor.keys(":RbridgeSearch one<CR>")
    server.asked("fs/search")
    editor.keys(":RbridgeSearch two<CR>")
    assert server.asked("$/cancelRequest") == {"id": number_of(server, "fs/search")}
    cancelled = {"code": -32800, "message": "cancelled"}
    server.send({"id": number_of(server, "fs/search"), "error": cancelled})
    editor.until("getqflist(#{nr: 1, title: 0}).title =~ 'given up after 0'")
    editor.until(f"{TITLE} =~ 'two in .* searching'")
    editor.keys(":RbridgeStop<CR>")
    assert server.asked("$/cancelRequest", 2) == {"id": number_of(server, "fs/search", 2)}
    server.send({"id": number_of(server, "fs/search", 2), "error": cancelled})
    editor.until(f"{TITLE} =~ 'given up'")


def test_a_search_for_nothing(server: Played, editor: Vim) -> None:
    editor.keys("s")
    editor.until("mode() == 'c'")
    editor.keys("<CR>")
    editor.until("mode() == 'n'")
    assert (server.asks("fs/search"), editor.path) == ([], TOP)


def test_a_search_that_fails_says_why(server: Played, editor: Vim) -> None:
    def refuse(*_: object) -> Any:
        raise Refusal(-32010, "regex parse error", {"reason": "failed"})

    server.handlers["fs/search"] = refuse
    editor.keys(":RbridgeSearch! (<CR>")
    editor.said("cannot search: regex parse error")


def searched(server: Played, editor: Vim) -> None:
    editor.keys(":RbridgeSearch x<CR>")
    stream = server.asked("fs/search")["stream"]
    matches = [match("a.py", 2, 3, "  x"), match("b.py", 1, 1, "x")]
    server.say("fs/found", {"stream": stream, "matches": matches})
    editor.until("len(getqflist()) == 2")


def test_a_match_is_opened_like_any_file(server: Played, editor: Vim) -> None:
    server.text = "one\n  x\nthree\n"
    searched(server, editor)
    editor.keys("<CR>")
    editor.sees("a.py")
    until(lambda: editor.cursor == (2, 3), what=f"the cursor is at {editor.cursor}")
    assert editor.text == server.text
    assert server.asked("fs/open") == {"folder": FOLDER, "path": "a.py", "create": True}
    assert editor.ask("winnr('$')") == 2
    assert editor.status == "gpu1: saved"
    server.handlers["fs/open"] = lambda *_: {"viewer": "xdg-open", "kind": "pictures", "name": "b.py"}
    editor.keys(":cnext<CR>")
    editor.said("b.py is shown by xdg-open")


def test_a_match_in_a_file_that_is_open_under_another_name(server: Played, editor: Vim) -> None:
    """A link: there is one buffer of it."""
    server.open()
    server.handlers["fs/open"] = lambda *_: {"id": ID, "host": "gpu1", "path": "/home/u/x.py", "name": "x.py"}
    searched(server, editor)
    editor.keys("<CR>")
    editor.sees("/home/u/x.py")
    assert [name.rpartition("/")[2] for name in editor.names] == ["x.py"]


def test_a_match_in_a_file_that_is_not_opened(server: Played, editor: Vim) -> None:
    def refuse(*_: object) -> Any:
        raise Refusal(-32016, "a.py on gpu1 is open in another window, of Emacs")

    server.handlers["fs/open"] = refuse
    searched(server, editor)
    editor.keys("<CR>")
    editor.said("a.py is not opened: a.py on gpu1 is open in another window, of Emacs")
    assert editor.ask("[&modifiable, getline(1, '$')]") == [0, [""]]


def test_the_host_opens_a_file_that_a_list_names(server: Played, editor: Vim) -> None:
    """The list goes on to lead there."""
    searched(server, editor)
    server.open(id=ELSE, path="/home/u/project/b.py", name="b.py")
    editor.sees("b.py")
    editor.keys(":cc 2<CR>")
    stays(lambda: not server.asks("fs/open"), 0.2)
    assert editor.path == TOP + "b.py"
    assert editor.ask("getqflist()[1].bufnr") == editor.ask("bufnr()")
