"""The process that stays on the host: its documents, the laptop they are open on, and those who wait.

It is the child that the first command leaves behind. Later commands hand their files over to it
(``reception``). A document outlives its connection (``session``); towards a plain rmate server it ends with
it (``plain``).
"""

from rbridge.client import pinned
from rbridge.client.delivery import OPEN, SENT, Document
from rbridge.client.farewell import Farewell
from rbridge.client.plain import Plain
from rbridge.client.pool import STUCK
from rbridge.client.register import Caller, Register, forget, is_unsaved, patience, state
from rbridge.client.saving import Saving, no_answer
from rbridge.client.session import Session
from rbridge.client.standing import opened
from rbridge.errors import NotListening, clean
from rbridge.wire.records import Record

MYPY = False
if MYPY:
    from typing import Callable, List, Optional, Tuple

    from rbridge.client.delivery import Delivery
    from rbridge.client.loop import Loop, Timer
    from rbridge.client.options import Options
    from rbridge.client.source import Source

__all__ = ["Caller", "Resident"]

ASKED = 330.0
"""Seconds that the laptop's user has to answer a question: the daemon gives up earlier."""

PATIENT = 24 * 3600.0
"""Seconds that documents stay open without a laptop."""


class Resident(Register):
    """The documents of this process. *log* takes what a terminal would have been told, *states* is the state
    directory.

    Life: :meth:`from_delivery` in the child, ``loop.run(resident.done)``, :meth:`end`.
    """

    def __init__(self, loop: "Loop", log: "Callable[[str], None]", states: str) -> None:
        super().__init__(loop, log, states)
        self.session: "Optional[Session]" = None
        self.plain: "List[Plain]" = []
        self.farewell = Farewell(self)
        self._told: "List[Caller]" = []  # that the connection is lost
        self._expiry: "Optional[Timer]" = None
        loop.on_signal = self.signalled

    @classmethod
    def from_delivery(
        cls,
        loop: "Loop",
        delivery: "Delivery",
        caller: Caller,
        log: "Callable[[str], None]",
        states: str,
    ) -> "Resident":
        """Take over what *delivery* sent before the fork, on behalf of *caller*."""
        self = cls(loop, log, states)
        mine: "List[Document]" = []
        for document in delivery.documents:
            self.add(document, delivery.options, False, caller)
            if document.peer.link:
                mine.append(document)
                together = document.source.diff  # they are answered when both are there
                sent = sum(
                    other.size for other in delivery.documents if together or other.peer is document.peer
                )
                self.expect(document, sent)
            else:
                self.plain.append(Plain(self, document.peer, [document]))
        if delivery.main is not None:
            self.session = Session(self, delivery)
            self.session.start(mine)
        for plain in list(self.plain):
            (document,) = plain.documents
            self.with_editor(document, "{}: sent to {}".format(document.source.shown, plain.label))
            plain.channel.start()
        return self

    @property
    def label(self) -> str:
        """What messages call the laptop."""
        return self.session.label if self.session is not None else self.plain[0].label

    @property
    def identity(self) -> str:
        """The daemon's, "" towards a plain server."""
        return self.session.identity if self.session is not None else ""

    @property
    def endpoint(self) -> str:
        """The first endpoint's label, for the socket's name; "" towards a plain server: no socket then."""
        return self.session.endpoint.label if self.session is not None else ""

    @property
    def attached(self) -> bool:
        """Whether the laptop is connected now."""
        return self.session.ready if self.session is not None else bool(self.plain)

    # what callers ask for

    def open(self, sources: "List[Source]", options: "Options", caller: Caller) -> None:
        """Deliver *sources*, which ``handed.see`` has seen; what comes of each is told to *caller*, now or
        later.

        A file that is open already is focused, at the new position. While no laptop is connected they wait
        as long as *options* allow.
        """
        fresh = options.new
        for source in sources:
            session = self.session
            if session is None or self.ending:
                self.let_go(source)
                caller.failed(source, NotListening("{}: not opened: the client ends".format(source.shown)))
                continue
            document = self.same(source)
            if document is not None:
                self._show(document, source, options, caller)
                continue
            document = Document(source, session.peer)
            if source.found is not None and not source.part and not source.stdin:
                document.before = source.found
                source.size = source.found.st_size
            self.add(document, options, fresh, caller)
            fresh = False
            self.expect(document, sum(one.size for one in sources) if source.diff else source.size)
            session.open(document)

    def _show(self, document: Document, source: "Source", options: "Options", caller: Caller) -> None:
        """*document* is open already: have the user see it, where *source* says."""
        session = self.session
        assert session is not None
        shown = document.source.url
        document.source.shell, document.source.url = source.shell, source.url
        self.let_go(source)
        document.openers.append(caller)
        if caller.waits:
            document.waiting.append(caller)
        if document.state != OPEN:
            document.source.url = source.url or shown
            if source.url and session.ready:
                session.texts.resume(document, "", True)
            return  # both are told when it is
        if session.ready and source.diff:
            document.source.diff = source.diff
            session.texts.resume(document, source.selection, True, source.diff)
            self.loop.at(patience(document, options), lambda: self._not_compared(document, source))
            return
        if session.ready and not options.keep_focus:
            # told now: the answer to this may be long in coming, and changes nothing
            session.texts.resume(document, source.selection, True)
        self.with_editor(document, opened(document, self.label))

    def _not_compared(self, document: Document, source: "Source") -> None:
        """Who wanted *document*, which was open already, beside another one has waited long enough."""
        if document.state == OPEN and document.source.diff == source.diff:
            document.source.diff = ""
            self.opened(document, "{} did not say whether it shows the diff".format(self.label))

    def left(self, caller: Caller) -> None:
        """*caller* hung up: nothing is told to it any more. What it read from standard input is closed."""
        for document in list(self.documents):
            waited = caller in document.waiting
            forget(document, caller)
            if waited and document.source.stdin and not document.waiting:
                self.rescue(document)
                self.close(document)

    def unsaved(self, caller: Caller) -> bool:
        """Whether a last text of what *caller* opened is not on disk: 74 after Ctrl-C, else 130."""
        channels = [plain.channel for plain in self.plain]
        if self.session is not None:
            channels += [one for one in [self.session.main, *self.session.joins.channels] if one is not None]
        half = [channel.arriving.document for channel in channels if isinstance(channel.arriving, Saving)]
        mine = [one for one in self.documents if caller in one.waiting or caller in one.openers]
        return any(is_unsaved(one) or one in half for one in mine)

    def drop(self, caller: Caller) -> None:
        """*caller* was told to end (SIGTERM): its documents are closed, unless others wait for them too."""
        for document in list(self.documents):
            if caller not in document.waiting and caller not in document.openers:
                continue
            others = [one for one in document.waiting + document.openers if one is not caller]
            if others:
                forget(document, caller)
            else:
                self.close(document)

    def under(self, path: str) -> "List[Document]":
        """The open documents at or below the absolute *path*, or all ("")."""
        place = path.rstrip("/") + "/"
        return [
            one
            for one in self.documents
            if not path or one.source.real == path or one.source.real.startswith(place)
        ]

    def close(self, document: Document) -> None:
        """The host is done with it: the editor is told to close it. Its callers get ``ended``."""
        for plain in self.plain:
            if document in plain.documents:
                plain.close(document)
                return
        if document in self.documents and self.session is not None:
            self._doubt(document, self.session.ready)
            if document.state == OPEN and (is_unsaved(document) or not self.session.ready):
                how = "not connected" if not self.session.ready else state(document)
                document.owed = "closed here while {}".format(how)
            self.session.close(document)

    def _doubt(self, document: Document, ready: bool) -> None:
        """Before it is closed from here: if its last save may not be here, tell those who wait for it."""
        if not document.waiting or document.failure or document.source.stdin or document.state != OPEN:
            return
        how = document.shown if ready else "not connected"
        if how in ("saving", "conflict", "not connected"):
            line = "{}: closed here while {}: what {} has of it may not be on this disk"
            self.tell(document, line.format(document.source.shown, how, self.label))
            document.failure = "closed"

    def resolve(self, document: Document, choose: str, caller: Caller) -> None:
        """Settle a conflict: *choose* is mine, theirs or show; failures go to ``caller.report``."""
        token = document.source.token
        if self.session is None or not self.session.say(
            Record("resolve", {"token": token, "choose": choose})
        ):
            caller.report("{}: not connected to {} now".format(document.source.shown, self.label))
        elif choose == "show":
            document.asked = caller

    def leads_to(self, path: str) -> str:
        """Where the path of an open document led when it was opened."""
        for document in self.documents:
            if document.source.real == path:
                return pinned.named(document.real) or path
        return path

    def rows(self, path: str = "") -> "List[Tuple[str, str, bool, str]]":
        """(real path, state, connected, message) of each document at or below *path*.

        *state*: clean, dirty, saving, conflict as the laptop last said; opening; unsaved (a save failed).
        """
        return [
            (
                one.source.real,
                state(one),
                self.attached,
                self.silence(one) or one.message or clean(one.failure),
            )
            for one in self.under(path)
        ]

    def silence(self, document: Document) -> str:
        """The words for a file system that does not answer, "" if *document*'s does."""
        seconds = self.silent(document)
        if self.session is not None and self.session.news is not None:
            seconds = max(seconds, self.session.news.watch.silent(document))
        return no_answer(seconds) if seconds >= STUCK else ""

    # what sessions and connections say

    def overdue(self, document: Document) -> None:
        """Nobody answered the ``open`` in time."""
        if document.state != SENT or self.session is None:
            return
        options, _ = self.request(document)
        what = "{}: {} did not answer within {:g} s, so it is closed again"
        if not self.session.ready:
            what = "{}: not opened: {} is not connected now, and was waited for {:g} s"
        error = NotListening(
            what.format(document.source.shown, self.label, patience(document, options)),
            "the file is unchanged",
        )
        self.failed(document, error)
        self.session.close(document)

    def focused(self, document: Document) -> None:
        """The user turned to it."""
        document.focused = self.loop.clock()
        if self.session is not None and self.session.news is not None:
            self.session.news.watch.focus(document)

    def older(self, document: Document, said: str) -> None:
        """Whether the laptop has an older text of it that never got here: yes, no, or nothing is said."""
        if said and said != document.undelivered:
            from rbridge.client import undelivered

            undelivered.said(self, document, said)

    def stands(self, document: Document, shown: str, message: str) -> None:
        """How the laptop says that it stands there."""
        document.shown, document.message = clean(shown), clean(message)
        if document.source.port and document.state == SENT:  # a person is asked, who may take his time
            self.renew(document, ASKED)
            for caller in document.openers:
                caller.say("{}: {}".format(document.source.shown, document.message))
        if shown == "clean":
            document.failure = ""  # nothing there is still to be saved: the user chose this file's text

    def saved(self, document: Document) -> None:
        """A save of it is on the disk."""
        document.focused = self.loop.clock()
        self.older(document, document.undelivered or "no")  # who says nothing of older texts has none
        from rbridge.client.stamp import Stamp

        base = document.target.base if document.target is not None else None
        if self.session is not None and self.session.news is not None and isinstance(base, Stamp):
            self.session.news.known(document, base.sha256, base.size, base)

    def based(self, document: Document) -> None:
        """It is known what the edit of it starts from."""
        if self.session is None:
            return
        from rbridge.client.news import gather

        gather(self.session).begin(document)

    def remove(self, document: Document) -> None:
        """It is not open any more."""
        super().remove(document)
        if document.inquiries is not None:
            document.inquiries.close()
            document.inquiries = None
        if self.session is not None and self.session.news is not None:
            self.session.news.end(document)

    def detached(self) -> None:
        """The laptop is away."""
        line = "connection to {} lost: waiting; what is saved there meanwhile is kept and sent".format(
            self.label
        )
        self.log(line)
        for document in list(self.documents):
            if document.inquiries is not None:
                document.inquiries.void()
        for caller in self.callers():
            if caller.waits and caller not in self._told:
                self._told.append(caller)
                caller.report(line)
        if self.session is not None and self.session.news is not None:
            self.session.news.watch.pause(True)
        if self._expiry is None:
            self._expiry = self.loop.at(PATIENT, self.expire)

    def attached_again(self) -> None:
        """It is back."""
        line = "connection to {} is back".format(self.label)
        self.log(line)
        if self.session is not None and self.session.news is not None:
            self.session.news.watch.pause(False)
        told, self._told = self._told, []
        for caller in self.callers():
            if caller in told:
                caller.say(line)
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def expire(self) -> None:
        """Nobody came back."""
        self.tell_all("{} was not there for 24 hours: its documents are closed here".format(self.label))
        if self.session is not None:
            self.session.give_up(True)
            self.session.farewells.clear()

    # the end

    def done(self) -> bool:
        """Whether nothing is left to do: no document, no save, nobody who still has to be told."""
        if self.farewell.given_up:
            return True
        if self.documents or self.busy:
            return False
        session = self.session
        if session is None or self.ending:
            return True
        waiting = session.main is not None and (session.main.waiting or not session.ready)
        return not waiting and not session.farewells

    def signalled(self, number: int) -> None:
        """SIGTERM (SIGINT, SIGHUP), as when this host shuts down: :meth:`done` is true soon afterwards."""
        self.farewell.signalled(number)

    def end(self) -> None:
        """Close what is open, wait for saves that are being written, and leave nothing."""
        self.farewell.end()
        if self._expiry is not None:
            self._expiry.cancel()
