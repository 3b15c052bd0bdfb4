"""As a person sees it: a shell on the host in one tmux window, vim in another, and what both show."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable

from tests.compat.editor import Editor
from tests.e2e.conftest import Join
from tests.harness.daemon import Daemon
from tests.harness.environment import Home, rbridge
from tests.harness.sshd import Sshd
from tests.harness.tmux import Tmux
from tests.harness.wait import until


def test_vim_opens_in_a_new_window_and_saves_through_ssh(
    home: Home, sshd: Sshd, tmux: Tmux, daemon: Callable[..., Daemon], join: Join
) -> None:
    file = sshd.remote.file("train.py", "print('hello')\n")
    bridge = join(sshd, daemon(editor="vim", env={"TMUX": tmux.variable}))
    tmux.line(shlex.join(bridge.argv("-w train.py")) + "; echo exit=$?")
    tmux.wait_for("print('hello')")
    tmux.keys("G")
    tmux.type("oprint('from vim')")
    tmux.keys("Escape")
    tmux.line(":w")
    until(lambda: file.read_text() == "print('hello')\nprint('from vim')\n")
    tmux.line(":q")
    tmux.wait_for("exit=0")
    until(lambda: len(tmux.windows()) == 1, what="vim's window is gone")


def test_vim_comes_to_the_front_when_its_file_is_opened_again(
    home: Home, sshd: Sshd, tmux: Tmux, daemon: Callable[..., Daemon], join: Join
) -> None:
    sshd.remote.file("train.py", "print('hello')\n")
    bridge = join(sshd, daemon(editor="vim", env={"TMUX": tmux.variable}))
    bridge.open("train.py").ok()
    tmux.wait_for("print('hello')")
    shell = tmux.window(["sh"], "shell")
    tmux.wait_gone("print('hello')")
    bridge.open("--keep-focus train.py").ok()
    tmux.line("echo still-here", target=shell)
    tmux.wait_for("still-here")
    bridge.open("train.py").ok()
    tmux.wait_for("print('hello')")
    assert len(tmux.windows()) == 3
    tmux.line(":q")
    until(lambda: not bridge.ps())


def test_the_plug_is_pulled_while_vim_has_the_text(
    home: Home, sshd: Sshd, tmux: Tmux, daemon: Callable[..., Daemon], join: Join
) -> None:
    file = sshd.remote.file("train.py", "print('hello')\n")
    bridge = join(sshd, daemon(editor="vim", env={"TMUX": tmux.variable}))
    shell = tmux.window(["sh"], "shell")
    tmux.line(shlex.join(bridge.argv("-w train.py")) + "; echo exit=$?", target=shell)
    tmux.wait_for("print('hello')")
    bridge.until_host("train.py clean")
    bridge.forward.cut()
    tmux.wait_for("lost: waiting; what is saved there meanwhile is kept and sent", target=shell)
    tmux.keys("G")
    tmux.type("oprint('far away')")
    tmux.keys("Escape")
    tmux.line(":w")
    bridge.until_laptop("train.py dirty not connected")
    tmux.line(":q")
    until(lambda: "vim" not in tmux.windows(), what="vim's window is gone")
    assert file.read_text() == "print('hello')\n"
    bridge.again()
    tmux.wait_for("exit=0", target=shell)
    assert "is back" in tmux.screen(shell)
    assert file.read_text() == "print('hello')\nprint('far away')\n"


def test_ctrl_c_ends_the_wait_and_leaves_the_document_open(
    home: Home, tmux: Tmux, editor: Editor, daemon: Callable[..., Daemon]
) -> None:
    file = home.file("train.py", "old\n")
    socket = daemon(editor=editor.spec).socket
    command = shlex.join(rbridge("open", "-w", "--socket", str(socket), str(file)))
    tmux.line(f"{command}; echo exit=$?")
    opened = editor.wait_open()
    tmux.wait_for("open in an-editor on ")
    tmux.keys("C-c")
    tmux.wait_for("exit=130")
    assert "stays open on" in tmux.screen()
    opened.write(b"new\n")
    until(lambda: file.read_bytes() == b"new\n")
    tmux.line(f"clear; {command}; echo exit=$?")
    tmux.wait_for("open in an-editor on ")
    subprocess.run(["chattr", "+i", file], check=True)
    try:
        opened.write(b"refused\n")
        tmux.wait_for("cannot save")
        tmux.keys("C-c")
        tmux.wait_for("exit=74")
    finally:
        subprocess.run(["chattr", "-i", file], check=True)
    assert file.read_bytes() == b"new\n"
    opened.write(b"newer\n")
    until(lambda: file.read_bytes() == b"newer\n")
    assert editor.started() == 1
