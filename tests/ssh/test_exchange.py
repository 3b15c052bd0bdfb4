"""The host's end, started by real shells: found, run, and spoken to."""

import shutil
import sys

import pytest

from rbridge.errors import NotListening, RemoteProtocolError, SaveLost, TryAgain
from rbridge.ssh import exchange
from rbridge.ssh.exchange import Exchange, command, program

SHELLS = [name for name in ("sh", "bash", "dash", "fish", "tcsh", "zsh", "ksh") if shutil.which(name)]
REQUEST = ({"rbridge": 1, "do": "get"}, {"path": "nothing"}, {"go": True})


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))


def talk(over, pythons=(sys.executable,)):
    """One get of a file that is not there; the records of the answer."""
    with Exchange(over, "gpu1", pythons) as running:
        for record in REQUEST:
            running.channel.say(record)
        running.meet()
        answer = [running.channel.record(), running.channel.record()]
        running.channel.say({"end": True})
        running.channel.flush()
    return answer


@pytest.mark.parametrize("shell", SHELLS)
def test_every_login_shell_starts_it(shell):
    assert talk([shutil.which(shell), "-c"])[0]["wrong"] == "no such file"


def test_what_rc_files_print_does_no_harm(tmp_path):
    loud = tmp_path / "loud"
    loud.write_text('#!/bin/sh\necho "Welcome! J"; echo >&2 oops; eval "$1"\n')
    loud.chmod(0o755)
    assert talk([str(loud)])[1] == {"listed": 0}


def test_pythons_that_do_not_serve_are_passed_over(tmp_path):
    for name, code in (("two", 2), ("old", 99), ("broken", 127)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / name).chmod(0o755)
    pythons = [*(str(tmp_path / name) for name in ("nothing", "two", "old", "broken")), sys.executable]
    assert talk(["/bin/sh", "-c"], pythons)[1] == {"listed": 0}


def test_a_host_without_python_is_told_from_a_lost_connection():
    with pytest.raises(NotListening, match=r"gpu1 has no Python 3\.6"):
        talk(["/bin/sh", "-c"], ["/nothing"])


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        ("exit 255", TryAgain, "the connection to gpu1 was lost"),
        ("echo Broken pipe >&2; exit 255", TryAgain, r"\(Broken pipe\)"),
        ("kill -9 $$", TryAgain, "lost"),
        ("echo Out of memory >&2; exit 1", SaveLost, "ended on gpu1: Out of memory"),
        ("cat /dev/zero", RemoteProtocolError, "makes no sense"),
    ],
)
def test_an_end_has_its_reason(script, error, words):
    with pytest.raises(error, match=words):
        talk(["/bin/sh", "-c", script])


def test_a_host_that_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(exchange, "PATIENCE", 0.1)
    monkeypatch.setattr(exchange, "LEAVING", 0.1)
    with pytest.raises(TryAgain, match="did not answer"):
        talk(["/bin/sh", "-c", "exec sleep 60"])


def test_without_ssh_it_says_so():
    with pytest.raises(NotListening, match="cannot run ssh"):
        talk(["/nothing"])


def test_an_interrupt_ends_ssh():
    with pytest.raises(KeyboardInterrupt), Exchange(["/bin/sh", "-c"], "gpu1", [sys.executable]) as running:
        raise KeyboardInterrupt
    assert running._ssh.poll() is not None


def test_the_command_means_the_same_to_every_shell():
    line = command(100, "mark")
    assert not set(line) & set("\n\\!")
    assert line.count("'") == 4


def test_the_program_fits_into_a_connections_first_breath():
    assert len(program()) < 16384
