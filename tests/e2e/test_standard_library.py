"""Real files in number: the standard library opened, edited, saved and compared, through a real sshd."""

from __future__ import annotations

import shlex
import shutil
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import Join
from tests.harness.daemon import Daemon
from tests.harness.environment import Home
from tests.harness.sshd import Sshd

PER_COMMAND = 100
LEFT_OUT = {"site-packages", "dist-packages"}
LINE = b"# edited\n"

# Saves as vim does: the new text beside the old file, then moved over it.
EDITOR = """#!/bin/sh
{ cat "$1"; echo '# edited'; } > "$1.new~" && mv "$1.new~" "$1"
"""


def library() -> list[Path]:
    top = Path(sysconfig.get_paths()["stdlib"])
    found = [path.relative_to(top) for path in top.rglob("*.py")]
    return sorted(path for path in found if not LEFT_OUT & set(path.parts))


@pytest.mark.timeout(300)
def test_every_module_of_the_standard_library(
    home: Home,
    sshd: Sshd,
    daemon: Callable[..., Daemon],
    join: Join,
    proof: Callable[[str], None],
) -> None:
    top, remote = Path(sysconfig.get_paths()["stdlib"]), sshd.remote.path / "lib"
    modules = library()
    assert len(modules) > 500
    for module in modules:
        (remote / module).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(top / module, remote / module)
    script = home.script("bin/append", EDITOR)
    bridge = join(sshd, daemon(editor=f"{shlex.quote(str(script))} {{file}}"))
    for start in range(0, len(modules), PER_COMMAND):
        words = shlex.join(f"lib/{module}" for module in modules[start : start + PER_COMMAND])
        bridge.open(f"-w {words}", deadline=120).ok()
    wrong = [str(one) for one in modules if (remote / one).read_bytes() != (top / one).read_bytes() + LINE]
    assert not wrong
    files = [path for path in remote.rglob("*") if path.is_file()]
    assert len(files) == len(modules), "something was left beside the files"
    proof(f"{len(modules)} modules opened, edited and saved through sshd, and compared: 0 differ")
