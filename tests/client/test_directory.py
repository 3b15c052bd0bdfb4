"""A directory as something to be opened, by each of the ways to start the client."""

from __future__ import annotations

import os
import signal
import stat

import pytest

from rbridge.errors import Denied, NoInput, UsageError
from tests.client.editors import PLAIN
from tests.client.folders import Answered
from tests.client.laptop import Heard
from tests.harness.wait import until


@pytest.fixture
def served(laptop):
    """A laptop that shows folders, and all that it heard, from whichever process."""
    made = laptop()
    made.answers["folder"] = lambda line, heard: line.say("opened", token=heard.token, editor="vim")

    def heard(command: str) -> list[Heard]:
        return [one for line in made.lines for one in line.all(command)]

    made.all = heard
    return made


def ask(served, token: str, number: int, do: str, **headers: object) -> Answered:
    line = served.lines[0]
    line.say("ask", token=token, request=number, do=do, **headers)

    def last():
        said = [one for one in line.all("answer") if one["request"] == str(number)]
        return said and "more" not in said[-1].headers and Answered(said)

    return until(last)


def test_it_is_opened_and_served_until_it_is_closed(home, served, rbridge_open):
    (home.path / "proj").mkdir()
    (home.path / "proj" / "a.py").write_text("needle\n")
    ran = rbridge_open("-s", served.path, "proj").ok()
    assert ran.err == f"{home.path}/proj: open in vim on mylaptop\n"
    (said,) = served.all("folder")
    assert [one["name"] for one in ask(served, said.token, 1, "list")["entries"]] == ["a.py"]
    assert ask(served, said.token, 2, "find", query="a")["paths"] == ["a.py"]
    assert ask(served, said.token, 3, "search", query="needle").matches[0]["path"] == "a.py"
    status = home.run([*rbridge_open.command, "status"]).ok().out
    assert status.split() == [f"{home.path}/proj", "clean", "mylaptop", "folder"]
    assert home.run([*rbridge_open.command, "status", "-q"]).code == 0
    closed = home.run([*rbridge_open.command, "close", "proj"]).ok()
    assert closed.err == f"{home.path}/proj: closed\n"
    until(lambda: served.all("close"))
    until(lambda: not home.processes(), what="nothing is left")


def test_the_current_directory_a_file_and_another_folder_share_a_process(home, served, rbridge_open):
    home.file("a", "text")
    (home.path / "proj").mkdir()
    rbridge_open("-s", served.path, ".", "a").ok()
    rbridge_open("-s", served.path, "proj").ok()
    paths = [one["real-path"] for one in served.all("folder")]
    assert paths == [str(home.path), f"{home.path}/proj"]
    assert len(served.all("link")) == 1
    assert len(home.processes()) == 1
    assert ask(served, served.all("folder")[1].token, 1, "list")["entries"] == []


def test_with_wait_the_command_returns_when_it_is_closed(home, served, rbridge_open):
    (home.path / "proj").mkdir()
    process = home.start([*rbridge_open.command, "open", "-w", "-s", served.path, "proj"])
    said = until(lambda: served.all("folder")[0])
    assert said["wait"] == "yes"
    served.lines[0].say("close", token=said.token)
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_a_client_that_is_told_to_end_closes_it(home, served, rbridge_open):
    (home.path / "proj").mkdir()
    rbridge_open("-s", served.path, "proj").ok()
    (pid,) = home.processes()
    os.kill(pid, signal.SIGTERM)
    until(lambda: served.all("close"))
    until(lambda: not home.processes())


def test_a_plain_server_has_none_and_is_sent_the_files(home, editor, rbridge_open):
    (home.path / "proj").mkdir()
    home.file("a", "text")
    served = editor(lambda talk: talk.close(talk.opened().token), greeting=PLAIN)
    ran = rbridge_open("-w", *served.where, "proj", "a")
    served.result(1)
    assert ran.code == 66
    assert f"not opened: {home.path}/proj is a directory, and " in ran.err
    assert "takes files only" in ran.err


@pytest.mark.parametrize("words", [["--head", "3"], ["--lines", "1:2"], ["--follow"]])
def test_a_part_of_it_cannot_be_had(check, home, words):
    (home.path / "d").mkdir()
    with pytest.raises(UsageError, match="d is a directory"):
        check("d", *words)


def test_what_may_not_be_read_is_refused(check, home, monkeypatch):
    (home.path / "d").mkdir()

    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(Denied, match="cannot open d: permission denied"):
        check("d")


def test_what_is_neither_is_refused_with_its_own_words(check, home):
    os.mkfifo(home.path / "f")
    with pytest.raises(NoInput, match="cannot open f: it is a pipe"):
        check("f")


def test_at_hand_it_is_a_descriptor_and_its_whole_path(check, home):
    (home.path / "d").mkdir()
    found = check("d/.")
    assert found.folder
    assert found.path == found.real == str(home.path / "d")
    assert stat.S_ISDIR(os.fstat(found.fd).st_mode)


def test_a_link_to_it_is_opened_under_its_own_name(home, served, rbridge_open):
    (home.path / "d").mkdir()
    (home.path / "link").symlink_to("d")
    rbridge_open("-s", served.path, "link").ok()
    assert served.all("folder")[0]["real-path"] == f"{home.path}/link"
    again = rbridge_open("-s", served.path, "d").ok()
    assert len(served.all("folder")) == 1, again
