"""What stays behind when the command returns, and what it lets go of."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from rbridge.client import background
from rbridge.client.loop import Loop
from tests.client.editors import LINK, Talk
from tests.harness.wait import until


class Turn:
    """An editor that keeps its document open until the test says so, then saves and closes."""

    def __init__(self) -> None:
        self.over = False
        self.answer = ""

    def __call__(self, talk: Talk) -> None:
        (said,) = talk.linked()
        until(lambda: self.over, what="the test's word")
        talk.save(said.token, b"saved behind", 1)
        self.answer = talk.record().command
        talk.close(said.token)
        assert talk.gone()


@pytest.fixture
def turn():
    made = Turn()
    yield made
    made.over = True


def stat_fields(pid: int) -> list[str]:
    """Of /proc/PID/stat, what follows the name: state, ppid, pgrp, session, tty."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()


def test_the_command_returns_and_a_process_without_terminal_stays(home, editor, client_command, turn):
    path = home.file("a.txt", "old")
    served = editor(turn, home.root / "s", LINK)
    master, slave = pty.openpty()
    process = home.start(
        [*client_command, "open", *served.where, "a.txt"], stdin=slave, stdout=slave, stderr=slave
    )
    assert process.wait(20) == 0
    os.close(slave)
    (behind,) = home.processes()
    state, parent, group, session, terminal = stat_fields(behind)[:5]
    assert (group, session, terminal) == (str(behind), str(behind), "0")
    assert int(parent) != process.pid
    assert os.readlink(f"/proc/{behind}/cwd") == "/"
    kept = {os.readlink(f"/proc/{behind}/fd/{one}") for one in os.listdir(f"/proc/{behind}/fd")}
    assert not [one for one in kept if "pts" in one or "ptmx" in one]
    assert os.read(master, 1000).strip() == b"a.txt: open in vim on mylaptop"
    with pytest.raises(OSError, match="Input/output error"):  # the last holder of the terminal has gone
        os.read(master, 1000)
    os.close(master)
    os.kill(behind, signal.SIGHUP)
    os.kill(behind, signal.SIGINT)
    turn.over = True
    served.result()
    assert turn.answer == "saved"
    assert path.read_bytes() == b"saved behind"
    until(lambda: not home.processes(), what="it ends with its last document")


def test_whoever_reads_its_output_sees_the_end(home, editor, rbridge_open, turn):
    home.file("a.txt", "old")
    served = editor(turn, home.root / "s", LINK)
    ran = rbridge_open(*served.where, "a.txt")  # reads both pipes to their end
    assert ran.code == 0
    assert len(home.processes()) == 1


def test_other_descriptors_are_let_go_of(home, editor, client_command, turn):
    home.file("a.txt", "old")
    served = editor(turn, home.root / "s", LINK)
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [*client_command, "open", *served.where, "a.txt"],
        env=home.env,
        cwd=home.path,
        stderr=subprocess.DEVNULL,
        pass_fds=[writer],
    )
    os.close(writer)
    assert process.wait(20) == 0
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_it_does_not_go_before_the_editor_has_the_document(home, editor, client_command):
    home.file("a.txt", "old")
    asked = []
    answer = [False]

    def script(talk: Talk) -> None:
        talk.record()
        said = talk.record()
        asked.append(said)
        until(lambda: answer[0], what="the test's word")
        talk.send(f"opened\ntoken: {said.token}\neditor: vim\n\n".encode())

    served = editor(script, home.root / "s", LINK)
    process = home.start([*client_command, "open", *served.where, "a.txt"])
    until(lambda: asked, what="the file is there")
    assert process.poll() is None
    answer[0] = True
    assert process.wait(20) == 0
    process.communicate()


def test_sigterm_ends_it_and_closes_nothing_at_the_laptop(home, editor, rbridge_open):
    """As when the host shuts down: what the user has typed there must not end with it."""
    home.file("a.txt", "old")
    said = []

    def script(talk: Talk) -> None:
        talk.linked()
        said.append(talk.record().command)

    served = editor(script, home.root / "s", LINK)
    assert rbridge_open(*served.where, "a.txt").code == 0
    os.kill(home.processes()[0], signal.SIGTERM)
    served.result()
    assert said == [""]
    until(lambda: not home.processes(), what="it has ended")


def test_what_fails_behind_is_in_the_log(home, editor, rbridge_open):
    path = home.file("a.txt", "old")
    home.file("b.txt", "old")

    def script(talk: Talk) -> None:
        said = talk.opened()
        path.write_bytes(b"changed meanwhile")
        talk.save(said.token, b"secret text")
        talk.close(said.token)

    served = editor(script)
    assert rbridge_open(*served.where, "a.txt").code == 0
    served.result()
    until(lambda: not home.processes(), what="it has ended")
    log = home.state / "client.log"
    assert "a.txt" in log.read_text()
    assert "secret" not in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == b"changed meanwhile"


def test_a_save_behind_goes_to_the_file_and_not_to_a_relative_path(home, editor, rbridge_open):
    (home.path / "d").mkdir()
    path = home.file("d/a.txt", "old")

    def script(talk: Talk) -> None:
        said = talk.opened()
        talk.save(said.token, b"new")
        talk.close(said.token)

    served = editor(script)
    assert rbridge_open(*served.where, "a.txt", cwd=home.path / "d").code == 0
    served.result()
    until(lambda: not home.processes(), what="it has ended")
    assert path.read_bytes() == b"new"


def test_the_log_turns_over(tmp_path, monkeypatch):
    monkeypatch.setattr(background, "LOG_SIZE", 200)
    log = background.Log(str(tmp_path))
    for number in range(10):
        log.write(f"line {number}\nwith a \x1b[31m control character")
    assert sorted(os.listdir(tmp_path)) == ["client.log", "client.log.1"]
    text = (tmp_path / "client.log").read_text()
    assert "\x1b" not in text
    assert text.endswith("control character\n")
    assert len(text) < 400


def test_a_log_that_cannot_be_written_is_no_error(tmp_path):
    background.Log(str(tmp_path / "none")).write("line")
    (tmp_path / "client.log").symlink_to("elsewhere")
    background.Log(str(tmp_path)).write("line")
    assert not (tmp_path / "elsewhere").exists()


def test_lines_are_written_beside_the_loop_in_their_order(tmp_path):
    loop = Loop()
    lines = background.Lines(loop, background.Log(str(tmp_path)))
    for number in range(20):
        lines.write(f"line {number}")
    assert not lines.written
    loop.run(lambda: lines.written)
    told = (tmp_path / background.LOG_NAME).read_text().splitlines()
    assert [line.partition("] ")[2] for line in told] == [f"line {number}" for number in range(20)]
    loop.close()


def test_a_state_directory_that_hangs_holds_up_no_line_and_takes_no_more_than_there_is_room_for(
    tmp_path, monkeypatch
):
    loop, gate, written = Loop(), threading.Event(), []
    log = background.Log(str(tmp_path))
    monkeypatch.setattr(log, "write", lambda line, when: gate.wait(20) and written.append(line))
    lines = background.Lines(loop, log)
    for number in range(background.LINES + 50):
        lines.write(str(number))
    assert written == []
    gate.set()
    loop.run(lambda: lines.written)
    assert len(written) == background.LINES
    loop.close()
