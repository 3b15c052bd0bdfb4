"""Neovim's own language client in buffers of hosts; daemon and language servers are played by a test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.editors.attach_server import ID, AttachServer, Refusal
from tests.editors.language_server import OTHER, PYLSP, ROOT, RUFF, URI, Desk, at
from tests.editors.nvim import Neovim
from tests.harness.environment import Home
from tests.harness.wait import stays, until

CLIENTS = "return vim.tbl_map(function(c) return c.name end, vim.lsp.get_clients({bufnr = 0}))"
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


def test_a_buffer_gets_the_servers_of_its_host(desk: Desk, editor: Neovim) -> None:
    desk.servers = [PYLSP, RUFF]
    desk.open()
    assert desk.attach.asked("lsp/servers") == {"id": ID, "language": "python"}
    opened = [desk.line(count).asked("textDocument/didOpen")["textDocument"] for count in (1, 2)]
    for one in opened:
        assert (one["uri"], one["languageId"], one["text"]) == (URI, "python", "one\ntwo\n")
    assert [desk.lsp.line(count).options["rbridge"] for count in (1, 2)] == [
        {"uri": URI, "server": "pylsp", "primary": True},
        {"uri": URI, "server": "ruff", "primary": False},
    ]
    said = desk.lsp.line().asked("initialize")
    assert said["rootUri"] == ROOT
    assert said["workspaceFolders"] == [{"uri": ROOT, "name": ROOT}]
    assert sorted(editor.lua(CLIENTS)) == ["pylsp@gpu1", "ruff@gpu1"]


def test_what_is_typed_reaches_the_server(desk: Desk, editor: Neovim) -> None:
    desk.open()
    line = desk.line()
    editor.insert("X")
    said = line.asked("textDocument/didChange")
    assert said["textDocument"]["uri"] == URI
    assert [one["text"] for one in said["contentChanges"]] == ["X"]


def test_diagnostics_and_hover_are_of_the_buffer(desk: Desk, editor: Neovim) -> None:
    desk.serve("textDocument/hover", {"contents": "only here"})
    desk.open()
    line = desk.line()
    line.say(
        "textDocument/publishDiagnostics",
        {"uri": URI, "diagnostics": [{"range": at(1, 0, 3), "message": "undefined two"}]},
    )
    until(lambda: editor.lua(DIAGNOSTICS) == ["undefined two"])
    editor.keys("K")
    assert line.asked("textDocument/hover")["textDocument"] == {"uri": URI}
    editor.until(
        "for _, w in ipairs(vim.api.nvim_list_wins()) do"
        " if vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(w), 0, 1, false)[1] == 'only here' then"
        " return true end end"
    )


def test_another_project_gets_a_server_of_its_own(desk: Desk, editor: Neovim) -> None:
    desk.open()
    desk.line()
    desk.servers = [{**PYLSP, "root": "rbridge://gpu1/home/u/other"}]
    uri = f"rbridge://gpu1/home/u/other/y.py?{OTHER}"
    desk.attach.open(id=OTHER, path="/home/u/other/y.py", uri=uri, name="y.py")
    assert desk.line(2).options["rbridge"]["uri"] == uri


def test_advice_is_shown(desk: Desk, editor: Neovim) -> None:
    desk.servers, desk.advice = [], "no language server for python is on gpu1: pip install basedpyright"
    desk.open()
    editor.said("rbridge: no language server for python is on gpu1: pip install basedpyright")
    assert editor.lua(CLIENTS) == []
    desk.servers = [PYLSP]
    desk.attach.ask("buffer/open", {"id": ID, "uri": URI, "host": "gpu1", "path": "/home/u/project/x.py"})
    desk.line()  # opened once more, after the user has done so


def test_a_host_that_is_not_connected_is_asked_when_it_is(desk: Desk, editor: Neovim) -> None:
    ready = desk.attach.handlers["lsp/servers"]

    def away(_server: AttachServer, _params: dict[str, Any]) -> Any:
        raise Refusal(-32015, "gpu1 is not connected")

    desk.attach.handlers["lsp/servers"] = away
    desk.open()
    desk.attach.asked("lsp/servers")
    desk.attach.handlers["lsp/servers"] = ready
    desk.attach.say("buffer/state", desk.attach.state("clean"))
    desk.line()
    assert "gpu1 is not connected" not in editor.told()


def test_a_daemon_that_comes_back_has_them_again_and_nothing_is_said(desk: Desk, editor: Neovim) -> None:
    desk.serve("textDocument/hover", None)
    desk.lsp.handlers.pop("textDocument/hover")  # never answered
    desk.open()
    line = desk.line()
    editor.lua("vim.lsp.buf.hover()")
    line.asked("textDocument/hover")
    desk.attach.known = [desk.attach.state("clean")]
    line.cut()
    desk.attach.cut()
    again = desk.line(2)
    assert again.asked("textDocument/didOpen")["textDocument"]["text"] == "one\ntwo\n"
    assert editor.lua(CLIENTS) == ["pylsp@gpu1"]
    told = editor.told()
    assert "quit with" not in told
    assert "rror" not in told


def test_a_connection_that_is_reset_in_the_middle_of_initialize(desk: Desk, editor: Neovim) -> None:
    answer = desk.lsp.handlers.pop("initialize")
    desk.open()
    line = desk.lsp.line()
    line.asked("initialize")
    desk.lsp.handlers["initialize"] = answer
    line.raw(b"Content-Length: 100\r\n\r\n{")
    line.cut()
    desk.line(2)
    assert "rror" not in editor.told()


def test_one_that_ends_again_and_again_is_left_alone(desk: Desk, editor: Neovim) -> None:
    desk.open()
    for count in range(1, 5):
        desk.line(count).cut()
    stays(lambda: len(desk.lsp.lines) == 4, 1.5)
    assert "rror" not in editor.told()


def test_a_client_that_the_user_stops_stays_stopped(desk: Desk, editor: Neovim) -> None:
    desk.open()
    line = desk.line()
    editor.lua("vim.lsp.get_clients()[1]:stop()")
    line.came("exit", 1)
    stays(lambda: len(desk.lsp.lines) == 1, 1.5)
    editor.keys(":edit!<CR>")
    desk.line(2)


def test_reading_again_keeps_the_server_in_step(desk: Desk, editor: Neovim) -> None:
    desk.open()
    line = desk.line()
    editor.insert("X")
    line.asked("textDocument/didChange")
    desk.attach.text = "three\n"
    editor.keys(":edit!<CR>")
    until(lambda: editor.lines == ["three"])
    line.came("textDocument/didOpen", 2)
    assert line.all("textDocument/didOpen")[1]["textDocument"]["text"] == "three\n"
    assert len(desk.lsp.lines) == 1


def test_the_last_buffer_takes_its_server_along(desk: Desk, editor: Neovim) -> None:
    desk.open()
    line = desk.line()
    editor.keys(":bdelete<CR>")
    assert line.asked("textDocument/didClose")["textDocument"] == {"uri": URI}
    line.came("exit", 1)


def test_a_buffer_that_becomes_a_file_of_this_machine_is_closed_there(
    desk: Desk, editor: Neovim, home: Home
) -> None:
    desk.open()
    line = desk.line()
    editor.keys(f":saveas {home.path}/mine.py<CR>")
    assert line.asked("textDocument/didClose")["textDocument"] == {"uri": URI}
    assert editor.lua(CLIENTS) == []


def test_what_the_user_has_set_for_a_server(home: Home, desk: Desk) -> None:
    setup = (
        "lua vim.lsp.config('pylsp', {settings = {pylsp = {plugins = 1}}, init_options = {a = 1},"
        " cmd = {'false'}, root_markers = {'x'}, filetypes = {'c'},"
        " on_attach = function(c, b) vim.g.attached = c.name end})"
        " vim.lsp.config('*', {capabilities = {experimental = {mine = true}}})"
    )
    editor = Neovim(home, setup=setup)
    try:
        desk.open()
        line = desk.line()
        assert line.options["a"] == 1
        assert line.options["rbridge"]["server"] == "pylsp"
        assert line.asked("initialize")["capabilities"]["experimental"] == {"mine": True}
        assert line.asked("workspace/didChangeConfiguration")["settings"] == {"pylsp": {"plugins": 1}}
        assert editor.until("return vim.g.attached") == "pylsp@gpu1"
    finally:
        editor.kill()


def test_turned_off(home: Home, desk: Desk) -> None:
    editor = Neovim(home, setup="let g:rbridge_lsp = v:false")
    try:
        desk.open()
        assert "lsp" not in desk.attach.asked("initialize")["capabilities"]
        stays(lambda: not desk.lsp.lines, 0.5)
        assert not [one for one in desk.attach.got if one.get("method") == "lsp/servers"]
    finally:
        editor.kill()


def test_what_a_server_logs_gets_into_no_file(desk: Desk, editor: Neovim, home: Home) -> None:
    desk.open()
    line = desk.line()
    line.say("window/logMessage", {"type": 1, "message": "MARKER one two"})
    line.say("window/showMessage", {"type": 2, "message": "seen"})
    editor.said("seen")
    assert not [one for one in home.root.rglob("*") if one.is_file() and b"MARKER" in one.read_bytes()]


@pytest.mark.parametrize(("filetype", "language"), [("sh", "shellscript"), ("tex", "latex"), ("c", "c")])
def test_languages_are_called_as_the_protocol_calls_them(
    desk: Desk, editor: Neovim, filetype: str, language: str
) -> None:
    desk.open()
    line = desk.line()
    editor.lua(f"vim.bo.filetype = '{filetype}'")
    assert desk.attach.asked("lsp/servers", 2)["language"] == language
    assert len(line.all("textDocument/didOpen")) == 1


def test_a_buffer_whose_filetype_changes_leaves_the_servers_of_the_old_one(
    desk: Desk, editor: Neovim
) -> None:
    desk.open()
    line = desk.line()
    desk.servers = []
    editor.lua("vim.bo.filetype = 'text'")
    line.asked("textDocument/didClose")
    until(lambda: editor.lua(CLIENTS) == [])


def test_an_older_daemon_is_asked_once(desk: Desk, editor: Neovim) -> None:
    def unknown(_server: AttachServer, _params: dict[str, Any]) -> Any:
        raise Refusal(-32601, "no such method")

    desk.attach.handlers["lsp/servers"] = unknown
    desk.open()
    desk.attach.asked("lsp/servers")
    editor.lua("vim.bo.filetype = 'c'")
    stays(lambda: len([one for one in desk.attach.got if one.get("method") == "lsp/servers"]) == 1, 0.5)
    assert "no such method" not in editor.told()
