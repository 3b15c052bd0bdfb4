"""What the endpoint can tell of the daemon's documents, and have done with them."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from functools import partial

import trio

from rbridge.adapters import snapshot
from rbridge.adapters.base import State
from rbridge.adapters.place import root_of
from rbridge.lsp import endpoint
from rbridge.lsp.endpoint import Trouble
from rbridge.lsp.progress import Travel
from rbridge.lsp.target import by_uri
from rbridge.lsp.uris import SCHEME
from rbridge.server.documents import Documents
from rbridge.server.editing import Editing

NOT_OURS = "this document is not one of rbridge's"
LOOK = 0.05
PATIENCE = 10.0  # seconds for the host's text
ERROR, WARNING, INFO = 1, 2, 3  # MessageType

Start = Callable[[Callable[[], Awaitable[None]]], None]


class DocumentsDesk:
    """That of *documents*; *files* is where texts lie in memory. *start* runs what takes longer, *restart*
    has the language server started again, *tell* shows the user a line, and *show* a file.
    """

    def __init__(
        self,
        documents: Documents,
        files: bytes,
        start: Start,
        restart: Callable[[], str],
        tell: Callable[[int, str], Awaitable[None]],
        show: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._documents = documents
        self._files = files
        self._start = start
        self._restart = restart
        self._tell = tell
        self._show = show

    def find(self, uri: str) -> Editing | None:
        """The document that the editor calls *uri*."""
        every = self._documents.all()
        found = by_uri(uri, [one.text for one in every], self._files, exactly=True)
        return next((one for one in every if found is not None and one.text.id == found.id), None)

    def trouble(self, uri: str) -> Trouble | None:
        editing = self.find(uri)
        if editing is None:
            return None
        standing = editing.standing()
        if standing.state is State.CONFLICT:
            message = standing.message or f"{editing.name}: the host's file is another one by now"
            return Trouble(message, conflict=True)
        refused = standing.message and standing.connected and standing.state is State.DIRTY
        return Trouble(standing.message) if refused else None

    def travel(self, uri: str) -> Travel | None:
        """How far the save of a document is that is on its way."""
        editing = self.find(uri)
        if editing is None or editing.document.on_the_way is None:
            return None
        serial, done, of = editing.line.travel or (0, 0, None)
        under_way = serial == editing.document.on_the_way
        return Travel(editing.name, editing.document.on_the_way, *((done, of) if under_way else (0, None)))

    def do(self, command: str, uri: str) -> str:
        if command == endpoint.LIST:
            return "\n".join(self._lines()) or "nothing is open"
        if command == endpoint.RESTART:
            return self._restart()
        editing = self.find(uri)
        if editing is None:
            return NOT_OURS
        if command == endpoint.SAVE:
            if uri.lower().startswith(f"{SCHEME}:"):
                return f"{editing.name}: what is saved in the editor is sent, and nothing else"
            self._start(partial(self._save, editing))
        elif command == endpoint.CLOSE:
            editing.stop()
        elif command == endpoint.COMPARE:
            self._start(partial(self._compare, editing))
        else:
            return editing.settle("mine" if command == endpoint.OVERWRITE else "theirs")
        return ""

    def _lines(self) -> list[str]:
        """A line for each document."""
        lines = []
        for one in self._documents.all():
            standing = one.standing()
            words = [
                standing.state.value,
                *(() if standing.connected else ("not connected",)),
                standing.message,
            ]
            lines.append(f"{one.text.host}:{one.text.path}: {', '.join(filter(None, words))}")
        return lines

    async def _compare(self, editing: Editing) -> None:
        """Have the host's text of a conflict shown."""
        if not editing.document.disputed:
            await self._tell(WARNING, f"{editing.name}: there is no conflict")
            return
        editing.ask_theirs()
        with trio.move_on_after(PATIENCE):
            while editing.theirs() is None and editing.document.disputed:  # noqa: ASYNC110 - nothing tells
                await trio.sleep(LOOK)
        theirs = editing.theirs()
        if theirs is None:
            await self._tell(WARNING, f"{editing.name}: the host's text is not here")
            return
        editing.looked()
        if not await self._show(theirs.as_uri()):
            await self._tell(INFO, f"{editing.name}: the host's text is in {theirs}")

    async def _save(self, editing: Editing) -> None:
        """Send what is in the document's file."""
        into = root_of(editing.text) / f".rbridge-{secrets.token_hex(6)}"
        try:
            try:
                taken = await trio.to_thread.run_sync(snapshot.take, editing.text.file, into)
                outcome = await editing.save(into, taken.digest)
            finally:
                into.unlink(missing_ok=True)
        except (OSError, snapshot.Gone, snapshot.NotRegular, snapshot.Unsettled) as error:
            await self._tell(ERROR, f"{editing.name}: not saved: {error}")
        else:
            kind = INFO if outcome.delivered else ERROR
            await self._tell(kind, outcome.message or f"{editing.name}: saved")
