"""README's three lines, from a wheel, with no repository at hand: a file is edited within two minutes."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable

import pytest

from tests.harness.environment import ROOT, Home
from tests.harness.sshd import Sshd
from tests.harness.tmux import Tmux
from tests.harness.wait import until

OUTSIDE = ("PYTHONPATH", "RBRIDGE_RUNTIME_DIR", "RBRIDGE_STATE_DIR")  # a user has none of them
NETWORK = ("pip_", "http_proxy", "https_proxy", "no_proxy", "ssl_cert")  # how pip reaches its packages here
MOST = 120.0


@pytest.mark.timeout(400)
def test_from_the_wheel_to_an_edited_file(home: Home, sshd: Sshd, proof: Callable[[str], None]) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(home.path / "wheel")]
    home.run(build, cwd=ROOT, deadline=120).ok()
    (wheel,) = (home.path / "wheel").glob("*.whl")
    runtime = home.env["RBRIDGE_RUNTIME_DIR"]
    for name in OUTSIDE:
        del home.env[name]
    home.env.update((name, value) for name, value in os.environ.items() if name.lower().startswith(NETWORK))
    home.env.update(XDG_RUNTIME_DIR=runtime, EDITOR="vim")
    config = home.path / ".ssh" / "config"
    config.parent.mkdir(mode=0o700)
    shutil.copy(sshd.config, config)
    file = sshd.remote.file("proj/train.py", "learning_rate = 0.1\n")
    tmux = Tmux(home)
    home.env["TMUX"] = tmux.variable
    try:
        begin = time.monotonic()
        tmux.line(f"cd; python3 -m venv .venv; .venv/bin/pip -q install {wheel}; PATH=$PWD/.venv/bin:$PATH")
        tmux.line("rbridge --version")
        tmux.wait_for("rbridge 0.", MOST)
        tmux.line(f"rbridge ssh -F {config} gpu1")
        tmux.wait_for("Add one line", 60.0)
        tmux.keys("Enter")
        tmux.wait_for("new shells find rbridge")
        tmux.line(f"cd {file.parent} && rbridge open train.py")
        until(lambda: any("train.py" in name for name in tmux.windows()), 30.0, "vim in a window of its own")
        tmux.wait_for("learning_rate")
        tmux.type(":%s/0.1/0.01/ | wq")
        tmux.keys("Enter")
        until(lambda: file.read_text() == "learning_rate = 0.01\n", what="the host has the save")
        took = time.monotonic() - begin
        tmux.wait_for("train.py: open in vim")
        tmux.line("exit")
        tmux.wait_for("closed.")
        tmux.line("rbridge serve --stop; echo ended $?")
        tmux.wait_for("ended 0")
    finally:
        tmux.close()
    proof(f"{took:.0f} s from the wheel to the edited file")
    assert took < MOST
