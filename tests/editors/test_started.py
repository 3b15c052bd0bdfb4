"""An editor whose plug-in is installed and which does not run is started for the first file that comes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Start
from tests.editors.nvim import binary
from tests.harness.daemon import Daemon
from tests.harness.environment import Home, Ran, rbridge
from tests.harness.tmux import Tmux


class Laptop:
    """A daemon in tmux, where Neovim is installed and not running."""

    def __init__(self, home: Home, tmux: Tmux, start: Start, **options: str) -> None:
        env = {"TMUX": tmux.variable, "PATH": f"{Path(binary()).parent}:/usr/bin:/bin"}
        self.daemon: Daemon = start(listen=["unix"], env=env, **options)

    def open(self, host: Home, *words: str) -> Ran:
        return host.run([*rbridge("open"), "--socket", str(self.daemon.socket), *words])


@pytest.fixture
def installed(home: Home) -> Home:
    home.run(rbridge("plugin", "install", "nvim")).ok()
    return home


def test_it_is_started_in_a_window_of_its_own(
    installed: Home, other_home: Home, tmux: Tmux, daemon: Start
) -> None:
    laptop = Laptop(installed, tmux, daemon)
    assert "nvim in a new tmux window, whose plug-in is installed" in laptop.daemon.err
    one, two = other_home.file("one.py", "first = 1\n"), other_home.file("two.py", "second = 2\n")
    said = laptop.open(other_home, str(one), str(two)).ok()
    assert said.err.count("open in Neovim") == 2
    assert tmux.windows().count("nvim") == 1
    tmux.wait_for("rbridge://")
    tmux.type(":wqall")
    tmux.keys("Enter")
    tmux.wait_gone("rbridge://")


def test_an_editor_that_was_named_comes_before_it(
    installed: Home, other_home: Home, tmux: Tmux, daemon: Start
) -> None:
    laptop = Laptop(installed, tmux, daemon, editor="nano")
    said = laptop.open(other_home, str(other_home.file("one.py", "first = 1\n"))).ok()
    assert "open in nano" in said.err
    tmux.wait_for("first = 1")


def test_a_plug_in_that_does_not_connect_is_said_and_the_next_editor_has_the_file(
    installed: Home, other_home: Home, tmux: Tmux, daemon: Start
) -> None:
    data = installed.path / ".local" / "share" / "nvim" / "site" / "pack" / "rbridge" / "start" / "rbridge"
    (data / "plugin" / "rbridge.lua").write_text("")
    laptop = Laptop(installed, tmux, daemon)
    said = laptop.open(other_home, str(other_home.file("one.py", "first = 1\n"))).ok()
    assert "open in nvim" in said.err
    assert "its plug-in did not connect in 8 s" in laptop.daemon.err
    tmux.wait_for("first = 1")
