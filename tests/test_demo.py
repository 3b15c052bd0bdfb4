"""``rbridge demo`` without a terminal: the scripted editor, and what it leaves."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
import trio

from rbridge import demo
from rbridge.errors import SaveLost
from tests.harness.environment import Home, rbridge


def test_the_scripted_demo_shows_each_step_and_ends_with_0(home: Home) -> None:
    ran = home.run(rbridge("demo", "--auto")).ok()
    steps = [line.split()[3] for line in ran.out.splitlines() if " ms  " in line]
    assert [step for step in steps if step in ("ready", "opened", "saved", "on", "closed", "returned")] == [
        "ready",
        "opened",
        "saved",
        "on",
        "closed",
        "returned",
    ]
    assert "train.py on the host now has: learning_rate = 0.01" in ran.out
    assert ran.err == ""


def test_without_a_terminal_the_editor_is_scripted(home: Home) -> None:
    assert "a scripted editor" in home.run(rbridge("demo"), env={"EDITOR": "false"}).ok().out


def test_the_demo_leaves_nothing_and_needs_no_writable_home(home: Home) -> None:
    temporary = home.path / "tmp"
    temporary.mkdir()
    memory = set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()
    home.run(rbridge("demo", "--auto"), env={"TMPDIR": str(temporary), "HOME": "/nonexistent"}).ok()
    assert list(temporary.iterdir()) == []
    left = set(os.listdir("/dev/shm")) - memory if memory else set()
    assert not [name for name in left if name.startswith("rbridge-") and os.listdir(f"/dev/shm/{name}/files")]
    assert list(home.state.iterdir()) == []
    assert list(home.runtime.iterdir()) == []


def test_a_long_temporary_directory_still_leaves_room_for_a_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    root = demo._temporary()
    assert root.parent == Path("/tmp")
    assert list(deep.iterdir()) == []
    root.rmdir()


async def test_a_change_that_does_not_arrive_is_an_error(tmp_path: Path) -> None:
    (tmp_path / demo.OPENED).write_text(demo.PROJECT[demo.OPENED])
    lines: list[str] = []
    story = demo.Story(lines.append, saves=1)
    with pytest.raises(SaveLost, match="the demo failed"):
        demo._judge(tmp_path, story, 0, scripted=True)
    with pytest.raises(SaveLost, match="returned 74"):
        demo._judge(tmp_path, story, 74, scripted=False)


async def test_lines_are_held_back_while_an_editor_has_the_terminal(autojump_clock: trio.abc.Clock) -> None:
    lines: list[str] = []
    story = demo.Story(lines.append)
    story.begin()
    with story.hold():
        await trio.sleep(1.5)
        story.step("laptop", "saved", "in the meantime")
        assert lines == []
    assert [line.split() for line in lines] == [["1500", "ms", "laptop", "saved", "in", "the", "meantime"]]
