"""One file of a tree on its way to its document; the rest is in test_courier and test_tree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import trio

from rbridge.adapters.base import Desk, Text
from rbridge.adapters.place import place_for
from rbridge.adapters.treecourier import TreeCourier, TreeText
from rbridge.adapters.watch import InotifyWatcher
from tests.adapters.desk import FakeDesk, make_text
from tests.adapters.folders import digest


async def test_the_documents_own_file_has_what_was_written(tmp_path: Path) -> None:
    text = make_text(tmp_path / "files", b"as it came\n")
    here = text.file.with_name("here.py")
    here.write_bytes(b"as laid\n")
    desk = FakeDesk()
    with place_for(text) as place:
        async with InotifyWatcher().watching(here) as watch, trio.open_nursery() as nursery:
            courier = TreeCourier(replace(text, file=here), desk, watch, place.private, "ed", text.file)
            courier.go_on_from({"known": digest(b"as laid\n")})
            nursery.start_soon(courier.run)
            here.write_bytes(b"mine\n")
            await desk.until_last(b"mine\n")
            assert text.file.read_bytes() == b"mine\n"
            courier.end()
    assert courier.known == courier.offered == digest(b"mine\n")
    assert courier.handled == {digest(b"mine\n")}


async def test_one_that_is_deleted_is_nobodys_business_here(tmp_path: Path) -> None:
    text = make_text(tmp_path / "files")
    desk = FakeDesk()
    with place_for(text) as place:
        async with InotifyWatcher().watching(text.file) as watch:
            courier = TreeCourier(text, desk, watch, place.private, "ed", text.file)
            text.file.unlink()
            courier.end()
            await courier.run()
    assert (desk.told, desk.saves) == ([], [])


async def test_who_waits_for_a_text_learns_that_it_cannot_be(tmp_path: Path) -> None:
    async def fail(path: str, base: str, text: Text, desk: Desk, status: trio.TaskStatus[object]) -> None:
        raise OSError("no room")

    wanted = TreeText(fail, "a.py", "")  # type: ignore[arg-type]
    with pytest.raises(OSError, match="no room"):
        await wanted.edit(make_text(tmp_path), FakeDesk())
    assert wanted.begun.is_set()
