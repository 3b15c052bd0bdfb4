"""Asking all processes in the background at once."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from rbridge.client import asking, handover, sockets
from rbridge.client.reception import further
from rbridge.errors import UsageError
from tests.harness.wait import until


def rows(answers) -> list[str]:
    return [row.get("path") for answer in answers for row in answer.of("row")]


def test_all_are_asked(background):
    for number in range(3):
        background(f"tunnel{number}").resident.table[f"/a{number}"] = ("clean", True, "")
    answers = asking.ask("status", {})
    assert sorted(rows(answers)) == ["/a0", "/a1", "/a2"]
    assert [answer.code for answer in answers] == [0, 0, 0]
    assert asking.silent(answers) == 0


def test_with_none_there_is_no_answer(here):
    assert asking.ask("status", {}) == []


def test_a_dead_one_is_none_and_its_socket_goes(here, background):
    background().resident.table["/a"] = ("clean", True, "")
    path = here.runtime / "client-x-y.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        path.chmod(0o600)
    assert rows(asking.ask("status", {})) == ["/a"]
    assert not path.exists()


def test_one_that_does_not_answer_is_named_and_the_others_are_heard(here, background, monkeypatch, capsys):
    monkeypatch.setattr(handover, "ANSWER", 0.1)
    background().resident.table["/a"] = ("clean", True, "")
    path = here.runtime / "client-x-y.sock"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        path.chmod(0o600)
        silent.listen()
        answers = asking.ask("status", {}, 0.1)
    assert rows(answers) == ["/a"]
    assert asking.silent(answers) == 75
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert f"{path} does not tell what is open: no answer within 0.1 s" in err


def test_one_that_hangs_up_is_named(background, monkeypatch):
    there = background()

    def hang_up(connection, message) -> None:
        connection.gone()

    there.do(lambda: setattr(there.reception, "answer", hang_up))
    (answer,) = asking.ask("status", {})
    assert answer.trouble


def test_where_a_path_leads_goes_with_it(here):
    here.file("d/a")
    (here.path / "link").symlink_to("d")
    assert asking.where("link/a") == {"path": str(here.path / "link/a"), "real": str(here.path / "d/a")}
    assert asking.where("") == {}


def test_a_directory_that_is_gone_needs_an_absolute_path(here, monkeypatch):
    gone = here.path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(UsageError, match="gone"):
        asking.where("a")
    assert asking.where("/a")["path"] == "/a"


def test_flags_stand_anywhere_before_two_dashes():
    flags = {"-q": "quiet", "--quiet": "quiet"}
    assert asking.words(["a", "-q", "--", "-b"], flags) == (["quiet"], ["a", "-b"])
    for bad in ["-x"], ["--quite"], [""]:
        with pytest.raises(UsageError):
            asking.words(bad, flags)


def test_any_text_can_be_shown(here, home):
    program = "from rbridge.client import asking; asking.show('\\u00e9\\udcff\\n')"
    import sys

    ran = home.run([sys.executable, "-c", program], env={"LC_ALL": "C", "PYTHONIOENCODING": "ascii:strict"})
    assert (ran.code, ran.out) == (0, "??\n")


def test_descriptors_of_an_answer_are_closed(background):
    there = background()
    there.resident.table["/a"] = ("conflict", True, "")
    there.resident.text = b"mine"
    before = len(os.listdir("/proc/self/fd"))
    (answer,) = asking.ask("resolve", {"path": "/a", "real": "/a", "choose": "show"})
    assert len(answer.of("mine")[0].descriptors) == 1
    answer.close()
    until(lambda: len(os.listdir("/proc/self/fd")) == before, what="both ends are closed")


def test_all_are_found_those_with_a_pid_too_and_only_in_a_safe_directory(here):
    for name in (sockets.name("a"), further(sockets.name("a")), "daemon.sock"):
        (here.runtime / name).touch()
    assert asking.everywhere() == [
        str(here.runtime / name) for name in sorted((sockets.name("a"), further(sockets.name("a"))))
    ]
    here.runtime.chmod(0o755)
    assert asking.everywhere() == []


def test_one_that_was_started_in_a_login_is_found_without_its_variables(here, background, monkeypatch):
    background().resident.table["/a"] = ("dirty", True, "")
    monkeypatch.setattr(asking, "LOGIN", str(here.runtime))
    for name in ("RBRIDGE_RUNTIME_DIR", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(asking.paths, "runtime_candidates", lambda: [str(here.path / "elsewhere")])
    assert rows(asking.ask("status", {})) == ["/a"]


def test_a_path_on_a_file_server_that_is_silent_is_named_as_it_is_called(here, monkeypatch):
    gate = threading.Event()
    monkeypatch.setattr(asking.os.path, "realpath", lambda _path: gate.wait(20))
    monkeypatch.setattr(asking, "LEADS", 0.01)
    path = str(here.path / "a")
    assert asking.where("a") == {"path": path, "real": path}
    gate.set()
