"""Carries what an editor writes to one file of a tree over to the desk of its document."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from rbridge.adapters.base import Desk, Pane, Text, Wanted
from rbridge.adapters.courier import Courier
from rbridge.adapters.snapshot import Snapshot
from rbridge.adapters.watch import Watch

Deliver = Callable[[str, str, Text, Desk, "trio.TaskStatus[Pane]"], Awaitable[None]]


class TreeCourier(Courier):
    """A courier of *text*, whose file lies in the tree; *own* is the document's own file."""

    def __init__(self, text: Text, desk: Desk, watch: Watch, private: Path, editor: str, own: Path) -> None:
        super().__init__(text, desk, watch, private, editor)
        self._own = own

    @property
    def known(self) -> str:
        """The digest of what the host has."""
        return self._known

    @property
    def offered(self) -> str:
        """The digest of what the desk got last."""
        return self._offered.digest if self._offered is not None else ""

    @property
    def handled(self) -> set[str]:
        """The digests of texts that need not be kept: the host or the desk has them."""
        return {self.known, self.offered}

    async def _save(self, taken: Snapshot) -> None:
        # what is written down of the document names this file: a daemon that dies leaves the text in it
        staged = self._private / "own"
        os.link(taken.file, staged)
        os.replace(staged, self._own)
        await super()._save(taken)

    async def _gone(self, last: bool) -> None:
        """The tree sees to that: it may have been moved."""


class TreeText(Wanted):
    """The text *path* of a tree, which was written and stands on *base*; *deliver* edits it."""

    def __init__(self, deliver: Deliver, path: str, base: str) -> None:
        self._deliver = deliver
        self._path = path
        self._base = base
        self.begun = trio.Event()
        """It is delivered from now on, or cannot be."""

    async def edit(
        self, text: Text, desk: Desk, *, task_status: trio.TaskStatus[Pane] = trio.TASK_STATUS_IGNORED
    ) -> None:
        begun = _Begun(task_status, self.begun)
        try:
            await self._deliver(self._path, self._base, text, desk, begun)
        finally:
            self.begun.set()


class _Begun(trio.TaskStatus[Pane]):
    """Sets *event* when a text is open."""

    def __init__(self, status: trio.TaskStatus[Pane], event: trio.Event) -> None:
        self._status = status
        self._event = event

    def started(self, value: Pane | None = None) -> None:
        self._status.started(value)  # type: ignore[arg-type]
        self._event.set()
