"""A text whose editor was closed and whose client is gone: it goes to the host when the file is opened anew,
before the file is shown again.
"""

from __future__ import annotations

import os

import trio

from rbridge.errors import RbridgeError
from rbridge.server.documents import Documents
from rbridge.server.editing import Editing
from rbridge.server.files import Files, Incoming
from rbridge.server.session import Session

PIECE = 1 << 20


class NotWanted(Exception):
    """Nobody waits any more for the file to be opened, or its host will ask once more."""


async def deliver(
    documents: Documents, session: Session, token: str, editing: Editing, present: str | None
) -> int:
    """Have *editing* deliver what it has, as *token* of *session*, and end. Of that the host hears nothing
    but the save: it waits for the answer to its ``open`` of the file. *present* is the file's sha256, None
    if there is none.

    Returns a descriptor, for the caller to close, of the text that the host has in place of that, else -1;
    what could not be delivered is in the spool. Raises NotWanted.
    """
    save = editing.saves.get(editing.document.unsettled)
    newer, digest = (os.dup(save.fd), save.digest) if save is not None else (-1, "")
    try:
        session.adopt(token, editing)
        editing.unheard = True
        editing.attached(present, 0)
        await documents.over(editing)
        if not editing.unheard or editing.session is not session:
            raise NotWanted
        session.closed.pop(token, None)  # it is about to be opened
        session.heard_end(token)
        if not digest or digest == present or editing.document.base != digest:
            return -1
        found, newer = newer, -1
        return found
    finally:
        if newer >= 0:
            os.close(newer)


async def lay_out(files: Files, host: str, parts: tuple[str, ...], fd: int) -> Incoming:
    """A new document of *files* with the text at *fd*. Raises NoSpace and CannotCreate, with nothing left."""
    made = files.create(host, parts, os.fstat(fd).st_size)
    try:
        await trio.to_thread.run_sync(_copy, fd, made)
    except RbridgeError:
        made.close()
        files.wipe(made.id)
        raise
    return made


def _copy(fd: int, to: Incoming) -> None:
    while data := os.pread(fd, PIECE, to.size):
        to.write(data)
