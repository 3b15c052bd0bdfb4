"""What happens after the files were sent: answers, saves, closing, and how it ends.

One loop over all connections, in the foreground until the editor has the documents, then in the background
or, with ``-w``, in the foreground until they are closed. Saves go only to what this command opened: a token
that it did not issue ends the connection.
"""

import errno
import os
import select
import signal
from time import monotonic

from rbridge import paths
from rbridge.client import background
from rbridge.client.delivery import CLOSED, LOST, OPEN, REFUSED, SENT, Document
from rbridge.client.sending import send_all
from rbridge.errors import NotListening, ProtocolError, RbridgeError, clean
from rbridge.wire import codec
from rbridge.wire.records import NEED_DATA, Body, End, Eof, Record

MYPY = False
if MYPY:
    from typing import Callable, Dict, List, Optional

    from rbridge.client.incoming import Incoming
    from rbridge.client.options import Options
    from rbridge.client.probe import Peer
    from rbridge.client.saver import Outcome

RECEIVE = 256 * 1024  # bytes read from a socket at a time

IN_FLIGHT = 8 * 1024 * 1024
"""Bytes that may lie in buffers when we have written them: the sockets' and ssh's window of 2 MiB."""

SLOWEST = 64 * 1024
"""Bytes per second that a tunnel moves at least; below that, files of megabytes are given up too early."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

REFUSAL_CODES = {"denied": 77, "read-only": 77, "too-large": 66, "gone": 66, "conflict": 75, "no-space": 75}
"""Exit codes for an ``open`` that was refused, 69 for any other reason."""


def time_to_answer(patience: float, sent: int) -> float:
    """Seconds until an answer to *sent* bytes is overdue: the last of them may still be on their way."""
    return patience + min(sent, IN_FLIGHT) / SLOWEST


class Interrupted(Exception):
    """A signal ended the wait; *number* says which."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Session:
    """The documents of one command and the connections they are on.

    *report* tells whoever is there of a failure, *say* of what went well, a line each.
    """

    def __init__(
        self,
        documents: "List[Document]",
        options: "Options",
        report: "Callable[[str], None]",
        say: "Callable[[str], None]",
    ) -> None:
        self.say = say
        self.documents = documents
        self.options = options
        self.report = report
        self.code = 0
        self.peers: "List[Peer]" = []
        self.saves: "Dict[Peer, Incoming]" = {}
        self.signalled = 0
        self.wake = -1
        self.state_dir = ""
        for document in documents:
            if document.peer not in self.peers:
                self.peers.append(document.peer)
        self.listen_to_signals()

    def listen_to_signals(self) -> None:
        """From here on a signal is noted and acted on between two events, never in the middle of a save."""
        self.wake, write = os.pipe()
        for number in (self.wake, write):
            os.set_blocking(number, False)
        signal.set_wakeup_fd(write)
        for which in SIGNALS:
            if signal.getsignal(which) != signal.SIG_IGN:  # as under nohup
                signal.signal(which, self.noted)
        self.descriptors = [self.wake, write]

    def noted(self, number: int, _frame: object) -> None:
        self.signalled = self.signalled or number

    def await_opened(self) -> None:
        """Wait until each document is open or refused; a plain server gives no answer."""
        now = monotonic()
        for document in self.documents:
            sent = sum(other.size for other in self.documents if other.peer is document.peer)
            document.due = now + time_to_answer(self.options.patience, sent)
            if not document.peer.link:
                self.say("{}: sent to {}".format(document.source.shown, document.peer.label))
                document.state = OPEN
        self.loop(lambda: all(document.state != SENT for document in self.documents))
        for document in self.documents:
            if document.state == SENT:
                self.failed(
                    document,
                    NotListening(
                        "{}: {} did not answer within {:g} s, so it is closed again".format(
                            document.source.shown, document.peer.label, self.options.patience
                        ),
                        "the file is unchanged",
                    ),
                )

    def run(self) -> int:
        """Serve the documents until all are closed; the exit code. Raises Interrupted."""
        from rbridge.client import incoming  # not before: the command has returned by now

        for document in self.documents:
            if document.state == OPEN:
                incoming.take_base(document)
        self.loop(lambda: not any(document.state == OPEN for document in self.documents))
        return self.result()

    def result(self) -> int:
        """The exit code as things are: 74 if any last save is not on disk, be it that it is still arriving,
        else that of the first failure.
        """
        unsaved = bool(self.saves) or any(document.failure for document in self.documents)
        return 74 if unsaved else self.code

    def loop(self, done: "Callable[[], bool]") -> None:
        """Take events from all connections until *done*, or until the last answer is overdue."""
        while not done():
            poll = select.poll()
            poll.register(self.wake, select.POLLIN)
            by_number = {}
            for peer in self.peers:
                number = peer.sock.fileno()
                poll.register(number, select.POLLIN)
                by_number[number] = peer
            due = [document.due for document in self.documents if document.state == SENT]
            left = max(due) - monotonic() if due else 1.0
            if left <= 0:
                return
            if self.signalled:
                raise Interrupted(self.signalled)
            for number, _ in poll.poll(int(left * 1000) + 1 if due else None):
                if number in by_number:
                    self.read(by_number[number])
                else:
                    os.read(self.wake, 64)

    def read(self, peer: "Peer") -> None:
        """Take in what one connection has to say."""
        try:
            data = peer.sock.recv(RECEIVE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        try:
            peer.wire.receive_data(data)
            while peer in self.peers:
                event = peer.wire.next_event()
                if event is NEED_DATA:
                    return
                if isinstance(event, Record):
                    self.record(peer, event)
                elif isinstance(event, Body):
                    self.body(peer, event.data)
                elif isinstance(event, End):
                    self.end(peer)
                elif isinstance(event, Eof):
                    self.eof(peer, event)
        except ProtocolError as error:
            self.drop(peer, "{} said something that makes no sense: {}".format(peer.label, error))

    def record(self, peer: "Peer", record: Record) -> None:
        """The head of a record; what needs its body waits for the end."""
        if record.command == "bye":
            why = clean(codec.unquote(record.headers.get("message", "")))
            self.report("{} ends{}".format(peer.label, ": " + why if why else ""))
            return
        if record.command not in ("opened", "refused", "save", "close"):
            return
        document = self.document(peer, record)
        if document is None:
            if record.command != "close" or "token" in record.headers:
                self.drop(
                    peer, "{} named a file that was never opened: nothing was written".format(peer.label)
                )
                return
            for mine in self.on(peer):  # QUIRK: zed-rmate-server closes without a token
                self.close(mine)
        elif record.command == "opened":
            document.state = OPEN
            document.editor = clean(codec.unquote(record.headers.get("editor", "")))
            self.say(
                "{}: open in {} on {}".format(
                    document.source.shown, document.editor or "an editor", peer.label
                )
            )
        elif record.command == "refused":
            self.refused(document, record)
        elif record.command == "save":
            from rbridge.client.incoming import Incoming

            self.saves[peer] = Incoming(document, record, self.states())
        else:
            if record.headers.get("unsaved") == "yes" and not document.failure:  # else it was said
                document.failure = "unsaved"
                self.report(
                    "{}: closed with a text that did not get here: {} keeps it".format(
                        document.source.shown, peer.label
                    )
                )
            self.close(document)

    def document(self, peer: "Peer", record: Record) -> "Optional[Document]":
        """The document of *peer* that *record* names, if it was sent there and is not closed."""
        for document in self.on(peer):
            if document.source.token == record.headers.get("token"):
                return document
        return None

    def on(self, peer: "Peer") -> "List[Document]":
        return [mine for mine in self.documents if mine.peer is peer and mine.state in (SENT, OPEN)]

    def refused(self, document: Document, record: Record) -> None:
        """The other side does not open it."""
        reason = record.headers.get("reason", "")
        message = clean(codec.unquote(record.headers.get("message", ""))) or reason or "no reason given"
        error = RbridgeError(
            "{}: not opened on {}: {}".format(document.source.shown, document.peer.label, message)
        )
        self.failed(document, error, REFUSAL_CODES.get(reason, 69))

    def failed(self, document: Document, error: RbridgeError, code: int = 0) -> None:
        self.report(error.line())
        self.code = self.code or code or error.exit_code
        document.state = REFUSED
        self.leave(document)

    def body(self, peer: "Peer", data: bytes) -> None:
        if peer in self.saves:
            self.saves[peer].write(data)

    def end(self, peer: "Peer") -> None:
        """A record is complete. If it was a save: bring it to disk and answer."""
        arriving = self.saves.pop(peer, None)
        if arriving is None:
            return
        outcome = arriving.finish()
        arriving.document.failure = "" if outcome.kind == "saved" else outcome.message
        if outcome.message:
            self.report(outcome.message)
        if peer.link:
            self.answer(arriving, outcome)

    def answer(self, arriving: "Incoming", outcome: "Outcome") -> None:
        """Tell our daemon what became of a save."""
        document = arriving.document
        headers = {"token": document.source.token, "save": arriving.serial}
        if outcome.kind == "saved":
            headers.update(size=str(arriving.size), sha256=arriving.sha256)
            record = Record("saved", headers)
        else:
            headers.update(reason=outcome.reason or "failed", message=codec.quote(outcome.message))
            record = Record("refused", headers)
        self.tell(document.peer, record)

    def tell(self, peer: "Peer", record: Record) -> None:
        """Say *record*; if nobody can hear it the next read shows that too."""
        try:
            send_all(peer.sock, peer.wire.say(record), self.options.patience)
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.ECONNRESET):
                self.report(
                    "{} could not be told: {}".format(peer.label, (error.strerror or str(error)).lower())
                )

    def close(self, document: Document) -> None:
        """The editor has closed it."""
        document.state = CLOSED
        self.leave(document)

    def leave(self, document: Document) -> None:
        """Let go of what is held for a document; the connection goes with the last one on it."""
        if not document.source.stdin:
            document.source.close()
        if document.peer in self.peers and not self.on(document.peer):
            self.peers.remove(document.peer)
            self.abandon(document.peer)
            document.peer.sock.close()

    def abandon(self, peer: "Peer") -> None:
        """A save that was arriving will not be completed."""
        arriving = self.saves.pop(peer, None)
        if arriving is not None:
            arriving.abort()
            arriving.document.failure = "cut off"
            self.report(
                "cannot save {}: the connection was lost in the middle (the file is intact)".format(
                    arriving.document.source.shown
                )
            )

    def eof(self, peer: "Peer", event: Eof) -> None:
        """The other side is gone. For a plain server that is how it closes; our daemon would have said so."""
        mine = self.on(peer)
        self.abandon(peer)
        for document in mine:
            document.state = CLOSED
            if peer.link:
                document.state = LOST
                saved = "the last save is not on disk" if document.failure else "what was saved is on disk"
                document.failure = document.failure or "lost"
                self.report(
                    "{}: connection to {} lost before it was closed; {}".format(
                        document.source.shown, peer.label, saved
                    )
                )
            self.leave(document)

    def drop(self, peer: "Peer", why: str) -> None:
        """End a connection that cannot be trusted any more."""
        self.report(why)
        self.abandon(peer)
        for document in self.on(peer):
            document.state = LOST
            self.leave(document)
        self.code = self.code or 65

    def goodbye(self) -> None:
        """End all connections in good order: documents that are open will be closed at the other side."""
        for document in self.documents:
            if document.state in (SENT, OPEN):
                if document.peer.link and document.peer not in self.saves:
                    self.tell(document.peer, Record("close", {"token": document.source.token}))
                self.close(document)

    def rescue(self) -> None:
        """Keep what was saved of standard input, since nobody will get it on standard output."""
        from rbridge.client import kept

        for document in self.documents:
            if document.draft is None:
                continue
            try:
                path = kept.keep(self.states(), document.source.real, document.draft.fd)
            except OSError as error:
                self.report("cannot keep what was saved: {}".format((error.strerror or "").lower()))
            else:
                self.report("what was saved is in {}".format(path))

    def states(self) -> str:
        """The directory for journals and kept texts."""
        if not self.state_dir:
            self.state_dir = state_dir()
        return self.state_dir

    def stay_behind(self) -> bool:
        """Go on in the background. False in the parent, whose sockets and files are now the child's."""
        keep = list(self.descriptors)
        keep += [peer.sock.fileno() for peer in self.peers]
        keep += [document.source.fd for document in self.documents if document.source.fd >= 0]
        for arriving in self.saves.values():
            keep.append(arriving.fd)
        states = self.states()
        if not background.detach(keep):
            return False
        self.signalled = 0
        self.report = background.Log(states).write
        return True


def state_dir() -> str:
    """The state directory, or a place in the runtime directory where there is none to be had."""
    try:
        return paths.state_dir()
    except RbridgeError:
        from rbridge.private import make_private

        place = os.path.join(paths.runtime_dir(), "state")
        make_private(place)
        return place
