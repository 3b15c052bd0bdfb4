import os
import re
import signal
import sys
from pathlib import Path

import pytest

from rbridge.ssh import foreground
from tests.harness.environment import stop
from tests.harness.wait import until

# Runs a program as foreground.run does, and says how it ended.
RUN = """
import sys
from rbridge.ssh import foreground
print("code", foreground.run(["sh", "-c", sys.argv[1]], None, None, None), flush=True)
"""
ASK = "stty -echo < /dev/tty; printf 'word: ' > /dev/tty; read word < /dev/tty; echo got $word >&2; exit 3"


@pytest.fixture
def typed(home, tmux):
    """Type the line that runs a program into the shell of a terminal."""
    runner = home.file("run.py", RUN)

    def begin(line):
        program = home.script("program", f"#!/bin/sh\n{line}\n")
        tmux.line(f"{sys.executable} {runner} {program}")

    return begin


def test_the_program_asks_at_the_terminal_and_its_code_is_returned(tmux, typed):
    typed(ASK)
    tmux.wait_for("word:")
    tmux.line("secret")
    screen = tmux.wait_for("code 3")
    assert "got secret" in screen


def test_ctrl_c_ends_the_program_and_not_who_started_it(tmux, typed):
    typed(ASK)
    tmux.wait_for("word:")
    tmux.keys("C-c")
    tmux.wait_for("code 130")


def test_ctrl_z_suspends_both_and_fg_goes_on(tmux, typed):
    typed("printf 'word: ' > /dev/tty; read word < /dev/tty; echo got $word >&2")
    tmux.wait_for("word:")
    tmux.keys("C-z")
    tmux.wait_for("Stopped")
    tmux.line("echo she$(echo ll)")
    tmux.wait_for("shell")
    tmux.line("fg")
    until(lambda: tmux.screen().count("run.py") >= 2)
    tmux.line("later")
    assert "got later" in tmux.wait_for("code 0")


def test_a_program_that_is_killed_leaves_a_terminal_that_shows_what_is_typed(home, tmux, typed):
    typed("echo $$ > pid; " + ASK)
    tmux.wait_for("word:")
    os.kill(int((home.path / "pid").read_text()), signal.SIGKILL)
    tmux.wait_for("code 137")
    tmux.type("visible")
    tmux.wait_for("visible")


def _stopped(pid):
    """Whether that is our program, and it waits for the terminal."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes()
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return b"run.py" in words and state == "T"


def test_one_that_is_in_the_background_waits_there_until_it_is_brought_forward(home, tmux):
    runner = home.file("run.py", RUN)
    tmux.line(f"{sys.executable} {runner} 'read word < /dev/tty; echo got $word >&2' &")
    until(lambda: any(_stopped(pid) for pid in home.processes()))
    tmux.line("fg")
    until(lambda: re.search(r"\$ fg\n.*run\.py", tmux.screen()))
    tmux.line("hello")
    assert "got hello" in tmux.wait_for("code 0")


def test_a_window_that_changes_its_size_is_seen_by_the_program(tmux, typed):
    typed("trap 'stty size < /dev/tty >&2' WINCH; echo ready >&2; read x < /dev/tty; read x < /dev/tty")
    tmux.wait_for("ready")
    tmux.resize(77, 22)
    tmux.line("")
    tmux.wait_for("22 77")
    tmux.line("")
    tmux.wait_for("code")


def test_what_it_leaves_behind_does_not_see_a_later_ctrl_c(home, tmux, typed):
    typed("sleep 100 & echo $! > pid")
    tmux.wait_for("code 0")
    left = int((home.path / "pid").read_text())
    tmux.line("cat")
    tmux.keys("C-c")
    tmux.line("echo en$(echo d)")
    tmux.wait_for("end")
    assert os.path.exists(f"/proc/{left}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_who_started_it_does_not_end_without_it(home, number):
    runner = home.file("run.py", RUN)
    process = home.start([sys.executable, runner, "sleep 100 & echo $$ > pid; wait"])
    pid = int(until((home.path / "pid").read_text))
    stop(process, number)
    until(lambda: not os.path.exists(f"/proc/{pid}") and not home.processes())


def test_without_a_terminal_what_it_says_is_passed_on_and_kept(home):
    text = """
import sys, tempfile
from rbridge.ssh import foreground
with tempfile.TemporaryFile() as errors:
    code = foreground.run(["sh", "-c", "echo one >&2; read x < /dev/tty; exit 9"], errors, None, None)
    errors.seek(0)
    sys.stdout.write(f"{code} {errors.read().count(b'one')}")
"""
    done = home.run(["setsid", sys.executable, "-c", text])
    assert done.out == "9 1"
    assert done.err.startswith("one\n")


def test_what_it_says_is_passed_on_before_it_ends(home):
    text = """
import sys, tempfile
from rbridge.ssh import foreground
with tempfile.TemporaryFile() as errors:
    foreground.run(["sh", "-c", "echo one >&2; while ! test -e go; do :; done"], errors, None, None)
"""
    process = home.start([sys.executable, "-c", text])
    assert process.stderr.readline() == b"one\n"
    home.file("go")
    assert process.wait(20) == 0
    process.communicate()


def test_a_program_that_is_missing_is_an_error():
    with pytest.raises(FileNotFoundError):
        foreground.run(["/nonexistent/ssh"], None, None, None)
