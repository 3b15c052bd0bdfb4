"""Neovim's plug-in against a daemon that a test plays: what a real one does rarely, or never."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.editors.attach_server import ID, AttachServer, Refusal, Reply
from tests.editors.nvim import READY, Neovim
from tests.harness.environment import Home
from tests.harness.wait import stays, until


@pytest.fixture
def server(home: Home) -> Iterator[AttachServer]:
    made = AttachServer(home.runtime / "editor.sock")
    yield made
    made.close()


@pytest.fixture
def editor(home: Home, server: AttachServer) -> Iterator[Neovim]:
    made = Neovim(home)
    yield made
    made.kill()


def kept(server: AttachServer, params: dict[str, Any]) -> Any:
    digest = hashlib.sha256(params["text"].encode()).hexdigest()
    return {"outcome": "kept", "message": "gpu1 is not connected: x.py is kept", "digest": digest}


def uncertain(server: AttachServer, params: dict[str, Any]) -> Any:
    digest = hashlib.sha256(params["text"].encode()).hexdigest()
    raise Refusal(-32012, "the connection to gpu1 was lost before it answered", {"digest": digest})


def silent(server: AttachServer, params: dict[str, Any]) -> Any:
    return None


def saved(server: AttachServer, params: dict[str, Any]) -> Any:
    server.text = params["text"]
    return {"outcome": "saved", "base": server.base}


def test_what_it_says_of_itself(server: AttachServer, editor: Neovim) -> None:
    hello = server.asked("initialize")
    assert hello["version"] == 1
    assert hello["client"]["name"] == "Neovim"
    assert hello["client"]["pid"] == editor.process.pid
    can = {"base64": True, "question": True, "folders": True, "viewer": False, "diff": True, "lsp": True}
    assert hello["capabilities"] == can
    assert "buffers" not in hello
    assert "folders" not in hello


def test_a_kept_text_stays_modified_until_it_has_arrived(server: AttachServer, editor: Neovim) -> None:
    server.open()
    server.handlers["buffer/write"] = kept
    editor.keys("iX<Esc>:w<CR>")
    editor.said("gpu1 is not connected: x.py is kept")
    assert editor.modified
    assert editor.status == "gpu1: waiting"
    server.say("buffer/state", server.state("clean"))  # an older one
    stays(lambda: editor.modified, 0.2)
    server.text = "Xone\n"
    server.say("buffer/state", server.state("clean"))
    until(lambda: not editor.modified)
    assert editor.status == "gpu1: saved"


@pytest.mark.parametrize("shown", [True, False])
def test_undo_after_a_kept_text_has_arrived(server: AttachServer, editor: Neovim, shown: bool) -> None:
    """It leads away from what is saved."""
    server.open()
    server.handlers["buffer/write"] = kept
    editor.keys("iX<Esc>:w<CR>")
    editor.said("is kept")
    if not shown:
        editor.keys(":enew<CR>")
    server.text = "Xone\n"
    server.say("buffer/state", server.state("clean"))
    editor.said("x.py saved on gpu1")
    assert editor.lua("return vim.fn.getbufinfo({bufmodified = 1})") == []
    if not shown:
        editor.lua("vim.cmd('buffer x.py')")
    assert [one["method"] for one in server.got if "method" in one].count("buffer/write") == 1
    editor.undo()
    until(lambda: editor.lines == ["one"])
    assert (editor.modified, editor.status) == (True, "gpu1: modified")
    editor.keys("<C-r>")
    until(lambda: editor.lines == ["Xone"])
    assert not editor.modified


@pytest.mark.parametrize("answer", [kept, uncertain])
def test_whether_a_text_arrived_while_the_daemon_was_away_its_digest_says(
    server: AttachServer, editor: Neovim, answer: Reply
) -> None:
    """Nothing is read for that: the new base is the digest of what was written last."""
    server.open()
    server.handlers["buffer/write"] = answer
    editor.keys("iX<Esc>:w<CR>")
    until(lambda: editor.status == "gpu1: waiting")
    server.text = "Xone\n"
    server.known = [server.state("clean")]
    server.cut()
    until(lambda: not editor.modified)
    assert editor.status == "gpu1: saved"
    assert [one["method"] for one in server.got if "method" in one].count("buffer/read") == 1
    server.handlers["buffer/write"] = saved
    editor.keys("iY<Esc>:w<CR>")
    until(lambda: server.text == "YXone\n")
    assert server.asked("buffer/write", 2)["base"] == hashlib.sha256(b"Xone\n").hexdigest()


def test_a_text_that_was_typed_further_stays_modified_on_the_base_that_arrived(
    server: AttachServer, editor: Neovim
) -> None:
    server.open()
    server.handlers["buffer/write"] = uncertain
    editor.keys("iX<Esc>:w<CR>")
    until(lambda: editor.status == "gpu1: waiting")
    editor.keys("iY<Esc>")
    server.text = "Xone\n"
    server.known = [server.state("clean")]
    server.cut()
    until(lambda: editor.status == "gpu1: modified")
    assert editor.lines == ["YXone"]
    server.handlers["buffer/write"] = saved
    editor.keys(":w<CR>")
    until(lambda: not editor.modified)
    assert server.asked("buffer/write", 2)["base"] == hashlib.sha256(b"Xone\n").hexdigest()


def test_what_was_typed_after_a_kept_text_stays_modified(server: AttachServer, editor: Neovim) -> None:
    server.open()
    server.handlers["buffer/write"] = kept
    editor.keys("iX<Esc>:w<CR>iY<Esc>")
    editor.said("is kept")
    server.text = "Xone\n"
    server.say("buffer/state", server.state("clean"))
    until(lambda: editor.status == "gpu1: modified")
    server.handlers["buffer/write"] = saved
    editor.keys(":w<CR>")
    until(lambda: not editor.modified)
    assert server.asked("buffer/write", 2)["text"] == "YXone\n"


@pytest.mark.parametrize("arrived", [True, False])
def test_a_connection_lost_in_the_middle_of_a_write(
    server: AttachServer, editor: Neovim, arrived: bool
) -> None:
    server.open()
    server.handlers["buffer/write"] = silent
    editor.keys("iX<Esc>:w<CR>")
    server.asked("buffer/write")
    if arrived:
        server.text = "Xone\n"
    server.known = [server.state("clean")]
    server.cut()
    editor.said("not known yet whether gpu1 has it")
    shown = server.asked("initialize", 2)["buffers"]
    assert [(one["id"], one["modified"]) for one in shown] == [(ID, True)]
    editor.said("saved on gpu1" if arrived else "is not saved on gpu1")
    assert editor.modified is not arrived
    server.handlers["buffer/write"] = saved
    editor.keys("iY<Esc>:w<CR>")
    until(lambda: server.text == "YXone\n")


def test_a_slow_save_holds_up_nobody_for_ever(server: AttachServer, editor: Neovim) -> None:
    server.open()
    server.handlers["buffer/write"] = silent
    editor.lua("vim.g.rbridge_wait = 200")
    editor.keys("iX<Esc>:wq<CR>")
    editor.said("does not answer")
    assert editor.modified
    number = next(one["id"] for one in server.got if one.get("method") == "buffer/write")
    server.text = "Xone\n"
    server.send({"id": number, "result": {"outcome": "saved", "base": server.base}})
    until(lambda: not editor.modified)
    assert editor.process.poll() is None


def test_saves_follow_each_other(server: AttachServer, editor: Neovim) -> None:
    """The second stands on what the first one left, also where :w did not wait for it."""
    server.open()
    server.handlers["buffer/write"] = silent
    editor.lua("vim.g.rbridge_wait = 50")
    editor.keys("iX<Esc>:w<CR>iY<Esc>:w<CR>")
    editor.until("return vim.api.nvim_buf_get_lines(0, 0, 1, true)[1] == 'YXone'")
    writes = [one for one in server.got if one.get("method") == "buffer/write"]
    assert [one["params"]["text"] for one in writes] == ["Xone\n"]
    server.handlers["buffer/write"] = saved
    server.text = "Xone\n"
    between = server.base
    server.send({"id": writes[0]["id"], "result": {"outcome": "saved", "base": between}})
    assert server.asked("buffer/write", 2)["base"] == between
    until(lambda: not editor.modified)


def test_a_document_that_the_daemon_does_not_know_any_more(server: AttachServer, editor: Neovim) -> None:
    server.open()
    server.cut()
    editor.said("is closed on gpu1")
    assert editor.lines == ["one"]
    assert editor.status == "gpu1: closed"
    editor.keys("iX<Esc>:w<CR>")
    editor.said("is not open on gpu1 any more")
    assert editor.modified


def test_the_hosts_text_changed_while_the_connection_was_lost(server: AttachServer, editor: Neovim) -> None:
    server.open()
    server.text = "theirs\n"
    server.known = [server.state("clean")]
    server.cut()
    until(lambda: editor.lines == ["theirs"])
    assert not editor.modified


def test_a_question_is_answered_here(server: AttachServer, editor: Neovim) -> None:
    editor.lua("vim.ui.select = function(items, how, on) vim.g.asked = how.prompt; on(items[2]) end")
    question = {"message": "Open gpu1:x.py?", "answers": ["Open", "Refuse"]}
    assert server.ask("question", question) == {"answer": "Refuse"}
    assert editor.lua("return vim.g.asked") == "Open gpu1:x.py?"
    editor.lua("vim.ui.select = function(items, how, on) on(nil) end")
    assert server.ask("question", question) == {}


def test_its_help_is_found(editor: Neovim) -> None:
    for word in ("rbridge", ":RbridgeDiff", "b:rbridge", "rbridge-shada"):
        editor.lua(f"vim.cmd.help('{word}')")
        assert editor.lua("return vim.fs.basename(vim.api.nvim_buf_get_name(0))") == "rbridge.txt"


def test_lines_for_the_user(server: AttachServer, editor: Neovim) -> None:
    server.say("window/show", {"kind": "warning", "message": "disk nearly full on gpu1"})
    editor.said("disk nearly full on gpu1")


def test_an_open_while_the_user_types_takes_no_keys(server: AttachServer, editor: Neovim) -> None:
    editor.keys("ityped")
    server.open()
    editor.keys(" on<Esc>")
    until(lambda: editor.lines == ["typed on"])
    assert editor.lua("return #vim.api.nvim_list_wins()") == 2


def test_keep_focus_and_new_window(server: AttachServer, editor: Neovim) -> None:
    server.open(keepFocus=True)
    assert editor.lua("return vim.api.nvim_buf_get_name(0)") == ""
    server.open(line=1, column=3)
    assert editor.lua("return vim.fn.getcurpos()")[1:3] == [1, 3]
    server.open(id="f" * 24, path="/y.py", newWindow=True)
    assert editor.lua("return #vim.api.nvim_list_tabpages()") == 2


def test_what_is_new_to_it_is_no_method(server: AttachServer, editor: Neovim) -> None:
    with pytest.raises(AssertionError, match="no such method"):
        server.ask("folder/unheard", {})
    server.say("folder/changed", {})
    server.open()


@pytest.mark.parametrize(
    "data", [b"nonsense\r\n\r\n", b"Content-Length: 99999999999\r\n\r\n", b"Content-Length: 3\r\n\r\n{,}"]
)
def test_nonsense_ends_the_connection_and_it_comes_back(
    server: AttachServer, editor: Neovim, data: bytes
) -> None:
    server.raw(data)
    server.asked("initialize", 2)
    editor.until(READY)
    server.open()
