"""Documents that outlive commands, tunnels and daemons: one process on the host, and nothing of it left."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.compat.editor import Editor, Opened
from tests.e2e.conftest import Bridge, Join
from tests.harness.daemon import Daemon
from tests.harness.environment import Home
from tests.harness.sshd import Sshd
from tests.harness.wait import until

OLD = b"print('old')\n"
NEW = b"print('new')\n"
RESUMED = 3.0  # seconds from the tunnel's return to the save on disk
MARGIN = 2.0  # seconds more that a machine with other work takes


def left(tunnel: Bridge) -> list[str]:
    """What lies in the host's runtime directory, and beside the file."""
    return os.listdir(tunnel.home.runtime) + [one.name for one in tunnel.home.path.glob(".*rbridge-*")]


def begin(tunnel: Bridge, editor: Editor, name: str = "train.py") -> tuple[Path, Opened]:
    file = tunnel.home.file(name, OLD)
    tunnel.open(name).ok()
    opened = editor.wait_open()
    tunnel.until_host(f"{name} clean")
    return file, opened


def over(tunnel: Bridge) -> None:
    """The client has ended with its last document, and left nothing."""
    until(lambda: not tunnel.ps(), what="the client ends with its last document")
    assert left(tunnel) == []


# One process


def test_all_commands_share_one_process_and_it_leaves_nothing(bridge: Bridge, editor: Editor) -> None:
    opened = {}
    for name in ("a.py", "b.py", "c.py"):
        bridge.home.file(name, OLD)
        said = bridge.open(name).ok()
        assert f"{name}: open in an-editor on " in said.err
        opened[name] = editor.wait_open()
    assert len(bridge.ps()) == 1
    assert len(left(bridge)) == 1  # its socket
    for name, one in opened.items():
        one.write(name.encode())
        until(lambda name=name: (bridge.home.path / name).read_text() == name)  # type: ignore[misc]
    for one in opened.values():
        one.quit()
    over(bridge)


def test_a_file_that_is_open_already_is_the_same_document(tunnel: Bridge, editor: Editor) -> None:
    file, opened = begin(tunnel, editor)
    (tunnel.home.path / "link.py").symlink_to(file)
    process = tunnel.start("-w +1 link.py")
    until(lambda: len(tunnel.ps()) == 2)  # it waits
    tunnel.open("train.py").ok()
    assert editor.started() == 1
    assert tunnel.host("status").ok().out.count("\n") == 1
    opened.write(NEW)
    opened.quit()
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert file.read_bytes() == NEW
    over(tunnel)


def test_status_and_close_on_the_host(tunnel: Bridge, editor: Editor) -> None:
    assert tunnel.host("status").ok().err == "nothing is open\n"
    assert tunnel.host("status -q").code == 0
    file, opened = begin(tunnel, editor, "a/one.py")
    begin(tunnel, editor, "a/two.py")
    begin(tunnel, editor, "b/three.py")
    assert tunnel.host("status").ok().out.count(" clean ") == 3
    assert tunnel.host("status a").ok().out.count(" clean ") == 2
    assert tunnel.host("status a/one.py").ok().out.split()[:2] == [str(file), "clean"]
    assert tunnel.host("status c").ok().err == "nothing is open at c\n"
    none = tunnel.host("close c")
    assert (none.code, none.err) == (66, "rbridge: nothing is open at c\n")
    opened.write(NEW)
    until(lambda: file.read_bytes() == NEW)
    assert tunnel.host("close a").ok().err.splitlines() == [
        f"{file}: closed",
        f"{file.parent}/two.py: closed",
    ]
    until(lambda: not opened.file.exists())
    assert tunnel.host("status").ok().out.split()[0].endswith("three.py")
    tunnel.host("close").ok()
    until(lambda: "nothing is open" in tunnel.laptop("status").ok().err)
    over(tunnel)


def test_standard_input_goes_through_the_same_process(tunnel: Bridge, editor: Editor) -> None:
    _, other = begin(tunnel, editor)
    process = tunnel.start("-", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(b"draft\n")
    process.stdin.close()
    process.stdin = None
    opened = editor.wait_open()
    assert opened.content == b"draft\n"
    assert len(tunnel.residents()) == 1
    opened.write(b"final\n")
    opened.quit()
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, b"final\n"), err
    other.give_up()
    over(tunnel)


def test_two_tunnels_have_a_process_each(
    sshd: Sshd, running: Daemon, other_daemon: Daemon, editor: Editor, join: Join
) -> None:
    one, two = join(sshd, running), join(sshd, other_daemon)
    files = [bridge.home.file(f"{number}.py", OLD) for number, bridge in enumerate((one, two))]
    for bridge, file in zip((one, two), files, strict=True):
        bridge.open(file.name).ok()
    opened = [editor.wait_open() for _ in files]
    assert len(one.ps()) == 2
    assert one.host("status").ok().out.count(" clean ") == 2
    assert one.laptop("status").ok().out.count(" clean") == two.laptop("status").ok().out.count(" clean") == 1
    for text in opened:
        text.write(text.file.name.encode())
    for file in files:
        until(lambda file=file: file.read_text() == file.name)  # type: ignore[misc]
    one.host("close").ok()
    over(one)


@pytest.fixture
def other_daemon(editor: Editor, daemon: Callable[..., Daemon]) -> Iterator[Daemon]:
    """Another laptop, with the same editor."""
    home = Home("second")
    try:
        started = daemon(home=home, editor=editor.spec)
        yield started
        started.stop()
    finally:
        home.close()


# Tunnels that come and go


def test_a_save_made_while_the_tunnel_is_away_lands_when_it_is_back(
    bridge: Bridge, editor: Editor, proof: Callable[[str], None]
) -> None:
    file = bridge.home.file("train.py", OLD)
    process = bridge.start("-w train.py")
    opened = editor.wait_open()
    bridge.until_host("train.py clean")
    for number in range(3):
        bridge.forward.cut()
        bridge.until_host("train.py not connected")
        assert bridge.host("status -q").code == 75
        text = b"away %d\n" % number
        opened.write(b"and not this\n")
        opened.write(text)
        bridge.until_laptop("train.py dirty not connected")
        assert bridge.laptop("status", "-q").code == 75
        bridge.again()
        began = time.monotonic()
        until(lambda text=text: file.read_bytes() == text)  # type: ignore[misc]
        took = time.monotonic() - began
        assert took < RESUMED + MARGIN
        proof(f"the tunnel is back: the save made meanwhile is on disk {took:.1f} s later")
        until(lambda: bridge.host("status -q").code == 0 and bridge.laptop("status", "-q").code == 0)
    opened.write(NEW)
    opened.quit()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    said = err.decode()
    assert said.count(" lost: waiting; ") == said.count(" is back\n") == 3
    assert file.read_bytes() == NEW
    over(bridge)


def test_what_was_changed_on_both_sides_meanwhile_is_a_conflict(tunnel: Bridge, editor: Editor) -> None:
    file, opened = begin(tunnel, editor)
    tunnel.forward.cut()
    tunnel.until_host("train.py not connected")
    opened.write(NEW)
    file.write_bytes(b"theirs\n")
    tunnel.until_laptop("train.py dirty not connected")
    tunnel.again()
    tunnel.until_host("train.py conflict rbridge resolve")
    assert file.read_bytes() == b"theirs\n"
    assert "-theirs\n+print('new')\n" in tunnel.laptop("resolve", "train.py").ok().out
    tunnel.laptop("resolve", "train.py", "--mine").ok()
    assert file.read_bytes() == NEW
    until(lambda: tunnel.laptop("status", "-q").code == 0)


def test_closed_while_the_tunnel_is_away_the_text_lands_and_then_it_ends(
    tunnel: Bridge, editor: Editor
) -> None:
    file = tunnel.home.file("train.py", OLD)
    process = tunnel.start("-w train.py")
    opened = editor.wait_open()
    tunnel.until_host("train.py clean")
    tunnel.forward.cut()
    tunnel.until_laptop("train.py not connected")
    opened.write(NEW)
    opened.quit()
    tunnel.until_laptop("train.py dirty not connected")
    until(lambda: not opened.file.exists(), what="nothing of it is left in FILES")
    tunnel.again()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert file.read_bytes() == NEW
    over(tunnel)
    assert tunnel.laptop("recover", "list").ok().out == ""


def test_without_a_spool_nothing_is_kept_on_the_disk_and_the_open_text_still_lands(
    sshd: Sshd, editor: Editor, daemon: Callable[..., Daemon], join: Join
) -> None:
    tunnel = join(sshd, daemon(editor=editor.spec, config="spool = false\n"))
    file = tunnel.home.file("train.py", OLD)
    tunnel.open("train.py").ok()
    opened = editor.wait_open()
    tunnel.until_host("train.py clean")
    tunnel.forward.cut()
    tunnel.until_laptop("train.py not connected")
    opened.write(NEW)
    until(lambda: "the text is NOT kept (spool = false)" in tunnel.daemon.err)
    assert not (tunnel.daemon.home.state / "spool").exists()
    assert tunnel.laptop("status", "-q").code == 75
    tunnel.again()
    until(lambda: file.read_bytes() == NEW)
    tunnel.until_laptop("train.py clean")
    assert tunnel.laptop("status", "-q").code == 0


# Daemons that come and go


def test_after_a_kill_of_the_daemon_the_document_goes_on(
    sshd: Sshd, editor: Editor, join: Join, daemon: Callable[..., Daemon]
) -> None:
    first = daemon(editor=editor.spec)
    tunnel = join(sshd, first)
    file = tunnel.home.file("train.py", OLD)
    process = tunnel.start("-w train.py")
    opened = editor.wait_open()
    opened.write(b"first\n")
    until(lambda: file.read_bytes() == b"first\n")
    tunnel.until_host("train.py clean")
    first.kill()
    opened.write(b"while it is dead\n")
    tunnel.until_host("train.py not connected")
    tunnel.daemon = daemon(editor=editor.spec)
    until(lambda: file.read_bytes() == b"while it is dead\n")
    tunnel.until_laptop("train.py clean")
    assert editor.started() == 1
    opened.write(NEW)
    until(lambda: file.read_bytes() == NEW)
    opened.quit()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    over(tunnel)
    assert tunnel.laptop("recover", "list").ok().out == ""


def test_a_daemon_that_is_stopped_closes_in_good_order(tunnel: Bridge, editor: Editor) -> None:
    file = tunnel.home.file("train.py", OLD)
    process = tunnel.start("-w train.py")
    opened = editor.wait_open()
    tunnel.until_host("train.py clean")
    opened.write(NEW)
    until(lambda: file.read_bytes() == NEW)  # what an editor wrote and nobody has seen yet is kept, and 74
    tunnel.daemon.stop()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert file.read_bytes() == NEW
    over(tunnel)


def test_a_text_that_a_stopped_daemon_kept_is_delivered_by_the_next_one(
    tunnel: Bridge, editor: Editor, daemon: Callable[..., Daemon]
) -> None:
    file = tunnel.home.file("train.py", OLD)
    process = tunnel.start("-w train.py")
    opened = editor.wait_open()
    tunnel.until_host("train.py clean")
    tunnel.forward.cut()
    tunnel.until_laptop("train.py not connected")
    opened.write(NEW)
    tunnel.until_laptop("train.py dirty")
    tunnel.daemon.stop()
    assert "train.py" in tunnel.laptop("status").ok().out
    assert tunnel.laptop("status", "-q").code == 75
    tunnel.daemon = daemon(editor=editor.spec)
    tunnel.again()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert file.read_bytes() == NEW
    over(tunnel)
    assert tunnel.laptop("status", "-q").code == 0
