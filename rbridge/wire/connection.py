"""One connection between a host and an editor: bytes in, events out; events in, bytes out.

It does no I/O and keeps no body. Who may say what stands in :mod:`rbridge.wire.state`, how it is read in
:mod:`rbridge.wire.reader`, how it is written in :mod:`rbridge.wire.codec`.
"""

from rbridge.errors import LocalProtocolError, RemoteProtocolError
from rbridge.wire import codec, state
from rbridge.wire.buffer import Buffer
from rbridge.wire.limits import Limits
from rbridge.wire.records import NEED_DATA, Body, Dot, End, Eof, Greeting, NeedData, Record
from rbridge.wire.state import EDITOR, HOST

MYPY = False
if MYPY:
    from typing import Dict, Optional, Union

    from rbridge.wire.reader import Reader
    from rbridge.wire.records import Received, Sendable

__all__ = ["EDITOR", "HOST", "Connection"]


class Connection:
    """The protocol as *role* (:data:`HOST` or :data:`EDITOR`) takes part in it.

    Feed what arrives to :meth:`receive_data` and call :meth:`next_event` until it returns ``NEED_DATA``;
    write what :meth:`send` returns. *peer* is the :class:`Greeting` that a host has read; *link* turns true
    when the host's ``link`` was sent or received.
    """

    def __init__(self, role: str, limits: "Optional[Limits]" = None) -> None:
        self.role = role
        self.limits = limits or Limits()
        self.peer: "Optional[Greeting]" = None
        self.link = False
        self._other = EDITOR if role == HOST else HOST
        self._states = state.States()
        self._buffer = Buffer()
        self._reader: "Optional[Reader]" = None
        self._failure = ""
        self._closed = False
        self._left = 0  # bytes of the record being sent that were announced and not sent

    @property
    def states(self) -> "Dict[str, str]":
        """Both parties' states, by role; the names are those of :mod:`rbridge.wire.state`."""
        return dict(self._states.now)

    def receive_data(self, data: "Union[bytes, bytearray, memoryview]") -> None:
        """Take in bytes from the peer; ``b""`` says that it closed."""
        if self._closed and data:
            raise LocalProtocolError("data after the end of the stream")
        self._buffer.feed(bytes(data))
        if not data and not self._closed:
            self._closed = True
            if self._reader is not None:
                self._reader.eof = True

    def next_event(self) -> "Received":
        """The next thing that the peer said, or ``NEED_DATA``.

        Raises :class:`RemoteProtocolError` when it makes no sense; the connection is dead then, and every
        further call raises the same.
        """
        if self._failure:
            raise RemoteProtocolError(self._failure)
        try:
            event = self._next()
            if not isinstance(event, NeedData):
                self._heard(event)
        except RemoteProtocolError as error:
            self._fail(str(error))
            raise
        except LocalProtocolError as error:
            # the tables do not know whose mistake it is; here it is the peer's
            self._fail(str(error))
            raise RemoteProtocolError(str(error)) from None
        return event

    def send(self, event: "Sendable") -> bytes:
        """The bytes that say *event*; for a Record the whole head at once.

        A Record with a *length* is followed by exactly that many bytes, given as Body, or written by the
        caller itself and told to :meth:`body_sent`; End completes it. Raises :class:`LocalProtocolError` when
        this may not be said now, or not in this way; nothing has changed then.
        """
        if isinstance(event, Body):
            self.body_sent(len(event.data))
            return event.data
        key = self._key(event)
        self._states.check(self.role, key)
        left = 0
        if isinstance(event, Record):
            data = self._head(event)
            left = event.length or 0
        elif isinstance(event, Greeting):
            data = _greeting(event.text)
        elif isinstance(event, Dot):
            data = b".\n"
        elif self._left:
            raise LocalProtocolError("{} bytes of the body are missing".format(self._left))
        else:
            data = b"\n"
        self._left = left
        self._step(self.role, key)
        return data

    def say(self, record: Record) -> bytes:
        """A record without a body, whole."""
        return self.send(record) + self.send(End())

    def body_sent(self, count: int) -> None:
        """Account for *count* bytes of the body that the caller wrote itself, as with sendfile."""
        self._states.check(self.role, state.BODY)
        if not 0 <= count <= self._left:
            raise LocalProtocolError("{} bytes of body where {} are announced".format(count, self._left))
        self._left -= count

    def more(self, length: int) -> bytes:
        """Announce a further block of *length* bytes, once the one before was sent whole; on a link only."""
        self._states.check(self.role, state.BODY)
        if self._left or not self.link:
            raise LocalProtocolError("no further block now")
        self._left = length
        return b"data: %d\n" % length

    @property
    def midway(self) -> bool:
        """Whether the peer stopped in the middle of a record, once :meth:`next_event` says ``NEED_DATA``.

        Then it has no reason for a long silence (``DEAD_BUSY`` in :mod:`rbridge.wire.limits`).
        """
        return len(self._buffer) > 0 or (self._reader is not None and self._reader.midway)

    def _head(self, record: Record) -> bytes:
        """The head of *record*, in the form that suits the peer; raises :class:`LocalProtocolError`."""
        command = record.command
        bodied = self._states.has_body(self.role, command)
        if record.length is not None and not bodied:
            raise LocalProtocolError("{} has no body".format(command))
        if self.link or command == "link":
            return codec.head(record, codec.OURS, self.limits)
        if record.length is None and bodied:
            # QUIRK: RemoteSubl and the VS Code family never open a file without a data header
            raise LocalProtocolError("{} without a length".format(command))
        if self.role == EDITOR:
            if list(record.headers) != ["token"]:
                # QUIRK: rmate-rs asserts that the token is first and the data next
                raise LocalProtocolError("{} takes a token and nothing else".format(command))
            return codec.head(record, codec.CLIENT, self.limits)
        for name in _NEEDED:
            if name not in record.headers:
                raise LocalProtocolError("{} without {}".format(command, name))
        return codec.head(record, codec.SERVER, self.limits)

    def _next(self) -> "Received":
        """The next event as it is spelled, not yet judged by the tables."""
        if self._reader is None:
            if self.role == HOST and self.peer is None:
                event = self._greeting()
                if event is not NEED_DATA or not self._closed:
                    return event
            if not self._closed and not len(self._buffer):
                return NEED_DATA
            # only now: a client sends its file before it has anything to read but a greeting
            from rbridge.wire.reader import Reader

            self._reader = Reader(self._buffer, self.limits, wary=self.role == EDITOR)
            self._reader.eof = self._closed
            self._brief(self._reader)
        return self._reader.next()

    def _greeting(self) -> "Received":
        """The editor's greeting, when all of it is there."""
        line = self._buffer.line(self.limits.greeting)
        if line is None:
            begin = self._buffer.peek(64)
            # of binary data no line end need ever come
            return codec.read_greeting(begin) if b"\0" in begin else NEED_DATA
        return codec.read_greeting(line)

    def _heard(self, event: "Received") -> None:
        """Move the tables by what the peer said."""
        self._step(self._other, self._key(event))
        if isinstance(event, Greeting):
            self.peer = event

    def _step(self, party: str, key: str) -> None:
        """Move *party* by the event named *key*."""
        self._states.step(party, key)
        if key == state.BODY:
            return
        if key == "link":
            self.link = True
        if self._reader is not None:
            self._brief(self._reader)

    def _brief(self, reader: "Reader") -> None:
        """Tell *reader* what can come next."""
        reader.commands = self._states.commands(self._other)
        reader.strict = self.link

    def _fail(self, message: str) -> None:
        """Nothing that comes from now on is read."""
        self._failure = message
        self._states.step(self._other, state.ERROR)

    def _key(self, event: "Received") -> str:
        """The name of *event* in the tables."""
        if isinstance(event, Record):
            return event.command
        if isinstance(event, Greeting):
            return state.OFFER if codec.parse_greeting(event.text).link else state.GREETING
        return _KEYS[type(event)]


# QUIRK: without a display-name rsub, RemoteSubl and remote-vscode fail, without a token the first two;
# RemoteSubl fails at every later open as long as a text without a real-path is open.
_NEEDED = ("display-name", "real-path", "token")

_KEYS = {Body: state.BODY, End: state.END, Dot: ".", Eof: state.EOF}


def _greeting(text: str) -> bytes:
    """A greeting line that every client can take, as bytes."""
    data = text.encode("ascii", "replace")
    if not text.startswith("220 ") or not text.isprintable() or len(data) > codec.GREETING_SENT:
        raise LocalProtocolError("a greeting is '220 ' and at most {} bytes".format(codec.GREETING_SENT))
    return data + b"\n"
