"""Where there is no editor to start."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from rbridge.adapters.absent import Absent
from rbridge.errors import NotListening
from tests.adapters.desk import FakeDesk, make_text
from tests.adapters.folders import FakeFolderDesk, make_root
from tests.adapters.traces import none_left


async def test_a_text_is_refused_with_what_to_do(tmp_path: Path) -> None:
    text = make_text(tmp_path)
    with none_left(tmp_path), pytest.raises(NotListening, match="no editor is attached") as caught:
        await Absent().edit(text, FakeDesk())
    assert "--editor" in caught.value.hint


async def test_a_folder_is_refused_likewise(tmp_path: Path) -> None:
    host = tmp_path / "host"
    host.mkdir()
    async with trio.open_nursery() as nursery:
        desk = FakeFolderDesk(tmp_path, host, nursery)
        with pytest.raises(NotListening, match="cannot show project: no editor") as caught:
            await Absent().browse(make_root(tmp_path), desk)
    assert "--editor" in caught.value.hint


def test_it_says_that_only_plug_ins_open_texts() -> None:
    assert Absent().describe() == "editors whose plug-in is attached, and in no other"
