"""Documents that the laptop asked for: opened as if the user had typed their names here.

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

    from rbridge.client.folder import Folder
    from rbridge.client.inquiries import Asked, Inquiries
    from rbridge.client.session import Session
    from rbridge.errors import RbridgeError


class Asker(Caller):
    """The request *asked* of *inquiries* as one who opened a document."""

    def __init__(self, inquiries: "Inquiries", asked: "Asked", document: Document) -> None:
        self.inquiries = inquiries
        self.asked = asked
        self.document = document

    def opened(self, document: Document) -> None:
        self.inquiries.end(self.asked)

    def failed(self, source: Source, error: "RbridgeError") -> None:
        """Before its ``open`` was said; after that the laptop knows."""
        if self.document.wanted:
            self.inquiries.refuse(self.asked, refusal(self.asked.what, error))
        self.inquiries.end(self.asked)


def begin(inquiries: "Inquiries", asked: "Asked") -> None:
    """Open what *asked* names, when it is at hand."""

    def found(opened: "Any", error: "Optional[BaseException]") -> None:
        if error is not None:
            inquiries.refuse(asked, refusal(asked.what, error))
        elif asked.over:
            inquiries.session.resident.let_go(opened)
        else:
            deliver(inquiries, asked, opened)

    inquiries.work(asked, lambda: inquiries.find(asked.headers), found)


def find(folder: "Folder", said: "Dict[str, str]") -> Source:
    """What is to be opened. Raises Refused, Outside, OSError."""
    with folder.root.place(files.names(said.get("path"))) as place:
        real = os.path.join(folder.root.path(), *place.names)
        found = Source(real, real, requested(real, said))
        found.resolved = os.path.realpath(real)
        found.read_only = folder.files.read_only
        found.shell = folder.document.source.shell
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
        return looked_at(found, state, real)
    except BaseException:
        found.close()
        raise


def requested(real: str, said: "Dict[str, str]") -> Request:
    """The file *real* as what was *said* wants it. Raises RemoteProtocolError."""
    line, _, column = said.get("selection", "").partition(":")
    request = Request(real)
    request.line = values.size(line, BODY) if line else 0
    request.column = values.size(column, BODY) if column else 0
    return request


def looked_at(found: Source, state: os.stat_result, real: str) -> Source:
    """*found*, which is open, at hand as the file *real*. Raises Refused, and OSError."""
    found.mode = state.st_mode & 0o7777
    found.size = state.st_size
    found.found, found.device = state, state.st_dev
    found.read_only = found.read_only or not source.accessible(real, os.W_OK)
    if found.size > LARGE or (found.size > LARGE_BINARY and b"\0" in os.pread(found.fd, 8192, 0)):
        raise Refused("too-large", "{} is too large for an editor: rbridge open --large".format(real))
    return found


def deliver(inquiries: "Inquiries", asked: "Asked", opened: Source) -> None:
    """Send it, or say which document it is already."""
    session = inquiries.session
    resident = session.resident
    token = inquiries.document.source.token
    there = resident.same(opened)
    if there is not None:
        resident.let_go(opened)
        inquiries.answer(asked, {"document": there.source.token}, {})
        return
    options = Options()
    options.timeout = session.options.timeout
    document = Document(opened, session.peer)
    document.wanted = {"folder": token, "request": asked.number}
    if opened.found is not None:
        document.before = opened.found
        opened.size = opened.found.st_size
    resident.add(document, options, False, Asker(inquiries, asked, document))
    resident.expect(document, opened.size)
    session.open(document)


def void(inquiries: "Inquiries") -> None:
    """Nobody waits any more for what was asked for: it is not opened."""
    for document in list(inquiries.session.resident.documents):
        asker = document.openers[0] if document.state == SENT and document.openers else None
        if isinstance(asker, Asker) and asker.inquiries is inquiries:
            inquiries.session.close(document)


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
