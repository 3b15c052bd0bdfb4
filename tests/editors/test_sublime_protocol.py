"""Sublime Text's plug-in against a daemon that a test plays: what a real one does rarely, or never."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.editors.attach_server import ID, AttachServer, Refusal, Reply
from tests.editors.sublime import ACTIVE, READY, Sublime
from tests.harness.environment import Home
from tests.harness.wait import stays, until


@pytest.fixture
def server(home: Home) -> Iterator[AttachServer]:
    made = AttachServer(home.runtime / "editor.sock")
    yield made
    made.close()


@pytest.fixture
def editor(home: Home, server: AttachServer) -> Iterator[Sublime]:
    made = Sublime(home)
    yield made
    made.kill()


def digest(params: dict[str, Any]) -> str:
    return hashlib.sha256(params["text"].encode()).hexdigest()


def kept(server: AttachServer, params: dict[str, Any]) -> Any:
    return {
        "outcome": "kept",
        "message": "gpu1 is not connected: x.py is kept",
        "digest": digest(params),
    }


def uncertain(server: AttachServer, params: dict[str, Any]) -> Any:
    raise Refusal(-32012, "the connection to gpu1 was lost before it answered", {"digest": digest(params)})


def silent(server: AttachServer, params: dict[str, Any]) -> Any:
    return None


def saved(server: AttachServer, params: dict[str, Any]) -> Any:
    server.text = params["text"]
    return {"outcome": "saved", "base": server.base}


def written(server: AttachServer) -> list[dict[str, Any]]:
    return [one for one in server.got if one.get("method") == "buffer/write"]


def test_what_it_says_of_itself(server: AttachServer, editor: Sublime) -> None:
    hello = server.asked("initialize")
    assert hello["version"] == 1
    assert hello["client"]["name"] == "Sublime Text"
    assert hello["client"]["pid"] == editor.process.pid
    can = {"base64": True, "question": True, "diff": True, "folders": True, "viewer": False}
    assert hello["capabilities"] == can
    assert (hello["buffers"], hello["folders"]) == ([], [])


def test_a_kept_text_stays_modified_until_it_has_arrived(server: AttachServer, editor: Sublime) -> None:
    server.open()
    server.handlers["buffer/write"] = kept
    editor.insert("X")
    editor.save()
    editor.said("gpu1 is not connected: x.py is kept")
    assert editor.modified
    assert editor.status == "gpu1: waiting"
    server.say("buffer/state", server.state("clean"))  # an older one
    stays(lambda: editor.modified, 0.2)
    server.text = "Xone\n"
    server.say("buffer/state", server.state("clean"))
    until(lambda: not editor.modified)
    assert editor.status == "gpu1: saved"


@pytest.mark.parametrize("answer", [kept, uncertain])
def test_whether_a_text_arrived_while_the_daemon_was_away_its_digest_says(
    server: AttachServer, editor: Sublime, answer: Reply
) -> None:
    """Nothing is read for that: the new base is the digest of what was written last."""
    server.open()
    server.handlers["buffer/write"] = answer
    editor.insert("X")
    editor.save()
    until(lambda: editor.status == "gpu1: waiting")
    server.text = "Xone\n"
    server.known = [server.state("clean")]
    server.cut()
    until(lambda: not editor.modified)
    assert editor.status == "gpu1: saved"
    assert [one["method"] for one in server.got if "method" in one].count("buffer/read") == 1
    server.handlers["buffer/write"] = saved
    editor.insert("Y")
    editor.save()
    until(lambda: server.text == "YXone\n")
    assert server.asked("buffer/write", 2)["base"] == hashlib.sha256(b"Xone\n").hexdigest()


def test_a_kept_text_is_waited_for_by_the_next_daemon_too(server: AttachServer, editor: Sublime) -> None:
    """It knows the document before the kept text is on its way again."""
    server.open()
    server.handlers["buffer/write"] = kept
    editor.insert("X")
    editor.save()
    until(lambda: editor.status == "gpu1: waiting")
    server.known = [server.state("clean")]
    server.cut()
    server.asked("initialize", 2)
    until(lambda: editor.status == "gpu1: waiting")
    stays(lambda: editor.status == "gpu1: waiting", 0.3)
    assert "is not saved" not in editor.told()
    server.text = "Xone\n"
    server.say("buffer/state", server.state("clean"))
    editor.until_saved()


def test_what_was_typed_after_a_kept_text_stays_modified(server: AttachServer, editor: Sublime) -> None:
    server.open()
    server.handlers["buffer/write"] = kept
    editor.insert("X")
    editor.save()
    editor.insert("Y")
    editor.said("is kept")
    server.text = "Xone\n"
    server.say("buffer/state", server.state("clean"))
    until(lambda: editor.status == "gpu1: modified")
    assert editor.modified
    server.handlers["buffer/write"] = saved
    editor.save()
    until(lambda: not editor.modified)
    assert server.asked("buffer/write", 2)["text"] == "YXone\n"


@pytest.mark.parametrize("arrived", [True, False])
def test_a_connection_lost_in_the_middle_of_a_write(
    server: AttachServer, editor: Sublime, arrived: bool
) -> None:
    server.open()
    server.handlers["buffer/write"] = silent
    editor.insert("X")
    editor.save()
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
    editor.insert("Y")
    editor.save()
    until(lambda: server.text == "YXone\n")


def test_saves_follow_each_other(server: AttachServer, editor: Sublime) -> None:
    """The second stands on what the first one left, and goes when that is known."""
    server.open()
    server.handlers["buffer/write"] = silent
    editor.insert("X")
    editor.save()
    editor.insert("Y")
    editor.save()
    server.asked("buffer/write")
    stays(lambda: [one["params"]["text"] for one in written(server)] == ["Xone\n"], 0.2)
    server.handlers["buffer/write"] = saved
    server.text = "Xone\n"
    between = server.base
    server.send({"id": written(server)[0]["id"], "result": {"outcome": "saved", "base": between}})
    assert server.asked("buffer/write", 2)["base"] == between
    until(lambda: not editor.modified)


def test_closing_waits_for_a_save_that_runs(server: AttachServer, editor: Sublime) -> None:
    """What is on its way is not asked about, unless the user closes once more."""
    server.open()
    server.handlers["buffer/write"] = silent
    editor.insert("X")
    editor.save()
    editor.close()
    editor.said("x.py is closed as soon as gpu1 has it")
    assert (editor.dialog, len(editor.names)) == ("", 1)
    editor.close()
    assert editor.dialog
    editor.press("Cancel")
    editor.until("not app.dialogs")
    editor.close()
    server.asked("buffer/write")
    server.text = "Xone\n"
    server.send({"id": written(server)[0]["id"], "result": {"outcome": "saved", "base": server.base}})
    until(lambda: not editor.names)
    assert server.asked("buffer/close") == {"id": ID}


@pytest.mark.parametrize("how", ["waits", "asks"])
def test_what_is_closed_is_what_was_shown_then(server: AttachServer, editor: Sublime, how: str) -> None:
    """The user has turned to another tab when the host's answer comes."""
    server.open()
    server.handlers["buffer/write"] = silent
    editor.insert("X")
    if how == "waits":
        editor.save()
    editor.close()
    if how == "asks":
        editor.press("Save")
    server.asked("buffer/write")
    editor.do("app.new_file(app.front)")
    other = editor.look(f"{ACTIVE}.id")
    server.text = "Xone\n"
    server.send({"id": written(server)[0]["id"], "result": {"outcome": "saved", "base": server.base}})
    until(lambda: not editor.names)
    assert editor.look("[one.id for one in app.views.values()]") == [other]


def test_closing_after_a_save_that_failed_asks(server: AttachServer, editor: Sublime) -> None:
    server.open()
    server.handlers["buffer/write"] = silent
    editor.insert("X")
    editor.save()
    editor.close()
    server.asked("buffer/write")
    error = {"code": -32010, "message": "disk full", "data": None}
    server.send({"id": written(server)[0]["id"], "error": error})
    editor.until("bool(app.dialogs)")
    assert "has changes that are not on gpu1" in editor.dialog


def test_a_large_text_goes_in_chunks_cut_between_characters(server: AttachServer, editor: Sublime) -> None:
    server.text = "日" * 1_500_000 + "\n"  # neither 2 MiB nor 4 MiB end where a character does
    size = len(server.text.encode())
    parts = [server.text[at : at + 1_000_000] for at in range(0, len(server.text), 1_000_000)]

    def read(_: AttachServer, params: dict[str, Any]) -> Any:
        number = params.get("chunk")
        if number is None:
            return {"base": server.base, "size": size, "chunks": len(parts)}
        return {"chunk": number, "of": len(parts), "text": parts[number]}

    server.handlers["buffer/read"] = read
    server.open(size=size)
    server.handlers["buffer/write"] = lambda _, params: (
        {"chunk": params["chunk"]}
        if params["chunk"] < params["of"] - 1
        else {"outcome": "saved", "base": server.base}
    )
    editor.insert("X")
    editor.save()
    editor.until_saved()
    sent = [one["params"] for one in written(server)]
    assert [one["chunk"] for one in sent] == list(range(sent[0]["of"]))
    assert "".join(one["text"] for one in sent) == "X" + server.text


def test_a_document_that_the_daemon_does_not_know_any_more(server: AttachServer, editor: Sublime) -> None:
    server.open()
    server.cut()
    editor.said("is closed on gpu1")
    assert editor.text == "one\n"
    assert editor.status == "gpu1: closed"
    editor.insert("X")
    editor.save()
    editor.said("is not open on gpu1 any more")
    assert editor.modified


def test_the_hosts_text_changed_while_the_connection_was_lost(server: AttachServer, editor: Sublime) -> None:
    server.open()
    server.text = "theirs\n"
    server.known = [server.state("clean")]
    server.cut()
    editor.until_text("theirs\n")
    assert not editor.modified


def test_a_change_on_the_host_keeps_the_cursor_with_its_text(server: AttachServer, editor: Sublime) -> None:
    server.text = "one\ntwo\nthree\n"
    server.open(line=3, column=2)
    assert editor.cursor == (3, 2)
    server.text = "zero\none\ntwo\nthree\n"
    server.say("buffer/changed", {"id": ID, "base": server.base, "size": 1, "force": False})
    editor.until_text(server.text)
    assert editor.cursor == (4, 2)
    assert server.asked("buffer/taken") == {"id": ID, "base": server.base, "taken": True}


def test_a_question_is_answered_in_a_list_whose_first_line_decides_nothing(
    server: AttachServer, editor: Sublime
) -> None:
    asked = {"message": "Open gpu1:x.py?", "answers": ["Open", "Refuse"]}
    answers: dict[str, dict[str, str]] = {"Refuse": {"answer": "Refuse"}, "Decide later": {}, "": {}}
    for number, (line, wanted) in enumerate(answers.items(), 1):
        server.send({"id": number, "method": "question", "params": asked})
        editor.until("bool(app.front.quick)")
        assert editor.panel == ["Decide later", "Open", "Refuse"]
        editor.pick(line)
        answer = {"id": number, "result": wanted, "jsonrpc": "2.0"}
        until(lambda answer=answer: answer in server.got)


def test_lines_for_the_user_have_no_control_characters(server: AttachServer, editor: Sublime) -> None:
    server.say("window/show", {"kind": "warning", "message": "disk \x1b[2J\nfull"})
    editor.said("disk \\x1b[2J\\x0afull")


def test_keep_focus_and_new_window(server: AttachServer, editor: Sublime) -> None:
    editor.do("app.new_file(app.front)")
    before = editor.look(f"{ACTIVE}.id")
    server.open(keepFocus=True)
    assert editor.look(f"{ACTIVE}.id") == before
    server.open(line=1, column=3)
    assert editor.look(f"{ACTIVE}.id") != before
    assert editor.cursor == (1, 3)
    server.open(id="f" * 24, path="/y.py", newWindow=True)
    assert editor.look("len(app.windows)") == 2
    assert editor.path == "/y.py"


def test_what_is_new_to_it_is_no_method(server: AttachServer, editor: Sublime) -> None:
    with pytest.raises(AssertionError, match="no such method"):
        server.ask("buffer/unheard", {})
    server.say("buffer/unheard", {})
    server.open()


@pytest.mark.parametrize(
    "data", [b"nonsense\r\n\r\n", b"Content-Length: 99999999999\r\n\r\n", b"Content-Length: 3\r\n\r\n{,}"]
)
def test_nonsense_ends_the_connection_and_it_comes_back(
    server: AttachServer, editor: Sublime, data: bytes
) -> None:
    server.raw(data)
    server.asked("initialize", 2)
    editor.until(READY)
    server.open()


def test_without_the_plug_in_the_connection_ends_and_texts_stay(
    server: AttachServer, editor: Sublime
) -> None:
    server.open()
    server.known = [server.state("clean")]
    editor.do("sys.modules['rbridge.plugin'].plugin_unloaded()")
    editor.until_status("no rbridge")
    stays(lambda: sum(one.get("method") == "initialize" for one in server.got) == 1, 1.5)
    editor.do("sys.modules['rbridge.plugin'].plugin_loaded()")
    editor.until_status("saved")
    assert editor.text == "one\n"
