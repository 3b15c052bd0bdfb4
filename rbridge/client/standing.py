"""How a document of this host stands: the words for ``status``, and what its file was."""

import os

from rbridge.client.delivery import SENT

MYPY = False
if MYPY:
    from typing import Optional, Tuple

    from rbridge.client.delivery import Document


def device(document: "Document") -> int:
    """The file system (st_dev) that the file is on, -1 if that is not known."""
    known = inode(document)
    if known is not None:
        return known[0]
    return document.before.st_dev if document.before is not None else document.source.device


def inode(document: "Document") -> "Optional[Tuple[int, int]]":
    """Device and inode of the file as it was last known, None if there was none."""
    from rbridge.client.stamp import Stamp

    base = document.target.base if document.target is not None else None
    if isinstance(base, Stamp) and base.inode:
        return (base.device, base.inode)
    if document.before is not None and document.target is None:
        return (document.before.st_dev, document.before.st_ino)
    return None


def is_unsaved(document: "Document") -> bool:
    """Whether what the user wrote last may not be on the disk."""
    coming = document.arriving > 0
    return bool(document.failure) or coming or document.shown in ("dirty", "saving", "conflict")


def opened(document: "Document", label: str) -> str:
    """The line that says where it is open; *label* is what the laptop is called."""
    source = document.source
    port = source.port.partition(":")[0]
    if port in ("", "0"):
        return "{}: open in {} on {}".format(source.shown, document.editor or "an editor", label)
    line = "{} on {} leads to port {} of {}{}"
    shown = ", and is open in the browser" if source.url else ""
    return line.format(document.editor, label, port, os.uname().nodename, shown)


def note_place(document: "Document") -> None:
    """Remember where on the laptop a port is: another daemon is to have it there again."""
    here, there = document.source.port.partition(":")[0], document.editor.rpartition(":")[2]
    document.source.port = here + (":" + there if there.isdigit() else "")
    document.message = document.editor


def state(document: "Document") -> str:
    """The word for a row of ``rbridge status``."""
    if document.state == SENT:
        return "opening"
    if document.shown in ("conflict", "saving", "dirty"):
        return document.shown
    if document.arriving:
        return "saving"
    if document.failure:
        return "unsaved"
    return "clean"
