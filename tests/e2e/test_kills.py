"""kill -9 in the middle of a save or an open, through a real sshd: the file is the old or the new one."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.compat.editor import Editor
from tests.e2e.conftest import Bridge, Join
from tests.harness.daemon import Daemon
from tests.harness.environment import Home, signalled, stop
from tests.harness.sshd import Sshd
from tests.harness.wait import until

SIZE = 60_000_000  # the text of a larger file is hashed only while its editor starts, and these save at once
OLD = b"the old text\n"
VICTIMS = ["ssh", "client", "daemon"]


@pytest.fixture
def running(editor: Editor, daemon: Callable[..., Daemon]) -> Daemon:
    return daemon(editor=editor.spec)


@pytest.fixture
def bridge(sshd: Sshd, running: Daemon, join: Join) -> Bridge:
    return join(sshd, running)


def kill(victim: str, bridge: Bridge) -> None:
    if victim == "ssh":
        bridge.forward.cut()
    elif victim == "daemon":
        bridge.daemon.kill()
    else:
        pids = bridge.ps()
        for pid in pids:
            signalled(pid, signal.SIGKILL)
        # A zombie still counts as a process whose save is under way.
        until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), what="the client is reaped")


def given_up(process: subprocess.Popen[bytes], bridge: Bridge) -> None:
    """The client has ended, or still waits for a laptop that may come back; then it is told to end.

    It, not the ssh that started it: nobody tells a command without a terminal that its ssh is gone.
    """
    clients = bridge.ps()
    for pid in clients:
        if parent(pid) not in clients:
            signalled(pid, signal.SIGTERM)
    process.communicate(timeout=30)


def parent(pid: int) -> int:
    """Of the command and the process that it left in the background, the command is the other's parent."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except FileNotFoundError:
        return 0


def staged(directory: Path, file: Path) -> bool:
    """A part of the new text lies beside the file."""
    return any(other != file and other.stat().st_size > 0 for other in directory.iterdir())


@pytest.mark.parametrize("victim", VICTIMS)
def test_in_the_middle_of_a_save(victim: str, bridge: Bridge, editor: Editor) -> None:
    file = bridge.home.file("work/train.py", OLD)
    process = bridge.start("-w work/train.py")
    opened = editor.wait_open()
    new = os.urandom(1_000_000) * (SIZE // 1_000_000)
    opened.write(new)
    until(lambda: staged(file.parent, file) or file.stat().st_size == SIZE, what="the save has begun")
    kill(victim, bridge)
    given_up(process, bridge)
    until(lambda: not bridge.ps())
    assert file.read_bytes() in (OLD, new)


@pytest.mark.parametrize("victim", VICTIMS)
def test_in_the_middle_of_an_open(victim: str, bridge: Bridge, home: Home, editor: Editor) -> None:
    text = os.urandom(1_000_000) * (SIZE // 1_000_000)
    file = bridge.home.file("work/data.bin", text)
    process = bridge.start("-w --large work/data.bin")
    until(lambda: bridge.ps(), what="the client runs")
    kill(victim, bridge)
    given_up(process, bridge)
    until(lambda: not bridge.ps())
    assert file.read_bytes() == text
    assert os.listdir(file.parent) == ["data.bin"]


@pytest.mark.parametrize("victim", ["ssh", "client"])
def test_what_was_left_is_gone_after_the_next_open(victim: str, bridge: Bridge, editor: Editor) -> None:
    file = bridge.home.file("work/train.py", OLD)
    process = bridge.start("-w work/train.py")
    editor.wait_open().write(b"x" * SIZE)
    until(lambda: staged(file.parent, file) or file.stat().st_size == SIZE, what="the save has begun")
    kill(victim, bridge)
    given_up(process, bridge)
    until(lambda: not bridge.ps())
    if victim == "ssh":
        bridge.again()
    again = bridge.start("-w work/train.py")
    opened = editor.wait_open()
    opened.write(b"after all\n")
    opened.quit()
    _, err = again.communicate(timeout=30)
    assert again.returncode == 0, err
    assert file.read_bytes() == b"after all\n"
    assert os.listdir(file.parent) == ["train.py"]


def test_a_daemon_that_is_stopped_tells_its_client(bridge: Bridge, editor: Editor) -> None:
    bridge.home.file("train.py", OLD)
    process = bridge.start("-w train.py")
    editor.wait_open()
    stop(bridge.daemon.process)
    given_up(process, bridge)
    assert (bridge.home.path / "train.py").read_bytes() == OLD
