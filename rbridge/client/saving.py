"""A save that comes in over a connection: the loop takes its text in, and the document's worker brings it to
disk, so that the loop goes on whatever the file server does.

What a thread has not taken yet waits in memory: at most two pieces of :data:`STEP` bytes of a text. Then the
connection is read no further; on one that other documents share that is borne for :data:`PATIENCE` seconds,
after which the save is refused. That is safe to say: nothing but a text that has come as a whole gets to a
file.
"""

from rbridge.client.pool import STUCK
from rbridge.wire import codec
from rbridge.wire.records import Record

MYPY = False
if MYPY:
    from typing import Any, Callable, List, Optional, Tuple

    from rbridge.client.channel import Channel
    from rbridge.client.delivery import Document
    from rbridge.client.incoming import Incoming
    from rbridge.client.loop import Timer
    from rbridge.client.resident import Resident
    from rbridge.client.saver import Outcome

CUT_OFF = "cut off"
"""The failure of a document of which a save was arriving when the connection was lost."""

STEP = 1024 * 1024
"""Bytes of a text that a thread is given at a time; what is smaller goes with the save itself."""

HELD = 64 * 1024 * 1024
"""Bytes of all texts that may wait for file servers that do not answer."""

PATIENCE = 5.0
"""Seconds that the other documents of a connection wait for a thread that does not get on."""

TELL = 5.0
"""Seconds after which it is told that a file server does not answer."""

AGAIN = 30.0
"""Seconds after which the laptop is told so once more: it waits for an answer."""

LOOK = 1.0  # seconds between two looks whether it is so


class Saving:
    """One save of *document*, begun by *record* on *channel*. *alone*: nothing waits for what comes there.
    *answered* is called when it is known what became of it, *slow* (with a line) while that takes long.

    Feed :meth:`write`, then either :meth:`finish` or :meth:`abort`.
    """

    __slots__ = (
        # fmt: off
        "_alone",
        "_answered",
        "_broken",
        "_channel",
        "_given",
        "_incoming",
        "_over",
        "_paused",
        "_pieces",
        "_pouring",
        "_refused",
        "_resident",
        "_said",
        "_size",
        "_slow",
        "_timer",
        "document",
        # fmt: on
    )

    def __init__(
        self,
        resident: "Resident",
        document: "Document",
        record: "Record",
        channel: "Channel",
        alone: bool = True,
        answered: "Optional[Callable[[Incoming, Outcome], None]]" = None,
        slow: "Optional[Callable[[Incoming, str], None]]" = None,
    ) -> None:
        from rbridge.client.incoming import Incoming

        self.document = document
        self._resident = resident
        self._channel = channel
        self._alone = alone
        self._answered = answered
        self._slow = slow
        self._incoming = Incoming(document, record, resident.states)
        self._pieces: "List[bytes]" = []
        self._size = 0  # of them
        self._given = False  # something to the thread
        self._pouring = False
        self._paused = False
        self._broken: "Optional[BaseException]" = None
        self._refused: "Optional[Outcome]" = None
        self._over = False
        self._said = 0.0
        document.arriving += 1
        resident.savings.append(self)
        self._timer: "Timer" = resident.loop.at(TELL, self._look)

    def write(self, data: bytes) -> None:
        """The next piece of the text."""
        if self._refused is not None:
            return
        self._pieces.append(data)
        self._size += len(data)
        self._resident.held += len(data)
        if self._resident.held > HELD and self._silent >= STUCK:
            self._refuse()
        elif self._size >= STEP:
            self._pour()

    def finish(self) -> None:
        """All of it has come."""
        if self._refused is not None:
            self._end()
            self._discard()
            self._tell(self._refused)
            return
        pieces, size = self._taken()
        incoming = self._incoming

        def bring() -> "Outcome":
            try:
                if self._broken is not None:
                    raise self._broken
                for piece in pieces:
                    incoming.write(piece)
                return incoming.finish()
            except BaseException:
                incoming.abort()
                raise

        def done(outcome: "Any", error: "Optional[BaseException]") -> None:
            self._resident.held -= size
            self._done(outcome, error)

        self._resident.work(self.document, bring, done)

    def abort(self) -> None:
        """The rest will not come."""
        self._end()
        self._discard()
        self.document.failure = CUT_OFF
        self._resident.tell(
            self.document,
            "cannot save {}: the connection was lost in the middle (the file is intact)".format(
                self.document.source.shown
            ),
        )

    def unsure(self, why: str) -> None:
        """Nobody will hear any more what becomes of it: say that, because of *why*."""
        from rbridge.client.saver import UNCERTAIN, Outcome

        if self._channel.arriving is not self and not self._over:
            message = "{}: it is not known whether the last save is in the file: {}"
            self._end()
            self._tell(Outcome(UNCERTAIN, "uncertain", message.format(self.document.source.shown, why)))

    # while it comes

    @property
    def _silent(self) -> float:
        return self._resident.silent(self.document)

    def _taken(self) -> "Tuple[List[bytes], int]":
        """What waits, which is the caller's now."""
        pieces, size = self._pieces, self._size
        self._pieces, self._size = [], 0
        return pieces, size

    def _pour(self) -> None:
        """Give what waits to the thread, or read no more until it has taken what it was given."""
        if self._pouring:
            if not self._paused:
                self._paused = True
                self._channel.pause()
                if not self._alone:
                    self._resident.loop.at(PATIENCE, self._give_up)
            return
        self._given = self._pouring = True
        pieces, size = self._taken()

        def pour() -> None:
            for piece in pieces:
                self._incoming.write(piece)

        def poured(_result: "Any", error: "Optional[BaseException]") -> None:
            self._pouring = False
            self._resident.held -= size
            self._broken = self._broken or error
            self._read_on()

        self._resident.work(self.document, pour, poured)

    def _read_on(self) -> None:
        if self._paused:
            self._paused = False
            if not self._resident.ending:
                self._channel.go_on()

    def _give_up(self) -> None:
        """Other documents have waited long enough, unless the thread gets on."""
        if not self._paused or self._over:
            return
        if self._silent < PATIENCE:
            self._resident.loop.at(LOOK, self._give_up)
            return
        self._refuse()
        self._read_on()

    def _refuse(self) -> None:
        """Take no more of it: what did not come as a whole does not get to the file."""
        from rbridge.client.saver import REFUSED, Outcome

        message = "cannot save {}: its file system does not answer, and there is no room for the text"
        message += " until it does (the file is unchanged; {} keeps your text)"
        shown = self.document.source.shown
        self._refused = Outcome(REFUSED, "failed", message.format(shown, self._resident.label))
        self._drop_pieces()

    def _drop_pieces(self) -> None:
        self._resident.held -= self._taken()[1]

    def _discard(self) -> None:
        """Leave nothing of it, as soon as the thread can."""
        self._drop_pieces()
        if self._given:
            self._resident.work(self.document, self._incoming.abort, lambda _result, _error: None)

    # what becomes of it

    def _look(self) -> None:
        """Tell when the file server does not answer."""
        silent = self._silent
        now = self._resident.loop.clock()
        pause = LOOK
        if silent >= TELL:
            line = "{}: not saved yet: {}; whether it will be is not known".format(
                self.document.source.shown, no_answer(silent)
            )
            if not self._said:
                self._resident.tell(self.document, line)
            self._said = now
            pause = AGAIN
            if self._slow is not None:
                self._slow(self._incoming, line)
        self._timer = self._resident.loop.at(pause, self._look)

    def _end(self) -> None:
        """It does not arrive any more."""
        if not self._over:
            self._over = True
            self._timer.cancel()
            self.document.arriving -= 1
            self._resident.savings.remove(self)

    def _done(self, outcome: "Any", error: "Optional[BaseException]") -> None:
        from rbridge.client.saver import UNCERTAIN, Outcome

        if error is not None:
            why = "{}: an unexpected {}: {}".format(self.document.source.shown, type(error).__name__, error)
            outcome = Outcome(UNCERTAIN, "uncertain", why)
        self._incoming.settle(outcome)
        if not self._over:  # else the laptop was told that it is not known
            self._end()
            self._tell(outcome)

    def _tell(self, outcome: "Outcome") -> None:
        """Note and say what became of it."""
        from rbridge.client.saver import SAVED

        document = self.document
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


def no_answer(seconds: float) -> str:
    """The words for a file server that has been silent for *seconds*."""
    return "its file system does not answer since {:.0f} s".format(seconds)


def answer(token: str, serial: str, outcome: "Outcome") -> Record:
    """What is said of save *serial* of the document *token*."""
    headers = {"token": token, "save": serial}
    if outcome.kind == "saved":
        return Record("saved", headers)
    headers.update(reason=outcome.reason or "failed", message=codec.quote(outcome.message))
    if outcome.stamp is not None:
        headers.update(size=str(outcome.stamp.size), sha256=outcome.stamp.sha256)
    elif outcome.reason == "gone":
        headers["absent"] = "yes"
    if outcome.kept:
        headers["kept"] = codec.quote(outcome.kept)
    return Record("refused", headers)
