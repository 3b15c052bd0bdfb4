"""A save that comes in over a connection: its text is taken in by the loop, and brought to disk by the
document's worker, so that the loop goes on answering meanwhile.
"""

MYPY = False
if MYPY:
    from typing import Any, Callable, Optional

    from rbridge.client.delivery import Document
    from rbridge.client.incoming import Incoming
    from rbridge.client.resident import Resident
    from rbridge.client.saver import Outcome
    from rbridge.wire.records import Record

CUT_OFF = "cut off"
"""The failure of a document of which a save was arriving when the connection was lost."""


class Saving:
    """One save of *document*, begun by *record*. *answered* is called when it is known what became of it.

    Feed :meth:`write`, then either :meth:`finish` or :meth:`abort`.
    """

    __slots__ = ("_answered", "_incoming", "_resident", "document")

    def __init__(
        self,
        resident: "Resident",
        document: "Document",
        record: "Record",
        answered: "Optional[Callable[[Incoming, Outcome], None]]" = None,
    ) -> None:
        from rbridge.client.incoming import Incoming

        self.document = document
        self._resident = resident
        self._answered = answered
        self._incoming = Incoming(document, record, resident.states)
        document.arriving += 1

    def write(self, data: bytes) -> None:
        """The next piece of the text."""
        self._incoming.write(data)

    def finish(self) -> None:
        """All of it has come."""
        self._resident.work(self.document, self._incoming.finish, self._done)

    def abort(self) -> None:
        """The rest will not come."""
        self._incoming.abort()
        self.document.arriving -= 1
        self.document.failure = CUT_OFF
        self._resident.tell(
            self.document,
            "cannot save {}: the connection was lost in the middle (the file is intact)".format(
                self.document.source.shown
            ),
        )

    def _done(self, outcome: "Any", error: "Optional[BaseException]") -> None:
        from rbridge.client.saver import SAVED, UNCERTAIN, Outcome

        document = self.document
        document.arriving -= 1
        if error is not None:
            why = "{}: an unexpected {}: {}".format(document.source.shown, type(error).__name__, error)
            outcome = Outcome(UNCERTAIN, "uncertain", why)
        self._incoming.settle(outcome)
        if outcome.kind == SAVED:
            document.failure = document.shown = document.message = ""  # the laptop says nothing more of it
            serial = self._incoming.serial
            document.serial = int(serial) if serial.isdigit() else document.serial
        else:
            document.failure = outcome.message or outcome.kind
        if outcome.message:
            line = outcome.message
            if outcome.reason in ("conflict", "gone") and document.peer.link and not document.source.stdin:
                line += "; 'rbridge resolve {}' settles it".format(document.source.path)
            self._resident.tell(document, line)
        if outcome.kind == SAVED:
            self._resident.saved(document)
        if self._answered is not None:
            self._answered(self._incoming, outcome)
