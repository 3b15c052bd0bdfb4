"""The command while the process in the background has its files: what that says is shown, and how it ends.

Ctrl-C and a lost terminal end the wait of ``-w`` and leave the documents open; SIGTERM, and any signal before
the editor has them, closes them. The exit code tells whether what was saved last is on the disk.
"""

import os
import select
import signal
from time import monotonic

from rbridge.errors import RbridgeError

MYPY = False
if MYPY:
    from typing import List, Optional, Tuple

    from rbridge.client.intercom import Intercom, Message
    from rbridge.client.main import Run

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EXIT_BY_SIGNAL = 128
UNSAVED = 74

LAST_WORDS = 10.0
"""Seconds that the other process has for its answer to a signal."""


class Signals:
    """Signals are noted, from here to :meth:`close`, and wake whoever polls *wake*."""

    def __init__(self) -> None:
        self.number = 0
        self.count = 0
        self.wake, self._write = os.pipe()
        for end in (self.wake, self._write):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._write)
        self._before: "List[Tuple[int, object]]" = []
        for which in SIGNALS:
            if signal.getsignal(which) != signal.SIG_IGN:  # as under nohup
                self._before.append((which, signal.signal(which, self.noted)))

    def noted(self, number: int, _frame: object) -> None:
        self.number = self.number or number
        self.count += 1

    def close(self) -> None:
        """Everything as it was before."""
        signal.set_wakeup_fd(-1)
        for which, handler in self._before:
            signal.signal(which, handler)  # type: ignore[arg-type]
        os.close(self.wake)
        os.close(self._write)


class Relay:
    """The talk with the process in the background over *intercom*, which is closed at the end.

    *run* shows lines about what went well (``say``), and wrong (``report``). *waits*: until all is closed.
    """

    def __init__(self, intercom: "Intercom", signals: Signals, run: "Run", waits: bool) -> None:
        self.intercom = intercom
        self.signals = signals
        self.say = run.say
        self.report = run.report
        self.waits = waits
        self.code: "Optional[int]" = None
        self.end = 0.0  # when the answer to a signal is overdue
        self.stopped = 0
        self.failed = False  # to write out the text

    def run(self) -> int:
        """Show what is said until the exit code is known."""
        try:
            while self.code is None:
                self.turn()
        finally:
            self.intercom.close()
        if self.stopped and self.code != UNSAVED:
            return EXIT_BY_SIGNAL + self.stopped
        return UNSAVED if self.failed else self.code

    def turn(self) -> None:
        """Take in what comes next: a message, a signal, or the end of patience."""
        poll = select.poll()
        poll.register(self.intercom.fileno(), select.POLLIN)
        poll.register(self.signals.wake, select.POLLIN)
        if self.signals.count and not self.stopped:
            self.stop()
            return
        left = self.end - monotonic() if self.end else None
        ready = [] if left is not None and left <= 0 else poll.poll(left if left is None else left * 1000 + 1)
        if left is not None and not ready:
            self.lost("does not answer")
        for number, _ in ready:
            if number == self.signals.wake:
                os.read(number, 64)
                if self.signals.count > 1 and self.stopped:
                    self.lost("was not waited for")
            else:
                self.read()

    def stop(self) -> None:
        """Pass a signal on; the other side decides what becomes of the files."""
        self.stopped = self.signals.number
        self.end = monotonic() + LAST_WORDS
        try:
            self.intercom.say("stop", {"signal": str(int(self.stopped))})
        except OSError:
            return  # reading shows that it is gone

    def read(self) -> None:
        """Take in what was said."""
        try:
            self.intercom.receive()
        except InterruptedError:
            return
        except (OSError, RbridgeError):
            self.intercom.ended = True
        while self.code is None:
            try:
                message = self.intercom.next()
            except RbridgeError:
                message = None
                self.intercom.ended = True
            if message is None:
                break
            try:
                self.message(message)
            finally:
                message.close()
        if self.intercom.ended and self.code is None:
            self.lost("has ended")

    def message(self, message: "Message") -> None:
        """Act on one message."""
        if message.command == "say":
            self.say(message.get("text"))
        elif message.command == "report":
            self.report(message.get("text"))
        elif message.command == "text" and message.descriptors:
            self.text(message.descriptors[0])
        elif message.command == "done":
            self.code = message.number("code")

    def text(self, fd: int) -> None:
        """Write out what became of standard input. Raises BrokenPipeError when nobody reads it any more."""
        from rbridge.client import stdin

        try:
            stdin.write_out(fd)
        except BrokenPipeError:
            raise
        except OSError as error:
            from rbridge.client import kept
            from rbridge.client.background import state_dir

            place = kept.keep(state_dir(), "stdin.txt", fd)
            words = (error.strerror or "").lower()
            self.report("cannot write to standard output: {} (the text is in {})".format(words, place))
            self.failed = True

    def lost(self, what: str) -> None:
        """The other process will not say any more how it went."""
        known = "the last save is on the disk" if self.waits else "the files are open"
        self.report(
            "the process in the background {}: whether {} is not known (rbridge status tells"
            " what is open)".format(what, known)
        )
        self.code = UNSAVED if self.waits else 75


def relay(intercom: "Intercom", signals: Signals, run: "Run", waits: bool) -> int:
    """Show what the process behind *intercom* says; the exit code of *run*, of which some may have failed."""
    try:
        code = Relay(intercom, signals, run, waits).run()
    finally:
        signals.close()
    return code if code == UNSAVED or code > EXIT_BY_SIGNAL else run.code or code
