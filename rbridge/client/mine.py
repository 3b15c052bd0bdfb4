"""The laptop's text of a document in conflict, on its way to the command that asked for it."""

import os

from rbridge.client.stdin import append, nameless
from rbridge.errors import CannotCreate, RemoteProtocolError
from rbridge.wire import values
from rbridge.wire.limits import BODY

MYPY = False
if MYPY:
    from typing import Any, Optional

    from rbridge.client.delivery import Document
    from rbridge.client.resident import Resident
    from rbridge.wire.records import Record

PIECE = 1 << 20  # bytes unpacked at a time


class Mine:
    """The body of *record*, in a file without a name.

    Feed :meth:`write`, then :meth:`finish` or :meth:`abort`. Raises RemoteProtocolError for a body that is
    not as it was announced.
    """

    def __init__(self, resident: "Resident", document: "Document", record: "Record") -> None:
        self._resident = resident
        self._document = document
        self._packed: "Any" = None
        self._size: "Optional[int]" = None
        self._taken = 0
        self._failure = ""
        self._fd = -1
        if record.headers.get("encoding"):
            import zlib

            values.one_of(record.headers["encoding"], ("zlib",))
            self._packed = zlib.decompressobj()
            self._size = values.size(record.headers.get("size"), BODY)
        try:
            self._fd = nameless()
        except CannotCreate as error:
            self._failure = str(error)

    def write(self, data: bytes) -> None:
        """The next piece."""
        while data:
            if self._packed is None:
                self._store(data)
                return
            import zlib

            try:
                piece = self._packed.decompress(data, PIECE)
            except zlib.error:
                raise RemoteProtocolError("mine: the body is no zlib stream") from None
            self._store(piece)
            data = self._packed.unconsumed_tail
            if not piece and data:
                raise RemoteProtocolError("mine: the body is no zlib stream")

    def finish(self) -> None:
        """All of it has come: hand it over."""
        if self._size is not None and (self._taken != self._size or not self._packed.eof):
            self.abort()
            raise RemoteProtocolError("mine: the body is not of {} bytes".format(self._size))
        document = self._document
        caller, document.asked = document.asked, None
        if caller is not None:
            if self._failure:
                caller.report("{}: {}".format(document.source.shown, self._failure))
            else:
                caller.mine(document, self._fd)
        self.abort()

    def abort(self) -> None:
        """Let go of it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _store(self, data: bytes) -> None:
        self._taken += len(data)
        if self._size is not None and self._taken > self._size:
            raise RemoteProtocolError("mine: more than {} bytes".format(self._size))
        if not self._failure and data:
            try:
                append(self._fd, data)
            except OSError as error:
                self._failure = "cannot keep the laptop's text: {}".format((error.strerror or "").lower())
