"""What the courier makes of a text that a killed process left: the editor may have saved meanwhile."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import trio

from rbridge.adapters.courier import Courier
from rbridge.adapters.watch import InotifyWatcher
from tests.adapters.desk import FakeDesk, make_text

DEADLINE = 20.0


async def test_going_on_copies_that_a_killed_process_left_are_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir(exist_ok=True)
    for name in ("save-1", "new-2"):
        (tmp_path / "private" / name).write_bytes(b"half of it")
    assert await resumed(tmp_path, {"known": "00"}) == [b"in the file\n"]
    assert list((tmp_path / "private").iterdir()) == []


async def resumed(tmp_path: Path, resume: dict[str, object]) -> list[bytes]:
    """What is handed over of a text with these bytes, by a courier that goes on from *resume*."""
    text = make_text(tmp_path / "files", b"in the file\n")
    private = tmp_path / "private"
    private.mkdir(exist_ok=True)
    desk = FakeDesk()
    async with InotifyWatcher().watching(text.file) as watch:
        courier = Courier(text, desk, watch, private, "ed")
        courier.go_on_from(resume)
        courier.end()
        with trio.fail_after(DEADLINE):
            await courier.run()
    return desk.saves


async def test_going_on_what_the_host_does_not_have_is_delivered(tmp_path: Path) -> None:
    assert await resumed(tmp_path, {"known": "00"}) == [b"in the file\n"]


async def test_going_on_where_nobody_knows_what_the_host_has_the_text_is_delivered(tmp_path: Path) -> None:
    assert await resumed(tmp_path, {}) == [b"in the file\n"]


async def test_going_on_what_the_host_has_is_not_delivered(tmp_path: Path) -> None:
    known = sha256(b"in the file\n").hexdigest()
    assert await resumed(tmp_path, {"known": known}) == []
