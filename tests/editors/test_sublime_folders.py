"""The folder view of Sublime Text's plug-in against a daemon that a test plays: the protocol's corners."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.editors.attach_server import AttachServer, Refusal
from tests.editors.sublime import ACTIVE, Sublime
from tests.harness.environment import Home
from tests.harness.wait import stays, until

FOLDER = "fedcba9876543210fedcba98"
OPEN = {"id": FOLDER, "uri": "rbridge://gpu1/home/u/p", "host": "gpu1", "path": "/home/u/p", "name": "p"}


def entry(name: str, kind: str = "file", **more: object) -> dict[str, object]:
    return {"name": name, "type": kind, "size": 1, "mtime": 0, "mode": 420, **more}


class Files:
    """What the played daemon lists: entries by path, *page* of them at once."""

    def __init__(self, server: AttachServer) -> None:
        self.entries: dict[str, list[dict[str, object]]] = {"": []}
        self.page = 1000
        server.handlers["fs/list"] = self._list
        server.handlers["fs/watch"] = lambda *_: {}
        server.handlers["folder/close"] = lambda *_: {}

    def _list(self, _: AttachServer, params: dict[str, Any]) -> Any:
        found = self.entries[params["path"]]
        first = 0
        if "after" in params:
            first = 1 + [one["name"] for one in found].index(params["after"])
        shown = found[first : first + self.page]
        more = first + self.page < len(found)
        last: dict[str, Any] = {"next": shown[-1]["name"] if more else None}
        if more and shown[-1].get("encoded"):
            last["encoded"] = True
        return {"entries": shown, **last}


@pytest.fixture
def server(home: Home) -> Iterator[AttachServer]:
    made = AttachServer(home.runtime / "editor.sock")
    yield made
    made.close()


@pytest.fixture
def files(server: AttachServer) -> Files:
    return Files(server)


@pytest.fixture
def editor(home: Home, server: AttachServer, files: Files) -> Iterator[Sublime]:
    made = Sublime(home)
    yield made
    made.kill()


def asked(server: AttachServer, method: str) -> list[dict[str, Any]]:
    return [one["params"] for one in server.got if one.get("method") == method]


def test_pages_are_asked_for_one_after_the_other(server: AttachServer, files: Files, editor: Sublime) -> None:
    files.entries[""] = [entry(f"{number:03}.txt") for number in range(7)]
    files.page = 3
    server.ask("folder/open", OPEN)
    until(lambda: len(editor.tree.paths) == 7)
    assert [one.get("after") for one in asked(server, "fs/list")] == [None, "002.txt", "005.txt"]


def test_a_page_that_ends_with_an_encoded_name(server: AttachServer, files: Files, editor: Sublime) -> None:
    """The path and the name after which more is asked for are spelled alike."""
    files.entries[""] = [entry("50%", "directory")]
    server.ask("folder/open", OPEN)
    files.entries["50%"] = files.entries["50%25"] = [entry("a%0A", encoded=True), entry("b")]
    files.page = 1
    editor.tree.expand("50%")
    editor.tree.until_shows("50%/a%0A", "50%/b")
    last = asked(server, "fs/list")[-1]
    assert (last["path"], last["after"], last["encoded"]) == ("50%25", "a%0A", True)


def test_names_that_could_be_taken_for_commands_are_one_line_each(
    server: AttachServer, files: Files, editor: Sublime
) -> None:
    files.entries[""] = [entry("a%0A%1B[2J", encoded=True), entry("b\u202etxt.exe"), entry("50%25")]
    server.ask("folder/open", OPEN)
    editor.tree.until_shows("a%0A%1B[2J", "b\\x202etxt.exe", "50%25")
    server.handlers["fs/open"] = silent
    for path, said in (("a%0A%1B[2J", ("a%0A%1B[2J", True)), ("50%25", ("50%25", None))):
        editor.tree.open(path)
        until(lambda said=said: (found := asked(server, "fs/open")) and shown(found[-1]) == said)


def silent(server: AttachServer, params: dict[str, Any]) -> Any:
    return None


def shown(params: dict[str, Any]) -> tuple[str, object]:
    return params["path"], params.get("encoded")


def test_what_is_unfolded_is_watched_and_listed_again(
    server: AttachServer, files: Files, editor: Sublime
) -> None:
    files.entries.update({"": [entry("src", "directory"), entry("b.py")], "src": [entry("a.py")]})
    server.ask("folder/open", OPEN)
    editor.tree.expand("src")
    until(lambda: asked(server, "fs/watch")[-1]["paths"] == ["", "src"])
    editor.tree._at("b.py")
    files.entries["src"] = [entry("a.py"), entry("new.py")]
    server.say("fs/changed", {"folder": FOLDER, "paths": ["src"]})
    editor.tree.until_shows("src/new.py")
    at = "sublime.active_window().active_view()"
    assert editor.look(f"{at}.substr({at}.line({at}.sel()[0].b))") == "  b.py", (
        "the cursor stays with its entry"
    )
    editor.tree._at("src/")
    editor.do("key('left')")
    until(lambda: asked(server, "fs/watch")[-1]["paths"] == [""])
    editor.tree.until_lacks("src/a.py")


def test_an_error_of_a_listing_is_shown_in_the_view(
    server: AttachServer, files: Files, editor: Sublime
) -> None:
    def refuse(*_: object) -> Any:
        raise Refusal(-32010, "permission denied", {"reason": "denied"})

    server.handlers["fs/list"] = refuse
    server.ask("folder/open", OPEN)
    until(lambda: "… permission denied" in editor.text)
    files.entries[""] = [entry("a.py")]
    server.handlers["fs/list"] = files._list
    editor.do("key('f5')")
    editor.tree.until_shows("a.py")
    assert "permission denied" not in editor.text


def test_the_question_before_removing_says_how_much_goes(
    server: AttachServer, files: Files, editor: Sublime
) -> None:
    def remove(_: AttachServer, params: dict[str, Any]) -> Any:
        if params.get("confirmed"):
            return {}
        raise Refusal(-32014, "needs the user's word", {"type": "directory", "entries": 12, "more": False})

    files.entries[""] = [entry("lib", "directory")]
    server.handlers["fs/remove"] = remove
    server.ask("folder/open", OPEN)
    editor.tree._at("lib/")
    editor.do("key('delete')")
    editor.until("app.dialogs")
    assert editor.dialog == "Remove the folder lib on gpu1, and the 12 names in it?"
    editor.press("Remove")
    until(lambda: len(asked(server, "fs/remove")) == 2)
    last = asked(server, "fs/remove")[-1]
    assert (last["recursive"], last["confirmed"]) == (True, True)


def test_results_come_as_they_are_found_and_can_be_given_up(
    server: AttachServer, files: Files, editor: Sublime
) -> None:
    server.handlers["fs/search"] = silent
    server.ask("folder/open", OPEN)
    editor.tree._type("/", "Model")
    about = server.asked("fs/search")
    match = {"path": "src/a.py", "line": 3, "column": 7, "length": 5, "text": "class Model:\x1b[2J"}
    server.say("fs/found", {"stream": about["stream"], "matches": [match]})
    until(lambda: "     3: class Model:\\x1b[2J" in editor.text)
    assert "src/a.py:" in editor.text
    number = next(one["id"] for one in server.got if one.get("method") == "fs/search")
    editor.do("palette('rbridge: Cancel Search')")
    assert server.asked("$/cancelRequest") == {"id": number}
    server.send({"id": number, "error": {"code": -32800, "message": "cancelled"}})
    until(lambda: editor.text.startswith("'Model' in gpu1:/home/u/p: cancelled"))


def test_an_empty_search_searches_nothing(server: AttachServer, editor: Sublime) -> None:
    server.ask("folder/open", OPEN)
    editor.tree._type("/", "")
    stays(lambda: not asked(server, "fs/search"), 0.2)


def test_more_than_is_offered_is_said(server: AttachServer, editor: Sublime) -> None:
    server.handlers["fs/find"] = lambda *_: {"paths": ["a.py", "b.py"], "truncated": True, "by": "git"}
    server.ask("folder/open", OPEN)
    assert editor.tree.find("py") == ["a.py", "b.py"]
    assert "there are more" in editor.told()


def test_a_picture_is_shown_by_the_laptops_viewer(
    server: AttachServer, files: Files, editor: Sublime
) -> None:
    files.entries[""] = [entry("paper.pdf")]
    said = {"viewer": "xdg-open", "kind": "PDF files", "name": "paper.pdf"}
    server.handlers["fs/open"] = lambda *_: said
    server.ask("folder/open", OPEN)
    editor.tree.open("paper.pdf")
    editor.said("paper.pdf is shown by xdg-open")
    assert editor.names == []


def test_after_a_daemon_that_was_started_anew_it_goes_on_in_the_same_view(
    server: AttachServer, files: Files, editor: Sublime
) -> None:
    files.entries[""] = [entry("a.py")]
    server.ask("folder/open", OPEN)
    editor.tree.until_shows("a.py")
    view = editor.look(f"{ACTIVE}.id")
    server.cut()
    hello = server.asked("initialize", 2)
    assert hello["folders"] == [{"id": FOLDER, "host": "gpu1", "path": "/home/u/p"}]
    until(lambda: editor.tree.status.startswith("not connected"))
    files.entries[""] = [entry("b.py")]
    server.ask("folder/open", {**OPEN, "id": "a" * 24})
    editor.tree.until_shows("b.py")
    assert editor.tree.status == ""
    assert editor.look("[one.id for one in app.views.values()]") == [view]
    editor.tree.close()
    assert server.asked("folder/close") == {"id": "a" * 24}


def test_a_command_without_a_connection_says_so(server: AttachServer, files: Files, editor: Sublime) -> None:
    def away(*_: object) -> Any:
        raise Refusal(-32015, "gpu1 is not connected")

    files.entries[""] = [entry("a.py")]
    server.ask("folder/open", OPEN)
    editor.tree.until_shows("a.py")
    server.say("folder/state", {"id": FOLDER, "connected": False})
    until(lambda: editor.tree.status.startswith("not connected"))
    server.handlers["fs/open"] = server.handlers["fs/list"] = away
    editor.tree.open("a.py")
    editor.said("a.py: gpu1 is not connected")
    stays(lambda: editor.tree.paths == ["a.py"], 0.2)


def test_a_large_directory_shows_a_part_and_says_so(
    server: AttachServer, files: Files, editor: Sublime
) -> None:
    files.entries[""] = [entry(f"{number:05}.txt") for number in range(20_003)]
    server.ask("folder/open", OPEN)
    until(lambda: "… 3 more are not shown: find them by name" in editor.text[-80:])
