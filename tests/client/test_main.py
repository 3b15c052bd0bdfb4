"""The command as a whole: order, messages, and what earlier crashes left."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from rbridge.client import leftovers
from rbridge.client.main import Run, encodable
from tests.client.editors import LINK, Talk


def test_what_went_well_is_one_line_on_stderr_and_nothing_on_stdout(home, editor, rbridge_open):
    home.file("a")
    home.file("b")
    served = editor(lambda talk: talk.linked(2), home.root / "s", LINK)
    ran = rbridge_open(*served.where, "a", "b")
    assert ran.out == ""
    assert ran.err == "a: open in vim on mylaptop\nb: open in vim on mylaptop\n"


def test_nothing_is_looked_for_when_no_file_can_be_opened(home, editor, rbridge_open):
    served = editor(lambda talk: None, home.root / "s", LINK)
    ran = rbridge_open(*served.where, "none/a", ".")
    assert ran.code == 73
    assert served.connections == 0


def test_a_state_directory_that_cannot_be_made_does_not_stop_a_save(home, editor, rbridge_open):
    path = home.file("a", "old")
    home.env["RBRIDGE_STATE_DIR"] = "/proc/nowhere"

    def script(talk: Talk) -> None:
        (said,) = talk.linked()
        talk.save(said.token, b"new", 1)
        assert talk.record().command == "saved"
        talk.close(said.token)

    served = editor(script, home.root / "s", LINK)
    assert rbridge_open("-w", *served.where, "a").code == 0
    served.result()
    assert path.read_bytes() == b"new"


def test_what_a_crash_left_is_cleared_up_before_a_file_is_read(home, rbridge_open):
    """A process that was killed while it staged a save: its temporary file is gone afterwards."""
    code = (
        "import os, sys; from rbridge.client.staging import Staging\n"
        "one = Staging('a', os.environ['RBRIDGE_STATE_DIR']); one.write(b'half'); os._exit(9)"
    )
    home.file("a", "old")
    subprocess.run([sys.executable, "-c", code], env=home.env, cwd=home.path, check=False)
    assert len(os.listdir(home.path)) == 2
    assert leftovers.pending(str(home.state))
    assert rbridge_open("-s", "/no/such/socket", "a").code == 69
    assert os.listdir(home.path) == ["a"]


def test_verbose_names_what_was_passed_over(home, editor, rbridge_open):
    home.file("a")
    served = editor(lambda talk: talk.opened(), home.root / "s")
    env = {"RBRIDGE_SOCKET": "/no/such/socket", "RMATE_UNIXSOCKET": str(served.path)}
    assert "/no/such/socket" not in rbridge_open("a", env=env).err
    assert "/no/such/socket: no such file or directory" in rbridge_open("-v", "a", env=env).err


def test_control_characters_in_names_do_not_reach_the_terminal(home, rbridge_open):
    ran = rbridge_open("none\x1b[31m/a")
    assert ran.code == 73
    assert "\x1b" not in ran.err


@pytest.mark.parametrize("word", ["a", "ü", "caf\udce9", ""])
def test_words_that_os_takes_are_left_alone(word):
    assert encodable(word) == word


def test_the_first_failure_gives_the_code(capsys):
    run = Run([], "rbridge open")
    from rbridge.errors import Denied, NoInput

    run.failed(Denied("one"))
    run.failed(NoInput("two", "hint"))
    assert run.code == 77
    assert capsys.readouterr().err == "rbridge: one\nrbridge: two (hint)\n"
