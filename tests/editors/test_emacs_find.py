"""Finding files and searching in them with Emacs' plug-in, against a daemon that a test plays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.editors.attach_server import AttachServer, Refusal
from tests.editors.emacs import Emacs
from tests.editors.emacs_host import FOLDER, Host
from tests.harness.environment import Home
from tests.harness.wait import stays, until

FILES = ["src/model.py", "src/data/model.py", "a b%.txt", "caf\xe9.txt"]


def match(path: str, line: int, column: int, text: str, **more: object) -> dict[str, Any]:
    return {"path": path, "line": line, "column": column, "length": 5, "text": text, **more}


MATCHES = [
    match("src/model.py", 3, 7, "class Model:"),
    match("src/data.py", 12, 5, "\tü  Model(\x1b[2J)"),
    match("caf%E9.py", 1, 301, "x Model y", encoded=True, **{"from": 299}),
]


@pytest.fixture
def server(home: Home) -> Iterator[AttachServer]:
    made = AttachServer(home.runtime / "editor.sock")
    yield made
    made.close()


@pytest.fixture
def host(server: AttachServer) -> Host:
    made = Host(server)
    server.handlers["fs/find"] = lambda *_: {"paths": FILES, "truncated": False, "by": "git"}
    return made


@pytest.fixture
def editor(home: Home, host: Host) -> Iterator[Emacs]:
    """With the folder in front."""
    made = Emacs(home)
    host.show()
    made.tree.until_shows("a.txt", "src/", "z.txt")
    yield made
    made.kill()


def asks(editor: Emacs, words: str) -> None:
    until(lambda: words in editor.asked, what=editor.screen())


def queries(host: Host) -> list[str]:
    return [one["query"] for one in host.asked("fs/find")]


# Finding


def test_files_are_offered_while_it_is_typed(editor: Emacs, host: Host) -> None:
    editor.keys("j")
    asks(editor, "Find file in project: ")
    stays(lambda: not queries(host), 0.3, "nothing is looked for before something is typed")
    editor.tmux.type("mdl")
    editor.tmux.wait_for("{src/model.py | src/data/model.py | a b%.txt | café.txt}")
    assert host.asked("fs/find")[-1] == {"folder": FOLDER, "query": "mdl", "limit": 200}
    editor.keys("Enter")
    editor.sees("/home/u/project/src/model.py")
    assert queries(host)[-1] == "mdl"


def test_a_newer_input_gives_up_the_search_for_an_older_one(editor: Emacs, host: Host) -> None:
    handler = host.server.handlers.pop("fs/find")
    editor.keys("j")
    asks(editor, "Find file")
    editor.tmux.type("m")
    host.server.asked("fs/find")
    editor.tmux.type("o")
    host.server.asked("fs/find", 2)
    assert queries(host) == ["m", "mo"]
    assert [one["id"] for one in host.asked("$/cancelRequest")] == host.numbers("fs/find")[:1]
    fault = {"code": -32800, "message": "cancelled"}
    host.server.send({"id": host.numbers("fs/find")[0], "error": fault})
    host.server.handlers["fs/find"] = handler
    found = {"paths": ["src/model.py"], "truncated": False, "by": "git"}
    host.server.send({"id": host.numbers("fs/find")[1], "result": found})
    editor.tmux.wait_for("[src/model.py")
    editor.keys("C-g")
    until(lambda: not editor.asked)
    assert not editor.names
    editor.keys("M-x")
    editor.tmux.type("rbridge-")
    editor.tmux.wait_for("M-x rbridge-")
    stays(lambda: "{" not in editor.screen(), 0.3, "other prompts are as the user's settings have them")


def test_it_gives_up_when_the_user_does(editor: Emacs, host: Host) -> None:
    del host.server.handlers["fs/find"]
    editor.keys("j")
    asks(editor, "Find file")
    editor.tmux.type("m")
    editor.keys("Enter")
    host.server.asked("fs/find")
    until(lambda: not editor.asked)
    editor.keys("C-g")
    until(lambda: host.asked("$/cancelRequest")[-1]["id"] == host.numbers("fs/find")[-1])
    assert not editor.names


def test_with_plain_completion_tab_shows_the_list(editor: Emacs, host: Host) -> None:
    """... in the host's order, whatever a path begins with; what is chosen there is opened."""
    editor.ask("(setq rbridge-find-as-you-type nil)")
    editor.keys("j")
    asks(editor, "Find file")
    editor.tmux.type("mdl")
    editor.keys("TAB")
    listed = '(with-current-buffer "*Completions*" (buffer-string))'
    until(lambda: "café.txt" in str(editor.ask(listed)), what=editor.screen())
    text = str(editor.ask(listed))
    assert sorted(FILES, key=text.index) == FILES
    assert queries(host) == ["mdl"]
    editor.keys("M-v")
    editor.until('(equal (buffer-name) "*Completions*")')
    until(lambda: editor.ask('(search-forward "src/data/" nil t)'))
    editor.ask(
        '(set-window-point (get-buffer-window "*Completions*") (with-current-buffer "*Completions*" (point)))'
    )
    editor.keys("Enter")
    editor.sees("/home/u/project/src/data/model.py")


def test_the_only_one_is_completed(editor: Emacs, host: Host) -> None:
    editor.ask("(setq rbridge-find-as-you-type nil)")
    host.server.handlers["fs/find"] = lambda *_: {"paths": ["src/model.py"], "truncated": False, "by": "git"}
    editor.keys("j")
    asks(editor, "Find file")
    editor.tmux.type("mdl")
    editor.keys("TAB")
    editor.tmux.wait_for("Find file in project: src/model.py")
    editor.keys("Enter")
    editor.sees("/home/u/project/src/model.py")


def test_an_icomplete_of_the_users_is_left_as_it_is(editor: Emacs, host: Host) -> None:
    editor.ask("(fido-mode 1)")
    editor.keys("j")
    asks(editor, "Find file")
    editor.tmux.type("mdl")
    editor.tmux.wait_for("src/data/model.py")
    editor.keys("Enter")
    editor.sees("/home/u/project/src/model.py")


def test_odd_paths_are_offered_and_opened(editor: Emacs, host: Host) -> None:
    found = {"paths": [], "encoded": ["src/caf%E9.txt"], "truncated": False, "by": "git"}
    host.server.handlers["fs/find"] = lambda *_: found
    assert editor.tree.find("caf") == ["src/caf\\351.txt"]
    editor.tree.pick(0)
    asked = host.server.asked("fs/open")
    assert (asked["path"], asked["encoded"]) == ("src/caf%E9.txt", True)


def test_what_is_left_out_and_what_failed_is_said(editor: Emacs, host: Host) -> None:
    host.server.handlers["fs/find"] = lambda *_: {"paths": FILES, "truncated": True, "by": "git"}
    editor.keys("j")
    asks(editor, "Find file")
    editor.tmux.type("mdl")
    editor.tmux.wait_for("Find file in project: [the first 4] mdl")

    def refuse(*_: object) -> Any:
        raise Refusal(-32010, "git failed: 100%")

    host.server.handlers["fs/find"] = refuse
    editor.tmux.type("x")
    editor.tmux.wait_for("Find file in project: [git failed: 100%] mdlx")
    editor.keys("Enter")
    editor.said("rbridge: git failed: 100%")


def test_nothing_found_is_said(editor: Emacs, host: Host) -> None:
    host.server.handlers["fs/find"] = lambda *_: {"paths": [], "truncated": False, "by": "git"}
    editor.command("rbridge-find-file", "nowhere")
    editor.said("project has no file like nowhere")
    count = len(queries(host))
    editor.command("rbridge-find-file", "")
    editor.said("some letters of its path are needed")
    assert len(queries(host)) == count
    assert not editor.names


def test_without_a_daemon_it_is_said_at_once(editor: Emacs, host: Host) -> None:
    host.server.handlers["initialize"] = lambda *_: None
    host.server.cut()
    until(lambda: "no rbridge" in editor.tree.status)
    editor.command("rbridge-find-file", "mdl")
    editor.said("mdl: rbridge is not running")


# Searching


def search(editor: Emacs, query: str) -> None:
    editor.keys("A")
    asks(editor, "Search in project: ")
    editor.tmux.line(query)
    editor.until("(eq major-mode 'rbridge-search-mode)")


def test_matches_are_listed_as_they_come(editor: Emacs, host: Host) -> None:
    search(editor, "Model")
    asked = host.server.asked("fs/search")
    assert {key: asked[key] for key in ("folder", "query", "regex", "limit")} == {
        "folder": FOLDER,
        "query": "Model",
        "regex": False,
        "limit": 1000,
    }
    stream = asked["stream"]
    host.server.say("fs/found", {"stream": stream, "matches": MATCHES[:1]})
    until(lambda: "src/model.py:3:7:class Model:" in editor.text)
    assert "searches" in editor.screen()
    host.server.say("fs/found", {"stream": "another", "matches": MATCHES[:1]})
    host.server.say("fs/found", {"stream": stream, "matches": MATCHES[1:]})
    result = {"matches": [], "truncated": False, "by": "rg"}
    host.server.send({"id": host.numbers("fs/search")[0], "result": result})
    until(lambda: "3 matches" in editor.text)
    assert editor.text.splitlines() == [
        "Search for Model in gpu1:/home/u/project",
        "",
        "src/model.py:3:7:class Model:",
        "src/data.py:12:5:\tü  Model(^[[2J)",
        "caf\\351.py:1:301:x Model y",
        "",
        "3 matches",
    ]
    lit = (
        '(save-excursion (goto-char (point-min)) (search-forward "301:x ")'
        " (get-text-property (point) 'font-lock-face))"
    )
    assert editor.ask(lit) is True
    assert editor.ask(lit.replace('"301:x "', '"301:"')) is None


def ended(editor: Emacs, host: Host, truncated: bool = False) -> None:
    """A search that has found all of MATCHES."""
    search(editor, "Model")
    stream = host.server.asked("fs/search")["stream"]
    host.server.say("fs/found", {"stream": stream, "matches": MATCHES})
    result = {"matches": [], "truncated": truncated, "by": "rg"}
    host.server.send({"id": host.numbers("fs/search")[-1], "result": result})
    editor.until('(equal rbridge-search--state "ended")')


def test_a_match_is_gone_to_and_the_next_one(editor: Emacs, host: Host) -> None:
    host.server.text = "one\ntwo\nclass Model:\n"
    ended(editor, host)
    editor.keys("Enter")
    editor.sees("src/model.py")
    assert editor.cursor == (3, 7)
    assert editor.ask("(length (window-list))") == 2
    editor.keys("M-g", "n")
    until(lambda: host.asked("fs/open")[-1]["path"] == "src/data.py")
    asked = host.asked("fs/open")[-1]
    assert (asked["line"], asked["column"]) == (12, 5)
    editor.keys("M-g", "n")
    until(lambda: host.asked("fs/open")[-1]["path"] == "caf%E9.py")
    editor.keys("M-g", "n")
    editor.said("there is no other match")
    editor.keys("M-g", "p")
    until(lambda: host.asked("fs/open")[-1]["path"] == "src/data.py")
    assert len(host.asked("fs/open")) == 4


def test_moving_between_matches(editor: Emacs, host: Host) -> None:
    ended(editor, host)
    line = "(line-number-at-pos (window-point))"
    until(lambda: editor.ask(line) == 3)
    editor.keys("n", "n")
    until(lambda: editor.ask(line) == 5)
    editor.keys("n")
    editor.said("there is no other match")
    editor.keys("p", "C-o")
    until(lambda: host.asked("fs/open")[-1]["path"] == "src/data.py")
    until(lambda: editor.names)
    editor.until("(eq major-mode 'rbridge-search-mode)")
    editor.keys("M->", "Enter")
    editor.said("there is no match in this line")


def test_that_there_are_more_is_said(editor: Emacs, host: Host) -> None:
    ended(editor, host, truncated=True)
    assert "the first 3 matches; there are more" in editor.text


def test_a_search_is_given_up(editor: Emacs, host: Host) -> None:
    search(editor, "Model")
    stream = host.server.asked("fs/search")["stream"]
    editor.keys("k")
    until(lambda: "given up" in editor.text)
    assert host.server.asked("$/cancelRequest")["id"] == host.numbers("fs/search")[0]
    host.server.say("fs/found", {"stream": stream, "matches": MATCHES})
    host.server.send({"id": host.numbers("fs/search")[0], "error": {"code": -32800, "message": "cancelled"}})
    editor.keys("g")
    again = host.server.asked("fs/search", 2)["stream"]
    host.server.say("fs/found", {"stream": again, "matches": MATCHES[:1]})
    until(lambda: "src/model.py" in editor.text)
    assert "src/data.py" not in editor.text
    editor.command("kill-buffer", "")
    until(lambda: len(host.asked("$/cancelRequest")) == 2)


def test_a_search_that_fails_says_why(editor: Emacs, host: Host) -> None:
    def refuse(*_: object) -> Any:
        raise Refusal(-32010, "no such pattern: 100%")

    host.server.handlers["fs/search"] = refuse
    editor.keys("C-u", "A")
    asks(editor, "Search in project: ")
    editor.tmux.line("(")
    asks(editor, "In files like")
    editor.tmux.line("*.py")
    asks(editor, "But not like")
    editor.tmux.line("tests/")
    editor.said("no such pattern: 100%")
    asked = host.server.asked("fs/search")
    assert (asked["regex"], asked["include"], asked["exclude"]) == (True, "*.py", "tests/")


def test_nothing_is_searched_for_nothing(editor: Emacs, host: Host) -> None:
    editor.command("rbridge-search", "")
    editor.said("nothing to search for")
    assert host.asked("fs/search") == []


def test_what_was_found_goes_with_its_folder(editor: Emacs, host: Host) -> None:
    ended(editor, host)
    editor.command("rbridge-close-folder")
    until(lambda: not editor.tree.root)
    assert (
        editor.ask('(seq-filter (lambda (one) (string-match-p "project" (buffer-name one))) (buffer-list))')
        is None
    )


def test_what_was_looked_for_is_kept_nowhere(editor: Emacs, host: Host) -> None:
    kept = editor.home.path / "history"
    editor.ask(f"(setq savehist-file {json.dumps(str(kept))})")
    editor.ask("(savehist-mode 1)")
    editor.command("ignore")
    until(lambda: not editor.asked)
    editor.tree.find("mdl-marker")
    editor.keys("Enter")
    editor.sees("src/model.py")
    editor.tree._front()
    ended(editor, host)
    editor.ask("(savehist-save)")
    text = kept.read_text()
    assert "ignore" in text, "what else was typed is kept"
    assert "mdl-marker" not in text
    assert "Model" not in text
