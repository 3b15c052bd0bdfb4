"""A text in memory for an editor that opens it by itself."""

from __future__ import annotations

import stat
from pathlib import Path

import trio

from rbridge.adapters.borrowed import Borrowed
from tests.adapters.desk import FakeDesk, make_text
from tests.harness.wait import until_async


async def test_what_is_written_there_goes_to_the_host(tmp_path: Path, nursery: trio.Nursery) -> None:
    text, desk, over = make_text(tmp_path, b"old"), FakeDesk(), trio.Event()
    borrowed = Borrowed("Helix")

    async def run(task_status: trio.TaskStatus[object]) -> None:
        await borrowed.edit(text, desk, task_status=task_status)
        over.set()

    pane = await nursery.start(run)
    assert pane.editor == "Helix"
    text.file.write_bytes(b"new")
    await until_async(lambda: desk.saves == [b"new"])
    text.file.write_bytes(b"at the end")
    borrowed.give_back()
    await over.wait()
    assert desk.saves == [b"new", b"at the end"]


async def test_one_for_reading_cannot_be_written(tmp_path: Path, nursery: trio.Nursery) -> None:
    text, over = make_text(tmp_path, b"old", read_only=True), trio.Event()
    borrowed = Borrowed("Helix")
    borrowed.give_back()

    async def run(task_status: trio.TaskStatus[object]) -> None:
        await borrowed.edit(text, FakeDesk(), task_status=task_status)
        over.set()

    await nursery.start(run)
    assert stat.S_IMODE(text.file.stat().st_mode) == 0o400
    await over.wait()
