"""A text that an editor has already comes to the front."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from rbridge.adapters import again as module
from rbridge.adapters.command import CommandAdapter
from rbridge.adapters.editors import Preset
from rbridge.adapters.process import Child, Running, Start
from rbridge.adapters.terminal import Tmux
from rbridge.adapters.watch import InotifyWatcher
from tests.adapters.conformance import editing
from tests.adapters.desk import FakeDesk, make_text
from tests.adapters.test_command import CommandRig, command_rig


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[CommandRig]:
    async with command_rig(tmp_path, "in_place", InotifyWatcher()) as made:
        yield made


class Windows(Tmux):
    """Stands where tmux stands: the text's window is called @7."""

    def __init__(self, directory: Path) -> None:
        super().__init__(str(directory / "tmux"))

    @asynccontextmanager
    async def open(self, start: Start) -> AsyncIterator[Running]:
        async with Child().open(start) as running:
            running.resume = {**running.resume, "window": "@7"}  # type: ignore[misc]
            yield running


def program(file: Path, log: Path) -> None:
    """A program that writes down how it was called, and fails."""
    file.write_text(f'#!/bin/sh\necho "${{0##*/}} $*" >>{log}\nexit 3\n')
    file.chmod(0o755)


async def test_a_running_editor_is_told_and_its_window_comes_to_the_front(
    rig: CommandRig, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    for name in ("tmux", "ed"):
        program(tmp_path / name, log)
    preset = Preset(("ed",), lambda file, line, column: [f"{file}:{line}:{column}"], ("-w",), again=("-r",))
    adapter = rig.adapter
    assert isinstance(adapter, CommandAdapter)
    adapter._opener = Windows(tmp_path)
    text = make_text(rig.files, line=1)
    async with editing(rig, text, FakeDesk()) as edit:
        adapter._preset, adapter._words = preset, [str(tmp_path / "ed"), "-w", "--mine"]
        await edit.pane.reveal(12, 5)
        await edit.pane.reveal()
        adapter._preset, adapter._words = None, [str(tmp_path / "none")]
        await edit.pane.reveal(1)
        (tmp_path / "tmux").unlink()
        await edit.pane.reveal(1)  # it is gone, and that is no matter
    assert log.read_text().splitlines() == [
        "tmux select-window -t @7",
        f"ed -r --mine {text.file}:12:5",
        "tmux select-window -t @7",
        f"ed -r --mine {text.file}",
        "tmux select-window -t @7",
    ]


async def test_an_editor_that_does_not_answer_is_not_waited_for(
    rig: CommandRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    (tmp_path / "ed").write_text("#!/bin/sh\nexec sleep 100\n")
    (tmp_path / "ed").chmod(0o755)
    adapter = rig.adapter
    assert isinstance(adapter, CommandAdapter)
    async with editing(rig, make_text(rig.files), FakeDesk()) as edit:
        adapter._preset = Preset(("ed",), lambda file, line, column: [file], again=())
        adapter._words = [str(tmp_path / "ed")]
        with trio.fail_after(10):
            await edit.pane.reveal()
