"""A language server of this host, run for the laptop: its bytes go over a connection of their own.

It runs in the environment of the shell that opened the document, in its project's root, and makes way for
everything else. It ends with the connection, when it was idle for long, or by itself; then its last words are
told.
"""

import fcntl
import os
import signal

from rbridge.client import process, servers
from rbridge.client.listing import NONE, Absent, asked, found, trouble
from rbridge.client.loop import READ, WRITE
from rbridge.client.named import Named, Reading
from rbridge.client.streams import FULL, Stream
from rbridge.client.worker import Worker
from rbridge.errors import clean
from rbridge.wire import codec

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Optional, Tuple

    from rbridge.client.channel import Channel
    from rbridge.client.delivery import Document
    from rbridge.client.loop import Timer
    from rbridge.client.session import Session

RECEIVE = 256 * 1024
IDLE = 600.0
"""Seconds without a byte either way after which a server is ended; the laptop has it started again."""

PATIENCE = 3.0
"""Seconds that a server has to end by itself, and once more after SIGTERM."""

LOOK = 1.0
"""Seconds between two looks whether it has ended: what it has started may hold its output open."""

REAP = 0.02
WORDS = 4096
"""Bytes that are kept of the last that a server complained of."""

SHOWN = 400  # characters of them that are told
NICE = 10
HEAD_ENDS = b"\r\n\r\n"
F_SETPIPE_SZ = 1031  # fcntl has the name from Python 3.10 on


class Lane(Stream):
    """``to: lsp``: the server called ``server``, by default the first that there is."""

    def __init__(
        self, session: "Session", channel: "Channel", document: "Document", said: "Dict[str, str]"
    ) -> None:
        super().__init__(session, channel, document)
        self.name = ""
        self._pid = 0
        self._in = self._out = self._err = -1
        self._left = b""  # that the server has not taken yet
        self._last = b""  # what it complained of
        self._closing = False
        self._full = False  # it takes nothing, and the channel was paused for it
        self._status: "Optional[int]" = None
        self._timer: "Optional[Timer]" = None
        self._head = b""  # of a message, that waits for the rest
        self._reading: "Optional[Reading]" = None
        self._used = session.loop.clock()
        self._why: "Optional[Tuple[str, str]]" = None
        wanted = asked(said)
        self._release = session.resident.hold()  # the process does not end before this one can be ended
        Worker(session.loop, lambda: None).do(lambda: self._start(wanted), self._started)

    # the beginning

    def _start(self, wanted: "Dict[str, str]") -> "Tuple[int, int, int, int, Dict[str, str]]":
        """In a thread: find it and start it. Raises Absent and OSError."""
        about = found(self.session, self.document, wanted)
        name, known = wanted["server"], about["servers"]
        fitting = [one for one in known if one.name == name] if name else servers.usual(known)
        if not fitting:
            why = about["off"] or about["advice"] or NONE.format(name or "language server")
            raise Absent("off" if about["off"] else "none", why)
        server = fitting[0]
        root = wanted["root"] or about["root"]
        variables = dict(about["variables"])
        variables[b"PWD"] = os.fsencode(root)  # else it would say where the shell is
        real = os.path.realpath(root)
        ours: "List[int]" = []
        theirs: "List[int]" = []

        def prepare() -> None:
            os.setsid()
            os.chdir(root)
            os.nice(NICE)

        try:
            for mine in (1, 0, 0):  # the end of its 0, 1 and 2
                pair = os.pipe()
                ours.append(pair[mine])
                theirs.append(pair[1 - mine])
            widen(ours[1])
            words = [os.fsencode(word) for word in server.words]
            pid = process.started(server.path, words, variables, theirs, prepare)
        except BaseException as error:
            for number in ours:
                os.close(number)
            if isinstance(error, FileNotFoundError) and error.filename == server.path:
                raise OSError(
                    error.errno, "the interpreter that it names is not there", server.path
                ) from None
            raise
        finally:
            for number in theirs:
                os.close(number)
        ours_in, ours_out, ours_err = ours
        headers = {"server": codec.quote(server.name), "root": codec.quote(root), "kind": server.kind}
        headers["language"] = codec.quote(about["language"])
        headers["real"] = real
        return pid, ours_in, ours_out, ours_err, headers

    def _started(self, made: "Any", error: "Optional[BaseException]") -> None:
        self._release()
        if error is not None:
            reason = error.reason if isinstance(error, Absent) else "failed"
            self.end(reason, trouble(error))
            return
        self._pid, self._in, self._out, self._err, headers = made
        named = self.session.named = self.session.named or Named()
        named.roots.add(headers.pop("real"))
        self._reading = Reading(named, codec.unquote(headers["root"]))
        for number in (self._in, self._out, self._err):
            os.set_blocking(number, False)
        if self.over:
            self._kill()
            return
        self.name = codec.unquote(headers["server"])
        self._watch(self._out, self._read)
        self._watch(self._err, self._complain)
        self._timer = self.session.loop.at(IDLE, self._idle)
        self.session.loop.at(LOOK, self._look)
        self.begin(**headers)
        if self._closing:
            self._close_in()

    # what goes through

    def write(self, data: bytes) -> None:
        self._used = self.session.loop.clock()
        self._left += data
        self._write()

    def _write(self, _events: int = 0) -> None:
        if self._in < 0:
            self._left = b""  # it hears nothing any more, or was not to be told anything yet
            return
        while self._left:
            try:
                self._left = self._left[os.write(self._in, self._left) :]
            except BlockingIOError:
                break
            except OSError:
                self._close_in()
                return
        if self._left:
            self.session.loop.watch(self._in, WRITE, self._write)
            if len(self._left) > FULL and not self._full:
                self._full = True
                self.channel.pause()
            return
        self.session.loop.forget(self._in)
        if self._closing:
            self._close_in()
        self._go_on()

    def _go_on(self) -> None:
        """The laptop is heard again, if it was this that it was not heard for."""
        if self._full:
            self._full = False
            self.channel.go_on()

    def _read(self, _events: int) -> None:
        self._used = self.session.loop.clock()
        try:
            data = os.read(self._out, RECEIVE)
        except BlockingIOError:
            return
        if data.endswith(HEAD_ENDS) and len(self._head + data) < WORDS:
            # written by itself: sent so, ssh would hold back what follows until this is acknowledged, 40 ms
            self._head += data
            return
        data, self._head = self._head + data, b""
        if not data:
            self._out_ends()
            return
        if not self.send(data):
            self.session.loop.forget(self._out)
        assert self._reading is not None
        self._reading.feed(data)  # while the laptop is at work on it

    def room(self) -> None:
        if self._out >= 0:
            self._watch(self._out, self._read)

    def _complain(self, _events: int) -> None:
        try:
            data = os.read(self._err, RECEIVE)
        except BlockingIOError:
            return
        self._last = (self._last + data)[-WORDS:]
        if not data:
            self._shut("_err")

    # the end

    def finish(self) -> None:
        """The laptop is done with it: it has some time to end by itself."""
        self._why = ("closed", "")
        self._closing = True
        if self._pid and not self._left:
            self._close_in()

    def hang_up(self) -> None:
        self.over = True
        self._kill()

    def _idle(self) -> None:
        left = self._used + IDLE - self.session.loop.clock()
        if left > 0:
            self._timer = self.session.loop.at(left, self._idle)
        else:
            self._why = ("idle", "")
            self._close_in()

    def _close_in(self) -> None:
        """It hears nothing more, and has to end."""
        self._shut("_in")
        self._left = b""
        self._after(PATIENCE, lambda: self._signal(signal.SIGTERM))
        self._go_on()

    def _out_ends(self) -> None:
        """It says nothing more, so it has ended, or has to."""
        self._shut("_out")
        self._close_in()
        self._reap()

    def _look(self) -> None:
        """If it has ended, so does what it has started, and what is left of its output is said."""
        if self.over or self._out < 0:
            return
        if not self._has_ended():
            self.session.loop.at(LOOK, self._look)
            return
        self._group(signal.SIGKILL)
        self._after(PATIENCE, self._let_go)

    def _let_go(self) -> None:
        """Somebody who left its group holds its output open, unless the laptop is slow to take it."""
        if self.waiting > FULL:
            self._after(PATIENCE, self._let_go)
        elif self._out >= 0:
            self._out_ends()

    def _signal(self, number: int) -> None:
        self._group(number)
        if number == signal.SIGTERM:
            self._after(PATIENCE, lambda: self._signal(signal.SIGKILL))

    def _after(self, seconds: float, do: "Callable[[], None]") -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.session.loop.at(seconds, do)

    def _has_ended(self) -> bool:
        if self._status is None:
            try:
                ended, status = os.waitpid(self._pid, os.WNOHANG)
            except ChildProcessError:
                ended, status = self._pid, 0
            self._status = status if ended else None
        return self._status is not None

    def _reap(self) -> None:
        """Tell how it ended, once it has."""
        if not self._has_ended():
            self.session.loop.at(REAP, self._reap)
            return
        if self._err >= 0:
            self._complain(READ)
        self._group(signal.SIGKILL)  # what it has started
        self._shut("_err")
        if self._timer is not None:
            self._timer.cancel()
        reason, message = self._why or ("exited", last_words(self._last))
        self.end(reason, message, how(self._status or 0))

    def _kill(self) -> None:
        """At once, and nobody is told."""
        if self._timer is not None:
            self._timer.cancel()
        for name in ("_in", "_out", "_err"):
            self._shut(name)
        if self._pid:
            self._group(signal.SIGKILL)
            self._reap_quietly()

    def _reap_quietly(self) -> None:
        if not self._has_ended():
            self.session.loop.at(REAP, self._reap_quietly)

    def _group(self, number: int) -> None:
        assert self._pid > 0  # 0 would be our own
        try:
            os.killpg(self._pid, number)
        except OSError:
            return  # nobody is left of it

    def _watch(self, number: int, heard: "Callable[[int], None]") -> None:
        self.session.loop.watch(number, READ, heard)

    def _shut(self, name: str) -> None:
        number = getattr(self, name)
        if number >= 0:
            self.session.loop.forget(number)
            os.close(number)
            setattr(self, name, -1)


def widen(pipe: int) -> None:
    """Let *pipe* hold what is read at a time: a long answer is there at once, and its server can go on."""
    try:
        fcntl.fcntl(pipe, F_SETPIPE_SZ, RECEIVE)
    except OSError:
        return  # not on Linux, or the user has too many of these already: it stays as it is


def last_words(said: bytes) -> str:
    """The end of what a server complained of, as one line."""
    lines = [clean(line).strip() for line in said.decode("utf-8", "replace").splitlines()]
    return " | ".join(line for line in lines[-6:] if line)[-SHOWN:]


def how(status: int) -> str:
    """How a process ended: its exit code, or ``signal N``."""
    if os.WIFSIGNALED(status):
        return "signal {}".format(os.WTERMSIG(status))
    return str(os.WEXITSTATUS(status))
