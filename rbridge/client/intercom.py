"""What the client's processes on one host say to each other: records, and descriptors beside them.

Between the command that was typed and the process in the background. A message is spelled as a link record
(``docs/protocol.md``), with every value percent-quoted; a header ``descriptors: N`` says that it takes the
next N that came along (SCM_RIGHTS). What an unknown command says is passed over. Nothing of this goes over a
tunnel.
"""

import _socket
import os
import sys

from rbridge.errors import RemoteProtocolError
from rbridge.paths import encodable
from rbridge.wire import codec
from rbridge.wire.buffer import Buffer
from rbridge.wire.limits import Limits
from rbridge.wire.reader import Reader
from rbridge.wire.records import NEED_DATA, Body, End, Eof, Record

MYPY = False
if MYPY:
    from typing import Dict, List, Mapping, Optional, Sequence

ENVIRONMENT = 256 * 1024
"""Bytes of a message's body; the only one that has a body carries the environment."""

BATCH = 64
"""Descriptors in one write; Linux takes 253."""

RECEIVE = 64 * 1024

MSG_CMSG_CLOEXEC = 0x40000000 if sys.platform.startswith("linux") else 0
"""QUIRK: PyPy's socket module does not name it."""

COMMANDS = (
    # fmt: off
    # of the command
    "hand",
    "file",
    "go",
    "stop",
    "status",
    "close",
    "resolve",
    # of the process in the background
    "ready",
    "refused",
    "say",
    "report",
    "text",
    "row",
    "mine",
    "done",
    # fmt: on
)


class Message:
    """What one side said: *command*, *headers*, the *body* and the *descriptors*, which the taker closes."""

    __slots__ = ("body", "command", "descriptors", "headers")

    def __init__(self, command: str, headers: "Dict[str, str]") -> None:
        self.command = command
        self.headers = headers
        self.body = b""
        self.descriptors: "List[int]" = []

    def get(self, name: str, otherwise: str = "") -> str:
        return self.headers.get(name, otherwise)

    def path(self, name: str) -> str:
        """A header that names a file, as os takes it."""
        return encodable(self.get(name))

    def number(self, name: str, otherwise: int = 0) -> int:
        """A header as an integer. Raises RemoteProtocolError when it is none."""
        try:
            return int(self.headers.get(name, "") or otherwise)
        except ValueError:
            raise RemoteProtocolError("{}: {} is no number".format(self.command, name)) from None

    def close(self) -> None:
        """Close the descriptors that nobody took."""
        while self.descriptors:
            os.close(self.descriptors.pop())


def spelled(
    command: str, headers: "Mapping[str, str]", body: "Optional[bytes]" = None, count: int = 0
) -> bytes:
    """A message as bytes; *count* descriptors go with it. Raises LocalProtocolError, as for a NUL."""
    said = {name: codec.quote(value) for name, value in headers.items() if value}
    if count:
        said["descriptors"] = str(count)
    record = Record(command, said, None if body is None else len(body))
    return codec.head(record, codec.OURS, Limits()) + (body or b"") + b"\n"


class Intercom:
    """One end of the connected Unix socket *sock*, which it owns. *ended*: the other end is closed."""

    def __init__(self, sock: "_socket.socket") -> None:
        self.sock = sock
        self.arrived: "List[int]" = []  # descriptors that no message has taken yet
        self._buffer = Buffer()
        self._reader = Reader(self._buffer, Limits(body=ENVIRONMENT), wary=False)
        self._reader.commands = COMMANDS
        self._reader.strict = True
        self._current: "Optional[Message]" = None
        self.ended = False

    def fileno(self) -> int:
        return self.sock.fileno()

    def close(self) -> None:
        """Close the socket, and the descriptors that nobody took."""
        if self._current is not None:
            self._current.close()
        while self.arrived:
            os.close(self.arrived.pop())
        self.sock.close()

    def shut(self) -> None:
        """Say that nothing more comes."""
        try:
            self.sock.shutdown(_socket.SHUT_WR)
        except OSError:
            return  # the other end was faster

    def send(self, data: bytes, descriptors: "Sequence[int]" = ()) -> int:
        """Write once: how much of *data* went. The descriptors go with the first byte. Raises OSError."""
        if not descriptors:
            return self.sock.send(data)
        numbers = b"".join(number.to_bytes(4, sys.byteorder) for number in descriptors)
        rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, numbers)]
        return self.sock.sendmsg([data], rights)

    def send_all(self, data: bytes, descriptors: "Sequence[int]" = ()) -> None:
        """Write all of it, as long as the socket's own time limit allows. Raises OSError."""
        sent = self.send(data, descriptors)
        while sent < len(data):
            sent += self.send(data[sent:])

    def say(self, command: str, headers: "Optional[Mapping[str, str]]" = None) -> None:
        """Say a message without body or descriptors, all of it."""
        self.send_all(spelled(command, headers or {}))

    def receive(self) -> None:
        """Read once. Raises OSError, and RemoteProtocolError when descriptors were lost on the way."""
        room = _socket.CMSG_SPACE(4 * 253)
        data, beside, flags, _ = self.sock.recvmsg(RECEIVE, room, MSG_CMSG_CLOEXEC)
        for level, kind, numbers in beside:
            if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                for at in range(0, len(numbers) - 3, 4):
                    self.arrived.append(int.from_bytes(numbers[at : at + 4], sys.byteorder))
        if flags & _socket.MSG_CTRUNC:
            raise RemoteProtocolError("no room for the files that were handed over")
        if data:
            self._buffer.feed(data)
        else:
            self._reader.eof = self.ended = True

    def next(self) -> "Optional[Message]":
        """The next complete message, None until more was received. Raises RemoteProtocolError."""
        while True:
            event = self._reader.next()
            if event is NEED_DATA or isinstance(event, Eof):
                return None
            if isinstance(event, Record):
                headers = {name: codec.unquote(value) for name, value in event.headers.items()}
                self._current = Message(event.command, headers)
            elif isinstance(event, Body) and self._current is not None:
                self._current.body += event.data
            elif isinstance(event, End) and self._current is not None:
                message, self._current = self._current, None
                count = message.number("descriptors")
                if not 0 <= count <= len(self.arrived):
                    raise RemoteProtocolError("{}: descriptors are missing".format(message.command))
                message.descriptors = self.arrived[:count]
                del self.arrived[:count]
                return message


def connected(path: str) -> "_socket.socket":
    """A socket that is connected to the one at *path*, of whatever length. Raises OSError; never waits."""
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        reach(path, sock.connect)
    except BaseException:
        sock.close()
        raise
    return sock


def reach(path: str, do: "object") -> None:
    """Call *do* (a socket's bind or connect) with a name of *path* that fits into a socket's address."""
    if len(os.fsencode(path)) <= 100:
        do(path)  # type: ignore[operator]
        return
    directory, name = os.path.split(path)
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        do("/proc/self/fd/{}/{}".format(fd, name))  # type: ignore[operator]
    finally:
        os.close(fd)
