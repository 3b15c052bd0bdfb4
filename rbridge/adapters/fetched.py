"""A text that was asked for out of a folder becomes a buffer of the window that asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio

from rbridge.adapters.base import Desk, Pane, Text, Wanted
from rbridge.adapters.writings import REFUSED
from rbridge.errors import NotListening, RbridgeError
from rbridge.jsonrpc import RpcError

COMING = 30.0  # seconds from the text's arrival to its being ready: it is hashed meanwhile

Show = Callable[[Text, Desk, "trio.TaskStatus[Pane]", Callable[[Any], None]], Awaitable[None]]
"""Shows a text, gives what ``buffer/open`` says of it to the last parameter, and returns at its end."""


class Fetched(Wanted):
    """A text for ``fs/open``; *close* closes one that nobody heard of."""

    def __init__(self, show: Show, close: Callable[[str], None]) -> None:
        self._show = show
        self._close = close
        self._ready = trio.Event()
        self._head: dict[str, Any] | None = None
        self._error = RpcError(REFUSED, "it was closed meanwhile")
        self._forgotten = False

    async def edit(
        self, text: Text, desk: Desk, *, task_status: trio.TaskStatus[Pane] = trio.TASK_STATUS_IGNORED
    ) -> None:
        try:
            if self._forgotten:
                raise NotListening("the window that asked for it does not want it any more")
            await self._show(text, desk, task_status, self._shown)
        except RbridgeError as error:
            self._error = RpcError(REFUSED, error.line())
            raise
        finally:
            self._ready.set()

    async def head(self) -> dict[str, Any]:
        """What the plug-in needs to know of it, or of the viewer that shows it. Raises RpcError."""
        with trio.move_on_after(COMING):
            await self._ready.wait()
        if self._head is None:
            raise self._error
        return self._head

    def forget(self) -> None:
        """Nobody waits for it any more."""
        self._forgotten = True
        if self._head is not None and "id" in self._head:
            self._close(self._head["id"])

    def _shown(self, head: dict[str, Any]) -> None:
        self._head = head
        self._ready.set()
        if self._forgotten:  # while it was made ready
            self.forget()
