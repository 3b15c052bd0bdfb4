"""Editors that are missing or fail: a line that says so, and nothing of the text is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.bad import OLD, client, one_line, texts, warnings
from tests.harness.daemon import Daemon
from tests.harness.environment import Home, Ran
from tests.harness.wait import until


def opened_with(home: Home, daemon: Daemon, *words: str) -> Ran:
    home.file("work/train.py", OLD)
    return home.run(client(daemon, "-w", *words, "train.py"), cwd=home.path / "work")


def test_an_editor_that_does_not_exist_is_said_at_the_start(
    home: Home, daemon: Callable[..., Daemon]
) -> None:
    ran = daemon(editor="no-such-editor --wait", ready=False).wait()
    assert ran.code == 64
    assert "no-such-editor" in one_line(ran.err)


def test_an_editor_that_is_gone_is_said_on_both_sides(home: Home, daemon: Callable[..., Daemon]) -> None:
    script = home.script("bin/an-editor", "#!/bin/sh\n")
    running = daemon(editor=str(script))
    script.unlink()
    ran = opened_with(home, running)
    assert ran.code == 69
    assert f"cannot start an-editor: there is no program '{script}'" in one_line(ran.err)
    (line,) = warnings(running)
    assert "cannot start an-editor" in line
    assert (home.path / "work/train.py").read_bytes() == OLD
    assert texts(home) == []


@pytest.mark.parametrize(
    ("script", "text", "says"),
    [
        ("kill -9 $$", OLD, "was ended by signal 9"),
        ("echo 'no display' >&2; exit 3", OLD, "ended with status 3: no display"),
        ('echo saved > "$1"; kill -9 $$', b"saved\n", "was ended by signal 9"),
        ('rm "$1"', OLD, "deleted"),
        ('rm "$1"; mkdir "$1"; touch "$1/x"', OLD, "a directory"),
        ('rm "$1"; mkfifo "$1"', OLD, "a fifo"),
        ('rm "$1"; ln -s /etc/hostname "$1"', OLD, "a symbolic link"),
    ],
)
def test_an_editor_that_fails_loses_nothing(
    home: Home, daemon: Callable[..., Daemon], script: str, text: bytes, says: str
) -> None:
    running = daemon(editor=str(home.script("bin/an-editor", f"#!/bin/sh\n{script}\n")))
    ran = opened_with(home, running)
    assert ran.code == 0, ran
    (line,) = until(lambda: warnings(running))
    assert says in line
    assert "train.py" in line
    assert (home.path / "work/train.py").read_bytes() == text
    assert texts(home) == []
