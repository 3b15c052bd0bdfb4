"""One command that talks to the process in the background: what it asked for, what it is still to be told.

It hands files over (``hand``, ``file``..., ``go``), asks (``status``, ``close``, ``resolve``), or was there
before the fork. Nothing it does, or leaves undone, makes the others wait: what it does not read is kept up to
:data:`BACKLOG` bytes, and a request that stays incomplete is dropped.
"""

import os
import signal
from collections import deque

from rbridge.client.handed import differs, see, source
from rbridge.client.intercom import Intercom, spelled
from rbridge.client.loop import READ, WRITE
from rbridge.client.resident import Caller
from rbridge.errors import RbridgeError

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, List, Optional, Tuple

    from rbridge.client.delivery import Document
    from rbridge.client.intercom import Message
    from rbridge.client.loop import Timer
    from rbridge.client.reception import Reception
    from rbridge.client.source import Source

BACKLOG = 256 * 1024
"""Bytes that wait for a command that does not read."""

PATIENCE = 10.0
"""Seconds for a whole request, and for the end after all was said."""

SAVED_LATE = 5.0
"""Seconds for the end of documents whose command was told to end."""

ASKING, OFFERING, CHECKED, READY = "asking", "offering", "checked", "ready"
SERVED, TOLD, GONE = "served", "told", "gone"


class Connection(Caller):
    """A command at the other end of *intercom*. *state* is one of the words above.

    *documents* are those that it opened and that are open, *code* is the exit code so far.
    """

    def __init__(self, reception: "Reception", intercom: Intercom) -> None:
        self.reception = reception
        self.intercom = intercom
        self.state = ASKING
        self.waits = False
        self.code = 0
        self.documents: "List[Document]" = []
        self.unanswered = 0
        self.stopped = False
        self.hand: "Optional[Message]" = None
        self.sources: "List[Source]" = []
        self.offered: "List[Message]" = []
        self.trouble = ""  # the last line about what went wrong
        self._queue: "Deque[Tuple[bytes, List[int]]]" = deque()
        self._queued = 0
        self._timer: "Timer" = reception.loop.at(PATIENCE, self.gone)
        intercom.sock.setblocking(False)
        reception.loop.watch(intercom.fileno(), READ, self.event)

    # what the resident says

    def say(self, line: str) -> None:
        self.tell("say", {"text": line})

    def report(self, line: str) -> None:
        self.trouble = line
        self.tell("report", {"text": line})

    def opened(self, document: "Document") -> None:
        self.unanswered -= 1
        self.documents.append(document)
        self.settle()

    def failed(self, source: "Source", error: RbridgeError) -> None:
        self.unanswered -= 1
        self.report(error.line())
        self.code = self.code or error.exit_code
        self.settle()

    def ended(self, document: "Document", code: int) -> None:
        if document in self.documents:
            self.documents.remove(document)
        self.code = 74 if code == 74 else self.code or code
        if document.source.stdin:
            self.give_back(document)
        self.settle()

    def mine(self, document: "Document", fd: int) -> None:
        self.tell("mine", {"path": document.source.real, "laptop": self.reception.resident.label}, fd)
        self.finish()

    def give_back(self, document: "Document") -> None:
        """Pass on the text of standard input, or keep it, when nobody reads it any more."""
        fd = document.text_fd
        if fd < 0:
            return
        if not self.stopped:
            self.tell("text", {}, fd)
        elif document.draft is not None:
            line = self.reception.rescue(document.source.real, fd)
            self.report(line)

    # what the command says

    def serve(self, waits: bool, count: int) -> None:
        """From here on the resident opens *count* files for it."""
        self.state = SERVED
        self.waits = waits
        self.unanswered = count
        self._timer.cancel()

    def event(self, events: int) -> None:
        """Something can be read or written."""
        try:
            if events & ~WRITE:
                self.read()
            if events & WRITE and self.state != GONE:
                self.flush()
        except (OSError, ValueError, RbridgeError):  # a number or a name that is none
            self.gone()

    def read(self) -> None:
        try:
            self.intercom.receive()
        except (BlockingIOError, InterruptedError):
            return
        message = self.intercom.next()
        while message is not None:
            try:
                self.message(message)
            finally:
                if message.command != "file" or self.state not in (OFFERING, CHECKED):
                    message.close()  # else they are looked at first
            if self.state == GONE:
                return
            message = self.intercom.next()
        if self.intercom.ended:
            self.gone()

    def message(self, message: "Message") -> None:
        """Take one message in. Raises RemoteProtocolError for a number that is none."""
        command = message.command
        if command == "stop" and self.state == SERVED:
            self.stop(message.number("signal"))
        elif command == "go" and self.state == READY:
            self.go()
        elif command == "hand" and self.state == ASKING:
            self.hand = message
            self.state = OFFERING
        elif command == "file" and self.state == CHECKED:
            self.gone()  # one more than was announced
        elif command == "file" and self.state == OFFERING and self.hand is not None:
            self.offered.append(message)
            if len(self.offered) == self.hand.number("files"):
                self.check()
        elif command in ("status", "close", "resolve") and self.state == ASKING:
            self.state = SERVED
            self._timer.cancel()
            self.reception.answer(self, message)

    def check(self) -> None:
        """All files were named: look, in a thread, whether they are what we see."""
        device = self.offered[0].number("device", -1)
        self.state = CHECKED
        offered, self.offered = self.offered, []

        def look() -> "Tuple[str, List[Source]]":
            refusal, found = "", []
            try:
                for message in offered:
                    refusal = refusal or differs(message)
                    found.append(source(message))
                    if not refusal:
                        see(found[-1])
            except (OSError, ValueError, RbridgeError) as error:  # a number or a name that is none
                refusal = str(error)
            finally:
                for message in offered:
                    message.close()
            return refusal, found

        def looked(result: "Any", _error: "Optional[BaseException]") -> None:
            if result is not None:
                refusal, self.sources = result
                self.decide(refusal)

        self.reception.pool.do(device, look, looked)

    def decide(self, refusal: str) -> None:
        """Say whether the files will be taken; why not is *refusal*."""
        assert self.hand is not None
        refusal = self.reception.refusal(self.hand) or refusal
        if self.state == GONE:
            self.drop_sources()
        elif refusal:
            self.refuse(refusal)
        else:
            self.state = READY
            self.tell("ready", {"laptop": self.reception.resident.label, "pid": str(os.getpid())})

    def refuse(self, message: str) -> None:
        """Nothing comes of the request."""
        self.drop_sources()
        self.tell("refused", {"message": message})
        self.hang_up()

    def go(self) -> None:
        """The word is given."""
        assert self.hand is not None
        sources, self.sources = self.sources, []
        self.serve(self.hand.get("wait") == "yes", len(sources))
        self.reception.open(sources, self.hand, self)

    def stop(self, number: int) -> None:
        """The command was told to end by signal *number*: it leaves its documents open, or closes them."""
        resident = self.reception.resident
        unsaved = resident.unsaved(self)
        standard_input = any(document.source.stdin for document in self.documents)
        if self.waits and not self.unanswered and not standard_input and number != signal.SIGTERM:
            for document in self.documents:
                self.say("{}: stays open on {}".format(document.source.shown, resident.label))
            self.code = 74 if unsaved else 0
            self.finish()
            return
        self.stopped = True
        if unsaved:
            self.code = 74
        resident.drop(self)
        self.unanswered = 0
        self.waits = True
        self._timer = self.reception.loop.at(SAVED_LATE, self.finish)
        self.settle()

    # the way out

    def tell(self, command: str, headers: "Optional[Dict[str, str]]" = None, fd: int = -1) -> None:
        """Say a message, now or when the command reads again; *fd* goes with it as a copy."""
        if self.state in (TOLD, GONE):
            return
        try:
            data = spelled(command, headers or {}, count=int(fd >= 0))
            self._queue.append((data, [os.dup(fd)] if fd >= 0 else []))
            self._queued += len(data)
            self.flush()
        except (OSError, RbridgeError):
            self.reception.loop.soon(self.gone)  # not now: the resident may be going through its callers

    def flush(self) -> None:
        """Write what can be written. Raises OSError, also when too much is left."""
        while self._queue:
            data, descriptors = self._queue[0]
            try:
                sent = self.intercom.send(data, descriptors)
            except (BlockingIOError, InterruptedError):
                break
            while descriptors:
                os.close(descriptors.pop())
            self._queued -= sent
            if sent < len(data):
                self._queue[0] = (data[sent:], [])
            else:
                self._queue.popleft()
        if self._queued > BACKLOG:
            raise BlockingIOError
        self.reception.loop.watch(self.intercom.fileno(), READ | WRITE if self._queue else READ, self.event)
        if self.state == TOLD and not self._queue:
            # not closed yet: what it says meanwhile would make its last messages unreadable
            self.intercom.shut()

    def settle(self) -> None:
        """Say the exit code once it is known."""
        if self.state == SERVED and self.unanswered <= 0 and not (self.waits and self.documents):
            self.finish()

    def finish(self) -> None:
        """All is said."""
        if self.state == SERVED:
            self.tell("done", {"code": str(self.code)})
            if self.state == SERVED:
                self.reception.left(self)
                self.hang_up()

    def hang_up(self) -> None:
        """Nothing more is said; the rest of what was goes out first."""
        if self.state in (TOLD, GONE):
            return
        self.state = TOLD
        self._timer.cancel()
        self._timer = self.reception.loop.at(PATIENCE, self.gone)
        try:
            self.flush()
        except OSError:
            self.reception.loop.soon(self.gone)

    def gone(self) -> None:
        """The command is not there any more, or not to be borne with."""
        if self.state == GONE:
            return
        served = self.state == SERVED
        self.state = GONE
        self._timer.cancel()
        self.drop_sources()
        for _, descriptors in self._queue:
            while descriptors:
                os.close(descriptors.pop())
        self._queue.clear()
        self.reception.loop.forget(self.intercom.fileno())
        self.intercom.close()
        self.reception.forget(self)
        if served:
            self.reception.left(self)

    def drop_sources(self) -> None:
        """Close what was handed over and not taken."""
        while self.offered:
            self.offered.pop().close()
        while self.sources:
            source = self.sources.pop()
            self.reception.pool.do(source.device, source.close, lambda _result, _error: None)
