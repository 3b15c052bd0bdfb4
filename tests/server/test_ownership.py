"""Whose the state directory is."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import subprocess
import sys

import pytest

from rbridge.errors import TryAgain
from rbridge.server import ownership
from tests.client.saving import disk

HOLD = """
import sys
from rbridge.server import ownership
with ownership.of_state(print):
    print("mine", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def state(tmp_path, monkeypatch):
    """The state directory of this process and its children."""
    made = tmp_path / "state"
    made.mkdir(mode=0o700)
    monkeypatch.setenv("RBRIDGE_STATE_DIR", str(made))
    return made


@pytest.fixture
def other(state, repository):
    """Another process that has it until its stdin is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=repository
    )
    assert process.stdout.readline() == b"mine\n"
    yield process
    process.stdin.close()
    process.wait()
    process.stdout.close()


def take():
    """Have it for a moment; what was said."""
    said = []
    with ownership.of_state(said.append):
        pass
    return said


def test_the_second_one_learns_who_has_it(state, other):
    who = rf"keeps its state in {state} \(pid {other.pid} on {socket.gethostname()}\)"
    with pytest.raises(TryAgain, match=who) as caught:
        take()
    assert caught.value.exit_code == 75
    assert "$RBRIDGE_STATE_DIR" in caught.value.hint


def test_it_is_free_once_the_other_was_killed(other):
    other.kill()
    other.wait()
    assert take() == []


def test_it_can_be_taken_again(state):
    assert take() == take() == []
    assert (state / ownership.NAME).read_bytes() == b""


def test_a_link_in_its_place_is_not_followed(state):
    (state / "precious").write_text("precious")
    (state / ownership.NAME).symlink_to(state / "precious")
    (said,) = take()
    assert said.startswith(f"cannot lock {state}/daemon.lock (")
    assert (state / "precious").read_text() == "precious"


def test_where_there_are_no_locks_it_is_said(state, monkeypatch):
    def refuse(fd, how):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    (said,) = take()
    assert "no locks available" in said


def test_on_a_full_disk_only_the_pid_is_missing(tmp_path, monkeypatch, repository):
    with disk(tmp_path / "small", "size=4k") as small:
        small.chmod(0o700)
        (small / "fill").write_bytes(b"x" * 4096)
        monkeypatch.setenv("RBRIDGE_STATE_DIR", str(small))
        with ownership.of_state(pytest.fail), pytest.raises(TryAgain, match="its pid is not known"):
            take()


def test_without_a_state_directory_there_is_nothing_to_have(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("RBRIDGE_STATE_DIR", str(tmp_path / "file"))
    assert take() == []
