"""Neovim with our plug-in on a terminal, as a user has it: nothing is set up, and keys do all."""

from __future__ import annotations

import pytest

from tests.conftest import Start
from tests.editors.language_server import Desk
from tests.editors.nvim import binary
from tests.harness.daemon import Daemon
from tests.harness.environment import Home, rbridge
from tests.harness.tmux import Tmux
from tests.harness.wait import until

STATUS = "set statusline=%f\\ %m\\ %{v:lua.require'rbridge'.status()} laststatus=2"


@pytest.fixture
def served(home: Home, daemon: Start) -> Daemon:
    home.run(rbridge("plugin", "install", "nvim")).ok()
    return daemon(editor="false", listen=["unix"])


def test_a_neovim_connects_by_itself_and_shows_what_is_going_on(
    home: Home, other_home: Home, tmux: Tmux, served: Daemon
) -> None:
    file = other_home.file("train.py", "import torch\n")
    tmux.line(f'{binary()} --cmd "{STATUS}"')
    tmux.wait_for("NVIM v")
    until((home.runtime / "editor.sock").exists)
    until(lambda: opened_in_neovim(other_home, served, str(file)), every=0.2)
    tmux.wait_for("import torch")
    tmux.wait_for(": saved")
    tmux.type("ix = 1 #")
    tmux.keys("Escape")
    tmux.wait_for(": modified")
    file.write_text("theirs\n")
    tmux.line(":w")
    tmux.wait_for("1: Compare")
    assert "train.py was changed on" in tmux.screen()
    tmux.line("2")
    tmux.wait_for("train.py saved on")
    until(lambda: file.read_text() == "x = 1 #import torch\n")
    tmux.line(":RbridgeDiff")
    tmux.wait_for("ge-host://")
    tmux.line(":qa")
    tmux.wait_gone("import torch")


def opened_in_neovim(host: Home, served: Daemon, file: str) -> bool:
    """False before Neovim is attached: the daemon has no other editor, then."""
    return host.run([*rbridge("open"), "--socket", str(served.socket), file]).code == 0


def test_an_open_from_neovims_own_terminal_leaves_the_terminal_in_view(
    home: Home, other_home: Home, tmux: Tmux, served: Daemon
) -> None:
    """ssh runs inside it, and rbridge open in there."""
    file = other_home.file("train.py", "import torch\n")
    tmux.line(f"{binary()} -c terminal -c startinsert")
    tmux.line("echo still the $((6 * 7))nd")
    tmux.wait_for("still the 42nd")
    until(lambda: opened_in_neovim(other_home, served, str(file)), every=0.2)
    screen = tmux.wait_for("import torch")
    assert "still the 42nd" in screen
    tmux.line(":qa!")
    tmux.wait_gone("import torch")


def test_advice_that_is_longer_than_the_line_asks_for_no_key(home: Home, tmux: Tmux) -> None:
    home.run(rbridge("plugin", "install", "nvim")).ok()
    desk = Desk(home)
    desk.servers = []
    desk.advice = f"no language server for python {'anywhere ' * 30}would serve (pip install basedpyright)"
    try:
        tmux.line(f'{binary()} --cmd "{STATUS}"')
        tmux.line(":lua vim.wait(20000, function() return require('rbridge.link').ready end) print(6 * 7)")
        tmux.wait_for("42")
        desk.open()
        screen = tmux.wait_for("(pip install basedpyright)")
        assert "rbridge: no language server" in screen
        assert "Press ENTER" not in screen
        tmux.line(":messages")
        tmux.wait_for("anywhere anywhere")
        tmux.line("")
        tmux.line(":qa!")
        tmux.wait_gone("NVIM")
    finally:
        desk.close()
