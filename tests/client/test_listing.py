"""Which language servers there are for a document: what the laptop is told, and by what that is found."""

from __future__ import annotations

import contextlib
import json
import os
import threading

import pytest

from rbridge.client import listing, servers
from rbridge.wire import codec
from tests.client.served import ECHO


def listed(served, **said) -> dict:
    """The answer to ``to: servers``."""
    before = len(served.line.all("ended"))
    bodies = len(served.line.all("bytes"))
    served.stream("servers", **said)
    assert served.ended(before + 1) == ("closed", "", "")
    (answer,) = served.line.all("bytes")[bodies:]
    found = json.loads(answer.body)
    found["root"] = codec.unquote(found["root"])
    return found


def test_what_is_installed_is_listed_with_the_root(served):
    for name in ("pylsp", "jedi-language-server", "ruff"):
        served.program(name, "")
    assert listed(served) == {
        "language": "python",
        "servers": [
            {"name": "pylsp", "kind": "types", "languages": ["python"]},
            {"name": "ruff", "kind": "lint", "languages": ["python"]},
        ],
        "root": str(served.project),
        "advice": "",
    }


def test_where_nothing_is_installed_it_is_said_what_would_serve(served):
    said = listed(served)
    assert said["servers"] == []
    assert "pip install basedpyright" in said["advice"]
    served.stream()
    assert served.ended(2)[:2] == ("none", said["advice"])


def test_a_configuration_turns_them_off_and_only_who_starts_one_is_told(served, here):
    served.program("pylsp", ECHO)
    here.file("../config/rbridge/config.toml", "lsp = false\n")
    said = listed(served)
    assert (said["servers"], said["advice"]) == ([], "")
    served.stream()
    reason, message, _ = served.ended(2)
    assert reason == "off"
    assert "turned off by lsp in" in message


def test_the_administrators_off_is_told(served, tmp_path, monkeypatch):
    served.program("pylsp", ECHO)
    (tmp_path / "rbridge.conf").write_text("lsp = false\n")
    monkeypatch.setattr(servers, "SYSTEM", str(tmp_path / "rbridge.conf"))
    assert str(tmp_path / "rbridge.conf") in listed(served)["advice"]


def test_what_is_configured_counts(served, here):
    served.program("mine", ECHO)
    served.program("pylsp", ECHO)
    here.file("../config/rbridge/config.toml", 'lsp-python = "mine --fast"\n')
    assert [one["name"] for one in listed(served)["servers"]] == ["mine"]
    here.file("../config/rbridge/config.toml", 'lsp-python = "mine \'half"\n')
    assert listed(served)["advice"].endswith("lsp-python: no closing quotation")


def test_the_path_is_that_of_the_shell_that_opened_the_document(served, monkeypatch):
    served.program("pylsp", "")
    source = served.host.resident.documents[0].source
    source.shell = b"PATH=/nowhere\0"
    assert listed(served)["servers"] == []
    source.shell = b""
    assert listed(served)["servers"] == []
    monkeypatch.setenv("PATH", "/nowhere")
    source.shell = b"PATH=" + bytes(served.bin) + b"\0"
    assert [one["name"] for one in listed(served)["servers"]] == ["pylsp"]


def test_a_document_that_sudo_opened_has_none(served, monkeypatch):
    served.program("pylsp", "")
    monkeypatch.setattr(servers.os, "geteuid", lambda: 0)
    served.host.resident.documents[0].source.shell = b"SUDO_UID=1\0PATH=" + bytes(served.bin) + b"\0"
    said = listed(served)
    assert (said["servers"], said["advice"]) == ([], "no language server is started under sudo")


def test_the_editors_word_for_the_language_counts_then_the_users_then_the_name(served):
    served.program("bash-language-server", "")
    source = served.host.resident.documents[0].source
    assert listed(served)["language"] == "python"
    source.type = "sh"
    assert listed(served)["language"] == "shellscript"
    assert listed(served, language="c++")["language"] == "cpp"
    assert listed(served, language="plaintext")["language"] == "shellscript"
    assert listed(served, language="cobol") == {
        "language": "cobol",
        "servers": [],
        "root": str(served.project),
        "advice": "",
    }


def test_a_first_line_counts_after_the_text_was_sent(served, here):
    here.file("proj/run", "#!/usr/bin/env python3\nprint()\n")
    asker = served.host.open("proj/run")
    served.host.until(lambda: asker.open)
    document = asker.open[0]
    served.host.until(lambda: document.target is not None)  # then its descriptor is closed
    served.line.say("stream", token=document.source.token, to="servers")
    served.ended()
    assert json.loads(served.said())["language"] == "python"


@pytest.mark.parametrize("kind", ["gone", "fifo", "folder", "unreadable"])
def test_what_has_no_first_line_has_none(served, kind, monkeypatch):
    source = served.host.resident.documents[0].source
    source.real = str(served.project / "thing")
    if kind == "fifo":
        os.mkfifo(source.real)
    elif kind == "folder":
        os.mkdir(source.real)
    elif kind == "unreadable":
        monkeypatch.setattr(source, "stdin", True)
        monkeypatch.setattr(source, "fd", -1)
    assert listing.first_line(source) == b""
    assert listed(served)["language"] == ""


def test_the_root_is_spelled_as_the_document_is(served, here):
    (here.path / "short").symlink_to(served.project)
    here.file("proj/sub/x.py", "")
    asker = served.host.open("short/sub/x.py")
    served.host.until(lambda: asker.open)
    source = asker.open[0].source
    served.line.say("stream", token=source.token, to="servers")
    served.ended()
    assert source.real == str(here.path / "short" / "sub" / "x.py")
    assert codec.unquote(json.loads(served.said())["root"]) == str(here.path / "short")


def test_a_name_that_is_no_text_is_a_root_too(served, here):
    place = bytes(here.path) + b"/\xff"
    os.mkdir(place)
    os.mkdir(place + b"/.git")
    with open(place + b"/x.py", "w"):
        pass
    asker = served.host.open(os.fsdecode(place + b"/x.py"))
    served.host.until(lambda: asker.open)
    served.program("pylsp", "import os\nos.write(1, os.getcwdb())")
    served.line.say("stream", token=asker.open[0].source.token, to="lsp")
    assert served.ended()[0] == "exited"
    assert served.said() == place
    assert served.begun()["root"].endswith("/%FF")


@contextlib.contextmanager
def standard_input(text: bytes):
    """What is read from standard input."""
    read, write = os.pipe()
    os.write(write, text)
    os.close(write)
    before = os.dup(0)
    os.dup2(read, 0)
    os.close(read)
    try:
        yield
    finally:
        os.dup2(before, 0)
        os.close(before)


@pytest.mark.parametrize(("words", "language"), [((), "python"), (("-t", "go"), "go")])
def test_standard_input_is_where_the_shell_is(served, words, language, monkeypatch):
    served.program("pylsp", "import os\nprint(os.getcwd())")
    (served.project / "sub").mkdir()
    monkeypatch.setenv("PWD", str(served.project / "sub"))
    with standard_input(b"#!/usr/bin/python3\nprint()\n"):
        asker = served.host.open(*words, "-")
    served.host.until(lambda: asker.open)
    served.line.say("stream", token=asker.open[0].source.token, to="servers")
    served.ended()
    said = json.loads(served.said())
    assert (said["language"], codec.unquote(said["root"])) == (language, str(served.project))


@pytest.mark.parametrize("where", [None, "", "relative"])
def test_standard_input_is_at_home_where_the_shell_does_not_say(served, here, monkeypatch, where):
    monkeypatch.delenv("PWD", raising=False)
    if where is not None:
        monkeypatch.setenv("PWD", where)
    with standard_input(b"text"):
        asker = served.host.open("-")
    served.host.until(lambda: asker.open)
    served.line.say("stream", token=asker.open[0].source.token, to="servers", language="python")
    served.ended()
    assert codec.unquote(json.loads(served.said())["root"]) == str(here.path)


def test_an_opened_folder_is_its_own_root(served):
    served.host.laptop.answers["folder"] = served.host.laptop.answers["open"]
    asker = served.host.open(str(served.project))
    served.host.until(lambda: asker.open)
    served.line.say("stream", token=asker.open[0].source.token, to="servers", language="python")
    served.ended()
    said = json.loads(served.said())
    assert (said["language"], codec.unquote(said["root"])) == ("python", str(served.project))


def test_what_was_given_up_meanwhile_is_not_said(served, monkeypatch):
    go, real = threading.Event(), listing.found

    def found(*args):
        assert go.wait(20)
        return real(*args)

    monkeypatch.setattr(listing, "found", found)
    served.stream("servers")
    served.line.say("ended", token=served.token)
    assert served.ended() == ("closed", "", "")
    go.set()
    monkeypatch.setattr(listing, "found", real)
    assert listed(served)["language"] == "python"
    assert [one.command for one in served.line.heard[1:]] == ["ended", "streaming", "bytes", "ended"]


def test_what_goes_wrong_is_said(served, monkeypatch):
    def found(*args):
        raise MemoryError("no room\n\x1b[0m")

    monkeypatch.setattr(listing, "found", found)
    served.stream("servers")
    reason, message, _ = served.ended()
    assert reason == "failed"
    assert message.startswith("unexpected MemoryError: no room")
    assert message.isprintable()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (listing.Absent("none", "there is none"), "there is none"),
        (
            PermissionError(13, "Permission denied", "/a\n"),
            "cannot start a language server: /a\ufffd: permission denied",
        ),
        (OSError(24, "Too many open files"), "cannot start a language server: too many open files"),
        (OSError("odd"), "cannot start a language server: "),
    ],
)
def test_an_error_is_a_line(error, words):
    assert listing.trouble(error) == words
