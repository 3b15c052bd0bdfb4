"""A folder that is laid out in memory, and an editor that is the test itself."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from rbridge.adapters import treewatch
from rbridge.adapters.laying import lay
from rbridge.adapters.tree import Tree
from rbridge.adapters.watch import best_watcher
from tests.adapters.folders import FakeFolderDesk, make_root


class Laid:
    """The tree at *here*, of the folder *host*."""

    def __init__(self, directory: Path, nursery: trio.Nursery) -> None:
        self.host = directory / "host"
        self.files = directory / "files"
        self.files.mkdir()
        for path, data in {
            "train.py": b"import torch\n",
            "src/model.py": b"x = 1\n",
            "src/io.py": b"y\n",
        }.items():
            (self.host / path).parent.mkdir(parents=True, exist_ok=True)
            (self.host / path).write_bytes(data)
        self.desk = FakeFolderDesk(self.files, self.host, nursery)
        self.tree: Tree
        self.here: Path

    @asynccontextmanager
    async def open(self, **root: object) -> AsyncIterator[Laid]:
        """Laid out, with an editor at work on it, for the length of the block."""
        folder = make_root(self.files, **root)
        self.here = folder.directory
        laid = await lay(folder, self.desk)
        async with treewatch.watching(folder.directory) as watch:
            self.tree = Tree(folder, self.desk, laid, watch, "ed", best_watcher())
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.tree.run)
                yield self
                nursery.cancel_scope.cancel()

    def write(self, path: str, data: bytes) -> None:
        """As most editors do: aside, and renamed."""
        file = self.here / path
        staged = file.with_name(f"{file.name}~")
        staged.write_bytes(data)
        os.replace(staged, file)

    def on_host(self, path: str) -> bytes | None:
        file = self.host / path
        return file.read_bytes() if file.is_file() else None

    async def until_host(self, path: str, data: bytes | None) -> None:
        """Wait until the host has *data* at *path*."""
        await self.desk.until(lambda: self.on_host(path) == data)

    def asked(self, do: str) -> list[tuple[object, ...]]:
        return [one for one in self.desk.asked if one[0] == do]
