"""Vim's plug-in against a daemon that a test plays: what a real one does rarely, or never."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.editors.attach_server import ID, AttachServer
from tests.editors.vim import READY, Vim
from tests.harness.environment import Home, rbridge
from tests.harness.wait import stays, until


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


def silent(server: AttachServer, params: dict[str, Any]) -> Any:
    return None


def saved(server: AttachServer, params: dict[str, Any]) -> Any:
    server.text = params["text"]
    return {"outcome": "saved", "base": server.base}


def kept(server: AttachServer, params: dict[str, Any]) -> Any:
    return {"outcome": "kept", "message": "gpu1 is not connected: x.py is kept", "digest": "0" * 64}


def test_what_it_says_of_itself(server: AttachServer, editor: Vim) -> None:
    hello = server.asked("initialize")
    assert hello["version"] == 1
    assert hello["client"]["name"] == "Vim"
    assert re.fullmatch(r"9\.\d\.\d+", hello["client"]["version"])
    assert hello["client"]["pid"] == editor.pid
    assert hello["capabilities"] == {"base64": True, "question": True, "diff": True, "folders": True}
    assert hello["buffers"] == []


def test_a_kept_text_stays_modified_until_it_has_arrived(server: AttachServer, editor: Vim) -> None:
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
def test_undo_after_a_kept_text_has_arrived(server: AttachServer, editor: Vim, shown: bool) -> None:
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
    assert editor.ask("getbufinfo(#{bufmodified: 1})") == []
    editor.do("buffer x.py")
    editor.undo()
    until(lambda: editor.lines == ["one"])
    assert (editor.modified, editor.status) == (True, "gpu1: modified")
    editor.keys("<C-r>")
    until(lambda: editor.lines == ["Xone"])
    assert not editor.modified
    assert len(editor.ask("getwininfo()")) == 1


def test_q_with_changes_is_refused(server: AttachServer, editor: Vim) -> None:
    server.open()
    editor.keys("iX<Esc>:q<CR>")
    editor.tmux.wait_for("E37: No write since last change")
    assert not editor.waits_for_a_key, editor.screen()
    editor.keys(":new<CR>:wincmd p<CR>:q<CR>")
    editor.said("E37")
    assert editor.ask("winnr('$')") == 2


def test_what_was_typed_after_a_kept_text_stays_modified(server: AttachServer, editor: Vim) -> None:
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
def test_a_connection_lost_in_the_middle_of_a_write(server: AttachServer, editor: Vim, arrived: bool) -> None:
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


@pytest.mark.parametrize("how", ["g:rbridge_wait", "CTRL-C"])
def test_a_slow_save_holds_up_nobody_for_ever(server: AttachServer, editor: Vim, how: str) -> None:
    server.open()
    server.handlers["buffer/write"] = silent
    if how == "CTRL-C":
        editor.keys("iX<Esc>:wq<CR>")
        editor.tmux.wait_for("saving x.py on gpu1 (CTRL-C: do not wait)")
        editor.keys("<C-c>")
    else:
        editor.do("let g:rbridge_wait = 200")
        editor.keys("iX<Esc>:wq<CR>")
    editor.said("does not answer")
    assert editor.modified
    number = next(one["id"] for one in server.got if one.get("method") == "buffer/write")
    server.text = "Xone\n"
    server.send({"id": number, "result": {"outcome": "saved", "base": server.base}})
    until(lambda: not editor.modified)
    assert editor.running


def test_saves_follow_each_other(server: AttachServer, editor: Vim) -> None:
    """The second stands on what the first one left, also where :w did not wait for it."""
    server.open()
    server.handlers["buffer/write"] = silent
    editor.do("let g:rbridge_wait = 50")
    editor.keys("iX<Esc>:w<CR>iY<Esc>:w<CR>")
    editor.until("getline(1) == 'YXone'")
    writes = [one for one in server.got if one.get("method") == "buffer/write"]
    assert [one["params"]["text"] for one in writes] == ["Xone\n"]
    server.handlers["buffer/write"] = saved
    server.text = "Xone\n"
    between = server.base
    server.send({"id": writes[0]["id"], "result": {"outcome": "saved", "base": between}})
    assert server.asked("buffer/write", 2)["base"] == between
    until(lambda: not editor.modified)


def test_a_daemon_that_stands_still_does_not_stop_vim(server: AttachServer, editor: Vim) -> None:
    """It takes nothing from the connection: a large save is given up waiting for like any other."""
    server.text = "0123456789\n" * 200_000
    server.open()
    begun = []

    def stall(server: AttachServer, params: dict[str, Any]) -> Any:
        begun.append(params)

    server.handlers["buffer/write"] = stall
    editor.do("let g:rbridge_wait = 200")
    editor.keys("iX<Esc>:w<CR>")
    editor.said("does not answer")
    editor.insert("Y")
    assert editor.line(1) == "YX0123456789"
    assert (begun[0]["chunk"], len(begun)) == (0, 1)


def test_a_document_that_the_daemon_does_not_know_any_more(server: AttachServer, editor: Vim) -> None:
    server.open()
    server.cut()
    editor.said("is closed on gpu1")
    assert editor.lines == ["one"]
    assert editor.status == "gpu1: closed"
    editor.keys("iX<Esc>:w<CR>")
    editor.said("is not open on gpu1 any more")
    assert editor.modified


def test_the_hosts_text_changed_while_the_connection_was_lost(server: AttachServer, editor: Vim) -> None:
    server.open()
    server.text = "theirs\n"
    server.known = [server.state("clean")]
    server.cut()
    until(lambda: editor.lines == ["theirs"])
    assert not editor.modified


def test_its_help_is_found(server: AttachServer, editor: Vim) -> None:
    for word in ("rbridge", ":RbridgeDiff", "b:rbridge", "rbridge-folders", ":RbridgeFind"):
        editor.do(f"help {word}")
        assert editor.ask("expand('%:t')") == "rbridge.txt"


def test_an_open_while_the_user_types_takes_no_keys(server: AttachServer, editor: Vim) -> None:
    editor.keys("ityped")
    server.open()
    editor.keys(" on<Esc>")
    until(lambda: editor.lines == ["typed on"])
    assert editor.ask("winnr('$')") == 2


def test_an_open_while_the_user_selects_leaves_the_selection(server: AttachServer, editor: Vim) -> None:
    editor.keys("ione two<Esc>0vl")
    server.open()
    editor.until("winnr('$') == 2")
    editor.keys("d")
    until(lambda: editor.lines == ["e two"])


def test_an_open_while_the_user_gives_a_command_waits(server: AttachServer, editor: Vim) -> None:
    editor.keys(":let g:done ")
    editor.until("mode() == 'c'")
    server.send(
        {
            "id": 5,
            "method": "buffer/open",
            "params": {"id": ID, "host": "gpu1", "path": "/x.py", "name": "x.py", "line": 0},
        }
    )
    stays(lambda: not [one for one in server.got if one.get("method") == "buffer/read"], 0.3)
    editor.keys("= 1<CR>")
    editor.sees("x.py")
    assert editor.ask("g:done") == 1


def test_keep_focus_and_new_window(server: AttachServer, editor: Vim) -> None:
    server.open(keepFocus=True)
    assert editor.path == ""
    server.open(line=1, column=3)
    assert editor.cursor == (1, 3)
    server.open(id="f" * 24, path="/y.py", newWindow=True)
    assert editor.ask("tabpagenr('$')") == 2


def test_names_that_are_no_patterns_and_no_commands(server: AttachServer, editor: Vim) -> None:
    paths = ["/a [1]*.py", "/a%#<afile>|`touch x`.py", "/ä b\tc.py", "/a\nb.py"]
    server.handlers["buffer/write"] = saved
    for number, path in enumerate(paths):
        server.open(id=f"{number:024x}", path=path, name=path[1:])
        assert editor.path == "rbridge://gpu1" + path
        assert editor.lines == ["one"]
        editor.keys("iX<Esc>:w<CR>")
        until(lambda: server.text == "Xone\n")
        until(lambda: not editor.modified)
        server.text = "one\n"
    assert len(editor.names) == len(paths)


def test_what_is_new_to_it_is_no_method(server: AttachServer, editor: Vim) -> None:
    with pytest.raises(AssertionError, match="no such method"):
        server.ask("folder/unheard", {})
    server.say("folder/changed", {})
    server.open()


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"Content-Length: 99999999999\r\n\r\n",
        b"Content-Length: 3\r\n\r\n{,}",
        b"x" * 5000,
    ],
)
def test_nonsense_ends_the_connection_and_it_comes_back(
    server: AttachServer, editor: Vim, data: bytes
) -> None:
    server.raw(data)
    server.asked("initialize", 2)
    editor.until(READY)
    server.open()


def test_a_message_in_pieces_is_waited_for(server: AttachServer, editor: Vim) -> None:
    """For longer than Vim's own mode for such messages would."""
    body = b'{"jsonrpc":"2.0","method":"window/show","params":{"message":"in pieces"}}'
    server.raw(b"Content-Length: %d\r\n\r\n" % len(body) + body[:20])
    stays(lambda: editor.ask(READY), 0.4)
    server.raw(body[20:])
    editor.said("in pieces")


def test_what_belongs_to_another_user_is_not_used(home: Home) -> None:
    """Vim knows no owners, and root can reach all directories: only they tell."""
    ours = home.file("ours/editor.sock")
    theirs = Path("/etc/passwd") if os.getuid() else home.file("theirs/editor.sock")
    if not os.getuid():
        os.chown(theirs.parent, 65534, 65534)
    editor = Vim(home, attached=False)
    try:
        for path, expected in ((ours, True), (theirs, False)):
            editor.do(
                f"unlet! g:ours | call rbridge#place#Ours('{path}', {{ours -> extend(g:, #{{ours: ours}})}})"
            )
            editor.until("exists('g:ours')")
            assert editor.ask("g:ours") is expected
    finally:
        editor.kill()


def test_another_encoding_of_vims_own_is_told(home: Home, server: AttachServer) -> None:
    editor = Vim(home, setup="set encoding=latin1", attached=False)
    try:
        editor.said("it needs 'encoding' to be utf-8, which is latin1 here")
        assert not server.got
    finally:
        editor.kill()


def test_a_script_is_no_window(home: Home, server: AttachServer) -> None:
    home.run(rbridge("plugin", "install", "vim")).ok()
    home.run(["vim", "-es", "-c", "sleep 300m", "-c", "qa!"])
    assert not server.got
