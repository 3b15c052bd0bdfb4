"""The end of the process in the background: what it still waits for, and what it says when that takes long.

A save whose file server does not answer may still happen, or not. After :data:`LAST_SAVES` seconds that is
said, and the process ends. What becomes of the file then is what becomes of it when the process is killed:
it is its old self or its new one.
"""

from rbridge.client.delivery import LOST, OPEN, SENT
from rbridge.client.standing import is_unsaved

MYPY = False
if MYPY:
    from typing import Callable, List

    from rbridge.client.delivery import Document
    from rbridge.client.resident import Resident

LAST_SAVES = 10.0
"""Seconds for saves that are being written when we have to end."""

LAST_WORDS = 1.0
"""Seconds for what has to be said then."""


class Farewell:
    """That of *resident*. *given_up*: nothing more is waited for."""

    def __init__(self, resident: "Resident") -> None:
        self._resident = resident
        self.given_up = False

    def signalled(self, number: int) -> None:
        """A signal tells us to end.

        What the laptop has open stays open there, as after a crash: closing it would end editors, with what
        was not saved in them. What is saved there from now on is kept.
        """
        resident = self._resident
        resident.log("ended by signal {}".format(number))
        if not resident.ending:
            resident.loop.at(LAST_SAVES, self.unsure)
        resident.ending = True
        session = resident.session
        if session is not None:
            for channel in [session.main, *session.joins.channels]:
                if channel is not None:
                    channel.pause()  # nobody would answer a save that comes now
        for document in list(resident.documents):
            if document.source.stdin or document.source.folder or not document.peer.link:
                if not document.waiting:
                    resident.rescue(document)
                resident.close(document)
            else:
                self.leave(document, number)

    def leave(self, document: "Document", number: int) -> None:
        """We have to end, and *document* does not."""
        resident = self._resident
        line = "{}: the client on this host was ended by signal {}; the file stays open on {}, which keeps"
        line += " what is saved there: open it again to have that sent"
        resident.tell(document, line.format(document.source.shown, number, resident.label))
        document.code = 74
        if document.state == OPEN and (is_unsaved(document) or not resident.attached):
            document.owed = "the client on this host was ended by signal {}".format(number)
        if document.state == SENT:
            resident.lost(document, True)
            return
        document.state = LOST
        resident.worker(document).after(lambda: resident.closed(document))

    def unsure(self) -> None:
        """What is being written takes too long: say that nobody knows what becomes of it, and end."""
        resident = self._resident
        if self.given_up or not (resident.documents or resident.busy):
            return
        resident.log("saves that are not waited for any longer: {}".format(len(resident.savings)))
        for saving in list(resident.savings):
            saving.unsure(
                "the client ends, and {}".format(resident.silence(saving.document) or "it takes long")
            )
        resident.leave_workers()
        for document in list(resident.documents):
            document.code = 74
            resident.closed(document)
        resident.loop.at(LAST_WORDS, self.give_up)

    def give_up(self) -> None:
        """Wait for nothing more."""
        self.given_up = True

    def end(self) -> None:
        """Close what is open, at the other side too, and wait for what is being written."""
        resident = self._resident
        resident.ending = True
        for document in list(resident.documents):
            if not document.waiting:
                resident.rescue(document)
            resident.close(document)
        if not self.given_up:
            self._wait(LAST_SAVES, lambda: not resident.busy)
            self.unsure()
        session = resident.session
        if session is not None:
            main = session.main
            self._wait(LAST_WORDS, lambda: main is None or not main.waiting)
            if main is not None and session.main is main and not main.waiting:
                main.finish(LAST_WORDS)
            session.stop()
        for plain in list(resident.plain):
            plain.hang_up()
        resident.plain.clear()
        if not self.given_up:  # what was cut off in the middle leaves nothing
            self._wait(LAST_WORDS, lambda: not resident.busy)

    def _wait(self, seconds: float, done: "Callable[[], bool]") -> None:
        """Go on with the loop until *done*, but not longer than that."""
        loop = self._resident.loop
        over: "List[bool]" = []
        timer = loop.at(seconds, lambda: over.append(True))
        loop.run(lambda: bool(over) or done())
        timer.cancel()
