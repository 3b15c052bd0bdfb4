"""The place of an editor where there is none to start: only attached ones show texts and folders."""

from __future__ import annotations

import trio

from rbridge.adapters.base import Adapter, Desk, Pane, Text
from rbridge.adapters.folder import FolderDesk, FolderPane, Root
from rbridge.errors import NotListening, clean


class Absent(Adapter):
    """Opens nothing, and says what would."""

    name = "an attached editor"

    def describe(self) -> str:
        return "editors whose plug-in is attached, and in no other"

    async def edit(
        self, text: Text, desk: Desk, *, task_status: trio.TaskStatus[Pane] = trio.TASK_STATUS_IGNORED
    ) -> None:
        raise NotListening(
            clean(f"cannot open {text.name}: no editor is attached on the laptop, and none can be started"),
            "start one that has the plug-in there, or choose one: rbridge serve --editor SPEC",
        )

    async def browse(
        self,
        root: Root,
        desk: FolderDesk,
        *,
        task_status: trio.TaskStatus[FolderPane] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        raise NotListening(
            clean(f"cannot show {root.name}: no editor on the laptop that is attached shows folders"),
            "start one whose plug-in does, or choose one: rbridge serve --editor SPEC",
        )
