"""Older texts of a file that is open: does the spool keep one that never reached the host?

The host is told with the answer to its ``open``, and again when that has changed: it remembers such files for
``rbridge status``.
"""

from __future__ import annotations

import os

import trio

from rbridge.errors import RbridgeError
from rbridge.server.documents import Documents
from rbridge.server.log import logger
from rbridge.server.spool import Entry


async def look(
    documents: Documents, host: str, path: str, identity: str, own: str = ""
) -> tuple[bool | None, Entry | None]:
    """Whether one waits for the file *path* of *host*, whose identity is *identity*, and the newest of them.

    What an open document has that its host knows of is none, nor is that of the document *own*. None: it
    cannot be told.
    """
    spool = documents.tools.spool
    if spool is None:
        return False, None
    try:
        if not os.listdir(spool.root):  # as nearly always: that needs no thread
            return False, None
        entries = await trio.to_thread.run_sync(spool.find, host, path, identity)
    except (OSError, RbridgeError) as error:
        logger.warning("cannot tell what is kept of %s on %s: %s", path, host, error)
        return None, None
    known = {one.text.id for one in documents.find(host, path) if one.document.attached} | {own}
    entry = next((one for one in entries if one.about.id not in known), None)
    return entry is not None, entry


async def tell(documents: Documents, host: str, path: str) -> None:
    """Something was taken out of the spool: hosts that were told of it are told again."""
    for one in documents.find(host, path):
        if one.undelivered is not None:
            found, _ = await look(documents, host, path, one.session.identity, one.text.id)
            one.older(found)
