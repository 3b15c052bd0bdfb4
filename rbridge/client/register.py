"""The documents of this process, and what those who asked for them are told."""

import os

from rbridge.client import content
from rbridge.client.delivery import CLOSED, LOST, OPEN, REFUSED, SENT, SMALL, Document
from rbridge.client.pool import Pool
from rbridge.client.source import NOTHING
from rbridge.client.standing import device, inode, is_unsaved, note_place, opened, state
from rbridge.client.worker import Worker
from rbridge.errors import NotListening, RbridgeError, clean

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Optional, Set, Tuple

    from rbridge.client.loop import Loop
    from rbridge.client.options import Options
    from rbridge.client.saving import Saving
    from rbridge.client.source import Source

__all__ = ["Caller", "Register", "forget", "inode", "is_unsaved", "state"]

IN_FLIGHT = 8 * 1024 * 1024
"""Bytes that may lie in buffers when we have written them: the sockets' and ssh's window of 2 MiB."""

SLOWEST = 64 * 1024
"""Bytes per second that a tunnel moves at least; below that, files of megabytes are given up too early."""

BASE_AFTER = 0.02
"""Seconds after the editor has a document until we load what saving takes: first the command returns."""

REFUSAL_CODES = {"denied": 77, "read-only": 77, "too-large": 66, "gone": 66, "conflict": 75, "no-space": 75}
REFUSAL_CODES.update({"busy": 75, "unanswered": 75})
"""Exit codes for an ``open`` that was refused, 69 for any other reason."""


def patience(document: Document, options: "Options") -> float:
    """Seconds that the laptop has for *document*: two that are compared are answered together."""
    return options.patience * (2 if document.source.diff else 1)


def time_to_answer(patience: float, sent: int) -> float:
    """Seconds until an answer to *sent* bytes is overdue: the last of them may still be on their way."""
    return patience + min(sent, IN_FLIGHT) / SLOWEST


class Caller:
    """Who asked for something: what ``reception`` implements for each of its connections.

    *waits* is set for ``-w``: such a caller holds its documents' end (:meth:`ended`) and is told of a lost
    connection. No method may raise or block.
    """

    waits = False

    def say(self, line: str) -> None:
        """What went well, a line."""

    def report(self, line: str) -> None:
        """What went wrong, a line."""

    def opened(self, document: Document) -> None:
        """The editor has it (towards a plain server: it was sent)."""

    def ended(self, document: Document, code: int) -> None:
        """It is closed; 0, or 74 if its last text is not on disk, ... Comes once, after :meth:`opened`.

        Of standard input the text is ``document.text_fd`` (-1: none), which is closed when this returns.
        """

    def failed(self, source: "Source", error: RbridgeError) -> None:
        """It was not opened; nothing more is said of it."""

    def mine(self, document: Document, fd: int) -> None:
        """The laptop's text in a conflict, a file that is closed when this returns; the answer to show."""


class Register:
    """The open documents. *log* takes what a terminal would have been told.

    *states* is the state directory.
    """

    def __init__(self, loop: "Loop", log: "Callable[[str], None]", states: str) -> None:
        self.loop = loop
        self.log = log
        self.states = states
        self.documents: "List[Document]" = []
        self._tokens: "Dict[str, Document]" = {}
        self._requests: "Dict[str, Tuple[Options, bool]]" = {}  # by token, until the editor has it
        self._workers: "Set[object]" = set()
        self.pool = Pool(loop)
        self.savings: "List[Saving]" = []  # under way
        self.held = 0  # bytes of theirs that wait for a thread
        self.ending = False

    @property
    def label(self) -> str:
        """What messages call the laptop."""
        return ""

    @property
    def identity(self) -> str:
        """What the laptop's daemon calls itself, "" towards a plain server."""
        return ""

    @property
    def busy(self) -> bool:
        """Whether a file is being written or read in a thread."""
        return bool(self._workers)

    def same(self, source: "Source") -> "Optional[Document]":
        """The document that *source* is open as already: the same file, or the same place for one."""
        if source.stdin or source.part == NOTHING:
            return None
        real, found = source.resolved, source.found
        for document in self.documents:
            other = document.source
            if other.stdin or other.part != source.part or (other.read_only and not source.read_only):
                continue
            if (document.real or other.real) == real or (
                found is not None and inode(document) == (found.st_dev, found.st_ino)
            ):
                return document
        return None

    def by_token(self, token: str) -> "Optional[Document]":
        return self._tokens.get(token)

    def opened(self, document: Document, note: str) -> None:
        """The editor has it."""
        if note:
            line = "{}: {}".format(document.source.shown, note)
            self.log(line)
            for caller in document.openers:
                caller.say(line)
        if document.state == SENT or document.openers:
            self.with_editor(document, opened(document, self.label))

    def refused(self, document: Document, reason: str, message: str) -> None:
        """The other side does not open it."""
        why = clean(message) or reason or "no reason given"
        error = RbridgeError("{}: not opened on {}: {}".format(document.source.shown, self.label, why))
        error.exit_code = REFUSAL_CODES.get(reason, 69)
        self.failed(document, error)

    def failed(self, document: Document, error: RbridgeError) -> None:
        """It is not opened; only those who wanted it are told."""
        if document not in self.documents:
            return
        if document.state == OPEN:  # a part of the answers to ``resume``: it is lost there
            self.lost(document, True)
            return
        document.state = REFUSED
        self.log(error.line())
        self.remove(document)
        for caller in document.openers:
            caller.failed(document.source, error)
        self.worker(document).after(lambda: self._release(document))

    def closed(self, document: Document) -> None:
        """It is no more, and all its saves are done; *state* says why."""
        if document not in self.documents:
            return
        if document.state in (SENT, OPEN):
            document.state = CLOSED
        owed, document.owed = document.owed, ""
        if owed and not (document.source.read_only or document.source.folder):
            from rbridge.client import undelivered

            # before anybody hears of the end: whoever asks 'status -q' then is told
            undelivered.note(self, document, owed, lambda: self.closed(document))
            return
        self.remove(document)
        code = 74 if document.failure else document.code
        for caller in document.openers:
            caller.failed(document.source, NotListening("{}: closed again".format(document.source.shown)))
        for caller in document.waiting:
            if caller not in document.openers:
                caller.ended(document, code)
        self._release(document)

    def lost(self, document: Document, alone: bool) -> None:
        """Its connection is, for good; *alone*: that is all, and it has to be said."""
        if document.state == SENT:
            what = "{}: connection to {} lost before it was opened".format(document.source.shown, self.label)
            self.failed(document, NotListening(what, "the file is unchanged"))
            return
        if document.state == CLOSED:  # and what was saved before is being brought to the disk
            self.worker(document).after(lambda: self.closed(document))
            return
        if alone:
            saved = "the last save is not on disk" if document.failure else "what was saved is on disk"
            line = "{}: connection to {} lost before it was closed; {}"
            self.tell(document, line.format(document.source.shown, self.label, saved))
            if document.peer.link and document.state == OPEN and not document.owed:
                document.owed = "the connection was given up while it was open"
            document.failure = document.failure or "lost"
        document.state = LOST
        self.worker(document).after(lambda: self.closed(document))

    def tell(self, document: Document, line: str) -> None:
        """What went wrong with *document*, to those who wait for it, and to the log."""
        self.log(line)
        for caller in document.waiting + [one for one in document.openers if one not in document.waiting]:
            caller.report(line)

    def tell_all(self, line: str) -> None:
        """The same to all callers."""
        self.log(line)
        for caller in self.callers():
            caller.report(line)

    def worker(self, document: Document) -> Worker:
        """Who does what takes long about *document*."""
        if document.worker is None:
            document.worker = self._worker(document, device(document))
        return document.worker

    def leave_workers(self) -> None:
        """Leave all workers to what they hang in: others do what is still to be done."""
        self._workers.clear()
        for document in self.documents:
            document.worker = self._worker(document, -1)

    def _worker(self, document: Document, at: int) -> Worker:
        made = Worker(self.loop, lambda: self._idle(document, made), self.pool, at)
        return made

    def look(
        self, document: Document, keep: bool, then: "Callable[[Any, Optional[BaseException]], None]"
    ) -> None:
        """Find what *document*'s file holds after all that is being done to it; see ``content.find``. With
        *keep* a small text is read.
        """
        self.work(document, lambda: content.look(document, keep, SMALL), then)

    def silent(self, document: Document) -> float:
        """Seconds for which *document*'s file system does not answer what it was asked, 0 if it does."""
        return document.worker.silent if document.worker is not None else 0.0

    def request(self, document: Document) -> "Tuple[Options, bool]":
        """The options it was asked for with, and whether in a new window."""
        return self._requests[document.source.token]

    def overdue(self, document: Document) -> None:
        """Nobody answered the ``open`` in time."""

    def add(self, document: Document, options: "Options", new: bool, caller: Caller) -> None:
        """Have *document*, which *caller* asked for with *options*; *new*: in a window of its own."""

        def resolved(real: "Any", _error: "Optional[BaseException]") -> None:
            document.real = real or document.source.real

        self.documents.append(document)
        self._tokens[document.source.token] = document
        self._requests[document.source.token] = (options, new)
        if document.source.folder:
            document.message = "port" if document.source.port else "folder"  # in ``rbridge status``
        document.real = document.source.resolved
        if not document.source.stdin and not document.real:
            self.work(document, lambda: os.path.realpath(document.source.real), resolved)
        document.openers.append(caller)
        if caller.waits:
            document.waiting.append(caller)

    def expect(self, document: Document, sent: int) -> None:
        """An answer is due, to *sent* bytes."""
        options, _ = self._requests[document.source.token]
        seconds = time_to_answer(patience(document, options), sent)
        document.timer = self.loop.at(seconds, lambda: self.overdue(document))

    def renew(self, document: Document, seconds: float = IN_FLIGHT / SLOWEST) -> None:
        """The laptop is at work on its answer: that takes as long as the line takes for what it asks for."""
        if document.timer is not None:
            document.timer.cancel()
            seconds += patience(document, self._requests[document.source.token][0])
            document.timer = self.loop.at(seconds, lambda: self.overdue(document))

    def with_editor(self, document: Document, line: str) -> None:
        """The editor has it: tell who opened it, and note what the edit starts from."""
        first = document.state == SENT
        document.state = OPEN
        if document.source.port:
            note_place(document)
        document.focused = self.loop.clock()
        if document.timer is not None:
            document.timer.cancel()
            document.timer = None
        self._requests.pop(document.source.token, None)
        openers, document.openers = document.openers, []
        for caller in openers:
            caller.say(line)
            caller.opened(document)
        if first:
            self.loop.at(BASE_AFTER, lambda: self.take_base(document))

    def take_base(self, document: Document) -> None:
        """Note what the edit starts from; a large file is hashed for it."""
        if document.state != OPEN or document.source.stdin or document.source.folder:
            return
        if document.target is not None:  # a save was faster
            self.based(document)
            return
        from rbridge.client import incoming

        def taken(_result: "Any" = None, error: "Optional[BaseException]" = None) -> None:
            if error is not None:  # then a save is compared with what it states itself
                self.log("{} could not be read again: {}".format(document.source.shown, error))
            if document.state == OPEN:
                self.based(document)

        self.work(document, lambda: incoming.take_base(document), taken)
        if not document.source.read_only:
            incoming.warm()

    def based(self, document: Document) -> None:
        """It is known what the edit of *document* starts from."""

    def work(
        self,
        document: Document,
        job: "Callable[[], Any]",
        then: "Callable[[Any, Optional[BaseException]], None]",
    ) -> None:
        """Have *job* done in *document*'s thread, and *then* called with what came of it."""
        worker = self.worker(document)
        self._workers.add(worker)
        worker.do(job, then)

    def hold(self) -> "Callable[[], None]":
        """Something is being written that no document stands for; what is returned says that it is done."""
        mark = object()
        self._workers.add(mark)
        return lambda: self._workers.discard(mark)

    def _idle(self, document: Document, worker: Worker) -> None:
        self._workers.discard(worker)
        if document.worker is worker:
            document.worker = None

    def let_go(self, source: "Source") -> None:
        """Close *source*'s file, when its file system lets us; nobody waits for that."""
        fd, source.fd = source.fd, -1
        self.close_file(fd, source.device)

    def close_file(self, fd: int, at: int) -> None:
        """The same of the descriptor *fd* (-1: none) of a file on device *at*."""
        if fd >= 0:
            self.pool.do(at, lambda: os.close(fd), lambda _result, _error: None)

    def remove(self, document: Document) -> None:
        """It is not open any more."""
        self.documents.remove(document)
        self._tokens.pop(document.source.token, None)
        self._requests.pop(document.source.token, None)
        if document.timer is not None:
            document.timer.cancel()
            document.timer = None

    def _release(self, document: Document) -> None:
        """Let go of what is held for it, when nobody needs to be told of it any more."""
        document.openers, document.waiting, document.asked = [], [], None
        self.let_go(document.source)
        if document.draft is not None:
            document.draft.abort()

    def callers(self) -> "List[Caller]":
        """All who are told of something, each once."""
        found: "List[Caller]" = []
        for document in self.documents:
            found += [one for one in document.waiting + document.openers if one not in found]
        return found

    def rescue(self, document: Document) -> None:
        """Keep what was saved of standard input, since nobody will get it on standard output."""
        from rbridge.client import kept

        draft = document.draft
        if draft is None:
            return

        def told(path: "Any", error: "Optional[BaseException]") -> None:
            if isinstance(error, OSError):
                line = "cannot keep what was saved: {}".format((error.strerror or "").lower())
            else:
                line = "what was saved is in {}".format(path)
            self.tell(document, line)

        self.work(document, lambda: kept.keep(self.states, document.source.real, draft.fd), told)


def forget(document: Document, caller: Caller) -> None:
    """*caller* is told nothing more of *document*."""
    document.openers = [one for one in document.openers if one is not caller]
    document.waiting = [one for one in document.waiting if one is not caller]
    if document.asked is caller:
        document.asked = None
