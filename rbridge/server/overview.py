"""What the user on the laptop can see and do of open documents: ``rbridge status``, ``close`` and
``resolve``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import trio

from rbridge.adapters.routed import Routed
from rbridge.server import texts
from rbridge.server.documents import Documents
from rbridge.server.editing import Editing
from rbridge.server.folder import Folder
from rbridge.server.ports import Port

PATIENCE = 30.0  # seconds for what the host, or an editor, has to answer
LOOK = 0.05  # seconds between looks: nothing tells when a document has changed its state
BUSY = ("saving",)

Answer = dict[str, Any]


class Overview:
    """Of all *documents*, and of the folders beside them. Each is named by its id; every answer has ``ok`` or
    ``error``.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def rows(self) -> Answer:
        """``rows``: one for each document, see :meth:`Editing.row`, and for each folder."""
        folders = [one.row() for one in self._documents.folders]
        ports = [one.row() for one in self._documents.ports]
        return {"ok": True, "rows": [*map(_told, self._documents.all()), *folders, *ports]}

    def surroundings(self) -> Answer:
        """``editors``: the windows that are attached, and ``servers``: the language servers they want."""
        tools = self._documents.tools
        editors = tools.adapter.attached() if isinstance(tools.adapter, Routed) else []
        return {"ok": True, "editors": editors, "servers": [vars(one) for one in tools.servers]}

    async def close(self, ids: list[str]) -> Answer:
        """Close documents and folders as if their editors had; ``open`` are those that did not close in
        time.
        """
        wanted = {identifier: one for identifier, one in self._all().items() if identifier in ids}
        for one in wanted.values():
            one.stop()
        await _until(lambda: not wanted.keys() & self._all().keys())
        return {"ok": True, "closed": [*wanted], "open": [one for one in wanted if one in self._all()]}

    async def settle(self, document: str, choose: str) -> Answer:
        """Settle the conflict for ``mine`` or ``theirs``; ``row`` is how the document stands then."""
        one = self._find(document)
        if one is None:
            return _closed()
        refused = one.settle(choose)
        if refused:
            return {"ok": False, "error": refused}
        await _until(lambda: one not in self._documents.all() or not _settling(one))
        return {"ok": True, "row": _told(one)}

    async def show(self, document: str) -> tuple[Answer, list[int]]:
        """Descriptors, for the caller to close, of the host's text and the laptop's, in this order."""
        one = self._find(document)
        if one is None:
            return _closed(), []
        if not one.document.disputed:
            return {"ok": False, "error": f"{one.name}: there is no conflict"}, []
        one.ask_theirs()
        await _until(
            lambda: one.theirs() is not None or not one.row()["connected"] or one not in self._documents.all()
        )
        theirs = one.theirs()
        if theirs is None:
            why = "does not answer" if one.row()["connected"] else "is not connected"
            return {"ok": False, "error": f"{one.name}: the host {why}, and its text is not here"}, []
        mine = one.mine_fd()
        if mine is None:
            return {"ok": False, "error": f"{one.name}: the editor's text is gone"}, []
        try:
            one.looked()
            return {"ok": True, "row": _told(one)}, [texts.take(theirs), mine]
        except OSError as error:
            os.close(mine)
            return {"ok": False, "error": f"{one.name}: cannot read the host's text: {error.strerror}"}, []

    def _all(self) -> dict[str, Editing | Folder | Port]:
        """Everything that is open, by its id."""
        found: dict[str, Editing | Folder | Port] = {one.root.id: one for one in self._documents.folders}
        found.update((one.id, one) for one in self._documents.ports)
        return {**found, **{one.text.id: one for one in self._documents.all()}}

    def _find(self, document: str) -> Editing | None:
        return next((one for one in self._documents.all() if one.text.id == document), None)


def _settling(one: Editing) -> bool:
    """Whether the text that the user chose is still on its way, to the host or to the editor."""
    row = one.row()
    return row["state"] in BUSY or (one.document.yielding and row["connected"] is True)


def _told(one: Editing) -> Answer:
    """A document's row as anybody at ``control.sock`` may have it: without what only its client knows."""
    hidden = ("session", "token")
    return {name: value for name, value in one.row().items() if name not in hidden}


def _closed() -> Answer:
    return {"ok": False, "error": "it was closed meanwhile"}


async def _until(condition: Callable[[], bool]) -> None:
    """Wait for *condition*, in bounded time."""
    with trio.move_on_after(PATIENCE):
        while not condition():  # noqa: ASYNC110 - see LOOK
            await trio.sleep(LOOK)
