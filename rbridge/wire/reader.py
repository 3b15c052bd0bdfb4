"""From bytes to events, as one party reads the other; the greeting excepted.

Which commands are known comes from the tables (:mod:`rbridge.wire.state`) by way of the connection; here is
only how they are spelled. Between rmate peers almost anything is forgiven that someone is known to send;
on a link the grammar is strict, since only we speak it.
"""

from rbridge.errors import RemoteProtocolError
from rbridge.wire import codec
from rbridge.wire.buffer import Buffer
from rbridge.wire.limits import Limits
from rbridge.wire.records import NEED_DATA, Body, Dot, End, Eof, Record

MYPY = False
if MYPY:
    from typing import Dict, List, Optional, Sequence

    from rbridge.wire.records import Received

_HTTP = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH", b"PRI")


class Reader:
    """Reads what one peer says from *buffer*. *wary*: nothing is known of the peer, not even that it is one.

    *commands* (what the peer may begin now), *strict* (it speaks link) and *eof* (the stream has ended) are
    set by the connection, the first two after every event.
    """

    def __init__(self, buffer: Buffer, limits: Limits, wary: bool) -> None:
        self.commands: "Sequence[str]" = ()
        self.strict = False
        self.eof = False
        self._limits = limits
        self._buffer = buffer
        self._queue: "List[Received]" = []
        self._wary = wary  # until the first command was read
        self._opened = 0  # against limits.records
        self._junk = 0  # against limits.junk
        self._command: "Optional[str]" = None
        self._known = False  # False: a record that is skipped whole
        self._shown = False  # its Record was handed out
        self._headers: "Dict[str, str]" = {}
        self._lines = 0  # against limits.headers
        self._body = 0  # against limits.body
        self._left = 0  # bytes of the block that are still to come

    @property
    def midway(self) -> bool:
        """Whether a record was begun, of any kind, and is not complete."""
        return self._command is not None

    def next(self) -> "Received":
        """The next event, or NEED_DATA; raises :class:`RemoteProtocolError`. Eof comes once, and last."""
        while not self._queue:
            if self._left:
                data = self._buffer.take(self._left)
                if not data:
                    return self._starved()
                self._left -= len(data)
                if self._known:
                    return Body(data)
                continue
            line = self._buffer.line(self._limits.line)
            if line is None:
                return self._starved()
            # QUIRK: TextMate ends its lines with CRLF
            self._line(line[:-1] if line.endswith(b"\r") else line)
        return self._queue.pop(0)

    def _line(self, line: bytes) -> None:
        """Read one line that is no body; what it completes goes to the queue."""
        if self._wary and line:
            self._first(line)
        elif not line:
            if self._command is None:
                # QUIRK: ruby sends one blank line too many after a body without a final LF, and after none
                self._skip()
            else:
                self._finish()
        elif b":" not in line:
            self._word(line)
        elif self._command is None:
            self._stray(line)
        else:
            self._header(line)

    def _first(self, line: bytes) -> None:
        """A host's first line. A web page can make a browser POST to this port, so no junk is skipped."""
        if codec.decode(line) in self.commands:
            self._wary = False
            self._word(line)
        elif line.split(b" ", 1)[0] in _HTTP:
            raise RemoteProtocolError("an HTTP request, no rmate client ({})".format(codec.shown(line)))
        else:
            raise RemoteProtocolError("no rmate client: it began with {!r}".format(codec.shown(line)))

    def _word(self, line: bytes) -> None:
        """A line without a colon: a command, or nothing we know."""
        text = codec.decode(line)
        headless = self._command == "save" and self._known and not self._shown
        if self._command is not None and (self.strict or headless):
            # a save that lost its length must not become a save of an empty text
            raise RemoteProtocolError("{}: {!r} is no header".format(self._command, codec.shown(line)))
        if text in self.commands:
            if self._command is not None:
                # QUIRK: jmate leaves out the blank line after a file that does not exist; zed after close
                self._finish()
            self._known_word(text)
            return
        if self._command is None:
            # QUIRK: TextMate's set-mark, remote-vscode's list: read whole and passed over
            self._begin(text, False)
        if not self.strict:
            # QUIRK: jmate sends a stray "0" for a file that does not exist
            self._skip()

    def _known_word(self, text: str) -> None:
        """A command that may be said now."""
        self._junk = 0
        if not self.strict and text in ("open", "."):
            self._opened += 1
            if self._opened > self._limits.records:
                raise RemoteProtocolError("more than {} records".format(self._limits.records))
        if text == ".":
            # QUIRK: gomate says this after every file, so it ends nothing but a record left open
            self._queue.append(Dot())
        else:
            self._begin(text, True)

    def _stray(self, line: bytes) -> None:
        """A header line between records; harmless, unless it would make us read a body as commands."""
        if self.strict or codec.header(line)[0] == "data":
            raise RemoteProtocolError("a header outside of a record: {!r}".format(codec.shown(line)))
        self._skip()

    def _skip(self) -> None:
        """Count a line that says nothing."""
        self._junk += 1
        if self._junk > self._limits.junk:
            raise RemoteProtocolError("more than {} lines of junk".format(self._limits.junk))

    def _begin(self, command: str, known: bool) -> None:
        """Start a record; one that is not *known* is read like any other but yields no events."""
        self._command = command
        self._known = known
        self._shown = False
        self._headers = {}
        self._lines = 0
        self._body = 0

    def _header(self, line: bytes) -> None:
        """A header line of the record that was begun; ``data: N`` starts a block of its body."""
        name, value = codec.header(line)
        if name == "data":
            self._block(value)
            return
        self._count()
        if self.strict and (b"\r" in line or b"\0" in line or b": " not in line):
            # what passes here can be said again by us, as the peer's own token will be
            raise RemoteProtocolError("{}: malformed header {!r}".format(self._command, codec.shown(line)))
        # QUIRK: whoever says something behind the body is not heard; rmate servers do the same
        if not self._shown:
            self._headers[name] = codec.decode(value)

    def _block(self, value: bytes) -> None:
        """A block of the body. QUIRK: TextMate saves in 1 KB blocks, and sends none for an empty text."""
        length = codec.block_length(value, self._limits.body - self._body)
        self._body += length
        self._left = length
        if not length:
            self._count()
        self._show(length)

    def _count(self) -> None:
        """Count a line of the record that was begun."""
        self._lines += 1
        if self._lines > self._limits.headers:
            raise RemoteProtocolError("a record with more than {} headers".format(self._limits.headers))

    def _show(self, length: "Optional[int]") -> None:
        """Hand out the Record, once."""
        if self._command is not None and self._known and not self._shown:
            self._queue.append(Record(self._command, self._headers, length))
        self._shown = True

    def _finish(self) -> None:
        """The record is over."""
        self._show(None)
        if self._known:
            self._queue.append(End())
        self._command = None

    def _starved(self) -> "Received":
        """What to say when the buffer has no more to give."""
        if self._wary and len(self._buffer) > len("link\r"):
            # no first command is that long: do not wait for a line end that may never come
            self._first(self._buffer.peek(64))
        if not self.eof:
            return NEED_DATA
        if self._command == "close" and not self._shown and not self.strict:
            # QUIRK: zed says no more than "close" and closes
            self._finish()
        self._queue.append(Eof(self._cut()))
        self.eof = False
        return self._queue.pop(0)

    def _cut(self) -> str:
        """The command of the record that the end of the stream cut off, or ``""``."""
        if self._command is not None:
            return self._command if self._known else ""
        rest = codec.decode(self._buffer.peek(8))
        begun = [command for command in self.commands if rest and command.startswith(rest)]
        return begun[0] if begun and begun[0] not in (".", "close") else ""
