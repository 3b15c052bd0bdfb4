"""A folder in an attached editor, for the tests of both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from rbridge.adapters.attached import Attached
from rbridge.jsonrpc import RpcError
from tests.adapters.folders import FakeFolderDesk, make_root
from tests.adapters.plugin import Folder, Plugin


class Browse:
    """A folder in an attached editor."""

    def __init__(self, directory: Path, nursery: trio.Nursery) -> None:
        self.files = directory / "files"
        self.host = directory / "host"
        self.files.mkdir()
        (self.host / "src").mkdir(parents=True)
        (self.host / "train.py").write_bytes(b"import torch\n")
        (self.host / "src" / "model.py").write_bytes(b"x = 1\n")
        self.attached = Attached()
        self.desk = FakeFolderDesk(self.files, self.host, nursery)
        self.nursery = nursery
        self.plugin = Plugin()
        self.over = trio.Event()

    @asynccontextmanager
    async def connected(self, plugin: Plugin | None = None) -> AsyncIterator[Plugin]:
        there, here = trio.testing.memory_stream_pair()
        self.nursery.start_soon(self.attached.serve, here)
        async with (plugin or self.plugin).connected(there) as one:
            yield one

    async def browse(self, **root: Any) -> None:
        async def run(task_status: trio.TaskStatus[Any]) -> None:
            await self.attached.browse(make_root(self.files, **root), self.desk, task_status=task_status)
            self.over.set()

        await self.nursery.start(run)

    async def shown(self) -> Folder:
        await self.browse()
        return await self.plugin.folder()

    async def shown_in(self, plugin: Plugin) -> Folder:
        """The same in this window, of several."""
        await plugin.tell("buffer/focus")
        await self.browse()
        return await plugin.folder()


async def error_of(asked: Awaitable[Any]) -> RpcError:
    with pytest.raises(RpcError) as caught:
        await asked
    return caught.value
