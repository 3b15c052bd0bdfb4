"""What is asked of a host about one of its documents: files that a language server has named are opened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rbridge.adapters.base import Text
from rbridge.adapters.folder import NOT_CONNECTED, Root
from rbridge.server.asking import Asking
from rbridge.server.tools import Tools

if TYPE_CHECKING:
    from rbridge.server.session import Session


class Library(Asking):
    """About *text*, which the host of *session* calls *token*; *start* runs a task as long as it is open."""

    def __init__(
        self,
        tools: Tools,
        session: Session,
        token: str,
        text: Text,
        start: Callable[[Callable[[], Awaitable[object]]], None],
    ) -> None:
        super().__init__(tools, session, token, Root(text.id, text.host, text.path, text.name, Path()))
        self._begin = start

    def lost(self) -> None:
        """The connection ended."""
        self._turns.clear()
        self._give_up(NOT_CONNECTED, f"{self.name}: the connection to {self.session.label} is lost")

    def over(self) -> None:
        """The document is closed."""
        self._give_up("gone", f"{self.name} was closed")

    def _start(self, task: Callable[[], Awaitable[object]]) -> bool:
        self._begin(task)
        return True
