"""Documents that the laptop asked for in a folder: opened as if the user had typed their names here.

From then on they are documents like all others, and stay when the folder is closed.
"""

import os

from rbridge.client import files, source
from rbridge.client.delivery import SENT, Document
from rbridge.client.options import Options, Request
from rbridge.client.refused import Refused, refusal
from rbridge.client.register import Caller
from rbridge.client.source import LARGE, LARGE_BINARY, Source
from rbridge.wire import values
from rbridge.wire.limits import BODY

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Optional

    from rbridge.client.folder import Asked, Folder
    from rbridge.client.session import Session
    from rbridge.errors import RbridgeError


class Asker(Caller):
    """The request *asked* in *folder* as one who opened a document."""

    def __init__(self, folder: "Folder", asked: "Asked", document: Document) -> None:
        self.folder = folder
        self.asked = asked
        self.document = document

    def opened(self, document: Document) -> None:
        self.folder.end(self.asked)

    def failed(self, source: Source, error: "RbridgeError") -> None:
        """Before its ``open`` was said; after that the laptop knows."""
        if self.document.wanted:
            self.folder.refuse(self.asked, refusal(self.asked.what, error))
        self.folder.end(self.asked)


def begin(folder: "Folder", asked: "Asked") -> None:
    """Open what *asked* names, when it is at hand."""

    def found(opened: "Any", error: "Optional[BaseException]") -> None:
        if error is not None:
            folder.refuse(asked, refusal(asked.what, error))
        elif asked.over:
            folder.session.resident.let_go(opened)
        else:
            deliver(folder, asked, opened)

    folder.work(asked, lambda: find(folder, asked.headers), found)


def find(folder: "Folder", said: "Dict[str, str]") -> Source:
    """What is to be opened. Raises Refused, Outside, OSError."""
    line, _, column = said.get("selection", "").partition(":")
    with folder.root.place(files.names(said.get("path"))) as place:
        real = os.path.join(folder.root.path(), *place.names)
        request = Request(real)
        request.line = values.size(line, BODY) if line else 0
        request.column = values.size(column, BODY) if column else 0
        found = Source(real, real, request)
        found.resolved = os.path.realpath(real)
        found.read_only = folder.files.read_only
        try:
            found.fd, state = files.regular(place)
        except FileNotFoundError:
            if said.get("create") != "yes":
                raise
            if found.read_only or not source.accessible(os.path.dirname(real), os.W_OK | os.X_OK):
                raise Refused(
                    "denied", "cannot create {}: no permission to write there".format(real)
                ) from None
            return found
    try:
        return _looked_at(found, state, real)
    except BaseException:
        found.close()
        raise


def _looked_at(found: Source, state: os.stat_result, real: str) -> Source:
    """*found*, which is open, at hand as the file *real*. Raises Refused, and OSError."""
    found.mode = state.st_mode & 0o7777
    found.size = state.st_size
    found.found, found.device = state, state.st_dev
    found.read_only = found.read_only or not source.accessible(real, os.W_OK)
    if found.size > LARGE or (found.size > LARGE_BINARY and b"\0" in os.pread(found.fd, 8192, 0)):
        raise Refused("too-large", "{} is too large for an editor: rbridge open --large".format(real))
    return found


def deliver(folder: "Folder", asked: "Asked", opened: Source) -> None:
    """Send it, or say which document it is already."""
    session = folder.session
    resident = session.resident
    token = folder.document.source.token
    there = resident.same(opened)
    if there is not None:
        resident.let_go(opened)
        folder.answer(asked, {"document": there.source.token}, {})
        return
    options = Options()
    options.timeout = session.options.timeout
    document = Document(opened, session.peer)
    document.wanted = {"folder": token, "request": asked.number}
    if opened.found is not None:
        document.before = opened.found
        opened.size = opened.found.st_size
    resident.add(document, options, False, Asker(folder, asked, document))
    resident.expect(document, opened.size)
    session.open(document)


def void(folder: "Folder") -> None:
    """Nobody waits any more for what was asked for: it is not opened."""
    for document in list(folder.session.resident.documents):
        asker = document.openers[0] if document.state == SENT and document.openers else None
        if isinstance(asker, Asker) and asker.folder is folder:
            folder.session.close(document)


def moved(session: "Session", old: str, new: str) -> "List[str]":
    """The file or directory *old* is called *new* now: the tokens of the documents that go with it.

    RACE: a save that is being written meanwhile may find its file gone; it is refused, and the text kept.
    """
    tokens = []
    for document in session.resident.documents:
        real = document.real
        if real != old and not real.startswith(old + "/"):
            continue
        there = new + real[len(old) :]
        document.real = document.source.real = document.source.path = there
        if document.target is not None:
            document.target.path = there
        if session.news is not None:
            session.news.moved(document)
        if not document.source.folder:
            tokens.append(document.source.token)
    return tokens
