"""What Vim's plug-in asks and says on the screen, and which keys it takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.editors.attach_server import AttachServer, Refusal
from tests.editors.vim import ASKED, Vim
from tests.harness.environment import Home
from tests.harness.wait import until


@pytest.fixture
def server(home: Home) -> Iterator[AttachServer]:
    made = AttachServer(home.runtime / "editor.sock")
    yield made
    made.close()


@pytest.fixture
def editor(home: Home, server: AttachServer) -> Iterator[Vim]:
    made = Vim(home)
    yield made
    made.kill()


def saved(server: AttachServer, params: dict[str, Any]) -> Any:
    server.text = params["text"]
    return {"outcome": "saved", "base": server.base}


def asks(server: AttachServer, question: dict[str, Any]) -> None:
    server.send({"id": 77, "method": "question", "params": question})


def answered(server: AttachServer) -> Any:
    return until(lambda: [one for one in server.got if one.get("id") == 77 and "method" not in one])[0][
        "result"
    ]


QUESTION = {"message": "gpu1 wants to open x.py" + " and more" * 20, "answers": ["Open", "Refuse"]}


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        ("1", {"answer": "Open"}),
        ("2", {"answer": "Refuse"}),
        ("<CR>", {"answer": "Refuse"}),
        ("kkk<CR>", {"answer": "Open"}),
        ("<Esc>", {}),
    ],
)
def test_a_question(server: AttachServer, editor: Vim, keys: str, answer: Any) -> None:
    asks(server, QUESTION)
    editor.tmux.wait_for("1: Open")
    assert "and more" in editor.screen()
    editor.keys(keys)
    assert answered(server) == answer
    assert editor.ask("popup_list()") == []


def test_a_question_takes_no_keys_of_who_types(server: AttachServer, editor: Vim) -> None:
    editor.keys("itext")
    asks(server, QUESTION)
    editor.said("a question waits for the end of this mode")
    editor.keys(" 1<CR>more<Esc>")
    editor.tmux.wait_for("1: Open")
    assert editor.lines == ["text 1", "more"]
    editor.keys("1")
    assert answered(server) == {"answer": "Open"}


def test_a_conflict_is_asked_about(server: AttachServer, editor: Vim) -> None:
    def differs(*_: object) -> Any:
        raise Refusal(-32011, "it was changed there", {"base": "0" * 64})

    server.open()
    server.handlers["buffer/write"] = differs
    editor.keys("iX<Esc>:w<CR>")
    assert until(lambda: editor.ask(ASKED)) == [
        ["x.py was changed on gpu1:", "  1: Compare", "  2: Overwrite", "  3: Reload"]
    ]
    editor.keys("<Esc>")
    until(lambda: not editor.ask(ASKED))
    assert (editor.modified, editor.status) == (True, "gpu1: conflict")
    server.handlers["buffer/write"] = saved
    editor.keys(":new<CR>:RbridgeResolve mine<CR>")
    editor.said("this is no text of a host")
    editor.keys(":bwipeout!<CR>:RbridgeResolve mine<CR>")
    until(lambda: server.text == "Xone\n")
    assert server.asked("buffer/write", 2)["force"] is True


@pytest.mark.parametrize("shown", [True, False])
def test_a_conflict_is_settled_from_elsewhere(server: AttachServer, editor: Vim, shown: bool) -> None:
    def differs(*_: object) -> Any:
        raise Refusal(-32011, "it was changed there")

    server.open()
    server.handlers["buffer/write"] = differs
    editor.keys("iX<Esc>:w<CR>")
    until(lambda: editor.ask(ASKED))
    server.handlers["buffer/write"] = saved
    editor.do("new" if shown else "enew")
    editor.keys("2")
    until(lambda: server.text == "Xone\n")
    until(lambda: editor.ask("getbufinfo(#{bufmodified: 1})") == [])


def test_lines_for_the_user_ask_for_no_key(server: AttachServer, editor: Vim) -> None:
    for kind in ("info", "warning", "error"):
        server.say("window/show", {"kind": kind, "message": f"{kind} of gpu1" + " and more" * 30 + " end"})
        editor.said(f"{kind} of gpu1 and")
        assert not editor.waits_for_a_key, editor.screen()
        assert editor.told().rstrip().endswith("end")
    editor.insert("typed")
    assert editor.lines == ["typed"]
