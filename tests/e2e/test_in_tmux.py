"""As a person sees it: a shell on the host in one tmux window, vim in another, and what both show."""

from __future__ import annotations

import shlex
from collections.abc import Callable

from tests.e2e.conftest import Join
from tests.harness.daemon import Daemon
from tests.harness.environment import Home
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
