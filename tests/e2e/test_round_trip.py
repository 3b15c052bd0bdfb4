"""A file goes from the host to the laptop and back, over every kind of forward."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.compat.editor import Editor
from tests.e2e.conftest import Bridge, Join
from tests.harness.daemon import Daemon
from tests.harness.environment import Home
from tests.harness.sshd import Sshd
from tests.harness.wait import until

TEXT = b"import torch\n\nprint('hello')\n"


def ended(process: subprocess.Popen[bytes]) -> str:
    """What it told the user, once it has ended with 0."""
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    return (out + err).decode()


def test_open_edit_save_close(bridge: Bridge, editor: Editor) -> None:
    file = bridge.home.file("train.py", TEXT, mode=0o640)
    process = bridge.start("-w +3:7 train.py")
    opened = editor.wait_open()
    assert opened.content == TEXT
    assert opened.position == "3 7"
    opened.rename(b"print('changed')\n")
    until(lambda: file.read_bytes() == b"print('changed')\n")
    opened.write(b"print('again')\n")
    opened.quit()
    ended(process)
    assert file.read_bytes() == b"print('again')\n"
    assert file.stat().st_mode & 0o777 == 0o640


def test_without_wait_the_prompt_comes_back_and_saves_go_on(bridge: Bridge, editor: Editor) -> None:
    file = bridge.home.file("train.py", TEXT)
    # The process in the background must hold neither the shell's pipes nor ssh.
    said = bridge.open("train.py").ok()
    assert os.uname().nodename in said.out + said.err
    opened = editor.wait_open()
    opened.write(b"later\n")
    until(lambda: file.read_bytes() == b"later\n")
    opened.quit()
    until(lambda: not bridge.ps(), what="the client on the host ends with its last document")


def test_a_forward_is_found_where_sockets_belong(
    sshd: Sshd, editor: Editor, daemon: Callable[..., Daemon], join: Join
) -> None:
    bridge = join(sshd, daemon(editor=editor.spec))
    bridge.home.file("train.py", TEXT)
    process = bridge.started(bridge.home.start(bridge.argv("-w train.py", told=False)))
    opened = editor.wait_open()
    assert opened.content == TEXT
    opened.give_up()
    process.communicate(timeout=30)


def test_a_new_file_several_files_and_large_ones(bridge: Bridge, editor: Editor) -> None:
    large = os.urandom(5_000_000)
    texts = {"a.py": TEXT, "large.bin": large, "empty": b"", "with space ü.txt": b"x"}
    for name, text in texts.items():
        bridge.home.file(name, text)
    process = bridge.start("-w a.py large.bin empty 'with space ü.txt' new.py --large")
    names = set()
    for opened in [editor.wait_open() for _ in range(5)]:
        names.add(opened.file.name)
        assert opened.content == texts.get(opened.file.name, b"")
        opened.rename(opened.content[::-1] + b"!")
        opened.quit()
    ended(process)
    assert names == {*texts, "new.py"}
    for name, text in {**texts, "new.py": b""}.items():
        assert (bridge.home.path / name).read_bytes() == text[::-1] + b"!"


def test_stdin_is_edited_and_comes_out(bridge: Bridge, editor: Editor) -> None:
    process = bridge.start("-", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(b"draft\n")
    process.stdin.close()
    process.stdin = None
    opened = editor.wait_open()
    assert opened.content == b"draft\n"
    opened.write(b"final\n")
    opened.quit()
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, b"final\n"), err


@pytest.fixture
def second(builds: object) -> Iterator[Sshd]:
    """One more host, with a home of its own."""
    remote = Home("second")
    server = Sshd(remote, alias="gpu2")
    yield server
    server.close()
    remote.close()


def test_two_hosts_have_the_same_path_open(
    home: Home, sshd: Sshd, second: Sshd, editor: Editor, daemon: Callable[..., Daemon], join: Join
) -> None:
    # Each host is given its own file under one path: a mount namespace stands for a second machine.
    running = daemon(editor=editor.spec)
    bridges = [join(sshd, running), join(second, running)]
    same = home.root / "same"
    same.mkdir()
    processes = []
    for bridge in bridges:
        bridge.home.file("train.py", f"{bridge.alias}\n")
        client = f"{bridge.client} open {bridge.address} -w {same}/train.py"
        inside = f"mount --bind {bridge.home.path} {same} && exec {client}"
        process = bridge.home.start(bridge.sshd.ssh(f"exec unshare -m sh -c '{inside}'"))
        processes.append(bridge.started(process))
    texts = [editor.wait_open() for _ in bridges]
    assert {opened.content for opened in texts} == {b"gpu1\n", b"gpu2\n"}
    assert len({opened.file for opened in texts}) == 2
    for opened in texts:
        opened.rename(opened.content + b"edited\n")
        opened.quit()
    for process in processes:
        ended(process)
    for bridge in bridges:
        assert (bridge.home.path / "train.py").read_text() == f"{bridge.alias}\nedited\n"
