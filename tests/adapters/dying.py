"""A process that has a text edited and is killed: what a daemon is to its editors.

    python -m tests.adapters.dying FILES OPENER WORD...

lays a text out below FILES, opens it with the command WORD... (OPENER: ``child`` or ``own``) and prints, in
one line of JSON, where it is and what its pane says of resuming. Saves are answered as if the host had them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import trio

from rbridge.adapters.base import Pane
from rbridge.adapters.command import CommandAdapter
from rbridge.adapters.process import Child
from rbridge.adapters.terminal import OwnProgram
from tests.adapters.desk import FakeDesk, make_text


class Status:
    def __init__(self, file: Path) -> None:
        self._file = file

    def started(self, pane: Pane) -> None:
        print(json.dumps({"file": str(self._file), "resume": dict(pane.resume)}), flush=True)


async def main(files: str, opener: str, words: list[str]) -> None:
    text = make_text(Path(files))
    adapter = CommandAdapter(words, name="child", opener=OwnProgram() if opener == "own" else Child())
    await adapter.edit(text, FakeDesk(), task_status=Status(text.file))  # type: ignore[arg-type]


if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2], sys.argv[3:])
