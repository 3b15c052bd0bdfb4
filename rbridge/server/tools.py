"""What all documents and folders of a daemon share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from rbridge.adapters.base import Adapter
from rbridge.server.config import Limits
from rbridge.server.files import Files
from rbridge.server.notify import Notifier
from rbridge.server.spool import Spool

if TYPE_CHECKING:
    from rbridge.server.session import Session


class Change(IntEnum):
    """What became of a file on its host; numbered as FileChangeType of the language server protocol is."""

    CREATED = 1
    CHANGED = 2
    DELETED = 3


@dataclass(eq=False)
class LanguageServer:
    """One that an editor has asked for: *state* is asked, runs, or why it does not, and *said* the words."""

    host: str
    name: str = ""
    state: str = "asked"
    said: str = ""


Hear = Callable[["Session", str, Change], None]
Silence = Callable[[str], None]


@dataclass(frozen=True)
class Tools:
    """Without *spool* nothing is kept. *shown* are called when a document stands otherwise, *heard* when a
    file at a path of a session's host was changed by us, and *silences* with a host's identity when a
    connection of it has gone dead. *servers* are the language servers that editors want now.
    """

    adapter: Adapter
    files: Files
    spool: Spool | None
    notifier: Notifier
    limits: Limits
    shown: set[Callable[[], None]] = field(default_factory=set)
    heard: set[Hear] = field(default_factory=set)
    silences: set[Silence] = field(default_factory=set)
    servers: set[LanguageServer] = field(default_factory=set)

    def changed(self, session: Session, path: str, change: Change) -> None:
        """Tell everybody who listens."""
        for hear in list(self.heard):
            hear(session, path, change)

    def dead(self, identity: str) -> None:
        """Nothing is heard any more of a connection of the host of this *identity*, "" if it proved none."""
        for tell in list(self.silences):
            tell(identity)
