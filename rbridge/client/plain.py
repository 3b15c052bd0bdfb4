"""A connection to a plain rmate server: it carries one file, nothing is acknowledged, and its end
is the file's.

Saves go only to what was sent there: a token that was not issued ends the connection.
"""

from rbridge.client.channel import Channel, Owner
from rbridge.client.delivery import LOST
from rbridge.client.saving import Saving

MYPY = False
if MYPY:
    from typing import List, Optional

    from rbridge.client.delivery import Document
    from rbridge.client.probe import Peer
    from rbridge.client.resident import Resident
    from rbridge.errors import ProtocolError
    from rbridge.wire.records import Record


class Plain(Owner):
    """The connection to *peer*, and the *documents* on it."""

    def __init__(self, resident: "Resident", peer: "Peer", documents: "List[Document]") -> None:
        self.resident = resident
        self.label = peer.label
        self.documents = documents
        self.channel = Channel(resident.loop, peer, self)

    def record(self, channel: Channel, record: "Record") -> None:
        """A ``save``, or a ``close``."""
        token = record.headers.get("token")
        document = self.find(token)
        if document is not None:
            if record.command == "close":
                self.later_closed(document)
            elif record.command == "save":
                channel.arriving = Saving(self.resident, document, record, channel)
        elif record.command == "close" and token is None:
            for mine in list(self.documents):  # QUIRK: zed-rmate-server closes without a token
                self.later_closed(mine)
        else:
            self.drop("{} named a file that was never opened: nothing was written".format(self.label))

    def find(self, token: "Optional[str]") -> "Optional[Document]":
        """The document that was sent here under *token*."""
        for document in self.documents:
            if document.source.token == token:
                return document
        return None

    def body(self, channel: Channel, data: bytes) -> None:
        if channel.arriving is not None:
            channel.arriving.write(data)

    def end(self, channel: Channel) -> None:
        arriving, channel.arriving = channel.arriving, None
        if arriving is not None:
            arriving.finish()

    def eof(self, channel: Channel) -> None:
        """The other side is gone, which is how it closes."""
        self.hang_up()
        for document in list(self.documents):
            self.later_closed(document)

    def nonsense(self, channel: Channel, error: "ProtocolError") -> None:
        self.drop("{} said something that makes no sense: {}".format(self.label, error))

    def drop(self, why: str) -> None:
        """End a connection that cannot be trusted any more."""
        self.hang_up()
        for document in list(self.documents):
            self.resident.tell(document, why)
            document.code = document.code or 65
            document.state = LOST
            self.later_closed(document)

    def later_closed(self, document: "Document") -> None:
        """It is closed as soon as the saves that came before are done."""
        if document in self.documents:
            self.documents.remove(document)
            self.resident.worker(document).after(lambda: self.over(document))
        if not self.documents:
            self.hang_up()

    def over(self, document: "Document") -> None:
        """All its saves are done; one that failed is on no disk, or kept beside it."""
        document.owed = document.failure
        self.resident.closed(document)

    def close(self, document: "Document") -> None:
        """The host is done with it; a plain server sees the end of the connection."""
        self.later_closed(document)

    def hang_up(self) -> None:
        arriving, self.channel.arriving = self.channel.arriving, None
        if arriving is not None:
            arriving.abort()
        self.channel.close()
