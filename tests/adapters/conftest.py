from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from rbridge.adapters.buffer import Buffer
from rbridge.adapters.place import place_for
from tests.adapters.browses import Browse
from tests.adapters.buffers import OLD, Open
from tests.adapters.desk import FakeDesk, make_text


@pytest.fixture
async def open_(tmp_path: Path) -> AsyncIterator[Open]:
    """A text that is open in a window."""
    text = make_text(tmp_path / "files", OLD)
    desk = FakeDesk()
    with place_for(text) as place:
        buffer = Buffer(text, desk, place)
        await buffer.begin()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(buffer.deliver)
            yield Open(text, buffer, desk)
            nursery.cancel_scope.cancel()


@pytest.fixture
async def browse(tmp_path: Path) -> AsyncIterator[Browse]:
    async with trio.open_nursery() as nursery:
        yield Browse(tmp_path, nursery)
        nursery.cancel_scope.cancel()
