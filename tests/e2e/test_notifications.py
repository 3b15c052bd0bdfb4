"""What appears on the laptop's desktop: what failed, is in conflict or waits; never a success."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.compat.editor import Editor
from tests.e2e.conftest import Join
from tests.harness.daemon import Daemon
from tests.harness.environment import Home
from tests.harness.sshd import Sshd
from tests.harness.wait import until

OLD = b"old\n"
NEW = b"new\n"
NOTIFY = """#!/bin/sh
for last in "$@"; do :; done
printf '%s\\n' "$last" >> "$HOME/shown"
"""


class Desktop:
    """Programs that show a notification put it here."""

    def __init__(self, home: Home) -> None:
        script = home.script("desktop/notify-send", NOTIFY)
        self.env = {"PATH": f"{script.parent}:{home.env['PATH']}", "DISPLAY": ":99"}
        self._shown: Path = home.path / "shown"

    @property
    def shown(self) -> list[str]:
        return self._shown.read_text().splitlines() if self._shown.exists() else []


@pytest.fixture
def desktop(home: Home) -> Desktop:
    return Desktop(home)


def test_a_failure_a_conflict_and_a_lost_connection_are_shown_and_no_success(
    desktop: Desktop, sshd: Sshd, editor: Editor, daemon: Callable[..., Daemon], join: Join
) -> None:
    tunnel = join(sshd, daemon(editor=editor.spec, env=desktop.env))
    file = tunnel.home.file("train.py", OLD)
    tunnel.open("train.py").ok()
    opened = editor.wait_open()
    for text in (NEW, OLD):
        opened.write(text)
        until(lambda text=text: file.read_bytes() == text)  # type: ignore[misc]
        tunnel.until_laptop("train.py clean")
    file.write_bytes(b"theirs\n")
    until(lambda: opened.content == b"theirs\n")
    assert desktop.shown == []

    tunnel.forward.cut()
    tunnel.until_laptop("train.py not connected")
    assert desktop.shown == []  # nothing waits for it
    opened.write(NEW)
    until(lambda: len(desktop.shown) == 1)
    assert "train.py" in desktop.shown[0]
    file.write_bytes(OLD)
    tunnel.again()
    tunnel.until_laptop("train.py conflict")
    until(lambda: len(desktop.shown) == 2)
    assert "rbridge resolve" in desktop.shown[1]
    tunnel.laptop("resolve", "train.py", "--mine").ok()
    until(lambda: file.read_bytes() == NEW)
    tunnel.until_laptop("train.py clean")
    opened.quit()
    until(lambda: not tunnel.ps())
    assert len(desktop.shown) == 2, desktop.shown


def test_notify_false_shows_nothing_and_the_terminal_says_it_still(
    desktop: Desktop, sshd: Sshd, editor: Editor, daemon: Callable[..., Daemon], join: Join
) -> None:
    tunnel = join(sshd, daemon(editor=editor.spec, env=desktop.env, config="notify = false\n"))
    tunnel.home.file("train.py", OLD)
    tunnel.open("train.py").ok()
    opened = editor.wait_open()
    tunnel.forward.cut()
    tunnel.until_laptop("train.py not connected")
    opened.write(NEW)
    until(lambda: "train.py" in tunnel.daemon.err)
    assert desktop.shown == []
