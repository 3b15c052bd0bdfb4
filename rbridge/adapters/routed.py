"""Chooses between editors that are attached, those that could be, and the one that is started for a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import trio

from rbridge.adapters.absent import Absent
from rbridge.adapters.attached import Attached
from rbridge.adapters.base import Adapter, Desk, Pane, Text
from rbridge.adapters.folder import FolderDesk, FolderPane, Root
from rbridge.adapters.guests import Guests
from rbridge.adapters.languages import Languages
from rbridge.adapters.place import as_text
from rbridge.adapters.starter import Starter
from rbridge.errors import NotListening, clean


class Routed(Adapter):
    """A text goes to a window of *attached*; where there is none, to an editor that *starter* starts and that
    attaches; and to *other* where none shows it.
    """

    def __init__(self, attached: Attached, other: Adapter, starter: Starter | None = None) -> None:
        self.name = other.name
        self._attached = attached
        self._other = other
        self._starter = starter
        self.guests = Guests()
        """Editors that have a language client here, and no plug-in: they come before one that is started."""

    def speaks(self, languages: Languages) -> None:
        """Plug-ins may ask *languages* about language servers."""
        self._attached.languages = languages

    def attached(self) -> list[dict[str, Any]]:
        """The windows that are attached: name, version and pid of each, and its plug-in's version."""
        return [
            {"name": one.name, "version": one.version, "plugin": one.plugin, "pid": one.client[1]}
            for one in self._attached.windows
        ]

    def describe(self) -> str:
        if self._starter:
            return f"{self._starter.describe()}, whose plug-in is installed, or in another that is attached"
        if isinstance(self._other, Absent):
            return self._other.describe()
        return f"{self._other.describe()}, or in an editor whose plug-in is attached"

    async def serve(self, stream: trio.abc.Stream) -> None:
        """One plug-in's connection, to its end."""
        await self._attached.serve(stream)

    async def ask(self, message: str, answers: Sequence[str]) -> str | None:
        return await self._attached.ask(message, answers)

    async def edit(
        self, text: Text, desk: Desk, *, task_status: trio.TaskStatus[Pane] = trio.TASK_STATUS_IGNORED
    ) -> None:
        opened = _Opened(task_status)
        why = await self._start(text)
        if self._attached.windows:
            try:
                await self._attached.edit(text, desk, task_status=opened)
            except NotListening:
                if opened:
                    raise
            else:
                return
        if why:
            desk.tell(clean(f"{text.name}: {why}"))
        name = "" if isinstance(self._other, Absent) else self._other.name
        if self.guests.are(name) and text.half is None and not text.new_window:
            try:
                await self.guests.edit(name, text, desk, task_status=opened)
            except NotListening:
                if opened:
                    raise
            else:
                return
        await self._other.edit(text, desk, task_status=task_status)

    async def browse(
        self,
        root: Root,
        desk: FolderDesk,
        *,
        task_status: trio.TaskStatus[FolderPane] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        opened = _Opened(task_status)
        why = "" if root.again else await self._start(as_text(root))
        if self._attached.windows or root.again:
            try:
                await self._attached.browse(root, desk, task_status=opened)
            except NotListening:
                if opened or root.again:
                    raise
            else:
                return
        if why:
            desk.tell(clean(f"{root.name}: {why}"))
        await self._other.browse(root, desk, task_status=task_status)

    async def _start(self, text: Text) -> str:
        """See to it that an editor is attached, where one can be started: in one line why none is."""
        if self._starter is None or self._attached.windows:
            return ""
        return await self._starter.start(text, self._attached)

    def runs(self, text: Text, resume: Mapping[str, Any]) -> bool:
        return self._of(text, resume) is not None

    async def adopt(
        self,
        text: Text,
        desk: Desk,
        resume: Mapping[str, Any],
        *,
        task_status: trio.TaskStatus[Pane] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        adapter = self._of(text, resume)
        if adapter is None:
            raise NotListening(f"{self.name} cannot go on with {text.name}")
        await adapter.adopt(text, desk, resume, task_status=task_status)

    def _of(self, text: Text, resume: Mapping[str, Any]) -> Adapter | None:
        """Whose text it is."""
        return next((one for one in (self._attached, self._other) if one.runs(text, resume)), None)


class _Opened(trio.TaskStatus[Any]):
    """Remembers whether a text, or a folder, was open."""

    def __init__(self, status: trio.TaskStatus[Any]) -> None:
        self._status = status
        self._done = False

    def __bool__(self) -> bool:
        return self._done

    def started(self, value: Any = None) -> None:
        self._done = True
        self._status.started(value)
