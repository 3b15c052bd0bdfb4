"""``buffer/diff`` in editors, against a daemon that a test plays: what a real one does rarely."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.editors import diffs
from tests.editors.attach_server import ID, AttachServer
from tests.editors.driver import Driver
from tests.editors.drivers import driver
from tests.harness.environment import Home
from tests.harness.wait import stays, until

OTHER = "89abcdef0123456789abcdef"
TABS = {"nvim": "return vim.fn.tabpagenr('$')", "vim": "tabpagenr('$')"}


@pytest.fixture
def server(home: Home) -> Iterator[AttachServer]:
    made = AttachServer(home.runtime / "editor.sock", "one\ntwo\n")
    yield made
    made.close()


@pytest.fixture(params=["nvim", "vim", "emacs"])
def editor(request: pytest.FixtureRequest, home: Home, server: AttachServer) -> Iterator[Any]:
    made = driver(request.param)(home)
    yield made
    made.kill()


def take_in(server: AttachServer, **more: object) -> None:
    """Have both texts opened for a diff."""
    for document, name in ((ID, "a.py"), (OTHER, "b.py")):
        said = {"id": document, "path": f"/home/u/{name}", "name": name, "diff": True, **more}
        assert server.open(**said) in ({}, None, [])


def show(server: AttachServer, **more: object) -> dict[str, Any]:
    """Ask for the diff; the whole answer."""
    said = {"left": ID, "right": OTHER, "title": "a.py \N{LEFT RIGHT ARROW} b.py", "keepFocus": False, **more}
    number = 5000 + len(server.got)
    until(lambda: server._connection, what="the plug-in is connected")
    server.send({"id": number, "method": "buffer/diff", "params": said})
    return until(lambda: [one for one in server.got if one.get("id") == number and "method" not in one])[0]


def look(editor: Any, expressions: dict[str, str]) -> Any:
    expression = expressions[editor.kind]
    return editor.lua(expression) if editor.kind == "nvim" else editor.ask(expression)


def test_texts_for_a_diff_are_not_seen_before_it(server: AttachServer, editor: Driver) -> None:
    assert server.asked("initialize")["capabilities"]["diff"] is True
    before = editor.path
    take_in(server)
    stays(lambda: editor.path == before, 0.3)
    assert "error" not in show(server)
    diffs.sees(editor, "one\ntwo\n", "one\ntwo\n")
    editor.sees("b.py")


def test_what_is_in_front_stays_where_that_is_asked(server: AttachServer, editor: Driver) -> None:
    before = editor.path
    take_in(server, keepFocus=True)
    assert "error" not in show(server, keepFocus=True)
    stays(lambda: editor.path == before, 0.3)
    assert len(editor.names) == 2


def test_a_text_that_is_not_here_is_refused(server: AttachServer, editor: Driver) -> None:
    take_in(server)
    answer = show(server, right="ffffffffffffffffffffffff")
    assert answer["error"]["code"] == -32009
    assert diffs.texts(editor) == [] or editor.kind == "emacs"


def test_without_a_diff_each_is_shown_when_it_is_opened_again(server: AttachServer, editor: Driver) -> None:
    take_in(server)
    server.open(id=ID, path="/home/u/a.py", name="a.py", line=2)
    editor.sees("a.py")
    until(lambda: editor.cursor[0] == 2)
    server.open(id=OTHER, path="/home/u/b.py", name="b.py")
    editor.sees("b.py")


def test_one_that_is_shown_already_is_brought_to_the_front(server: AttachServer, editor: Driver) -> None:
    if editor.kind == "emacs":  # it arranges its windows anew
        tabs = {"emacs": "(length (window-list))"}
    else:
        tabs = TABS
    take_in(server)
    show(server)
    diffs.sees(editor, "one\ntwo\n", "one\ntwo\n")
    count = look(editor, tabs)
    diffs.turn_to(editor, "left", "a.py")
    assert "error" not in show(server)
    editor.sees("b.py")
    diffs.sees(editor, "one\ntwo\n", "one\ntwo\n")
    assert look(editor, tabs) == count


@pytest.mark.parametrize("setting", ["set diffopt-=internal", "set diffexpr=MyDiff()"])
@pytest.mark.parametrize("kind", ["nvim", "vim"])
def test_a_diff_that_would_put_texts_into_files_is_refused(
    server: AttachServer, home: Home, kind: str, setting: str
) -> None:
    editor = driver(kind)(home)
    try:
        take_in(server)
        if kind == "nvim":
            editor.lua(f"vim.cmd('{setting}')")  # type: ignore[attr-defined]
        else:
            editor.do(setting)  # type: ignore[attr-defined]
        assert "would get onto the disk" in show(server)["error"]["message"]
    finally:
        editor.kill()
