"""``rbridge demo`` as a person sees it: in a terminal with Vim, and through a private sshd."""

from __future__ import annotations

import shlex

from tests.harness.environment import Home, rbridge
from tests.harness.tmux import Tmux


def test_through_a_private_sshd(home: Home) -> None:
    ran = home.run(rbridge("demo", "--auto", "--ssh")).ok()
    assert "through a private sshd" in ran.out
    assert "train.py on the host now has: learning_rate = 0.01" in ran.out
    assert home.processes() == []


def test_without_sshd_it_says_what_is_missing(home: Home) -> None:
    ran = home.run(rbridge("demo", "--auto", "--ssh"), env={"PATH": str(home.path)})
    if ran.code == 0:  # sshd and its sisters are found outside PATH as well: in /usr/sbin only
        raise AssertionError(ran)
    assert ran.code == 69
    assert "not installed: " in ran.err
    assert "ssh-keygen" in ran.err


def test_the_users_own_editor_in_this_terminal(home: Home, tmux: Tmux) -> None:
    variables = {"EDITOR": "vim", "TMUX": "", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    words = [f"{name}={value}" for name, value in variables.items()]
    tmux.line(shlex.join(["env", *words, *rbridge("demo")]))
    tmux.wait_for("learning_rate = 0.1")
    tmux.wait_for("train.py")
    tmux.type(":%s/epochs = 3/epochs = 7/ | w")
    tmux.keys("Enter")
    tmux.wait_for("written")
    tmux.type(":q")
    tmux.keys("Enter")
    screen = tmux.wait_for("Everything the demo made is removed")
    assert "on disk" in screen
    assert "train.py on the host now has: epochs = 7" in screen
