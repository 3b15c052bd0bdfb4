"""Eglot and the language servers of a host, against a daemon that a test plays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.editors.attach_server import ID, AttachServer
from tests.editors.emacs import Emacs
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
    writable,
)
from tests.harness.environment import Home
from tests.harness.wait import stays, until

MANAGED = "(eglot-managed-p)"
MORE = {"textDocumentSync": {"openClose": True, "change": 1, "save": {}}, "codeActionProvider": True}
WITHOUT = """(setq package-directory-list nil
      load-path (seq-remove (lambda (one) (string-match-p "site-lisp/elpa" one)) load-path))
"""


@pytest.fixture
def server(home: Home) -> Iterator[AttachServer]:
    made = AttachServer(home.runtime / "editor.sock", TEXT)
    made.handlers["lsp/servers"] = has(DEMO)
    yield made
    made.close()


@pytest.fixture
def languages(home: Home) -> Iterator[LanguageServer]:
    made = LanguageServer(home.runtime / "lsp.sock")
    made.handlers["initialize"] = lambda _: {"capabilities": {**CAPABILITIES, **MORE}}
    yield made
    made.close()


@pytest.fixture
def editor(home: Home, server: AttachServer, languages: LanguageServer) -> Iterator[Emacs]:
    made = Emacs(home)
    yield made
    made.kill()


@pytest.fixture
def line(server: AttachServer, editor: Emacs, languages: LanguageServer) -> Line:
    """A document is open, and its language server knows it."""
    server.open(uri=URI)
    made = languages.line()
    made.asked("textDocument/didOpen")
    return made


def test_a_document_gets_the_first_server_of_its_host(
    server: AttachServer, editor: Emacs, line: Line
) -> None:
    assert server.asked("initialize")["capabilities"]["lsp"] is True
    assert server.asked("lsp/servers") == {"id": ID}
    begun = line.asked("initialize")
    assert begun["initializationOptions"] == {"rbridge": {"uri": URI, "server": "demo", "primary": True}}
    assert begun["rootUri"] == ROOT
    assert begun["processId"] is None
    opened = line.asked("textDocument/didOpen")["textDocument"]
    assert opened == {"uri": URI, "version": 0, "languageId": "python", "text": TEXT}
    editor.until(MANAGED)
    assert editor.ask("buffer-file-name") is None


def test_what_is_typed_and_saved_and_closed_the_server_hears(
    server: AttachServer, editor: Emacs, line: Line
) -> None:
    server.handlers["buffer/write"] = saved
    editor.until(MANAGED)
    editor.insert("X")
    changed = line.asked("textDocument/didChange")
    assert changed["textDocument"]["uri"] == URI
    assert changed["contentChanges"] == [{"text": "X" + TEXT}]
    editor.save()
    assert line.asked("textDocument/didSave")["textDocument"] == {"uri": URI}
    editor.close()
    assert line.asked("textDocument/didClose")["textDocument"] == {"uri": URI}
    server.asked("buffer/close")
    assert not line.over, "the next document finds it running"


@pytest.mark.parametrize("uri", [URI, "rbridge://gpu1/home/u/x.py"])
def test_diagnostics_are_shown(editor: Emacs, line: Line, uri: str) -> None:
    editor.until(MANAGED)
    found = {"range": span(1, 4, 6), "severity": 1, "message": "no go in lib", "source": "demo"}
    line.say("textDocument/publishDiagnostics", {"uri": uri, "diagnostics": [found]})
    said = editor.until("(mapcar #'flymake-diagnostic-text (flymake-diagnostics))")
    assert said == ["demo: no go in lib"]


def test_hover_and_completion(editor: Emacs, languages: LanguageServer, line: Line) -> None:
    languages.handlers["textDocument/hover"] = lambda _: {
        "contents": {"kind": "plaintext", "value": "go() -> None"}
    }
    languages.handlers["textDocument/completion"] = lambda _: [{"label": "golem"}, {"label": "gone"}]
    editor.until(MANAGED)
    editor.ask("(progn (goto-char (point-min)) (forward-line) (forward-char 5))")
    editor.keys("Left")  # eldoc looks after a command
    until(lambda: "go() -> None" in editor.screen(), what=editor.screen())
    asked = line.asked("textDocument/hover")
    assert asked["textDocument"] == {"uri": URI}
    editor.ask('(progn (goto-char (point-max)) (insert "lib.go"))')
    editor.keys("C-M-i")
    until(lambda: "golem" in editor.screen(), what=editor.screen())
    assert line.asked("textDocument/completion")["position"] == {"line": 2, "character": 6}


def test_a_definition_in_a_file_that_is_not_open_has_the_daemon_open_it(
    server: AttachServer, editor: Emacs, languages: LanguageServer, line: Line
) -> None:
    languages.handlers["textDocument/definition"] = lambda _: [{"uri": TARGET, "range": span(1, 4, 6)}]
    server.handlers["lsp/open"] = opened
    server.handlers["buffer/read"] = read
    editor.until(MANAGED)
    editor.ask("(progn (goto-char (point-min)) (forward-line) (forward-char 4))")
    editor.keys("M-.")
    until(lambda: editor.path == PATH, what=editor.screen())
    assert server.asked("lsp/open") == {"uri": TARGET}
    assert editor.text == LIB
    assert editor.cursor == (2, 5)
    assert editor.ask("(list buffer-file-name (buffer-modified-p) default-directory)") == [
        None,
        None,
        editor.ask('(expand-file-name "~/")'),
    ]
    other = line.asked("textDocument/didOpen", 2)["textDocument"]
    assert other["uri"] == f"{TARGET}?{OTHER}"
    assert len(languages.lines) == 1
    editor.keys("M-,")
    until(lambda: editor.path == "/home/u/x.py", what=editor.screen())


def test_a_definition_that_the_host_refuses_is_said_and_nothing_else(
    server: AttachServer, editor: Emacs, languages: LanguageServer, line: Line
) -> None:
    languages.handlers["textDocument/definition"] = lambda _: [
        {"uri": "rbridge://gpu1/etc/shadow", "range": span(0, 0, 1)}
    ]
    server.handlers["lsp/open"] = refused
    editor.until(MANAGED)
    editor.keys("M-.")
    editor.said("shadow: only what is below /home/u is opened for it")
    assert editor.path == "/home/u/x.py"
    assert editor.names == ["x.py@gpu1 gpu1:/home/u/x.py"]


def test_a_rename_goes_through_all_files_open_or_not(
    server: AttachServer, editor: Emacs, languages: LanguageServer, line: Line
) -> None:
    languages.handlers["textDocument/rename"] = lambda _: {
        "changes": {
            URI: [{"range": span(1, 4, 6), "newText": "run"}],
            TARGET: [{"range": span(1, 4, 6), "newText": "run"}],
        }
    }
    server.handlers["lsp/open"] = writable
    server.handlers["buffer/read"] = read
    editor.until(MANAGED)
    editor.ask("(progn (goto-char (point-min)) (forward-line) (forward-char 4))")
    editor.command("eglot-rename", "run")
    until(lambda: "Proceed?" in editor.screen(), what=editor.screen())
    editor.keys("y")
    until(lambda: editor.line(2) == "lib.run()", what=editor.screen())
    texts = (
        "(mapcar (lambda (one) (with-current-buffer (rbridge-document-buffer one)"
        " (list (buffer-string) (buffer-modified-p)))) (rbridge-document-list))"
    )
    assert sorted(editor.ask(texts)) == [["# lib\ndef run(): ...\n", True], ["import lib\nlib.run()\n", True]]


def test_code_actions_and_commands_are_the_daemons(
    editor: Emacs, languages: LanguageServer, line: Line
) -> None:
    action = {"title": "Fix it", "command": {"title": "Fix", "command": "demo@gpu1:fix", "arguments": [1]}}
    languages.handlers["textDocument/codeAction"] = lambda _: [action]
    editor.until(MANAGED)
    editor.command("eglot-code-actions", "Fix it")
    assert line.asked("workspace/executeCommand") == {"command": "demo@gpu1:fix", "arguments": [1]}


def test_an_edit_that_the_server_wants_is_made(editor: Emacs, line: Line) -> None:
    editor.until(MANAGED)
    editor.ask("(setq eglot-confirm-server-initiated-edits nil)")
    document = {"uri": URI, "version": None}
    edits = [{"range": span(0, 0, 0), "newText": "# "}]
    edit = {"documentChanges": [{"textDocument": document, "edits": edits}]}
    assert line.ask("workspace/applyEdit", {"edit": edit})["result"] == {"applied": True}
    assert editor.line(1) == "# import lib"


def test_documents_of_one_root_share_a_server(
    server: AttachServer, editor: Emacs, languages: LanguageServer, line: Line
) -> None:
    server.open(uri=f"{ROOT}/y.py?{OTHER}", id=OTHER, path="/home/u/y.py", name="y.py")
    assert line.asked("textDocument/didOpen", 2)["textDocument"]["uri"] == f"{ROOT}/y.py?{OTHER}"
    third = "00cdef0123456789abcdef00"
    other_root = "rbridge://gpu1/srv/z"
    server.handlers["lsp/servers"] = has({**DEMO, "root": other_root})
    server.open(uri=f"{other_root}/z.py?{third}", id=third, path="/srv/z/z.py", name="z.py")
    assert languages.line(2).asked("initialize")["rootUri"] == other_root
    opened = languages.line(2).asked("textDocument/didOpen")
    assert opened["textDocument"]["uri"] == f"{other_root}/z.py?{third}"
    assert len(line.all("textDocument/didOpen")) == 2


def test_a_linter_beside_the_first_server_hears_and_shows_what_it_finds(
    server: AttachServer, editor: Emacs, languages: LanguageServer
) -> None:
    lint = {"name": "lint", "kind": "lint", "root": ROOT}
    server.handlers["lsp/servers"] = has(DEMO, lint)
    server.open(uri=URI)
    first, beside = languages.line(), languages.line(2)
    assert beside.options["rbridge"] == {"uri": URI, "server": "lint", "primary": False}
    opened = beside.asked("textDocument/didOpen")["textDocument"]
    assert opened == {"uri": URI, "version": 0, "languageId": "python", "text": TEXT}
    editor.until(MANAGED)
    assert beside.ask("workspace/configuration", {"items": [{"section": "ruff"}]})["result"] == [None]
    for line, words in ((first, "no go in lib"), (beside, "imported but unused")):
        found = {"range": span(0, 0, 6), "severity": 2, "message": words, "source": "demo"}
        line.say("textDocument/publishDiagnostics", {"uri": URI, "diagnostics": [found]})
    shown = "(sort (mapcar #'flymake-diagnostic-text (flymake-diagnostics)) #'string<)"
    both = ["demo: imported but unused", "demo: no go in lib"]
    until(lambda: editor.ask(shown) == both, what=editor.screen())
    editor.insert("X")
    assert beside.asked("textDocument/didChange")["contentChanges"] == [{"text": "X" + TEXT}]
    assert beside.asked("textDocument/didChange") == first.asked("textDocument/didChange")
    editor.command("eglot-shutdown")
    assert beside.asked("textDocument/didClose")["textDocument"] == {"uri": URI}
    until(lambda: not editor.ask("(flymake-diagnostics)"))
    editor.command("eglot")
    assert beside.asked("textDocument/didOpen", 2)["textDocument"]["text"] == "X" + TEXT
    editor.close(discard=True)
    assert beside.asked("textDocument/didClose", 2)["textDocument"] == {"uri": URI}


def test_advice_is_said_and_nothing_is_loaded_where_there_is_no_server(
    server: AttachServer, editor: Emacs, languages: LanguageServer
) -> None:
    server.handlers["lsp/servers"] = has(advice="no language server for python on gpu1: install one")
    server.open(uri=URI)
    editor.said("rbridge: no language server for python on gpu1: install one")
    assert editor.ask("(featurep 'eglot)") is None
    assert not languages.lines


def test_a_host_that_is_not_connected_is_asked_again_when_it_is(
    server: AttachServer, editor: Emacs, languages: LanguageServer
) -> None:
    server.handlers["lsp/servers"] = absent
    server.open(uri=URI)
    server.asked("lsp/servers")
    server.handlers["lsp/servers"] = has(DEMO)
    server.say("buffer/state", server.state("clean", connected=False))
    server.say("buffer/state", server.state("clean"))
    languages.line().asked("textDocument/didOpen")
    assert [one["method"] for one in server.got if "method" in one].count("lsp/servers") == 2


def test_it_goes_on_when_the_daemon_is_back(
    server: AttachServer, editor: Emacs, languages: LanguageServer, line: Line
) -> None:
    editor.until(MANAGED)
    server.known = [server.state("clean")]
    line.cut()
    server.cut()
    editor.insert("X")
    again = languages.line(2)
    assert again.asked("textDocument/didOpen")["textDocument"]["text"] == "X" + TEXT
    editor.until(MANAGED)
    stays(lambda: len(languages.lines) == 2, 1.5)


def test_a_server_of_this_machine_never_gets_a_hosts_text(home: Home, server: AttachServer) -> None:
    """What settings for this machine have: Eglot for every Python file, a server that is there."""
    witness = home.root / "witness"
    program = home.file("bin/spy", f"#!/bin/sh\nexec tee {witness}\n")
    program.chmod(0o755)
    setup = f"""(require 'eglot)
    (setq eglot-server-programs '((python-mode . ("{program}"))) eglot-sync-connect nil)
    (add-hook 'python-mode-hook #'eglot-ensure)"""
    server.handlers["lsp/servers"] = has()
    editor = Emacs(home, setup=setup)
    try:
        server.open(uri=URI)
        editor.sees("x.py")
        editor.keys("Right", "Left")
        stays(lambda: not witness.exists(), 1)
        assert "[eglot]" not in editor.told()
        assert "language server" not in editor.told()
        assert not editor.ask(MANAGED)
        editor.open_own(str(home.file("own.py", "x = 1\n")))
        until(lambda: witness.exists() and "initialize" in witness.read_text())
        assert editor.ask("(project-root (eglot--current-project))") != f"{ROOT}/"
    finally:
        editor.kill()


@pytest.mark.parametrize("absent_package", [True, False])
def test_it_is_off_without_eglot_or_when_the_user_says_so(
    home: Home, server: AttachServer, languages: LanguageServer, absent_package: bool
) -> None:
    if absent_package:
        home.file(".emacs.d/early-init.el", WITHOUT)
    editor = Emacs(home, setup="" if absent_package else "(setq rbridge-language-servers nil)")
    try:
        server.open(uri=URI)
        assert "lsp" not in server.asked("initialize")["capabilities"]
        assert editor.ask("(featurep 'eglot)") is None
        stays(lambda: "lsp/servers" not in [one.get("method") for one in server.got], 0.5)
        assert "rror" not in editor.told()
    finally:
        editor.kill()


def test_the_user_ends_a_server_and_begins_it_again(
    server: AttachServer, editor: Emacs, languages: LanguageServer, line: Line
) -> None:
    editor.until(MANAGED)
    editor.command("eglot-shutdown")
    line.came("shutdown", 1)
    until(lambda: not editor.ask(MANAGED))
    server.say("buffer/state", server.state("clean"))
    stays(lambda: not editor.ask(MANAGED), 0.5)
    editor.command("eglot")
    assert languages.line(2).asked("textDocument/didOpen")["textDocument"]["uri"] == URI
    editor.until(MANAGED)
    editor.command("eglot-reconnect")
    assert languages.line(3).asked("textDocument/didOpen")["textDocument"]["uri"] == URI
    assert languages.line(3).options["rbridge"] == {"uri": URI, "server": "demo", "primary": True}


def test_a_file_of_the_host_is_opened_by_its_name(server: AttachServer, editor: Emacs, line: Line) -> None:
    server.handlers["lsp/open"] = opened
    server.handlers["buffer/read"] = read
    editor.keys("C-x", "C-f", "C-a", "C-k")
    editor.tmux.line(f"/rbridge://gpu1{PATH}")
    until(lambda: editor.path == PATH, what=editor.screen())
    assert server.asked("lsp/open") == {"uri": TARGET}
    assert editor.ask("buffer-file-name") is None


def test_a_moved_file_is_another_document_to_the_server(
    server: AttachServer, editor: Emacs, line: Line
) -> None:
    editor.until(MANAGED)
    editor.ask('(rbridge-document-moved rbridge-document "/home/u/new.py")')
    assert line.asked("textDocument/didClose")["textDocument"] == {"uri": URI}
    again = line.asked("textDocument/didOpen", 2)["textDocument"]
    assert again["uri"] == f"{ROOT}/new.py?{ID}"


def test_a_mode_that_the_user_chooses_keeps_it(editor: Emacs, line: Line) -> None:
    editor.until(MANAGED)
    editor.command("conf-mode")
    line.asked("textDocument/didClose")
    line.asked("textDocument/didOpen", 2)
    editor.until(MANAGED)


def test_a_copy_on_this_machine_is_none_of_its_business(home: Home, editor: Emacs, line: Line) -> None:
    editor.until(MANAGED)
    editor.keys("C-x", "C-w")
    editor.tmux.line(str(home.root / "copy.py"))
    assert line.asked("textDocument/didClose")["textDocument"] == {"uri": URI}
    until(lambda: not editor.ask(MANAGED))
    editor.insert("X")
    stays(lambda: len(line.all("textDocument/didChange")) == 0, 1)


def saved(server: AttachServer, params: dict[str, Any]) -> Any:
    server.text = params["text"]
    return {"outcome": "saved", "base": server.base}
