"""Vim with vim-lsp and the language servers of a host, against a daemon that a test plays.

vim-lsp is none of the packages that a test environment has: what is used of it is written down in
``vim_lsp_stub``, and ``RBRIDGE_VIM_LSP`` names a directory with the real one to test with.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.editors.attach_server import ID, AttachServer
from tests.editors.language_server import CAPABILITIES, LanguageServer, Line
from tests.editors.targets import (
    DEMO,
    LIB,
    OTHER,
    PATH,
    ROOT,
    TARGET,
    TEXT,
    URI,
    absent,
    has,
    opened,
    read,
    refused,
    span,
)
from tests.editors.vim import Vim
from tests.harness.environment import Home, rbridge
from tests.harness.wait import stays, until

STUB = Path(__file__).parent / "vim_lsp_stub"
PLUGIN = os.environ.get("RBRIDGE_VIM_LSP", str(STUB))
LINT = {"name": "lint", "kind": "lint", "root": ROOT}


def command() -> str:
    words = ", ".join("'" + one.replace("'", "''") + "'" for one in rbridge())
    return f"let g:rbridge_command = [{words}]"


def setup(*more: str) -> str:
    return "\n".join([f"set runtimepath+={PLUGIN}", command(), *more])


def able(params: dict[str, Any]) -> Any:
    lints = params["initializationOptions"]["rbridge"]["server"] == "lint"
    return {"capabilities": {"textDocumentSync": 1} if lints else {**CAPABILITIES, "textDocumentSync": 1}}


@pytest.fixture
def server(home: Home) -> Iterator[AttachServer]:
    made = AttachServer(home.runtime / "editor.sock", TEXT)
    made.handlers["lsp/servers"] = has(DEMO, LINT)
    yield made
    made.close()


@pytest.fixture
def languages(home: Home) -> Iterator[LanguageServer]:
    made = LanguageServer(home.runtime / "lsp.sock")
    made.handlers["initialize"] = able
    yield made
    made.close()


@pytest.fixture
def editor(home: Home, server: AttachServer, languages: LanguageServer) -> Iterator[Vim]:
    made = Vim(home, setup=setup())
    yield made
    made.kill()


@pytest.fixture
def lines(server: AttachServer, editor: Vim, languages: LanguageServer) -> dict[str, Line]:
    """A document is open, and its language servers know it; by their names."""
    server.open(uri=URI)
    found = [languages.line(number) for number in (1, 2)]
    for one in found:
        one.asked("textDocument/didOpen")
    return {one.options["rbridge"]["server"]: one for one in found}


def test_a_document_gets_all_servers_of_its_host(server: AttachServer, lines: dict[str, Line]) -> None:
    assert server.asked("initialize")["capabilities"]["lsp"] is True
    assert server.asked("lsp/servers") == {"id": ID}
    for name, primary in (("demo", True), ("lint", False)):
        hello = lines[name].asked("rbridge/hello")
        assert (hello["uri"], hello["server"]) == (URI, name)
        begun = lines[name].asked("initialize")
        assert begun["initializationOptions"]["rbridge"] == {"uri": URI, "server": name, "primary": primary}
        assert begun["rootUri"] == ROOT
        opened = lines[name].asked("textDocument/didOpen")["textDocument"]
        assert (opened["uri"], opened["languageId"], opened["text"]) == (URI, "python", TEXT)


def test_a_definition_in_a_file_that_is_not_open_has_the_daemon_open_it(
    server: AttachServer, editor: Vim, languages: LanguageServer, lines: dict[str, Line]
) -> None:
    languages.handlers["textDocument/definition"] = lambda _: [{"uri": TARGET, "range": span(1, 4, 6)}]
    server.handlers["lsp/open"] = opened
    server.handlers["buffer/read"] = read
    editor.keys("jw:LspDefinition<CR>")
    until(lambda: editor.path == f"rbridge://gpu1{PATH}", what=editor.screen())
    assert server.asked("lsp/open") == {"uri": TARGET}
    until(lambda: editor.text == LIB)
    until(lambda: editor.cursor == (2, 5))
    assert editor.ask("&readonly")
    other = lines["demo"].asked("textDocument/didOpen", 2)["textDocument"]
    assert other["uri"] == f"{TARGET}?{OTHER}"
    assert len(languages.lines) == 2
    editor.keys("<C-o>")
    until(lambda: editor.path == "rbridge://gpu1/home/u/x.py", what=editor.screen())


def test_a_definition_that_the_host_refuses_is_said(
    server: AttachServer, editor: Vim, languages: LanguageServer, lines: dict[str, Line]
) -> None:
    languages.handlers["textDocument/definition"] = lambda _: [
        {"uri": "rbridge://gpu1/etc/shadow", "range": span(0, 0, 1)}
    ]
    server.handlers["lsp/open"] = refused
    editor.keys(":LspDefinition<CR>")
    editor.said("/etc/shadow is not opened: only what is below /home/u is opened for it")


def test_a_document_that_is_closed_its_servers_hear_of(editor: Vim, lines: dict[str, Line]) -> None:
    editor.close()
    for line in lines.values():
        assert line.asked("textDocument/didClose")["textDocument"] == {"uri": URI}


def test_texts_of_this_machine_and_of_a_host_go_to_their_own_servers(
    home: Home, server: AttachServer, languages: LanguageServer
) -> None:
    witness = home.root / "witness"
    register = f"""autocmd VimEnter * call lsp#register_server({{'name': 'spy', 'allowlist': ['python'],
      \\ 'root_uri': {{_ -> 'file:///'}}, 'cmd': {{_ -> ['sh', '-c', 'exec tee {witness}']}}}})"""
    editor = Vim(home, setup=setup(register))
    try:
        server.open(uri=URI)
        languages.line().asked("textDocument/didOpen")
        assert not witness.exists()
        own = home.file("own.py", "x = 1\n")
        editor.do(f"edit {own}")
        until(lambda: witness.exists() and "initialize" in witness.read_text())
        stays(lambda: len(languages.line().all("textDocument/didOpen")) == 1, 0.5)
        assert "rbridge://" not in witness.read_text()
    finally:
        editor.kill()


def test_advice_is_said_where_there_is_no_server(
    server: AttachServer, editor: Vim, languages: LanguageServer
) -> None:
    advice = "no language server for python on gpu1: install one"
    server.handlers["lsp/servers"] = has(advice=advice)
    server.open(uri=URI)
    editor.said(advice)
    assert not languages.lines


def test_a_host_that_is_not_connected_is_asked_again_when_it_is(
    server: AttachServer, editor: Vim, languages: LanguageServer
) -> None:
    server.handlers["lsp/servers"] = absent
    server.open(uri=URI)
    server.asked("lsp/servers")
    server.handlers["lsp/servers"] = has(DEMO, LINT)
    server.say("buffer/state", server.state("clean", connected=False))
    server.say("buffer/state", server.state("clean"))
    languages.line().asked("textDocument/didOpen")


def test_it_goes_on_when_the_daemon_is_back(
    server: AttachServer, editor: Vim, languages: LanguageServer, lines: dict[str, Line]
) -> None:
    server.known = [server.state("clean")]
    for line in lines.values():
        line.cut()
    server.cut()
    for number in (3, 4):
        opened = languages.line(number).asked("textDocument/didOpen")
        assert opened["textDocument"]["uri"] == URI


@pytest.mark.parametrize("settings", [setup("let g:rbridge_language_servers = v:false"), command()])
def test_it_is_off_without_vim_lsp_or_when_the_user_says_so(
    home: Home, server: AttachServer, languages: LanguageServer, settings: str
) -> None:
    editor = Vim(home, setup=settings)
    try:
        server.open(uri=URI)
        assert "lsp" not in server.asked("initialize")["capabilities"]
        stays(lambda: "lsp/servers" not in [one.get("method") for one in server.got], 0.5)
        assert not editor.told().strip()
    finally:
        editor.kill()


def test_a_program_that_is_missing_is_said_once(
    home: Home, server: AttachServer, languages: LanguageServer
) -> None:
    editor = Vim(home, setup=setup("let g:rbridge_command = 'nowhere'"))
    try:
        server.open(uri=URI)
        editor.said("language servers need the program 'nowhere' here: g:rbridge_command says where it is")
        server.say("buffer/state", server.state("clean"))
        stays(lambda: editor.told().count("nowhere") == 1, 0.5)
    finally:
        editor.kill()
