"""The line of the documents to be opened over the main connection: read in threads, said in their order.

A file is read only when there is room for it, and few at a time. One whose file system does not answer is
waited for :data:`~rbridge.client.pool.STUCK` seconds; then those behind it are said first.
"""

from rbridge.client import reading
from rbridge.client.delivery import SENT
from rbridge.client.joins import words
from rbridge.client.pool import STUCK
from rbridge.errors import NoInput, RbridgeError
from rbridge.wire.records import End, Record

MYPY = False
if MYPY:
    from typing import Any, List, Optional

    from rbridge.client.channel import Channel
    from rbridge.client.delivery import Document
    from rbridge.client.loop import Timer
    from rbridge.client.options import Options
    from rbridge.client.session import Session

AT_ONCE = 8
"""Texts that are being read, or wait to be written, at a time."""


class Open:
    """One *document* in the line, with the *options* it was asked for. *begun*: it is being read; *made* is
    what was read, or *error* why not; *said*: it waits to be written.
    """

    __slots__ = ("begun", "document", "error", "made", "new", "options", "said")

    def __init__(self, document: "Document", options: "Options", new: bool) -> None:
        self.document = document
        self.options = options
        self.new = new
        self.begun = False
        self.said = False
        self.made: "Optional[reading.Reading]" = None
        self.error: "Optional[BaseException]" = None


class Opens:
    """That of *session*."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._main: "Optional[Channel]" = None  # whose is:
        self._line: "List[Open]" = []
        self._timer: "Optional[Timer]" = None

    def add(self, document: "Document") -> None:
        """Say ``open`` of *document*, with its text, when it is its turn."""
        if self._main is not self._session.main:  # what others stood in line for is asked for at the resume
            self._main = self._session.main
            self._line = []
        options, new = self._session.resident.request(document)
        self._line.append(Open(document, options, new))
        self._go_on()

    def _go_on(self) -> None:
        """Say what can be said, and read what there is room for."""
        main = self._main
        silent = self._session.resident.silent
        waited_for = False
        for one in list(self._line):
            ready = one.made is not None or one.error is not None
            if ready and not one.said and not waited_for:
                one.said = True
                self._say(one, main)
            elif one.begun and not ready and silent(one.document) < STUCK:
                waited_for = True
        held = 0
        for one in list(self._line):
            if held >= AT_ONCE:
                break
            if not one.begun:
                one.begun = True
                self._read(one, main)
            held += silent(one.document) < STUCK
        if self._line and self._timer is None:
            self._timer = self._session.loop.at(STUCK, self._again)

    def _again(self) -> None:
        self._timer = None
        self._go_on()

    def _read(self, one: Open, main: "Optional[Channel]") -> None:
        assert main is not None
        peer = main.peer

        def read(made: "Any", error: "Optional[BaseException]") -> None:
            one.made, one.error = made, error
            if self._main is main:
                self._go_on()

        document = one.document
        work = self._session.resident.work
        work(document, lambda: reading.read(document, one.options, one.new, peer), read)

    def _say(self, one: Open, main: "Optional[Channel]") -> None:
        """Say what was read, when all before it is written; or what is wrong."""
        session, document, made = self._session, one.document, one.made
        if document.state != SENT or main is None or session.main is not main:
            self._over(one)
        elif made is None:
            error = one.error
            if not isinstance(error, RbridgeError):
                error = NoInput("{}: not opened: {}".format(document.source.shown, words(error or OSError())))
            self._over(one)
            session.resident.failed(document, error)
        elif made.body is None:
            self._over(one)
            session.joins.open(
                document,
                one.options,
                made.headers,
                lambda error: session.texts.not_sent(document, error, main),
            )
        else:
            document.peer = main.peer
            main.later(lambda: self._written(one, main, made.headers, made.body or b""))

    def _written(self, one: Open, main: "Channel", headers: "Any", body: bytes) -> bytes:
        """The bytes of the record, which are written now."""
        self._session.loop.soon(lambda: self._over(one))
        if one.document.state != SENT:
            return b""
        wire = main.peer.wire
        head = wire.send(Record("open", headers, len(body)))
        one.document.wanted = {}
        wire.body_sent(len(body))
        return head + body + wire.send(End())

    def _over(self, one: Open) -> None:
        if one in self._line:
            self._line.remove(one)
            if any(not other.begun for other in self._line):
                self._go_on()
