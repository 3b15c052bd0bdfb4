"""Emacs' plug-in against a daemon that a test plays: what a real one does rarely, or never."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.editors.attach_server import ID, AttachServer, Refusal, Reply
from tests.editors.emacs import READY, Emacs
from tests.harness.environment import Home
from tests.harness.wait import stays, until

WAIT = "(setq rbridge-wait {seconds})"


@pytest.fixture
def server(home: Home) -> Iterator[AttachServer]:
    made = AttachServer(home.runtime / "editor.sock")
    yield made
    made.close()


@pytest.fixture
def editor(home: Home, server: AttachServer) -> Iterator[Emacs]:
    made = Emacs(home)
    yield made
    made.kill()


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def kept(server: AttachServer, params: dict[str, Any]) -> Any:
    message = "gpu1 is not connected: x.py is kept"
    return {"outcome": "kept", "message": message, "digest": digest(params["text"])}


def uncertain(server: AttachServer, params: dict[str, Any]) -> Any:
    message = "the connection to gpu1 was lost before it answered"
    raise Refusal(-32012, message, {"digest": digest(params["text"])})


def silent(server: AttachServer, params: dict[str, Any]) -> Any:
    return None


def saved(server: AttachServer, params: dict[str, Any]) -> Any:
    server.text = params["text"]
    return {"outcome": "saved", "base": server.base}


def in_conflict(server: AttachServer, params: dict[str, Any]) -> Any:
    if params.get("force"):
        return saved(server, params)
    raise Refusal(-32011, "x.py was changed there", {"base": digest("theirs\n")})


def save(editor: Emacs, typed: str) -> None:
    """Type something before the text, and save."""
    editor.insert(typed)
    editor.save()


def test_what_it_says_of_itself(server: AttachServer, editor: Emacs) -> None:
    hello = server.asked("initialize")
    assert hello["version"] == 1
    assert hello["client"]["name"] == "Emacs"
    assert hello["client"]["pid"] == editor.pid
    assert hello["capabilities"] == {
        "base64": True,
        "question": True,
        "folders": True,
        "diff": True,
        "lsp": True,  # Eglot is there
    }
    assert "buffers" not in hello
    assert "folders" not in hello


def test_a_kept_text_stays_modified_until_it_has_arrived(server: AttachServer, editor: Emacs) -> None:
    server.open()
    server.handlers["buffer/write"] = kept
    save(editor, "X")
    editor.said("gpu1 is not connected: x.py is kept")
    assert editor.modified
    assert editor.status == "gpu1: waiting"
    server.say("buffer/state", server.state("clean"))  # an older one
    stays(lambda: editor.modified, 0.2)
    server.text = "Xone\n"
    server.say("buffer/state", server.state("clean"))
    until(lambda: not editor.modified)
    assert editor.status == "gpu1: saved"


@pytest.mark.parametrize("answer", [kept, uncertain, silent])
def test_whether_a_text_arrived_while_the_daemon_was_away_its_digest_says(
    server: AttachServer, editor: Emacs, answer: Reply
) -> None:
    """Nothing is read for that: the new base is the digest of what was written last."""
    server.open()
    server.handlers["buffer/write"] = answer
    save(editor, "X")
    server.asked("buffer/write")
    server.text = "Xone\n"
    server.known = [server.state("clean")]
    server.cut()
    until(lambda: not editor.modified)
    assert editor.status == "gpu1: saved"
    assert [one["method"] for one in server.got if "method" in one].count("buffer/read") == 1
    server.handlers["buffer/write"] = saved
    save(editor, "Y")
    until(lambda: server.text == "YXone\n")
    assert server.asked("buffer/write", 2)["base"] == digest("Xone\n")


def test_a_text_that_was_typed_further_stays_modified_on_the_base_that_arrived(
    server: AttachServer, editor: Emacs
) -> None:
    server.open()
    server.handlers["buffer/write"] = uncertain
    save(editor, "X")
    until(lambda: editor.status == "gpu1: waiting")
    editor.insert("Y")
    server.text = "Xone\n"
    server.known = [server.state("clean")]
    server.cut()
    until(lambda: editor.status == "gpu1: modified")
    assert editor.text == "YXone\n"
    server.handlers["buffer/write"] = saved
    editor.save()
    until(lambda: not editor.modified)
    assert server.asked("buffer/write", 2)["base"] == digest("Xone\n")


def test_a_text_that_did_not_arrive_stays_modified(server: AttachServer, editor: Emacs) -> None:
    server.open()
    server.handlers["buffer/write"] = silent
    save(editor, "X")
    server.asked("buffer/write")
    server.known = [server.state("clean")]
    server.cut()
    editor.said("not known yet whether gpu1 has it")
    shown = server.asked("initialize", 2)["buffers"]
    assert [(one["id"], one["modified"]) for one in shown] == [(ID, True)]
    editor.said("is not saved on gpu1: the connection was lost before")
    assert editor.modified
    server.handlers["buffer/write"] = saved
    editor.save()
    until(lambda: server.text == "Xone\n")


@pytest.mark.parametrize("way", ["time", "C-g"])
def test_a_slow_save_holds_up_nobody(server: AttachServer, editor: Emacs, way: str) -> None:
    server.open()
    server.handlers["buffer/write"] = silent
    if way == "time":
        editor.ask(WAIT.format(seconds=0.2))
    save(editor, "X")
    server.asked("buffer/write")
    if way == "C-g":
        editor.tmux.wait_for("saving x.py on gpu1 (C-g: do not wait)")
        editor.keys("C-g")
    editor.said("x.py not saved yet")
    assert editor.modified
    assert editor.status == "gpu1: saving"
    number = next(one["id"] for one in server.got if one.get("method") == "buffer/write")
    server.text = "Xone\n"
    server.send({"id": number, "result": {"outcome": "saved", "base": server.base}})
    until(lambda: not editor.modified)


def test_what_is_typed_while_a_save_is_on_its_way_stays_modified(server: AttachServer, editor: Emacs) -> None:
    """... and the next save stands on what the first one left."""
    server.open()
    server.handlers["buffer/write"] = silent
    editor.ask(WAIT.format(seconds=0.05))
    save(editor, "X")
    save(editor, "Y")
    editor.until_text("YXone\n")
    writes = [one for one in server.got if one.get("method") == "buffer/write"]
    assert [one["params"]["text"] for one in writes] == ["Xone\n"]
    server.handlers["buffer/write"] = saved
    server.text = "Xone\n"
    between = server.base
    server.send({"id": writes[0]["id"], "result": {"outcome": "saved", "base": between}})
    assert server.asked("buffer/write", 2)["base"] == between
    until(lambda: not editor.modified)
    assert server.text == "YXone\n"


def test_a_document_that_the_daemon_does_not_know_any_more(server: AttachServer, editor: Emacs) -> None:
    server.open()
    server.cut()
    editor.said("x.py is closed on gpu1")
    assert editor.text == "one\n"
    assert editor.status == "gpu1: closed"
    save(editor, "X")
    editor.said("is not open on gpu1 any more")
    assert editor.modified
    assert "rbridge: x.py is not saved" in editor.told()


def test_the_hosts_text_changed_while_the_connection_was_lost(server: AttachServer, editor: Emacs) -> None:
    server.open()
    server.text = "theirs\n"
    server.known = [server.state("clean")]
    server.cut()
    editor.until_text("theirs\n")
    assert not editor.modified


def test_it_did_and_something_was_typed(server: AttachServer, editor: Emacs) -> None:
    server.open()
    editor.insert("X")
    editor.until_status("modified")
    server.text = "theirs\n"
    server.known = [server.state("clean")]
    server.cut()
    editor.until_conflict()
    assert editor.text == "Xone\n"


@pytest.mark.parametrize(("choice", "text"), [("Overwrite", "Xone\n"), ("", "Xone\n")])
def test_a_conflict_is_asked_about_and_may_be_put_off(
    server: AttachServer, editor: Emacs, choice: str, text: str
) -> None:
    server.open()
    server.handlers["buffer/write"] = in_conflict
    save(editor, "X")
    editor.answer("x.py was changed on gpu1", choice)
    until(lambda: not editor.asked)
    assert editor.text == text
    if choice:
        editor.until_saved()
        assert server.text == text
    else:
        stays(lambda: editor.status == "gpu1: conflict" and editor.modified, 0.3)
        assert "is not saved on gpu1: x.py was changed there" in editor.told()


@pytest.mark.parametrize("answer", ["Refuse", "refuse", "", "C-g"])
def test_a_question_is_answered_here(server: AttachServer, editor: Emacs, answer: str) -> None:
    """Keys that were typed into a text answer nothing: it takes a word and Enter."""
    number = 77
    question = {"message": "Open gpu1:x.py? 100%", "answers": ["Open", "Refuse"]}
    server.send({"id": number, "method": "question", "params": question})
    until(lambda: "Open gpu1:x.py? 100%" in editor.asked)
    editor.tmux.line("x y n")
    stays(lambda: not [one for one in server.got if one.get("id") == number], 0.3)
    editor.keys("C-a", "C-k")
    if answer == "C-g":
        editor.keys("C-g")
    else:
        editor.tmux.line(answer)
    came = until(lambda: [one for one in server.got if one.get("id") == number])
    assert came[0]["result"] == ({"answer": "Refuse"} if answer.lower() == "refuse" else {})
    editor.ask("(setq rbridge-window-typing 60)")
    server.open()
    assert editor.path == "/home/u/x.py", "who answers a question does not type into a text"


def test_a_question_waits_for_the_minibuffer(server: AttachServer, editor: Emacs) -> None:
    editor.keys("M-x")
    until(lambda: "M-x" in editor.asked)
    server.send({"id": 77, "method": "question", "params": {"message": "Open it?", "answers": ["Open"]}})
    stays(lambda: "M-x" in editor.asked, 0.4)
    editor.keys("C-g")
    editor.answer("Open it?", "Open")
    until(lambda: [one for one in server.got if one.get("id") == 77])


def test_lines_for_the_user(server: AttachServer, editor: Emacs) -> None:
    server.say("window/show", {"kind": "warning", "message": "disk 100% full on gpu1"})
    editor.said("disk 100% full on gpu1")


def test_an_open_while_the_user_types_takes_no_keys(server: AttachServer, editor: Emacs) -> None:
    editor.keys("C-x", "b")
    editor.tmux.line("notes")
    editor.sees("notes")
    editor.ask("(setq rbridge-window-typing 60)")
    editor.tmux.type("typed")
    editor.until_text("typed")
    server.open()
    editor.tmux.type(" on")
    editor.until_text("typed on")
    assert editor.ask("(length (window-list))") == 2


def test_an_open_waits_for_the_end_of_a_command(server: AttachServer, editor: Emacs) -> None:
    before = editor.path
    editor.keys("C-x")
    editor.until("(> (length (this-single-command-keys)) 0)")
    params = {"id": ID, "host": "gpu1", "path": "/home/u/x.py", "name": "x.py", "base": server.base}
    server.send({"id": 77, "method": "buffer/open", "params": params})
    stays(lambda: editor.path == before, 0.4)
    editor.keys("C-g")
    editor.sees("x.py")


def test_keep_focus_new_window_and_places(server: AttachServer, editor: Emacs) -> None:
    before = editor.path
    server.open(keepFocus=True)
    assert editor.path == before
    server.open(line=1, column=3)
    assert (editor.path, editor.cursor) == ("/home/u/x.py", (1, 3))
    server.open(line=99, column=99)
    assert editor.cursor == (2, 1)
    windows = editor.ask("(length (window-list))")
    server.open(id="f" * 24, path="/y.py", newWindow=True)
    assert editor.ask("(length (window-list))") in (windows, windows + 1)
    assert editor.path == "/y.py"


def test_it_says_where_the_user_looks(server: AttachServer, editor: Emacs) -> None:
    def told() -> list[dict[str, Any]]:
        return [one["params"] for one in server.got if one.get("method") == "buffer/focus"]

    def all_told() -> int:
        """How much of it came, once nothing more is to come."""
        editor.until("(not rbridge--focus-timer)")
        with pytest.raises(AssertionError, match="no such method"):
            server.ask("no/method", {})
        return len(told())

    server.open()
    until(lambda: told()[-1] == {"id": ID})
    before = all_told()
    editor.keys("C-x", "b")
    until(lambda: "Switch to buffer" in editor.asked)
    editor.until("(not rbridge--focus-timer)")
    editor.keys("C-g")
    until(lambda: not editor.asked)
    all_told()
    assert {} not in told()[before:], "what is asked stands below the text"
    editor.keys("C-x", "b")
    editor.tmux.line("notes")
    editor.sees("notes")
    until(lambda: told()[-1] == {})
    count = all_told()
    editor.ask("(set-terminal-parameter nil 'tty-focus-state 'defocused)")
    editor.focus()
    stays(lambda: len(told()) == count, 0.3)
    editor.ask("(set-terminal-parameter nil 'tty-focus-state 'focused)")
    editor.focus()
    until(lambda: len(told()) > count)


def test_names_tell_files_apart(server: AttachServer, editor: Emacs) -> None:
    for number, path in enumerate(["/a/x.py", "/b/x.py", "/c/b/x.py", "/x.py"]):
        server.open(id=f"{number:024}", path=path)
        assert editor.path == path
    names = sorted(name.split()[0] for name in editor.names)
    assert names == ["b/x.py@gpu1", "x.py@gpu1", "x.py@gpu1<2>", "x.py@gpu1<3>"]


def test_what_is_new_to_it_is_no_method(server: AttachServer, editor: Emacs) -> None:
    with pytest.raises(AssertionError, match="no such method"):
        server.ask("folder/show", {})
    server.say("folder/changed", {})
    server.open()


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"n" * 5000,
        b"Content-Length: 99999999999\r\n\r\n",
        b"Content-Length: 3\r\n\r\n{,}",
        b'Content-Length: 26\r\n\r\n{"id": null, "error": {}}  ',
    ],
)
def test_nonsense_ends_the_connection_and_it_comes_back(
    server: AttachServer, editor: Emacs, data: bytes
) -> None:
    server.raw(data)
    server.asked("initialize", 2)
    editor.until(READY)
    server.open()
